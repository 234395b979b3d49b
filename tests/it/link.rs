//! The operator's mutations on places: two names become one building, and two again.

use caretaker::config::{Place, UrgentSite};
use caretaker::domain::database::Database;
use reqwest::Url;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::support::case::on_each_engine;
use crate::support::client::Call;
use crate::support::live::Said;
use crate::support::look::{nodes, words};
use crate::support::payload::{BUILDING, TASK, TENANT, WORK, description, guid, incident, with};
use crate::support::{Case, TestDatabase, TestServer};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        linking_joins_what_was_stored_under_either_name,
        ids_stay_and_linked_activities_tell_what_moved,
        linking_in_advance_joins_what_comes_after,
        said_again_nothing_changes,
        what_is_filed_and_linked_is_told_once,
        unlinking_parts_them_again,
        a_place_that_is_linked_brings_its_place_with_it,
        a_child_site_stays_a_zone_of_the_building_its_parent_became,
        what_the_settings_declare_cannot_be_contradicted,
        a_restart_with_settings_leaves_what_was_linked,
        places_that_cannot_be_meant_are_refused,
        mutations_run_by_post_and_on_sockets_and_not_by_get,
    ]
}

const LINK: &str = "mutation($places: [PlaceKey!]!, $name: String) {
    linkPlaces(places: $places, name: $name) { id name sources { source code } }
}";
const UNLINK: &str =
    "mutation($places: [PlaceKey!]!) { unlinkPlaces(places: $places) { id name } }";

fn house() -> Value {
    json!({"source": "MATRIX", "code": BUILDING})
}

fn site(code: &str) -> Value {
    json!({"source": "URGENT", "tenant": TENANT, "code": code})
}

fn at_site(code: &str) -> Value {
    let site = json!({"SiteCode": code, "Name": format!("Site {code}")});
    with(description(), json!({"Site": site}))
}

async fn link(server: &TestServer, places: Value, name: Option<&str>) -> anyhow::Result<Value> {
    let variables = json!({"places": places, "name": name});
    Ok(server.graphql(LINK, variables).await?["linkPlaces"].take())
}

async fn unlink(server: &TestServer, places: Value) -> anyhow::Result<Value> {
    let variables = json!({"places": places});
    Ok(server.graphql(UNLINK, variables).await?["unlinkPlaces"].take())
}

/// The message of the only error that a mutation is answered with.
async fn refused(server: &TestServer, mutation: &str, variables: Value) -> anyhow::Result<String> {
    let answer = server.ask(mutation, variables).await?.json()?;
    assert_eq!(answer["data"], Value::Null, "{answer}");
    assert_eq!(
        answer["errors"][0]["extensions"]["code"], "BAD_INPUT",
        "{answer}"
    );
    Ok(answer["errors"][0]["message"]
        .as_str()
        .unwrap_or_default()
        .to_owned())
}

/// A server that knows one building of Matrix and one site of Urgent, each with its work.
async fn two_names(database: &TestDatabase) -> anyhow::Result<TestServer> {
    let server = TestServer::start(database).await?;
    server
        .push(json!([incident("INCIDENT_CREATED_OPEN", 0)]))
        .await?;
    server.tell(Call::TaskCreated, at_site("LON-014")).await?;
    Ok(server)
}

async fn what_is_filed_and_linked_is_told_once(test: TestDatabase) -> anyhow::Result<()> {
    let server = two_names(&test).await?;
    server
        .push(json!([
            incident("INCIDENT_ASSIGNED", 1),
            incident("INCIDENT_STARTED", 2)
        ]))
        .await?;
    let pages = "{ buildings { nodes {
        all: timeline { totalCount nodes { id } }
        first: timeline(first: 2) { nodes { id } pageInfo { hasNextPage } }
        last: timeline(last: 2) { nodes { id } pageInfo { hasPreviousPage } }
        newest: timeline(first: 2, newestFirst: true) { nodes { id } }
    } } }";
    let before = server.shows(pages).await?;
    let database = Database::open(test.url(), 1).await?;
    let link = "INSERT INTO activity_link (subject_id, seq, occurred_at, linked_at)
        SELECT building_id, seq, occurred_at, recorded_at FROM activity WHERE building_id IS NOT NULL";
    let linked = database.writer.execute_unprepared(link).await?;
    assert!(linked.rows_affected() > 3, "{linked:?}");
    database.close().await;
    assert_eq!(server.shows(pages).await?, before);
    server.stop().await
}

