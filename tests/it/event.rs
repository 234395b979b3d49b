//! Every event of the bus and every principal, as a reader sees them: one life of one building with all 22 of them.

use serde_json::{Value, json};

use crate::support::case::on_each_engine;
use crate::support::look::{nodes, words};
use crate::support::payload::{BUILDING, PROPERTY, START, WORK, event, incident, with, without};
use crate::support::{Case, TestDatabase, TestServer};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        all_22_events_stand_in_the_timeline_of_the_building,
        bare_events_of_every_kind_are_kept,
        a_principal_may_be_a_property_or_an_organisation,
        an_id_that_the_event_calls_a_property_is_no_building,
        shifts_and_audits_in_a_zone_stand_in_its_timeline,
        a_removed_zone_stays_with_all_that_happened_in_it,
        of_place_events_in_one_second_the_later_stage_wins,
        the_event_of_a_zone_or_level_is_shown_whole,
        the_event_is_found_in_the_routing_key,
    ]
}

const WORK_EVENTS: [(&str, &str); 9] = [
    ("INCIDENT_CREATED", "INCIDENT_REPORTED"),
    ("INCIDENT_CREATED_OPEN", "INCIDENT_REPORTED"),
    ("INCIDENT_ESCALATED", "INCIDENT_ESCALATED"),
    ("INCIDENT_STARTED", "INCIDENT_STARTED"),
    ("INCIDENT_COMPLETED", "INCIDENT_COMPLETED"),
    ("INCIDENT_INCOMPLETE", "INCIDENT_NOT_RESOLVED"),
    ("TASK_STARTED", "TASK_STARTED"),
    ("TASK_COMPLETED", "TASK_COMPLETED"),
    ("TASK_INCOMPLETE", "TASK_NOT_RESOLVED"),
];
const OTHER_EVENTS: [(&str, &str, &str); 13] = [
    ("SHIFT_STARTED", "OTHER_EVENT", "scworkforcemanagement"),
    ("SHIFTS_PUBLISHED", "OTHER_EVENT", "scworkforcemanagement"),
    ("SHIFT_DELAYED", "OTHER_EVENT", "scworkforcemanagement"),
    ("SHIFT_ABSENT", "OTHER_EVENT", "scworkforcemanagement"),
    ("SHIFT_COMPLETED", "OTHER_EVENT", "scworkforcemanagement"),
    ("AUDIT_STARTED", "OTHER_EVENT", "scaudits"),
    ("AUDIT_COMPLETED", "OTHER_EVENT", "scaudits"),
    ("ZONE_CREATED", "ZONE_CHANGED", "scgrids"),
    ("ZONE_NAME_MODIFIED", "ZONE_CHANGED", "scgrids"),
    ("ZONE_STATUS_MODIFIED", "ZONE_CHANGED", "scgrids"),
    ("ZONE_REMOVED", "ZONE_CHANGED", "scgrids"),
    ("LEVEL_CREATED", "LEVEL_CHANGED", "scgrids"),
    ("LEVEL_NAME_MODIFIED", "LEVEL_CHANGED", "scgrids"),
];

async fn all_22_events_stand_in_the_timeline_of_the_building(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let (mut batch, mut expected) = (Vec::new(), Vec::new());
    for (second, (name, kind)) in (0..).zip(WORK_EVENTS) {
        batch.push(incident(name, second));
        expected.push(kind);
    }
    for (second, (name, kind, module)) in (100..).zip(OTHER_EVENTS) {
        let meta = json!({"Zone": "zone-2", "Level": "level-2", "Name": "Two", "Status": "ACTIVE"});
        batch.push(with(event(name, second, meta), json!({"Module": module})));
        expected.push(kind);
    }
    assert_eq!(batch.len(), 22);
    server.push(json!(batch)).await?;
    let data = server
        .shows("{ buildings { nodes { timeline(first: 100) { nodes { kind } } } } }")
        .await?;
    let buildings = nodes(data["buildings"].clone());
    assert_eq!(buildings.len(), 1);
    assert_eq!(words(&buildings[0]["timeline"], "kind"), expected);
    let delivery = server.deliveries("events outcome quarantinedCount").await?;
    assert_eq!(
        delivery,
        [json!({"events": 22, "outcome": "APPLIED", "quarantinedCount": 0})]
    );
    server.stop().await
}

