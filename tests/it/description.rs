//! Urgent's descriptions of tasks: every known name wherever it stands, sites, and what a change tells.

use serde_json::{Value, json};

use crate::support::case::on_each_engine;
use crate::support::client::Call;
use crate::support::look::nodes;
use crate::support::payload::{TASK, TENANT, description, guid, with};
use crate::support::{Case, TestDatabase, TestServer};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        every_known_name_is_shown_wherever_it_stands,
        names_of_another_shape_cost_nothing_but_themselves,
        a_child_site_keeps_its_address_and_location,
        a_change_tells_every_field_from_and_to,
        a_change_of_the_site_is_told,
        a_change_that_says_nothing_new_tells_no_field,
        the_latest_json_is_shown_whole_and_each_call_is_kept,
    ]
}

/// All the task's own names.
fn names() -> Value {
    json!({
        "TaskIdentifier": TASK, "TaskReference": "80027", "Tenant": TENANT, "ExternalIdentifier": "caller-7",
        "InitiatorName": "Help desk", "Description": "Fan not running", "DefectSource": "Wear",
        "MatrixItemCode": "01-01-01", "Chargeability": "Landlord", "Workflow": "Reactive",
        "ServiceLevel": "P2", "Supplier": "Northside", "Assets": [guid(7), guid(8)],
        "IsAssetAvailable": false, "Status": "Dispatched",
        "CustomFields": [{"Name": "Custom_1", "Text": "Is it safe?", "Answer": "No"}, {"Name": "Custom_2", "Answer": 3}],
        "Relate": {"Type": "child", "Reference": 80001}, "CreatedDateTimeUtc": "2020-05-29T09:15:02.1Z",
    })
}

/// The site's own names.
fn site() -> Value {
    json!({
        "SiteCode": "ROOM", "ParentCode": "HOUSE", "Name": "Plant room",
        "Address": {"Line1": "14 Canal Wharf", "Line2": null, "Line3": null, "Town": "London", "County": "",
                    "Country": "UK", "PostalCode": "E14 0AA"},
        "Location": {"Latitude": 51.5, "Longitude": "-0.02"},
    })
}

const FIELDS: &str = "reference externalIdentifier initiator description defectSource category chargeability workflow
    serviceLevel supplier assets isAssetAvailable status customFields related reportedAt
    building { name sources { code name address location { latitude longitude } } } zone { code name }";

async fn every_known_name_is_shown_wherever_it_stands(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let flat = with(names(), site());
    let nested = with(names(), json!({"Site": site()}));
    let inside = with(json!({"Site": with(names(), site())}), json!({"Extra": 1}));
    let objects = with(
        names(),
        json!({"Site": site(), "Status": {"Id": 4, "Name": "Dispatched"}, "Supplier": {"Name": "Northside"}}),
    );
    let wrapped = json!({"Task": with(names(), json!({"Site": site()}))});
    let mut shown = Vec::new();
    for told in [flat, nested, inside, objects, wrapped] {
        let fresh = database.another().await?;
        let server = TestServer::start(&fresh).await?;
        server.tell(Call::TaskCreated, told).await?;
        shown.push(server.task(FIELDS).await?);
        assert_eq!(server.deliveries("flags").await?, [json!({"flags": []})]);
        server.stop().await?;
    }
    let task = shown[0].clone();
    for other in &shown {
        assert_eq!(*other, task);
    }
    assert_eq!(
        task,
        json!({
            "reference": "80027", "externalIdentifier": "caller-7", "initiator": "Help desk",
            "description": "Fan not running", "defectSource": "Wear", "category": "01-01-01",
            "chargeability": "Landlord", "workflow": "Reactive", "serviceLevel": "P2",
            "supplier": "Northside", "assets": [guid(7), guid(8)], "isAssetAvailable": false,
            "status": "Dispatched", "customFields": names()["CustomFields"], "related": names()["Relate"],
            "reportedAt": "2020-05-29T09:15:02.100+00:00",
            "building": {"name": "HOUSE", "sources": [
                {"code": "HOUSE", "name": null, "address": null, "location": null},
                {"code": "ROOM", "name": "Plant room", "address": site()["Address"],
                 "location": {"latitude": 51.5, "longitude": -0.02}},
            ]},
            "zone": {"code": "ROOM", "name": "Plant room"},
        })
    );
    Ok(())
}

async fn names_of_another_shape_cost_nothing_but_themselves(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let odd = json!({
        "Assets": "none", "IsAssetAvailable": "perhaps", "Site": ["ROOM"], "Workflow": [1], "Task": "A task",
    });
    server.tell(Call::TaskCreated, with(names(), odd)).await?;
    let shown = server
        .task("supplier assets isAssetAvailable workflow building { id }")
        .await?;
    assert_eq!(
        shown,
        json!({"supplier": "Northside", "assets": [], "isAssetAvailable": null, "workflow": null, "building": null})
    );
    let delivery = server.deliveries("outcome flags").await?;
    assert_eq!(delivery[0]["outcome"], "APPLIED");
    assert_eq!(delivery[0]["flags"].as_array().map(Vec::len), Some(4));
    server.stop().await
}