async fn buildings(server: &TestServer) -> anyhow::Result<Vec<String>> {
    let data = server.shows("{ buildings { nodes { name } } }").await?;
    Ok(words(&data["buildings"], "name"))
}

async fn linking_joins_what_was_stored_under_either_name(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = two_names(&database).await?;
    assert_eq!(buildings(&server).await?, ["Site LON-014", BUILDING]);
    let linked = link(
        &server,
        json!([site("LON-014"), house()]),
        Some("Canal Wharf"),
    )
    .await?;
    assert_eq!(linked["name"], "Canal Wharf");
    assert_eq!(linked["sources"].as_array().map(Vec::len), Some(2));
    let data = server
        .shows(
            "{ buildings { nodes { id incidents { nodes { code } }
                tasks(filter: {kind: {eq: MAINTENANCE}}) { nodes { identifier } }
                timeline(kinds: [TASK_CREATED, INCIDENT_REPORTED]) { nodes { kind } } } } }",
        )
        .await?;
    let buildings = nodes(data["buildings"].clone());
    assert_eq!(buildings.len(), 1, "{buildings:?}");
    assert_eq!(buildings[0]["id"], linked["id"]);
    assert_eq!(words(&buildings[0]["incidents"], "code"), [WORK]);
    assert_eq!(words(&buildings[0]["tasks"], "identifier"), [TASK]);
    assert_eq!(
        words(&buildings[0]["timeline"], "kind"),
        ["TASK_CREATED", "INCIDENT_REPORTED"]
    );
    server.stop().await
}

async fn ids_stay_and_linked_activities_tell_what_moved(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = two_names(&database).await?;
    let ids = "{ incidents { nodes { id building { id } } } tasks { nodes { id } } }";
    let before = server.shows(ids).await?;
    let linked = link(&server, json!([house(), site("LON-014")]), None).await?;
    assert_eq!(server.shows(ids).await?, before);
    assert_eq!(
        before["incidents"]["nodes"][0]["building"]["id"],
        linked["id"]
    );
    let feed = server
        .feed("kind building { id } delivery { id } changes { field }")
        .await?;
    assert_eq!(
        feed[2..],
        [json!({
            "kind": "LINKED", "building": {"id": linked["id"]}, "delivery": null,
            "changes": [{"field": "site.buildingId"}],
        })]
    );
    // What moved where is told by ids that lead there.
    let told = server.feed("kind changes { from to }").await?;
    let moved = &told[2]["changes"][0];
    assert_eq!(moved["to"], linked["id"], "{moved}");
    let query = "query($id: ID!) { node(id: $id) { __typename } }";
    let left = server.graphql(query, json!({"id": moved["from"]})).await?;
    assert_eq!(left, json!({"node": null}), "no building any more");
    // It stands in the timeline of the building, and in nobody else's.
    let timeline = server
        .incident("building { timeline(kinds: [LINKED]) { totalCount } }")
        .await?;
    assert_eq!(timeline["building"]["timeline"]["totalCount"], 1);
    server.stop().await
}

async fn linking_in_advance_joins_what_comes_after(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    link(&server, json!([house(), site("LON-014")]), None).await?;
    server.tell(Call::TaskCreated, at_site("LON-014")).await?;
    server
        .push(json!([incident("INCIDENT_CREATED_OPEN", 0)]))
        .await?;
    // Without a name of the operator's, Urgent's goes before Matrix's id.
    assert_eq!(buildings(&server).await?, ["Site LON-014"]);
    let task = server.task("building { id }").await?;
    assert_eq!(task, server.incident("building { id }").await?);
    server.stop().await
}