async fn bare_events_of_every_kind_are_kept(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let (mut batch, mut expected) = (Vec::new(), Vec::new());
    for (second, (name, kind)) in (0..).zip(WORK_EVENTS) {
        batch.push(event(name, second, json!({"TaskId": WORK})));
        expected.push(kind);
    }
    for (second, (name, _, _)) in (100..).zip(OTHER_EVENTS) {
        batch.push(without(event(name, second, json!({})), "", "Meta"));
        expected.push("OTHER_EVENT");
    }
    server.push(json!(batch)).await?;
    assert_eq!(server.kinds().await?, expected);
    let shown = server
        .incident("state name zone { id } dueAt assignedAt startedAt sensors escalationLevel")
        .await?;
    assert_eq!(
        shown,
        json!({
            "state": "INCOMPLETE", "name": null, "zone": null, "dueAt": null, "assignedAt": null,
            "startedAt": null, "sensors": [], "escalationLevel": 0,
        })
    );
    server.stop().await
}

async fn a_principal_may_be_a_property_or_an_organisation(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let of_property = json!({
        "Principal": PROPERTY, "PType": "property", "Entity": BUILDING, "EType": "building",
    });
    let of_organisation = json!({"Principal": "org-1", "PType": "organisation"});
    let alone = json!({
        "Principal": "org-1", "PType": "organisation", "Entity": "org-1", "EType": "organisation",
        "ID": "org-1",
    });
    server
        .push(json!([
            with(incident("INCIDENT_CREATED_OPEN", 0), of_property),
            with(incident("INCIDENT_STARTED", 300), of_organisation),
            with(event("SHIFTS_PUBLISHED", 400, json!({"Count": 4})), alone),
        ]))
        .await?;
    let shown = server
        .incident("state building { property { code } }")
        .await?;
    assert_eq!(
        shown,
        json!({"state": "STARTED", "building": {"property": {"code": PROPERTY}}})
    );
    let feed = server
        .feed("kind building { name } property { code }")
        .await?;
    assert_eq!(
        feed[2],
        json!({"kind": "OTHER_EVENT", "building": null, "property": null})
    );
    let data = server.shows("{ buildings { nodes { name } } }").await?;
    assert_eq!(words(&data["buildings"], "name"), [BUILDING]);
    server.stop().await
}

async fn an_id_that_the_event_calls_a_property_is_no_building(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let of_property = json!({"ID": PROPERTY, "Principal": PROPERTY, "PType": "property"});
    let published = with(
        event("SHIFTS_PUBLISHED", 10, json!({})),
        of_property.clone(),
    );
    let entity = json!({"Entity": BUILDING, "EType": "building"});
    let reported = with(incident("INCIDENT_CREATED_OPEN", 0), of_property);
    server
        .push(json!([published, with(reported, entity)]))
        .await?;
    let data = server
        .shows("{ buildings { nodes { name property { code } } } }")
        .await?;
    assert_eq!(
        nodes(data["buildings"].clone()),
        [json!({"name": BUILDING, "property": {"code": PROPERTY}})]
    );
    assert_eq!(server.incident("code").await?["code"], WORK);
    let feed = server
        .feed("kind building { id } property { code }")
        .await?;
    assert_eq!(
        feed[0],
        json!({"kind": "OTHER_EVENT", "building": null, "property": {"code": PROPERTY}})
    );
    server.stop().await
}

async fn shifts_and_audits_in_a_zone_stand_in_its_timeline(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let meta =
        json!({"Zone": "zone-1", "ZoneName": "Washroom", "Level": "level-2", "LevelName": "Two"});
    let audit = with(
        event("AUDIT_COMPLETED", 20, meta.clone()),
        json!({"Module": "scaudits"}),
    );
    server
        .push(json!([event("SHIFT_ABSENT", 10, meta), audit]))
        .await?;
    let data = server
        .shows("{ zones { nodes { name level { name } timeline { nodes { ... on OtherEvent { data } } } } } }")
        .await?;
    let zone = &data["zones"]["nodes"][0];
    assert_eq!(
        (&zone["name"], &zone["level"]["name"]),
        (&json!("Washroom"), &json!("Two"))
    );
    let events: Vec<_> = nodes(zone["timeline"].clone())
        .into_iter()
        .map(|activity| activity["data"]["Event"].clone())
        .collect();
    assert_eq!(events, ["SHIFT_ABSENT", "AUDIT_COMPLETED"]);
    server.stop().await
}