async fn a_child_site_keeps_its_address_and_location(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    server
        .tell(Call::TaskCreated, with(names(), json!({"Site": site()})))
        .await?;
    let parent = json!({"TaskIdentifier": guid(2), "Site": {
        "SiteCode": "HOUSE", "Name": "The house", "Address": {"Town": "Leeds"},
        "Location": {"Latitude": 53.8, "Longitude": -1.5},
    }});
    server
        .tell(Call::TaskCreated, with(description(), parent))
        .await?;
    let shown = server
        .task("building { name address location { latitude } sources { code address location { latitude } } }")
        .await?;
    assert_eq!(
        shown["building"],
        json!({
            "name": "The house", "address": {"Town": "Leeds"}, "location": {"latitude": 53.8},
            "sources": [
                {"code": "HOUSE", "address": {"Town": "Leeds"}, "location": {"latitude": 53.8}},
                {"code": "ROOM", "address": site()["Address"], "location": {"latitude": 51.5}},
            ],
        })
    );
    server.stop().await
}

/// The changes of the last activity, by field.
async fn changes(server: &TestServer) -> anyhow::Result<Vec<Value>> {
    let mut feed = server.feed("kind changes { field from to }").await?;
    let last = feed.pop().unwrap_or_default();
    assert_eq!(last["kind"], "TASK_CHANGED");
    let mut changes = last["changes"].as_array().cloned().unwrap_or_default();
    changes.sort_by_key(|change| change["field"].to_string());
    Ok(changes)
}

async fn a_change_tells_every_field_from_and_to(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    server.tell(Call::TaskCreated, names()).await?;
    let changed = json!({
        "TaskIdentifier": TASK, "Tenant": TENANT, "TaskReference": 80028, "Chargeability": null,
        "Assets": [guid(9)], "IsAssetAvailable": true, "CustomFields": [], "Supplier": "Northside",
        "Status": {"Name": "Reopened"}, "Relate": {"Type": "related", "Reference": 80002},
    });
    server.tell(Call::TaskChanged, changed).await?;
    let change =
        |field: &str, from: Value, to: Value| json!({"field": field, "from": from, "to": to});
    assert_eq!(
        changes(&server).await?,
        [
            change("assets", json!([guid(7), guid(8)]), json!([guid(9)])),
            change("chargeability", json!("Landlord"), Value::Null),
            change("customFields", names()["CustomFields"].clone(), json!([])),
            change("isAssetAvailable", json!(false), json!(true)),
            change("reference", json!("80027"), json!("80028")),
            change(
                "related",
                names()["Relate"].clone(),
                json!({"Type": "related", "Reference": 80002})
            ),
            change("status", json!("Dispatched"), json!("Reopened")),
        ]
    );
    server.stop().await
}

async fn a_change_of_the_site_is_told(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let at = |site: Value| json!({"TaskIdentifier": TASK, "Tenant": TENANT, "Site": site});
    let first =
        json!({"SiteCode": "ROOM", "Name": "Room", "Location": {"Latitude": 51.5, "Longitude": 0}});
    server.tell(Call::TaskCreated, at(first)).await?;
    let moved = json!({
        "SiteCode": "ROOM", "Name": "Plant room", "Address": {"Town": "London"}, "Location": null,
    });
    server.tell(Call::TaskChanged, at(moved)).await?;
    let change =
        |field: &str, from: Value, to: Value| json!({"field": field, "from": from, "to": to});
    assert_eq!(
        changes(&server).await?,
        [
            change("site.address", Value::Null, json!({"Town": "London"})),
            change("site.latitude", json!(51.5), Value::Null),
            change("site.longitude", json!(0.0), Value::Null),
            change("site.name", json!("Room"), json!("Plant room")),
        ]
    );
    server.stop().await
}

async fn a_change_that_says_nothing_new_tells_no_field(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let told = with(names(), json!({"Site": site()}));
    server.tell(Call::TaskCreated, told.clone()).await?;
    server
        .tell(
            Call::TaskChanged,
            with(told, json!({"Unknown": "but kept"})),
        )
        .await?;
    assert_eq!(changes(&server).await?, Vec::<Value>::new());
    server.stop().await
}

async fn the_latest_json_is_shown_whole_and_each_call_is_kept(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let created = with(names(), json!({"Deep": {"List": [1, {"a": null}]}}));
    let changed = with(names(), json!({"Other": "thing"}));
    server.tell(Call::TaskChanged, changed.clone()).await?;
    server.tell(Call::TaskCreated, created.clone()).await?;
    assert_eq!(
        server.task("raw").await?["raw"],
        changed,
        "a late created is older"
    );
    let data = server
        .shows("{ activities(first: 5) { nodes { delivery { body } } } }")
        .await?;
    let kept: Vec<Value> = nodes(data["activities"].clone())
        .iter()
        .filter_map(|activity| activity["delivery"]["body"].as_str())
        .filter_map(|text| serde_json::from_str(text).ok())
        .collect();
    assert_eq!(kept, [changed, created]);
    server.stop().await
}