async fn said_again_nothing_changes(database: TestDatabase) -> anyhow::Result<()> {
    let server = two_names(&database).await?;
    let first = link(
        &server,
        json!([house(), site("LON-014")]),
        Some("Canal Wharf"),
    )
    .await?;
    let feed = server.feed("id").await?;
    for places in [
        json!([house(), site("LON-014")]),
        json!([site("LON-014"), house()]),
    ] {
        assert_eq!(
            link(&server, places, Some("Canal Wharf")).await?["id"],
            first["id"]
        );
    }
    assert_eq!(server.feed("id").await?, feed);
    server.stop().await
}

async fn unlinking_parts_them_again(database: TestDatabase) -> anyhow::Result<()> {
    let server = two_names(&database).await?;
    let before = server.task("id building { id name }").await?;
    link(
        &server,
        json!([house(), site("LON-014")]),
        Some("Canal Wharf"),
    )
    .await?;
    let parted = unlink(&server, json!([site("LON-014"), house()])).await?;
    assert_eq!(
        words(&json!({"nodes": parted}), "name"),
        ["Site LON-014", BUILDING]
    );
    assert_eq!(server.task("id building { id name }").await?, before);
    assert_eq!(buildings(&server).await?, ["Site LON-014", BUILDING]);
    assert_eq!(
        server.kinds().await?,
        ["INCIDENT_REPORTED", "TASK_CREATED", "LINKED", "LINKED"]
    );
    let again = unlink(&server, json!([house()])).await?;
    assert_eq!(again[0]["name"], BUILDING);
    assert_eq!(server.kinds().await?.len(), 4);
    server.stop().await
}

async fn a_place_that_is_linked_brings_its_place_with_it(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = two_names(&database).await?;
    let other = with(at_site("PAR-2"), json!({"TaskIdentifier": guid(2)}));
    server.tell(Call::TaskCreated, other).await?;
    link(
        &server,
        json!([house(), site("LON-014")]),
        Some("Canal Wharf"),
    )
    .await?;
    let linked = link(&server, json!([site("PAR-2"), site("LON-014")]), None).await?;
    assert_eq!(linked["name"], "Canal Wharf");
    assert_eq!(linked["sources"].as_array().map(Vec::len), Some(3));
    // The one that led is taken out: the two others stay one building.
    unlink(&server, json!([house()])).await?;
    let tasks = server
        .shows("{ tasks { nodes { building { id } } } }")
        .await?;
    let tasks = nodes(tasks["tasks"].clone());
    assert_eq!(tasks[0], tasks[1]);
    assert_ne!(tasks[0], server.incident("building { id }").await?);
    server.stop().await
}

async fn a_child_site_stays_a_zone_of_the_building_its_parent_became(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = two_names(&database).await?;
    let room =
        json!({"TaskIdentifier": guid(2), "Site": {"SiteCode": "ROOM", "ParentCode": "LON-014"}});
    server
        .tell(Call::TaskCreated, with(at_site("ROOM"), room))
        .await?;
    let linked = link(&server, json!([house(), site("LON-014")]), None).await?;
    let task = server
        .task_of(
            TENANT,
            &guid(2),
            "building { id } zone { code building { id } }",
        )
        .await?;
    let there = json!({"id": linked["id"]});
    let expected = json!({"building": there.clone(), "zone": {"code": "ROOM", "building": there}});
    assert_eq!(task, expected);
    server.stop().await
}

fn declared(name: &str, matrix: &str, urgent: &[&str]) -> Place {
    let site = |code: &&str| UrgentSite {
        tenant: TENANT.to_owned(),
        site: (*code).to_owned(),
    };
    Place {
        name: name.to_owned(),
        matrix: vec![matrix.to_owned()],
        urgent: urgent.iter().map(site).collect(),
    }
}

