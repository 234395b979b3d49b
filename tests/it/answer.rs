//! How an answer is written: in the order asked, what is selected twice as one, nothing lost on the way to JSON.

use anyhow::ensure;
use serde_json::{Value, json};

use crate::support::case::on_each_engine;
use crate::support::client::Client;
use crate::support::payload::{WORK, incident, with};
use crate::support::{Case, TestDatabase, TestServer};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        fields_come_in_the_order_asked,
        what_is_selected_twice_is_one,
        a_list_seen_in_two_ways_shows_what_each_asks_for,
        any_text_comes_as_it_was_told,
        what_is_dear_to_read_is_there_when_it_is_asked_for,
    ]
}

async fn told(client: &Client, name: &str) -> anyhow::Result<()> {
    let reported = with(
        incident("INCIDENT_CREATED", 0),
        json!({"Meta": {"Name": name}}),
    );
    let answer = client.matrix(json!([reported])).await?;
    ensure!(answer.status == 200, "{answer}");
    Ok(())
}

/// The names of all members, in the order of the text.
fn keys(text: &str) -> Vec<&str> {
    let words = text.split('"').skip(1).step_by(2);
    let after = text.split('"').skip(2).step_by(2);
    std::iter::zip(words, after)
        .filter(|(_, after)| after.starts_with(':'))
        .map(|(word, _)| word)
        .collect()
}

async fn fields_come_in_the_order_asked(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    told(&server, "Queue").await?;
    let query = "query Q { z: incidents(first: 1) { pageInfo { hasNextPage } nodes { state id ...I } totalCount } \
                 server { version } ...R m: viewer { name } } \
                 fragment I on Incident { zone { name id } code building { id name } kind } \
                 fragment R on Query { a: zones(first: 1) { edges { node { code } cursor } } }";
    let answer = server.ask(query, json!({})).await?;
    assert_eq!(
        keys(&answer.body),
        [
            "data",
            "z",
            "pageInfo",
            "hasNextPage",
            "nodes",
            "state",
            "id",
            "zone",
            "name",
            "id",
            "code",
            "building",
            "id",
            "name",
            "kind",
            "totalCount",
            "server",
            "version",
            "a",
            "edges",
            "node",
            "code",
            "cursor",
            "m",
            "name",
        ],
        "{answer}"
    );
    server.stop().await
}

async fn what_is_selected_twice_is_one(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    told(&server, "Queue").await?;
    let query = "{ incidents(first: 1) { nodes { code } } ...R incidents(first: 1) { nodes { zone { code } } totalCount } } \
                 fragment R on Query { incidents(first: 1) { nodes { zone { building { code: id } } } } }";
    let data = server.graphql(query, json!({})).await?;
    let node = &data["incidents"]["nodes"][0];
    assert_eq!(data["incidents"]["totalCount"], 1);
    assert_eq!(node["code"], WORK);
    assert_eq!(node["zone"]["code"], "zone-1");
    assert!(node["zone"]["building"]["code"].is_string(), "{data}");
    server.stop().await
}

async fn a_list_seen_in_two_ways_shows_what_each_asks_for(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    told(&server, "Queue").await?;
    let query = "{
        a: incidents { nodes { x: name } edges { node { x: zone { code } } } }
        b: incidents { nodes { x: code } edges { node { x: provenance { field } } } }
        c: buildings { nodes { x: incidents(first: 1) { nodes { code } } }
                       edges { node { x: incidents(filter: {isOpen: {eq: false}}) { nodes { code } } } } }
        d: activities { nodes { x: id } edges { node { x: changes { field } } } }
    }";
    let data = server.graphql(query, json!({})).await?;
    let (node, edge) = ("/nodes/0/x", "/edges/0/node/x");
    let at = |root: &str, path: &str| {
        data.pointer(&format!("/{root}{path}"))
            .cloned()
            .unwrap_or_default()
    };
    assert_eq!(at("a", node), "Queue");
    assert_eq!(at("a", edge), json!({"code": "zone-1"}));
    assert_eq!(at("b", node), WORK);
    assert!(at("b", edge)[0]["field"].is_string(), "{data}");
    assert_eq!(at("c", node), json!({"nodes": [{"code": WORK}]}));
    assert_eq!(at("c", edge), json!({"nodes": []}));
    assert!(at("d", node).is_string(), "{data}");
    assert!(at("d", edge)[0]["field"].is_string(), "{data}");
    server.stop().await
}

async fn any_text_comes_as_it_was_told(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let name = "\"quoted\" \\ back\u{2028}slash\n\t\u{1}\u{7f} é 漢 🧹 </script>";
    told(&server, name).await?;
    let data = server
        .graphql("{ incidents { nodes { name } } }", json!({}))
        .await?;
    assert_eq!(data["incidents"]["nodes"][0]["name"], name);
    server.stop().await
}

async fn what_is_dear_to_read_is_there_when_it_is_asked_for(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    told(&server, "Queue").await?;
    let lean = "{ incidents { nodes { code } } activities { nodes { kind } } }";
    let whole = "{ incidents { nodes { code provenance { field } building { timeline { nodes { kind changes { field } } } } } } \
                 activities { nodes { kind ... on IncidentReported { changes { field } } } } }";
    let told = |data: &Value| -> Vec<usize> {
        let count = |list: &Value| list.as_array().map_or(0, Vec::len);
        let incident = &data["incidents"]["nodes"][0];
        vec![
            count(&incident["provenance"]),
            count(&incident["building"]["timeline"]["nodes"][0]["changes"]),
            count(&data["activities"]["nodes"][0]["changes"]),
        ]
    };
    assert_eq!(told(&server.graphql(lean, json!({})).await?), [0, 0, 0]);
    let data = server.graphql(whole, json!({})).await?;
    assert!(told(&data).iter().all(|count| *count > 0), "{data}");
    server.stop().await
}
