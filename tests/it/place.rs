//! Where things stand, and how what is learned later brings them together: the join of the two platforms, parents of
//! sites, the operator's `[[places]]`.

use caretaker::config::{Place, Property, UrgentSite};
use caretaker::domain::database::Database;
use serde_json::{Value, json};

use crate::support::case::on_each_engine;
use crate::support::client::Call;
use crate::support::look::{nodes, words};
use crate::support::payload::{
    BUILDING, PROPERTY, TASK, TENANT, WORK, description, guid, incident, note, status, with,
};
use crate::support::rows;
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
        the_timeline_of_a_zone_has_what_came_before_its_site_was_one,
        what_moved_leads_to_the_call_that_moved_it,
        the_last_place_is_taken_back_by_an_empty_list_and_by_nothing_less,
        a_note_without_a_task_is_listed_until_its_task_is_known,
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
    let server =
        TestServer::start_with(&database, |config| config.places = Some(canal_wharf())).await?;
    shows_one_building(&server).await?;
    server.stop().await
}

async fn places_name_and_link_what_comes_after_them(database: TestDatabase) -> anyhow::Result<()> {
    let server =
        TestServer::start_with(&database, |config| config.places = Some(canal_wharf())).await?;
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
    let server =
        TestServer::start_with(&database, |config| config.places = Some(canal_wharf())).await?;
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
    let server =
        TestServer::start_with(&database, |config| config.places = Some(only_matrix())).await?;
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

/// The kinds of the timelines of all zones, by the zone's code.
async fn zone_timelines(server: &TestServer) -> anyhow::Result<Vec<(String, Vec<String>)>> {
    let data = server
        .shows("{ zones { nodes { code timeline(kinds: [TASK_CREATED, NOTE_ADDED]) { nodes { kind } } } } }")
        .await?;
    let zones = nodes(data["zones"].clone());
    let zone = |zone: &Value| {
        let code = zone["code"].as_str().unwrap_or_default().to_owned();
        (code, words(&zone["timeline"], "kind"))
    };
    Ok(zones.iter().map(zone).collect())
}

async fn the_timeline_of_a_zone_has_what_came_before_its_site_was_one(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let other = database.another().await?;
    let created = another_at_site(3, "ROOM", Value::Null);
    let noted = with(note(4, AT), json!({"TaskIdentifier": guid(3)}));
    // This note names its task only by a reference that no task has yet.
    let unfiled = json!({"TaskIdentifier": null, "TaskReference": 81_000});
    let unfiled = with(note(5, AT), unfiled);
    let found = json!({"TaskReference": 81_000});
    let parent = at_site("ROOM", json!("HOUSE"));
    let late = [
        (Call::NoteAdded, unfiled.clone()),
        (Call::TaskCreated, with(created.clone(), found.clone())),
        (Call::NoteAdded, noted.clone()),
        (Call::TaskCreated, parent.clone()),
    ];
    let early = [
        (Call::TaskCreated, parent),
        (Call::TaskCreated, with(created, found)),
        (Call::NoteAdded, noted),
        (Call::NoteAdded, unfiled),
    ];
    let expected = ["TASK_CREATED", "TASK_CREATED", "NOTE_ADDED", "NOTE_ADDED"];
    for (database, calls) in [(&database, late), (&other, early)] {
        let server = TestServer::start(database).await?;
        for (call, body) in calls {
            server.tell(call, body).await?;
        }
        let room = ("ROOM".to_owned(), expected.map(str::to_owned).to_vec());
        assert_eq!(zone_timelines(&server).await?, [room]);
        server.stop().await?;
    }
    Ok(())
}

async fn what_moved_leads_to_the_call_that_moved_it(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    server
        .tell(Call::TaskCreated, another_at_site(3, "ROOM", Value::Null))
        .await?;
    server
        .tell(Call::TaskCreated, at_site("ROOM", json!("HOUSE")))
        .await?;
    let feed = server.feed("kind delivery { id }").await?;
    let of = |kind: &'static str| feed.iter().filter(move |row| row["kind"] == kind);
    let calls: Vec<&Value> = of("TASK_CREATED").collect();
    let linked: Vec<&Value> = of("LINKED").collect();
    assert_eq!(linked.len(), 1, "{feed:?}");
    assert_eq!(linked[0]["delivery"], calls[1]["delivery"]);
    assert!(linked[0]["delivery"]["id"].is_string());
    server.stop().await
}

async fn the_last_place_is_taken_back_by_an_empty_list_and_by_nothing_less(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server =
        TestServer::start_with(&database, |config| config.places = Some(canal_wharf())).await?;
    server
        .tell(Call::TaskCreated, at_site("LON-014", Value::Null))
        .await?;
    server.stop().await?;
    // Another node may declare them.
    let server = TestServer::start(&database).await?;
    assert_eq!(building_names(&server).await?, ["Canal Wharf"]);
    let unlink = "mutation($places: [PlaceKey!]!) { unlinkPlaces(places: $places) { id } }";
    let places = json!([{"source": "URGENT", "tenant": TENANT, "code": "LON-014"}]);
    let refused = server
        .ask(unlink, json!({ "places": places }))
        .await?
        .json()?;
    let why = refused["errors"][0]["message"].as_str().unwrap_or_default();
    assert!(why.contains("`places = []`"), "{why}");
    server.stop().await?;
    let server =
        TestServer::start_with(&database, |config| config.places = Some(Vec::new())).await?;
    // The Matrix building was only the operator's word: it is gone with it.
    assert_eq!(building_names(&server).await?, ["Site LON-014"]);
    let task = server.task("building { name }").await?;
    assert_eq!(task["building"]["name"], "Site LON-014");
    let stored = Database::open(database.url(), 1).await?;
    let sites = rows::texts(&stored, "SELECT code FROM site").await?;
    assert_eq!(sites, ["LON-014"]);
    stored.close().await;
    server.stop().await
}

async fn a_note_without_a_task_is_listed_until_its_task_is_known(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    for (number, at) in [(1, "2020-05-29T12:00:00Z"), (2, "2020-05-29T11:00:00Z")] {
        let unnamed = with(note(number, at), json!({"TaskIdentifier": null}));
        server.tell(Call::NoteAdded, unnamed).await?;
    }
    let page = async |arguments: &str| -> anyhow::Result<Value> {
        let query = format!(
            "{{ unfiledNotes{arguments} {{ totalCount pageInfo {{ endCursor hasNextPage }}
                nodes {{ identifier reference task {{ id }} }} }} }}"
        );
        Ok(server.shows(&query).await?["unfiledNotes"].take())
    };
    let first = page("(first: 1)").await?;
    assert_eq!(first["totalCount"], 2);
    assert_eq!(
        first["nodes"],
        json!([{"identifier": guid(2), "reference": "80027", "task": null}])
    );
    assert_eq!(first["pageInfo"]["hasNextPage"], true);
    let next = page(&format!("(after: {})", first["pageInfo"]["endCursor"])).await?;
    assert_eq!(words(&next, "identifier"), [guid(1)]);
    server.tell(Call::TaskCreated, description()).await?;
    assert_eq!(page("").await?["nodes"], json!([]));
    assert_eq!(
        server.task("notes { totalCount }").await?["notes"]["totalCount"],
        2
    );
    server.stop().await
}