async fn what_the_settings_declare_cannot_be_contradicted(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start_with(&database, |config| {
        config.places = Some(vec![
            declared("Canal Wharf", BUILDING, &["LON-014"]),
            declared("Old Mill", "building-2", &[]),
        ]);
    })
    .await?;
    let mill = json!({"source": "MATRIX", "code": "building-2"});
    let both = json!({"places": [mill, site("LON-014")]});
    let why = refused(&server, LINK, both).await?;
    assert!(why.contains("different places"), "{why}");
    let renamed = json!({"places": [house(), site("PAR-2")], "name": "Hut"});
    let why = refused(&server, LINK, renamed).await?;
    assert!(why.contains("change its name"), "{why}");
    let why = refused(&server, UNLINK, json!({"places": [site("LON-014")]})).await?;
    assert!(why.contains("[[places]]"), "{why}");
    // What they do not name is the operator's to link.
    let linked = link(&server, json!([site("PAR-2"), site("LON-014")]), None).await?;
    assert_eq!(linked["name"], "Canal Wharf");
    assert_eq!(linked["sources"].as_array().map(Vec::len), Some(3));
    server.stop().await
}

async fn a_restart_with_settings_leaves_what_was_linked(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = two_names(&database).await?;
    link(&server, json!([house(), site("LON-014")]), None).await?;
    server.stop().await?;
    let server = TestServer::start_with(&database, |config| {
        config.places = Some(vec![declared("Canal Wharf", BUILDING, &[])]);
    })
    .await?;
    assert_eq!(buildings(&server).await?, ["Canal Wharf"]);
    server.stop().await?;
    // Named below another, the building takes along what the operator linked to it.
    let server = TestServer::start_with(&database, |config| {
        let mut place = declared("Docklands", "building-2", &[]);
        place.matrix.push(BUILDING.to_owned());
        config.places = Some(vec![place]);
    })
    .await?;
    assert_eq!(buildings(&server).await?, ["Docklands"]);
    let task = server.task("building { name }").await?;
    assert_eq!(task["building"]["name"], "Docklands");
    // What comes later finds the same way.
    let site = json!({"Site": {"SiteCode": "LON-014", "Address": {"Town": "London"}}});
    let told = json!({"TaskIdentifier": TASK, "Tenant": TENANT});
    server.tell(Call::TaskChanged, with(told, site)).await?;
    let task = server.task("building { name address }").await?;
    assert_eq!(
        task["building"],
        json!({"name": "Docklands", "address": {"Town": "London"}})
    );
    server.stop().await
}

async fn places_that_cannot_be_meant_are_refused(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    for (places, name) in [
        (json!([]), Value::Null),
        (json!([house()]), Value::Null),
        (json!([house(), house()]), Value::Null),
        (json!([house()]), json!("  ")),
        (
            json!([house(), {"source": "URGENT", "code": "LON-014"}]),
            Value::Null,
        ),
        (
            json!([house(), {"source": "MATRIX", "tenant": "T", "code": "b"}]),
            Value::Null,
        ),
        (json!([house(), site(" ")]), Value::Null),
        (json!([house(), site(&"x".repeat(256))]), Value::Null),
    ] {
        refused(&server, LINK, json!({"places": places, "name": name})).await?;
    }
    refused(&server, UNLINK, json!({"places": []})).await?;
    assert_eq!(buildings(&server).await?, Vec::<String>::new());
    // One alone may be named.
    let named = link(&server, json!([house()]), Some("Canal Wharf")).await?;
    assert_eq!(named["name"], "Canal Wharf");
    server.stop().await
}

async fn mutations_run_by_post_and_on_sockets_and_not_by_get(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = two_names(&database).await?;
    let document = format!(
        "mutation {{ linkPlaces(places: [{{source: MATRIX, code: \"{BUILDING}\"}},
            {{source: URGENT, tenant: \"{TENANT}\", code: \"LON-014\"}}]) {{ name }} }}"
    );
    let url = Url::parse_with_params(&server.url("/graphql"), [("query", &document)])?;
    let got = server.http.get(url).send().await?;
    assert_eq!(got.status(), 405);
    assert_eq!(buildings(&server).await?.len(), 2);
    let mut live = server.live().await?;
    live.subscribe("1", &document, json!({})).await?;
    let Said::Message(said) = live.said().await? else {
        panic!("the socket closed")
    };
    let named = json!({"linkPlaces": {"name": "Site LON-014"}});
    assert_eq!(
        (&said["type"], &said["payload"]["data"]),
        (&json!("next"), &named)
    );
    assert_eq!(buildings(&server).await?, ["Site LON-014"]);
    server.stop().await
}