fn zone(name: &str, second: i64, told: Value) -> Value {
    event(name, second, with(json!({"Zone": "zone-1"}), told))
}

async fn a_removed_zone_stays_with_all_that_happened_in_it(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    server
        .push(json!([
            zone("ZONE_CREATED", 0, json!({"ZoneName": "Washroom"})),
            incident("INCIDENT_CREATED_OPEN", 10),
            zone("ZONE_REMOVED", 20, json!({})),
        ]))
        .await?;
    // What is told of it afterwards does not bring it back.
    server
        .push(json!([incident("INCIDENT_COMPLETED", 600)]))
        .await?;
    let shown = server
        .incident(
            "zone { code removedAt timeline { nodes { kind } } incidents { nodes { code } } }",
        )
        .await?;
    let zone = &shown["zone"];
    assert_eq!(zone["removedAt"], "2023-06-15T01:40:20+00:00");
    assert_eq!(words(&zone["incidents"], "code"), [WORK]);
    assert_eq!(
        words(&zone["timeline"], "kind"),
        [
            "ZONE_CHANGED",
            "INCIDENT_REPORTED",
            "ZONE_CHANGED",
            "INCIDENT_COMPLETED"
        ]
    );
    // Created again, it is there again.
    server
        .push(json!([event(
            "ZONE_CREATED",
            700,
            json!({"Zone": "zone-1"})
        )]))
        .await?;
    let shown = server.incident("zone { removedAt }").await?;
    assert_eq!(shown["zone"]["removedAt"], Value::Null);
    server.stop().await
}

async fn of_place_events_in_one_second_the_later_stage_wins(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let level = |name: &str, told: &str| event(name, 0, json!({"Level": "l", "LevelName": told}));
    let events = [
        zone("ZONE_CREATED", 0, json!({"ZoneName": "New zone"})),
        zone("ZONE_NAME_MODIFIED", 0, json!({"ZoneName": "Washroom"})),
        zone("ZONE_REMOVED", 0, json!({})),
        level("LEVEL_CREATED", "New level"),
        level("LEVEL_NAME_MODIFIED", "Second floor"),
    ];
    for backwards in [false, true] {
        let fresh = database.another().await?;
        let server = TestServer::start(&fresh).await?;
        let mut batch = events.to_vec();
        if backwards {
            batch.reverse();
        }
        server.push(json!(batch)).await?;
        let data = server
            .shows("{ zones { nodes { name removedAt building { levels { nodes { name } } } } } }")
            .await?;
        let levels = json!({"levels": {"nodes": [{"name": "Second floor"}]}});
        assert_eq!(
            nodes(data["zones"].clone()),
            [
                json!({"name": "Washroom", "removedAt": "2023-06-15T01:40:00+00:00", "building": levels})
            ]
        );
        server.stop().await?;
    }
    Ok(())
}

async fn the_event_of_a_zone_or_level_is_shown_whole(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let created = zone("ZONE_CREATED", 0, json!({"Area": {"SquareMetres": 12.5}}));
    let renamed = event(
        "LEVEL_NAME_MODIFIED",
        10,
        json!({"Level": "l", "LevelName": "Two", "Old": "One"}),
    );
    server
        .push(json!([created.clone(), renamed.clone()]))
        .await?;
    let feed = server
        .feed("... on ZoneChanged { data } ... on LevelChanged { data }")
        .await?;
    assert_eq!(feed, [json!({"data": created}), json!({"data": renamed})]);
    server.stop().await
}

async fn the_event_is_found_in_the_routing_key(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let key = format!("matrix.{BUILDING}.scworkforcemanagement.NEW_INCIDENT_CREATED_OPEN.LOW");
    let mut reported = with(
        incident("INCIDENT_CREATED_OPEN", 0),
        json!({"RoutingKey": key, "Meta": {"Priority": null, "Start": START.to_string()}}),
    );
    for member in ["Event", "Module", "ID", "Principal", "Status"] {
        reported = without(reported, "", member);
    }
    server.push(json!([reported])).await?;
    let shown = server.incident("state priority reportedAt").await?;
    assert_eq!(
        shown,
        json!({"state": "NOT_ASSIGNED", "priority": "LOW", "reportedAt": "2023-06-15T01:40:00+00:00"})
    );
    server.stop().await
}
