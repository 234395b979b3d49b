//! Where things stand, and how what is learned later brings them together: the join of the two platforms, parents of
//! sites, the operator's `[[places]]`.

use caretaker::config::{Place, Property, UrgentSite};
use serde_json::{Value, json};

use crate::support::case::on_each_engine;
use crate::support::client::Call;
use crate::support::look::{nodes, words};
use crate::support::payload::{
    BUILDING, PROPERTY, TASK, TENANT, WORK, description, guid, incident, note, status, with,
};
use crate::support::{Case, TestDatabase, TestServer};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        a_task_joins_the_incident_that_came_before_it,
        a_task_joins_the_incident_that_comes_after_it_with_all_it_did_before,
        a_change_can_move_a_task_to_another_incident,
        two_incidents_with_one_id_join_no_task,
        a_second_incident_with_the_same_id_parts_the_task_again,
        a_site_below_another_is_a_zone_of_its_building,
        a_parent_that_is_learned_later_takes_its_child_and_its_tasks_in,
        a_grandparent_that_is_learned_later_takes_all_of_them_in,
        a_parent_taken_away_makes_the_site_a_building_again,
        sites_that_name_each_other_are_one_building,
        places_name_and_link_what_is_known_already,
        places_name_and_link_what_comes_after_them,
        a_place_taken_back_parts_its_sites_again,
        properties_get_their_names_from_the_settings,
    ]
}

const AT: &str = "2020-05-29T10:47:34Z";

/// The task of the payloads, made from the incident of the payloads.
fn ordered() -> Value {
    with(description(), json!({"ExternalIdentifier": WORK}))
}

async fn a_task_joins_the_incident_that_came_before_it(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    server
        .push(json!([incident("INCIDENT_CREATED_OPEN", 0)]))
        .await?;
    server.tell(Call::TaskCreated, ordered()).await?;
    server
        .tell(Call::StatusChanged, status(1, AT, "Attended"))
        .await?;
    let shown = server
        .incident("workOrders { nodes { identifier } } timeline { nodes { kind } }")
        .await?;
    assert_eq!(words(&shown["workOrders"], "identifier"), [TASK]);
    assert_eq!(
        words(&shown["timeline"], "kind"),
        ["TASK_CREATED", "STATUS_CHANGED", "INCIDENT_REPORTED"]
    );
    let task = server.task("incident { code }").await?;
    assert_eq!(task["incident"]["code"], WORK);
    server.stop().await
}

async fn a_task_joins_the_incident_that_comes_after_it_with_all_it_did_before(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    server.tell(Call::TaskCreated, ordered()).await?;
    server.tell(Call::NoteAdded, note(1, AT)).await?;
    assert_eq!(
        server.task("incident { id }").await?["incident"],
        Value::Null
    );
    server
        .push(json!([incident("INCIDENT_CREATED_OPEN", 0)]))
        .await?;
    let shown = server
        .incident("workOrders { nodes { identifier } } timeline { nodes { kind } }")
        .await?;
    assert_eq!(words(&shown["workOrders"], "identifier"), [TASK]);
    let timeline = words(&shown["timeline"], "kind");
    assert_eq!(timeline[..2], ["TASK_CREATED", "NOTE_ADDED"]);
    assert_eq!(
        server.kinds().await?,
        ["TASK_CREATED", "NOTE_ADDED", "INCIDENT_REPORTED", "LINKED"]
    );
    let linked = server
        .feed("kind incident { code } task { identifier }")
        .await?;
    assert_eq!(
        linked[3],
        json!({"kind": "LINKED", "incident": {"code": WORK}, "task": {"identifier": TASK}})
    );
    server.stop().await
}

async fn a_change_can_move_a_task_to_another_incident(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let other = with(
        incident("INCIDENT_CREATED_OPEN", 0),
        json!({"Meta": {"TaskId": "2"}}),
    );
    server
        .push(json!([incident("INCIDENT_CREATED_OPEN", 0), other]))
        .await?;
    server.tell(Call::TaskCreated, ordered()).await?;
    let moved = json!({"TaskIdentifier": TASK, "Tenant": TENANT, "ExternalIdentifier": 2});
    server.tell(Call::TaskChanged, moved).await?;
    let task = server.task("incident { code }").await?;
    assert_eq!(task["incident"]["code"], "2");
    assert_eq!(
        server.incident("workOrders { totalCount }").await?["workOrders"]["totalCount"],
        0
    );
    let data = server
        .shows(
            r#"{ incident(by: {matrix: {building: "building-1", taskId: "2"}}) { timeline { nodes { kind } } } }"#,
        )
        .await?;
    let timeline = words(&data["incident"]["timeline"], "kind");
    assert!(
        timeline.contains(&"TASK_CREATED".to_owned()),
        "{timeline:?}"
    );
    server.stop().await
}

/// The incident of the payloads in another building.
fn elsewhere() -> Value {
    let there = json!({"ID": "building-2", "Principal": "building-2"});
    with(incident("INCIDENT_CREATED_OPEN", 0), there)
}

