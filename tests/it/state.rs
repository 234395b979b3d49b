//! Things as they stand, told again when they change: `incident` and `buildingBoard`.

use caretaker::config::Config;
use chrono::Utc;
use serde_json::{Value, json};

use crate::support::case::on_each_engine;
use crate::support::client::Call;
use crate::support::event::{completed, incident};
use crate::support::live::{Live, Said};
use crate::support::payload::{TENANT, description, with};
use crate::support::reader::{SECRET, all, ask_as, by_hs256, by_secret, own_claims};
use crate::support::{Case, TestDatabase, TestServer};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        an_incident_is_told_as_it_stands_and_after_each_change_that_shows,
        an_incident_that_is_not_known_yet_is_told_once_it_is,
        a_board_tells_what_happened_at_once_as_one,
        who_may_not_see_a_thing_is_told_nothing_of_it,
        a_building_that_is_none_any_more_leaves_its_board,
        an_order_that_leaves_a_building_is_told_to_its_board,
        what_would_cost_too_much_is_not_followed,
    ]
}

const INCIDENT: &str = "subscription($task: String!) {
    incident(by: {matrix: {building: \"b\", taskId: $task}}) { name state }
}";
const BOARD: &str = "subscription($id: ID!) {
    buildingBoard(id: $id) { openIncidentCount incidents(first: 50) { nodes { state } } }
}";

fn quick(config: &mut Config) {
    config.feed.heartbeat_milliseconds = 50;
}

async fn send(server: &TestServer, batch: Value) -> anyhow::Result<()> {
    assert_eq!(server.matrix(batch).await?.status, 200);
    Ok(())
}

async fn an_incident_is_told_as_it_stands_and_after_each_change_that_shows(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    send(&server, json!([incident("b", 1, 1)])).await?;
    let mut live = server.live().await?;
    live.subscribe("s", INCIDENT, json!({"task": "1"})).await?;
    let first = live.next().await?;
    let query = "{ incident(by: {matrix: {building: \"b\", taskId: \"1\"}}) { name state } }";
    assert_eq!(first, server.graphql(query, Value::Null).await?);
    // Others in its building and a repeat change nothing of what is selected.
    send(&server, json!([incident("b", 2, 2)])).await?;
    send(&server, json!([incident("b", 1, 1)])).await?;
    send(&server, json!([completed("b", 1, 60)])).await?;
    let told = live.next().await?;
    assert_eq!(told["incident"]["state"], "COMPLETED");
    assert_eq!(told, server.graphql(query, Value::Null).await?);
    server.stop().await
}

async fn an_incident_that_is_not_known_yet_is_told_once_it_is(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let mut live = server.live().await?;
    live.subscribe("s", INCIDENT, json!({"task": "7"})).await?;
    assert_eq!(live.barrier().await?, Vec::<Value>::new());
    send(&server, json!([incident("b", 6, 1)])).await?;
    send(&server, json!([incident("b", 7, 2)])).await?;
    let told = live.next().await?;
    assert_eq!(told["incident"]["name"], "Bad smell in washroom");
    server.stop().await
}

/// The global id of a building.
async fn building(server: &TestServer, code: &str, token: Option<&str>) -> anyhow::Result<Value> {
    let query =
        "query($code: String!) { building(by: {place: {source: MATRIX, code: $code}}) { id } }";
    let body = json!({"query": query, "variables": { "code": code }});
    let mut answer = match token {
        Some(token) => ask_as(server, token, &body).await?.json()?,
        None => json!({ "data": server.graphql(query, json!({ "code": code })).await? }),
    };
    Ok(answer["data"]["building"]["id"].take())
}

async fn a_board_tells_what_happened_at_once_as_one(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    send(&server, json!([incident("b", 0, 0)])).await?;
    let id = building(&server, "b", None).await?;
    let mut live = server.live().await?;
    live.subscribe("s", BOARD, json!({ "id": id })).await?;
    assert_eq!(live.next().await?["buildingBoard"]["openIncidentCount"], 1);
    let batch: Vec<Value> = (1..21).map(|n| incident("b", n, n)).collect();
    send(&server, json!(batch)).await?;
    let told = live.next().await?["buildingBoard"].take();
    assert_eq!(told["openIncidentCount"], 21);
    assert_eq!(
        told["incidents"]["nodes"].as_array().map(Vec::len),
        Some(21)
    );
    // What happens elsewhere is no news here.
    send(&server, json!([incident("other", 100, 100)])).await?;
    send(&server, json!([completed("b", 0, 200)])).await?;
    assert_eq!(live.next().await?["buildingBoard"]["openIncidentCount"], 20);
    server.stop().await
}

async fn who_may_not_see_a_thing_is_told_nothing_of_it(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start_with(&database, |config| {
        quick(config);
        config.readers.keys = vec![by_secret("own", SECRET)];
    })
    .await?;
    send(&server, json!([incident("b", 1, 1), incident("c", 1, 1)])).await?;
    let everything = all(Utc::now());
    let id = building(&server, "b", Some(&everything)).await?;
    let claimed = building(&server, "c", Some(&everything)).await?;
    let elsewhere = own_claims(Utc::now(), json!({ "buildings": [claimed] }));
    let elsewhere = by_hs256(SECRET.as_bytes(), &elsewhere);
    assert_eq!(building(&server, "b", Some(&elsewhere)).await?, Value::Null);
    let mut live = Live::connect_with(&server.base, json!({ "token": elsewhere })).await?;
    live.subscribe("board", BOARD, json!({ "id": id })).await?;
    live.subscribe("incident", INCIDENT, json!({"task": "1"}))
        .await?;
    live.subscribe(
        "feed",
        "subscription { activity { cursor activity { kind } } }",
        Value::Null,
    )
    .await?;
    live.about("feed").await?;
    send(&server, json!([completed("b", 1, 60)])).await?;
    send(&server, json!([completed("c", 1, 60)])).await?;
    // The feed tells of the other building, then heartbeats: nothing else comes.
    let mut heartbeats = 0;
    while heartbeats < 5 {
        let told = live.about("feed").await?;
        heartbeats += usize::from(told["payload"]["data"]["activity"]["activity"].is_null());
    }
    server.stop().await
}

/// Joins what Urgent calls a site with the building of Matrix, or parts them again.
async fn join(server: &TestServer, mutation: &str) -> anyhow::Result<()> {
    let document =
        format!("mutation($places: [PlaceKey!]!) {{ {mutation}(places: $places) {{ id }} }}");
    let site = json!({"source": "URGENT", "tenant": TENANT, "code": "LON-014"});
    let mut places = vec![site];
    if mutation == "linkPlaces" {
        places.insert(0, json!({"source": "MATRIX", "code": "b"}));
    }
    server
        .graphql(&document, json!({ "places": places }))
        .await?;
    Ok(())
}

async fn at_site(server: &TestServer, code: &str) -> anyhow::Result<Value> {
    let at_site = with(description(), json!({"Site": {"SiteCode": code}}));
    server.tell(Call::TaskCreated, at_site).await?;
    let query = "query($code: String!) { building(by: {place: {source: URGENT, tenant: \"tenant\", code: $code}}) { id } }"
        .replace("\"tenant\"", &json!(TENANT).to_string());
    let mut data = server.graphql(&query, json!({ "code": code })).await?;
    Ok(data["building"]["id"].take())
}

async fn a_building_that_is_none_any_more_leaves_its_board(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    send(&server, json!([incident("b", 1, 1)])).await?;
    let id = at_site(&server, "LON-014").await?;
    let mut live = server.live().await?;
    live.subscribe("s", BOARD, json!({ "id": id })).await?;
    let first = live.next().await?;
    assert_eq!(first["buildingBoard"]["openIncidentCount"], 0);
    join(&server, "linkPlaces").await?;
    assert_eq!(live.next().await?["buildingBoard"], Value::Null);
    join(&server, "unlinkPlaces").await?;
    assert_eq!(live.next().await?, first);
    server.stop().await
}

async fn an_order_that_leaves_a_building_is_told_to_its_board(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let id = at_site(&server, "LON-014").await?;
    let mut live = server.live().await?;
    let board = "subscription($id: ID!) { buildingBoard(id: $id) { tasks { nodes { id } } } }";
    live.subscribe("s", board, json!({ "id": id })).await?;
    let tasks = async |live: &mut Live| {
        let told = live.next().await?;
        let nodes = told["buildingBoard"]["tasks"]["nodes"].as_array();
        anyhow::Ok(nodes.map(Vec::len))
    };
    assert_eq!(tasks(&mut live).await?, Some(1));
    // Filed where it stands now: only what it tells as changed names the place that it left.
    let moved = with(description(), json!({"Site": {"SiteCode": "LON-015"}}));
    server.tell(Call::TaskChanged, moved).await?;
    assert_eq!(tasks(&mut live).await?, Some(0));
    server.stop().await
}

async fn what_would_cost_too_much_is_not_followed(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    send(&server, json!([incident("b", 1, 1)])).await?;
    let id = building(&server, "b", None).await?;
    let large = "subscription($id: ID!) { buildingBoard(id: $id) {
        zones(first: 100) { nodes { incidents(first: 100) { nodes { timeline(first: 100) { nodes { id } } } } } } } }";
    let mut live = server.live().await?;
    live.subscribe("s", large, json!({ "id": id })).await?;
    let Said::Message(told) = live.said().await? else {
        panic!("closed");
    };
    assert_eq!(told["type"], "error");
    assert_eq!(told["payload"][0]["extensions"]["limit"], "max_cost");
    server.stop().await
}
