//! Documents that are named instead of given, alike over every transport: registered by clients, or trusted by the server.

use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::case::on_each_engine;
use crate::support::client::Answer;
use crate::support::live::Said;
use crate::support::{Case, TestDatabase, TestServer};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        a_document_registered_over_one_transport_is_known_over_all,
        a_document_over_the_limits_is_not_registered,
        a_mutation_that_is_named_does_not_run_by_get,
        only_trusted_documents_run_on_every_transport,
        a_manifest_that_cannot_be_meant_stops_the_start,
    ]
}

const DOCUMENT: &str = "query Version { server { version } }";
const FEED: &str = "subscription Feed { activity { cursor } }";

fn hash(document: &str) -> String {
    let hash = Sha256::digest(document);
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn named(document: &str) -> Value {
    json!({"extensions": {"persistedQuery": {"version": 1, "sha256Hash": hash(document)}}})
}

async fn post(server: &TestServer, body: &Value) -> anyhow::Result<Answer> {
    let request = server.request(Method::POST, "/graphql").json(body);
    Answer::of(request.send().await?).await
}

async fn get(server: &TestServer, body: &Value) -> anyhow::Result<Answer> {
    let pairs = body.as_object().unwrap().iter().map(|(name, value)| {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        (name.clone(), value)
    });
    let pairs: Vec<(String, String)> = pairs.collect();
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish();
    server.get(&format!("/graphql?{query}")).await
}

/// The data of an answer, or the code of its error.
fn told(mut body: Value) -> Value {
    match body.pointer_mut("/errors/0/extensions/code") {
        Some(code) => code.take(),
        None => body["data"].take(),
    }
}

/// What a socket answers first.
async fn live(server: &TestServer, payload: &Value) -> anyhow::Result<Value> {
    let mut live = server.live().await?;
    live.send(json!({"id": "1", "type": "subscribe", "payload": payload}))
        .await?;
    match live.said().await? {
        Said::Message(mut message) if message["type"] == "error" => {
            Ok(told(json!({ "errors": message["payload"].take() })))
        }
        Said::Message(mut message) => Ok(told(message["payload"].take())),
        Said::Closed(code, reason) => Ok(json!([code, reason])),
    }
}

fn outcome(answer: &Answer) -> anyhow::Result<Value> {
    Ok(told(answer.json()?))
}

async fn a_document_registered_over_one_transport_is_known_over_all(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let version = json!({"server": {"version": env!("CARGO_PKG_VERSION")}});
    let missing = post(&server, &named(DOCUMENT)).await?;
    assert_eq!(missing.status, 400);
    assert_eq!(
        missing.json()?["errors"][0]["message"],
        "PersistedQueryNotFound"
    );
    let code = json!("PERSISTED_QUERY_NOT_FOUND");
    assert_eq!(outcome(&missing)?, code);
    assert_eq!(outcome(&get(&server, &named(DOCUMENT)).await?)?, code);
    assert_eq!(live(&server, &named(DOCUMENT)).await?, code);

    let mut with_text = named(DOCUMENT);
    with_text["query"] = json!(DOCUMENT);
    assert_eq!(outcome(&post(&server, &with_text).await?)?, version);
    let by_id = json!({"documentId": format!("sha256:{}", hash(DOCUMENT))});
    for named in [named(DOCUMENT), by_id] {
        assert_eq!(outcome(&post(&server, &named).await?)?, version);
        assert_eq!(outcome(&get(&server, &named).await?)?, version);
        assert_eq!(live(&server, &named).await?, version);
    }
    let mut lie = named(DOCUMENT);
    lie["query"] = json!("{ __typename }");
    assert_eq!(outcome(&post(&server, &lie).await?)?, "BAD_INPUT");

    // A subscription, registered over the socket.
    let mut feed = named(FEED);
    assert_eq!(live(&server, &feed).await?, code);
    feed["query"] = json!(FEED);
    assert!(live(&server, &feed).await?["activity"]["cursor"].is_string());
    assert!(live(&server, &named(FEED)).await?["activity"]["cursor"].is_string());
    server.stop().await?;

    let none = TestServer::start_with(&database, |config| {
        config.graphql.persisted_documents = 0;
    })
    .await?;
    let refused = post(&none, &with_text).await?;
    assert_eq!(outcome(&refused)?, "PERSISTED_QUERY_NOT_SUPPORTED");
    none.stop().await
}

async fn a_document_over_the_limits_is_not_registered(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start_with(&database, |config| config.graphql.max_depth = 2).await?;
    let deep = "{ tasks { nodes { id } } }";
    let mut given = named(deep);
    given["query"] = json!(deep);
    assert_eq!(outcome(&post(&server, &given).await?)?, "LIMIT_EXCEEDED");
    let asked = post(&server, &named(deep)).await?;
    assert_eq!(outcome(&asked)?, "PERSISTED_QUERY_NOT_FOUND");
    server.stop().await
}

async fn a_mutation_that_is_named_does_not_run_by_get(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let mutation = "mutation { unlinkPlaces(places: [{source: MATRIX, code: \"b\"}]) { id } }";
    let mut given = named(mutation);
    given["query"] = json!(mutation);
    assert_eq!(post(&server, &given).await?.status, 200);
    for named in [given, named(mutation)] {
        let refused = get(&server, &named).await?;
        assert_eq!((refused.status, refused.header("allow")), (405, "POST"));
    }
    server.stop().await
}

async fn only_trusted_documents_run_on_every_transport(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let manifest = database.folder().join("manifest.json");
    let documents = json!({"Version": DOCUMENT, "Feed": FEED});
    std::fs::write(&manifest, documents.to_string())?;
    let server = TestServer::start_with(&database, |config| {
        config.graphql.trusted_documents = Some(manifest.clone());
    })
    .await?;
    let version = json!({"server": {"version": env!("CARGO_PKG_VERSION")}});
    let apollo = json!({"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "Version"}}});
    for trusted in [
        json!({"documentId": "Version"}),
        json!({"id": "Version"}),
        apollo,
        json!({ "query": DOCUMENT }),
    ] {
        assert_eq!(
            outcome(&post(&server, &trusted).await?)?,
            version,
            "{trusted}"
        );
        assert_eq!(
            outcome(&get(&server, &trusted).await?)?,
            version,
            "{trusted}"
        );
        assert_eq!(live(&server, &trusted).await?, version, "{trusted}");
    }
    let feed = live(&server, &json!({"documentId": "Feed"})).await?;
    assert!(feed["activity"]["cursor"].is_string(), "{feed}");
    let mut registering = named("{ __typename }");
    registering["query"] = json!("{ __typename }");
    for other in [
        json!({"query": "{ __typename }"}),
        json!({"query": "{ __schema { types { name } } }"}),
        json!({"documentId": "Versions"}),
        json!({"query": format!("{DOCUMENT} ")}),
        registering,
    ] {
        assert_eq!(
            outcome(&post(&server, &other).await?)?,
            "DOCUMENT_NOT_TRUSTED"
        );
        assert_eq!(
            outcome(&get(&server, &other).await?)?,
            "DOCUMENT_NOT_TRUSTED"
        );
        assert_eq!(live(&server, &other).await?, "DOCUMENT_NOT_TRUSTED");
    }
    server.stop().await
}

async fn a_manifest_that_cannot_be_meant_stops_the_start(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let manifest = database.folder().join("manifest.json");
    for (text, why) in [
        (None, "No such file"),
        (Some("{}"), "the manifest has no document"),
        (
            Some("{\"Broken\": \"{ a\"}"),
            "the document `Broken`: the document is not well-formed GraphQL",
        ),
        (
            Some("{\"Fine\": \"{ __typename }\", \"Nope\": \"query A { nope }\"}"),
            "the document `Nope`: Unknown field \"nope\" on type \"Query\".",
        ),
        (
            Some("{\"Late\": \"query A { __typename } subscription B { nope }\"}"),
            "the document `Late`: Unknown field \"nope\" on type \"Subscription\".",
        ),
    ] {
        if let Some(text) = text {
            std::fs::write(&manifest, text)?;
        }
        let started = TestServer::start_with(&database, |config| {
            config.graphql.trusted_documents = Some(manifest.clone());
        })
        .await;
        let refused = format!("{:#}", started.err().unwrap());
        assert!(
            refused.contains("manifest.json") && refused.contains(why),
            "{refused}"
        );
    }
    // What waits for its variables is taken without them.
    let documents = json!({
        "Find": "query($id: ID!, $n: Int!, $f: TaskFilter!, $ids: [ID!]!, $at: DateTime!, $p: Period) {
            building(by: {id: $id}) { tasks(first: $n, filter: $f) { nodes { id } } openIncidentCount(asOf: $at)
                statistics(period: $p) { tasks { whole { start } } } } nodes(ids: $ids) { id } }",
        "Both": "query A { __typename } subscription B($after: String) { activity(after: $after) { cursor } }",
        "Do": "mutation($p: [PlaceKey!]!) { unlinkPlaces(places: $p) { id } }",
    });
    std::fs::write(&manifest, documents.to_string())?;
    let server = TestServer::start_with(&database, |config| {
        config.graphql.trusted_documents = Some(manifest.clone());
    })
    .await?;
    server.stop().await
}