async fn two_incidents_with_one_id_join_no_task(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    server
        .push(json!([incident("INCIDENT_CREATED_OPEN", 0), elsewhere()]))
        .await?;
    server.tell(Call::TaskCreated, ordered()).await?;
    assert_eq!(
        server.task("incident { id }").await?["incident"],
        Value::Null
    );
    server.stop().await
}

async fn a_second_incident_with_the_same_id_parts_the_task_again(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    server
        .push(json!([incident("INCIDENT_CREATED_OPEN", 0)]))
        .await?;
    server.tell(Call::TaskCreated, ordered()).await?;
    assert_eq!(
        server.task("incident { code }").await?["incident"]["code"],
        WORK
    );
    server.push(json!([elsewhere()])).await?;
    assert_eq!(
        server.task("incident { id }").await?["incident"],
        Value::Null
    );
    server.stop().await
}

/// The task of the payloads at a site.
fn at_site(code: &str, parent: Value) -> Value {
    let site = json!({"SiteCode": code, "ParentCode": parent, "Name": format!("Site {code}")});
    with(description(), json!({"Site": site}))
}

/// The same about a task of its own.
fn another_at_site(number: u32, code: &str, parent: Value) -> Value {
    with(
        at_site(code, parent),
        json!({"TaskIdentifier": guid(number)}),
    )
}

async fn building_names(server: &TestServer) -> anyhow::Result<Vec<String>> {
    let data = server.shows("{ buildings { nodes { name } } }").await?;
    Ok(words(&data["buildings"], "name"))
}

async fn a_site_below_another_is_a_zone_of_its_building(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    server
        .tell(Call::TaskCreated, at_site("ROOM", json!("HOUSE")))
        .await?;
    let shown = server
        .task("building { name zones { nodes { code name source } } } zone { name }")
        .await?;
    assert_eq!(
        shown,
        json!({
            "building": {
                "name": "HOUSE",
                "zones": {"nodes": [{"code": "ROOM", "name": "Site ROOM", "source": "URGENT"}]},
            },
            "zone": {"name": "Site ROOM"},
        })
    );
    server
        .tell(Call::TaskCreated, another_at_site(2, "HOUSE", Value::Null))
        .await?;
    assert_eq!(building_names(&server).await?, ["Site HOUSE"]);
    server.stop().await
}

async fn a_parent_that_is_learned_later_takes_its_child_and_its_tasks_in(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    server
        .tell(Call::TaskCreated, another_at_site(2, "HOUSE", Value::Null))
        .await?;
    server
        .tell(Call::TaskCreated, another_at_site(3, "ROOM", Value::Null))
        .await?;
    server
        .tell(
            Call::NoteAdded,
            with(note(4, AT), json!({"TaskIdentifier": guid(3)})),
        )
        .await?;
    assert_eq!(building_names(&server).await?, ["Site HOUSE", "Site ROOM"]);
    let before = server.task_of(TENANT, &guid(3), "id").await?;

    server
        .tell(Call::TaskCreated, at_site("ROOM", json!("HOUSE")))
        .await?;
    assert_eq!(building_names(&server).await?, ["Site HOUSE"]);
    let moved = server
        .task_of(TENANT, &guid(3), "id building { name } zone { name }")
        .await?;
    let house = json!({"id": before["id"], "building": {"name": "Site HOUSE"}, "zone": {"name": "Site ROOM"}});
    assert_eq!(moved, house, "the same task in another building");
    let data = server
        .shows("{ buildings { nodes { tasks { totalCount } timeline { nodes { kind task { identifier } } } } } }")
        .await?;
    let building = &data["buildings"]["nodes"][0];
    assert_eq!(building["tasks"]["totalCount"], 3);
    let timeline = nodes(building["timeline"].clone());
    let noted = json!({"kind": "NOTE_ADDED", "task": {"identifier": guid(3)}});
    assert!(timeline.contains(&noted), "{timeline:?}");
    server.stop().await
}

async fn a_grandparent_that_is_learned_later_takes_all_of_them_in(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    server
        .tell(
            Call::TaskCreated,
            another_at_site(2, "ROOM", json!("FLOOR")),
        )
        .await?;
    server
        .tell(
            Call::TaskCreated,
            another_at_site(3, "FLOOR", json!("HOUSE")),
        )
        .await?;
    assert_eq!(building_names(&server).await?, ["HOUSE"]);
    let data = server
        .shows("{ zones { nodes { code building { name } } } }")
        .await?;
    let mut zones = nodes(data["zones"].clone());
    zones.sort_by_key(|zone| zone["code"].to_string());
    let house = json!({"name": "HOUSE"});
    assert_eq!(
        zones,
        [
            json!({"code": "FLOOR", "building": house.clone()}),
            json!({"code": "ROOM", "building": house})
        ]
    );
    server.stop().await
}

async fn a_parent_taken_away_makes_the_site_a_building_again(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    server
        .tell(Call::TaskCreated, at_site("ROOM", json!("HOUSE")))
        .await?;
    server
        .tell(Call::TaskChanged, at_site("ROOM", Value::Null))
        .await?;
    let shown = server.task("building { name } zone { id }").await?;
    assert_eq!(
        shown,
        json!({"building": {"name": "Site ROOM"}, "zone": null})
    );
    assert_eq!(building_names(&server).await?, ["HOUSE", "Site ROOM"]);
    let data = server.shows("{ zones { totalCount } }").await?;
    assert_eq!(data["zones"]["totalCount"], 0);
    server.stop().await
}

