//! The HTTP face of the API: methods, media types and statuses, what browsers are told, compression, ids of requests.

use std::io::Read;

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use crate::support::case::{on_each_engine, snapshot};
use crate::support::client::Answer;
use crate::support::{Case, TestDatabase, TestServer};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        the_status_says_whether_a_request_was_run,
        what_a_form_or_a_link_can_send_changes_nothing,
        pages_of_listed_origins_may_read_and_no_others,
        long_answers_are_compressed_for_those_who_take_it,
        every_answer_names_its_request_and_forbids_what_browsers_might_do,
        each_refusal_of_graphql_is_an_error_of_graphql,
    ]
}

const ORIGIN: &str = "https://board.example";
const LARGE: &str = "{ __schema { types { name description } } }";

async fn send(
    server: &TestServer,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> anyhow::Result<Answer> {
    let mut request = server.request(method, path).body(body.to_owned());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Answer::of(request.send().await?).await
}

const JSON: (&str, &str) = ("content-type", "application/json");

async fn the_status_says_whether_a_request_was_run(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let mut told = Vec::new();
    for body in [
        "{\"query\": \"{ __typename }\"}",
        "{\"query\": \"{ node(id: \\\"x\\\") { id } }\"}",
        "{\"query\": \"{ nothing }\"}",
        "{\"query\": \"{\"}",
        "{\"query\": \"query A { __typename } query B { __typename }\"}",
        "{\"query\": \"query ($a: ID!) { node(id: $a) { id } }\"}",
        "{\"query\": \"{ __typename }\", \"variables\": []}",
        "{\"query\": \"{ __typename }\", \"operationName\": 1}",
        "{}",
        "[]",
        "{",
        "",
    ] {
        let mut line = format!("{body}:");
        for accept in ["application/graphql-response+json", "application/json"] {
            let headers = [JSON, ("accept", accept)];
            let answer = send(&server, Method::POST, "/graphql", &headers, body).await?;
            assert!(
                answer.header("content-type").starts_with(accept),
                "{answer}"
            );
            let json = answer.json()?;
            // An answer without `data` was not run.
            let data = json.get("data").map_or("no data", |_| "data");
            line.push_str(&format!(" {} {data},", answer.status));
        }
        told.push(line);
    }
    snapshot!(told.join("\n"), @r#"
    {"query": "{ __typename }"}: 200 data, 200 data,
    {"query": "{ node(id: \"x\") { id } }"}: 200 data, 200 data,
    {"query": "{ nothing }"}: 400 no data, 200 no data,
    {"query": "{"}: 400 no data, 200 no data,
    {"query": "query A { __typename } query B { __typename }"}: 400 no data, 200 no data,
    {"query": "query ($a: ID!) { node(id: $a) { id } }"}: 400 no data, 200 no data,
    {"query": "{ __typename }", "variables": []}: 400 no data, 400 no data,
    {"query": "{ __typename }", "operationName": 1}: 400 no data, 400 no data,
    {}: 400 no data, 400 no data,
    []: 400 no data, 400 no data,
    {: 400 no data, 400 no data,
    : 400 no data, 400 no data,
    "#);
    for accept in ["text/html", "application/xml;q=1, image/*"] {
        let headers = [JSON, ("accept", accept)];
        let body = "{\"query\": \"{ __typename }\"}";
        let answer = send(&server, Method::POST, "/graphql", &headers, body).await?;
        assert_eq!(answer.status, 406);
    }
    server.stop().await
}

async fn what_a_form_or_a_link_can_send_changes_nothing(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let body = "{\"query\": \"{ __typename }\"}";
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/graphql",
        "application/json; charset=latin1",
    ] {
        let headers = [("content-type", kind)];
        let answer = send(&server, Method::POST, "/graphql", &headers, body).await?;
        assert_eq!(answer.status, 415, "{kind}: {answer}");
    }
    let without = send(&server, Method::POST, "/graphql", &[], body).await?;
    assert_eq!(without.status, 415);
    let mutation = "/graphql?query=mutation%7BunlinkPlaces(places:%5B%5D)%7Bid%7D%7D";
    let refused = server.get(mutation).await?;
    assert_eq!((refused.status, refused.header("allow")), (405, "POST"));
    // Which of two operations runs decides.
    let two = "/graphql?query=query%20A%7B__typename%7Dmutation%20B%7BunlinkPlaces(places:%5B%5D)%7Bid%7D%7D";
    assert_eq!(
        server.get(&format!("{two}&operationName=A")).await?.status,
        200
    );
    assert_eq!(
        server.get(&format!("{two}&operationName=B")).await?.status,
        405
    );
    for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS] {
        let answer = send(&server, method.clone(), "/graphql", &[JSON], body).await?;
        assert_eq!(
            (answer.status, answer.header("allow")),
            (405, "GET, POST"),
            "{method}"
        );
    }
    server.stop().await
}

async fn pages_of_listed_origins_may_read_and_no_others(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start_with(&database, |config| {
        config.http.cors_origins = vec![ORIGIN.to_owned()];
    })
    .await?;
    let preflight = |origin: &'static str| {
        [
            ("origin", origin),
            ("sec-fetch-site", "cross-site"),
            ("access-control-request-method", "POST"),
            (
                "access-control-request-headers",
                "content-type,authorization",
            ),
        ]
    };
    let allowed = send(&server, Method::OPTIONS, "/graphql", &preflight(ORIGIN), "").await?;
    snapshot!(browsers(&allowed), @r"
    204
    access-control-allow-headers: accept, authorization, content-type, x-requested-with, apollo-require-preflight, x-apollo-operation-name, x-apollo-operation-id, last-event-id
    access-control-allow-methods: GET, POST
    access-control-allow-origin: https://board.example
    access-control-max-age: 7200
    vary: origin
    ");
    let body = "{\"query\": \"{ __typename }\"}";
    let from = |origin: &'static str| [JSON, ("origin", origin), ("sec-fetch-site", "cross-site")];
    let read = send(&server, Method::POST, "/graphql", &from(ORIGIN), body).await?;
    snapshot!(browsers(&read), @r"
    200
    access-control-allow-origin: https://board.example
    access-control-expose-headers: x-request-id, retry-after, www-authenticate
    vary: accept
    vary: origin
    ");
    // Refusals can be read too.
    let refused = send(&server, Method::POST, "/graphql", &from(ORIGIN), "{").await?;
    assert_eq!(refused.header("access-control-allow-origin"), ORIGIN);
    let sdl = send(&server, Method::GET, "/schema.graphql", &from(ORIGIN), "").await?;
    assert_eq!(
        (sdl.status, sdl.header("access-control-allow-origin")),
        (200, ORIGIN)
    );
    for other in [
        "https://board.example.evil.example",
        "http://board.example",
        "null",
    ] {
        let asked = send(&server, Method::OPTIONS, "/graphql", &preflight(other), "").await?;
        let read = send(&server, Method::POST, "/graphql", &from(other), body).await?;
        for answer in [asked, read] {
            assert_eq!(answer.status, 403, "{other}");
            assert_eq!(answer.header("access-control-allow-origin"), "", "{other}");
        }
    }
    server.stop().await?;
    let closed = TestServer::start(&database).await?;
    let asked = send(&closed, Method::OPTIONS, "/graphql", &preflight(ORIGIN), "").await?;
    assert_eq!(asked.status, 403);
    closed.stop().await
}

/// What an answer tells browsers about other sites.
fn browsers(answer: &Answer) -> String {
    let mut lines: Vec<String> = answer
        .headers
        .iter()
        .filter(|(name, _)| name.as_str().starts_with("access-control") || *name == "vary")
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    lines.sort();
    format!("{}\n{}", answer.status, lines.join("\n"))
}

/// The headers and the bytes as they came.
async fn raw(
    server: &TestServer,
    path: &str,
    coding: &str,
) -> anyhow::Result<(HeaderMap, Vec<u8>)> {
    let request = server
        .request(Method::GET, path)
        .header("accept-encoding", coding);
    let response = request.send().await?;
    anyhow::ensure!(response.status() == 200, "{}", response.status());
    let headers = response.headers().clone();
    Ok((headers, response.bytes().await?.to_vec()))
}

async fn long_answers_are_compressed_for_those_who_take_it(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let large = format!("/graphql?query={}", LARGE.replace(' ', "+"));
    for path in [large.as_str(), "/schema.graphql"] {
        let (plain_head, plain) = raw(&server, path, "identity").await?;
        assert!(!plain_head.contains_key("content-encoding"));
        assert!(plain.len() > 10_000);
        let (head, zipped) = raw(&server, path, "br, gzip;q=0.5").await?;
        assert_eq!(head["content-encoding"], "gzip");
        assert_eq!(head["content-length"], zipped.len().to_string().as_str());
        assert!(
            zipped.len() < plain.len() / 3,
            "{} of {}",
            zipped.len(),
            plain.len()
        );
        let mut opened = Vec::new();
        flate2::read::GzDecoder::new(zipped.as_slice()).read_to_end(&mut opened)?;
        assert!(opened == plain, "{path}");
        for head in [plain_head, head] {
            let vary: Vec<_> = head.get_all("vary").iter().collect();
            assert!(vary.contains(&&"accept-encoding".parse()?), "{vary:?}");
        }
        let (refused, _) = raw(&server, path, "gzip;q=0").await?;
        assert!(!refused.contains_key("content-encoding"));
    }
    let (short, _) = raw(&server, "/graphql?query=%7B__typename%7D", "gzip").await?;
    assert!(!short.contains_key("content-encoding"));
    server.stop().await?;
    let plain = TestServer::start_with(&database, |config| config.http.compression = false).await?;
    let (head, _) = raw(&plain, "/schema.graphql", "gzip").await?;
    assert!(!head.contains_key("content-encoding"));
    plain.stop().await
}

async fn every_answer_names_its_request_and_forbids_what_browsers_might_do(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let mut ids = std::collections::BTreeSet::new();
    for (method, path, headers) in [
        (Method::GET, "/graphql?query=%7B__typename%7D", vec![]),
        (Method::POST, "/graphql", vec![JSON]),
        (Method::POST, "/graphql", vec![]),
        (Method::PUT, "/graphql", vec![]),
        (Method::GET, "/graphql", vec![("accept", "text/html")]),
        (
            Method::GET,
            "/graphql",
            vec![("origin", "https://evil.example")],
        ),
        (Method::GET, "/graphiql", vec![]),
        (Method::GET, "/schema.graphql", vec![]),
        (Method::GET, "/healthz", vec![]),
        (Method::GET, "/nothing", vec![]),
        (Method::POST, "/webhooks/matrix", vec![]),
        (Method::POST, "/oauth/token", vec![]),
    ] {
        let answer = send(&server, method.clone(), path, &headers, "{}").await?;
        let told = |name: &str| answer.header(name).to_owned();
        let of = format!("{method} {path} {headers:?}");
        assert_eq!(told("x-content-type-options"), "nosniff", "{of}");
        assert_eq!(told("referrer-policy"), "no-referrer", "{of}");
        let policy = told("content-security-policy");
        assert!(policy.contains("default-src 'none'"), "{of}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{of}: {policy}");
        let id = told("x-request-id");
        assert_eq!(id.len(), 36, "{of}");
        assert!(ids.insert(id.clone()), "{of}");
        let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        for inside in [
            &body["errors"][0]["extensions"]["requestId"],
            &body["requestId"],
        ] {
            if !inside.is_null() {
                assert_eq!(*inside, json!(id), "{of}");
            }
        }
    }
    server.stop().await
}

async fn each_refusal_of_graphql_is_an_error_of_graphql(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let image = ("sec-fetch-site", "cross-site");
    let host = ("host", "evil.example");
    let page = ("origin", "https://evil.example");
    let plain = ("accept", "application/json");
    let (get, at) = ("/graphql?query=%7B__typename%7D", "/graphql");
    for (method, path, headers, status, code) in [
        (Method::PUT, at, vec![JSON], 405, "BAD_INPUT"),
        (Method::DELETE, at, vec![], 405, "BAD_INPUT"),
        (Method::PUT, "/graphql/stream", vec![], 405, "BAD_INPUT"),
        (Method::PUT, at, vec![plain], 405, "BAD_INPUT"),
        (
            Method::GET,
            get,
            vec![("accept", "text/html")],
            406,
            "BAD_INPUT",
        ),
        (
            Method::POST,
            at,
            vec![JSON, ("accept", "text/html")],
            406,
            "BAD_INPUT",
        ),
        (
            Method::POST,
            "/graphql/stream",
            vec![JSON],
            406,
            "BAD_INPUT",
        ),
        (
            Method::POST,
            at,
            vec![("content-type", "text/plain")],
            415,
            "BAD_INPUT",
        ),
        (Method::GET, get, vec![host], 403, "FORBIDDEN"),
        (Method::POST, at, vec![JSON, page], 403, "FORBIDDEN"),
        (Method::GET, get, vec![image], 403, "FORBIDDEN"),
        (
            Method::GET,
            get,
            vec![image, ("x-requested-with", "x")],
            403,
            "FORBIDDEN",
        ),
        (
            Method::GET,
            get,
            vec![("via", "1.1 proxy"), plain],
            403,
            "FORBIDDEN",
        ),
        (Method::GET, "/graphql/stream", vec![page], 403, "FORBIDDEN"),
    ] {
        let body = "{\"query\": \"{ __typename }\"}";
        let answer = send(&server, method.clone(), path, &headers, body).await?;
        let of = format!("{method} {path} {headers:?}: {answer}");
        assert_eq!(answer.status, status, "{of}");
        let kind = match headers.contains(&plain) {
            true => "application/json",
            false => "application/graphql-response+json",
        };
        assert!(answer.header("content-type").starts_with(kind), "{of}");
        let body = answer.json()?;
        assert!(body.get("data").is_none(), "{of}");
        let error = &body["errors"][0];
        assert!(error["message"].is_string(), "{of}");
        assert_eq!(error["extensions"]["code"], code, "{of}");
        let id = &error["extensions"]["requestId"];
        assert_eq!(*id, json!(answer.header("x-request-id")), "{of}");
    }
    // What is read by people is answered in words.
    let page = server
        .request(Method::GET, "/schema.graphql")
        .header("host", "evil.example");
    let answer = Answer::of(page.send().await?).await?;
    assert_eq!(answer.status, 403);
    assert!(
        answer
            .body
            .starts_with("this server is open to this machine only"),
        "{answer}"
    );
    server.stop().await
}