async fn sites_that_name_each_other_are_one_building(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    server
        .tell(Call::TaskCreated, another_at_site(2, "A", json!("B")))
        .await?;
    server
        .tell(Call::TaskCreated, another_at_site(3, "B", json!("A")))
        .await?;
    server
        .tell(Call::TaskCreated, another_at_site(4, "C", json!("C")))
        .await?;
    let data = server
        .shows("{ buildings { nodes { name tasks { totalCount } } } }")
        .await?;
    let mut counts: Vec<_> = nodes(data["buildings"].clone())
        .into_iter()
        .map(|building| building["tasks"]["totalCount"].as_u64())
        .collect();
    counts.sort_unstable();
    assert_eq!(counts, [Some(1), Some(2)]);
    server.stop().await
}

fn canal_wharf() -> Vec<Place> {
    vec![Place {
        name: "Canal Wharf".to_owned(),
        matrix: vec![BUILDING.to_owned()],
        urgent: vec![UrgentSite {
            tenant: TENANT.to_owned(),
            site: "LON-014".to_owned(),
        }],
    }]
}

/// One building under the operator's name, with the incident and the task in it.
async fn shows_one_building(server: &TestServer) -> anyhow::Result<()> {
    let data = server
        .shows(
            "{ buildings { nodes { name sources { source code } incidents { nodes { code } }
                tasks(filter: {kind: {eq: MAINTENANCE}}) { nodes { identifier } }
                timeline(kinds: [TASK_CREATED, INCIDENT_REPORTED]) { nodes { kind } } } } }",
        )
        .await?;
    let buildings = nodes(data["buildings"].clone());
    assert_eq!(buildings.len(), 1, "{buildings:?}");
    let building = &buildings[0];
    assert_eq!(building["name"], "Canal Wharf");
    let mut sources = building["sources"].as_array().cloned().unwrap_or_default();
    sources.sort_by_key(|source| source["source"].to_string());
    assert_eq!(
        sources,
        [
            json!({"source": "MATRIX", "code": BUILDING}),
            json!({"source": "URGENT", "code": "LON-014"})
        ]
    );
    assert_eq!(words(&building["incidents"], "code"), [WORK]);
    assert_eq!(words(&building["tasks"], "identifier"), [TASK]);
    assert_eq!(
        words(&building["timeline"], "kind"),
        ["TASK_CREATED", "INCIDENT_REPORTED"]
    );
    Ok(())
}

async fn places_name_and_link_what_is_known_already(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    server
        .push(json!([incident("INCIDENT_CREATED_OPEN", 0)]))
        .await?;
    server
        .tell(Call::TaskCreated, at_site("LON-014", Value::Null))
        .await?;
    assert_eq!(building_names(&server).await?, ["Site LON-014", BUILDING]);
    server.stop().await?;
    let server = TestServer::start_with(&database, |config| config.places = Some(canal_wharf())).await?;
    shows_one_building(&server).await?;
    server.stop().await
}

async fn places_name_and_link_what_comes_after_them(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start_with(&database, |config| config.places = Some(canal_wharf())).await?;
    assert_eq!(building_names(&server).await?, ["Canal Wharf"]);
    server
        .tell(Call::TaskCreated, at_site("LON-014", Value::Null))
        .await?;
    server
        .push(json!([incident("INCIDENT_CREATED_OPEN", 0)]))
        .await?;
    shows_one_building(&server).await?;
    server.stop().await
}

async fn a_place_taken_back_parts_its_sites_again(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start_with(&database, |config| config.places = Some(canal_wharf())).await?;
    server
        .tell(Call::TaskCreated, at_site("LON-014", Value::Null))
        .await?;
    server
        .push(json!([incident("INCIDENT_CREATED_OPEN", 0)]))
        .await?;
    server.stop().await?;
    let only_matrix = || {
        let mut places = canal_wharf();
        places[0].urgent.clear();
        places
    };
    let server = TestServer::start_with(&database, |config| config.places = Some(only_matrix())).await?;
    assert_eq!(
        building_names(&server).await?,
        ["Canal Wharf", "Site LON-014"]
    );
    let shown = server.task("building { name }").await?;
    assert_eq!(shown["building"]["name"], "Site LON-014");
    server.stop().await
}

async fn properties_get_their_names_from_the_settings(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start_with(&database, |config| {
        config.properties = vec![Property {
            matrix: PROPERTY.to_owned(),
            name: "Docklands estate".to_owned(),
        }];
    })
    .await?;
    server
        .push(json!([incident("INCIDENT_CREATED_OPEN", 0)]))
        .await?;
    let shown = server
        .incident("building { property { code name } }")
        .await?;
    assert_eq!(
        shown["building"]["property"],
        json!({"code": PROPERTY, "name": "Docklands estate"})
    );
    server.stop().await
}
