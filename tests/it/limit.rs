//! What a request may ask for at most: each limit refuses before anything is run, names itself, its value and what was
//! asked, in every transport alike.

use std::time::Duration;

use chrono::TimeDelta;
use reqwest::Method;
use sea_orm::{ConnectionTrait, TransactionTrait};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use caretaker::domain::database::Database;

use crate::support::case::{on_each_engine, on_postgres, snapshot};
use crate::support::client::Answer;
use crate::support::clock::TestClock;
use crate::support::feed::refusal;
use crate::support::payload::incident;
use crate::support::{Case, Process, TestDatabase, TestServer};

const PATIENCE: Duration = Duration::from_secs(30);

pub fn tests() -> Vec<Case> {
    let mut tests = on_each_engine![
        each_limit_refuses_by_name_with_its_value_and_what_was_asked,
        each_setting_moves_its_limit,
        doubling_fragments_are_refused_unopened,
        a_batch_is_refused,
        a_body_that_is_too_long_is_not_waited_for,
        no_route_reads_a_body_without_end,
        a_body_that_comes_too_slowly_is_not_waited_for,
        the_schema_can_be_kept_to_oneself,
        pages_within_pages_multiply_the_cost,
        an_answer_says_what_it_cost_to_those_who_ask,
        what_is_too_costly_is_told_its_cost_by_those_who_ask,
        too_many_buckets_are_refused_before_anything_runs,
        what_is_no_time_is_told_what_one_looks_like,
        the_longest_url_is_the_one_that_is_documented,
        errors_repeat_nothing_of_the_request,
    ];
    tests.extend(on_postgres![
        a_client_that_leaves_stops_what_it_asked_for,
        a_request_that_takes_too_long_is_cut_off,
    ]);
    tests
}

/// `{ open inner… close }`, so deep.
fn nested(open: &str, inner: &str, close: &str, depth: usize) -> String {
    format!("{}{inner}{}", open.repeat(depth), close.repeat(depth))
}

fn list(length: usize) -> String {
    format!("[{}]", vec!["\"x\""; length].join(","))
}

/// 1.5 kB that would become 100 million fields.
fn doubling() -> String {
    let mut query = String::from("{ ...F0 } ");
    for index in 0..25 {
        let next = index + 1;
        query.push_str(&format!(
            "fragment F{index} on Query {{ a{index}: server {{ version }} ...F{next} ...F{next} }} "
        ));
    }
    query + "fragment F25 on Query { __typename }"
}

fn tasks(arguments: &str) -> String {
    format!("{{ tasks({arguments}) {{ nodes {{ id }} }} }}")
}

/// A request that is one too many for each limit, as the settings are.
fn excesses() -> Vec<String> {
    let many = |part: &dyn Fn(usize) -> String, count: usize| -> String {
        (0..count).map(part).collect::<Vec<_>>().join(" ")
    };
    let filters = vec!["{status: {eq: \"x\"}}"; 21].join(",");
    let values = vec![format!("{{status: {{in: {}}}}}", list(100)); 6].join(",");
    let pages = "buildings(first: 100) { nodes { zones(first: 100) { nodes { tasks(first: 100) { nodes { id } } } } } }";
    vec![
        format!("{{ __typename }}{}", " ".repeat(65_523)),
        format!("{{ {} }}", "a ".repeat(4_999)),
        tasks(&format!("filter: {}", nested("{not: ", "{}", "}", 62))),
        many(&|nth| format!("query Q{nth} {{ __typename }}"), 51),
        format!(
            "{{ __typename }} {}",
            many(
                &|nth| format!("fragment F{nth} on Query {{ __typename }}"),
                101
            )
        ),
        format!(
            "query ({}) {{ __typename }}",
            many(&|nth| format!("$v{nth}: Int"), 101)
        ),
        doubling(),
        nested("{ a ", "{ a }", "}", 16),
        "{ ...F } fragment F on Query { ...F }".to_owned(),
        format!("{{ {} }}", many(&|nth| format!("a{nth}: __typename"), 51)),
        format!("{{ __typename {} }}", "@include(if: true) ".repeat(51)),
        format!("{{ nodes(ids: {}) {{ id }} }}", list(101)),
        tasks(&format!("filter: {{or: [{values}]}}")),
        tasks(&format!("filter: {{and: [{filters}]}}")),
        tasks(&format!("filter: {}", nested("{not: ", "{}", "}", 6))),
        tasks(&format!(
            "orderBy: [{}]",
            "{field: ID, direction: ASC},".repeat(4)
        )),
        tasks("first: 101"),
        "{ __schema { types { fields { type { fields { name } } } } } }".to_owned(),
        format!("{{ {pages} }}"),
    ]
}

async fn each_limit_refuses_by_name_with_its_value_and_what_was_asked(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let mut told = Vec::new();
    for query in excesses() {
        let answer = server.ask(&query, Value::Null).await?;
        let start = query.chars().take(80).collect::<String>();
        assert_eq!(answer.status, 400, "{start}: {answer}");
        let body = answer.json()?;
        assert_eq!(
            body.as_object().map(serde_json::Map::len),
            Some(1),
            "{answer}"
        );
        let [error] = body["errors"].as_array().unwrap().as_slice() else {
            panic!("{start}: {answer}");
        };
        let extensions = &error["extensions"];
        assert_eq!(extensions["code"], "LIMIT_EXCEEDED", "{start}: {answer}");
        assert!(error.get("path").is_none(), "{start}: {answer}");
        told.push(format!(
            "{} {} {}: {}",
            extensions["limit"].as_str().unwrap_or("?"),
            extensions["most"],
            extensions["asked"],
            error["message"].as_str().unwrap()
        ));
    }
    snapshot!(told.join("\n"), @r"
    max_document_bytes 65536 65537: a document has at most 65536 bytes (here: 65537)
    max_tokens 5000 5001: a document has at most 5000 tokens (here: 5001)
    nesting 64 65: a document and its variables nest at most 64 brackets (here: 65)
    operations 50 51: a document has at most 50 operations (here: 51)
    fragments 100 101: a document has at most 100 fragments (here: 101)
    variables 100 101: a document declares at most 100 variables (here: 101)
    max_fields 1000 167772157: a request selects at most 1000 fields once its fragments are opened (here: 167772157)
    max_depth 16 17: fields nest at most 16 deep (here: 17)
    levels 32 null: selections nest at most 32 deep, fragments included
    max_aliases 50 51: a request has at most 50 aliases (here: 51)
    max_directives 50 51: a request has at most 50 directives (here: 51)
    max_list 100 101: a list has at most 100 elements (here: 101)
    max_values 500 600: an argument holds at most 500 values in all (here: 600)
    combined_filters 20 21: `and` and `or` combine at most 20 filters (here: 21)
    filter_depth 5 6: a filter nests at most 5 deep (here: 6)
    order 3 4: a list is sorted by at most 3 fields (here: 4)
    page 100 101: a page has at most 100 elements (here: 101)
    introspection 1 null: a question about the schema does not lead through the same list twice
    max_cost 200000 2020201: a request costs at most 200000: take smaller pages (`first`) or fewer lists within lists (here: 2020201)
    ");
    server.stop().await
}

async fn each_setting_moves_its_limit(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start_with(&database, |config| {
        let graphql = &mut config.graphql;
        graphql.max_body_bytes = 1_000;
        graphql.max_document_bytes = 500;
        graphql.max_tokens = 60;
        graphql.max_depth = 3;
        graphql.max_fields = 10;
        graphql.max_aliases = 2;
        graphql.max_directives = 2;
        graphql.max_cost = 30;
        graphql.max_list = 5;
        graphql.max_values = 8;
    })
    .await?;
    let many = |part: &str, count: usize| part.repeat(count);
    for (query, limit, most) in [
        (
            format!("{:501}", "{ __typename }"),
            "max_document_bytes",
            500,
        ),
        (format!("{{ a {} }}", many("! ", 60)), "max_tokens", 60),
        ("{ a { b { c { d } } } }".to_owned(), "max_depth", 3),
        (format!("{{ {} }}", many("a ", 11)), "max_fields", 10),
        ("{ a: b c: d e: f }".to_owned(), "max_aliases", 2),
        (format!("{{ a {} }}", many("@b ", 3)), "max_directives", 2),
        (tasks("first: 31"), "max_cost", 30),
        (
            format!("{{ nodes(ids: {}) {{ id }} }}", list(6)),
            "max_list",
            5,
        ),
        (
            tasks(
                "filter: {status: {in: [\"1\", \"2\", \"3\", \"4\", \"5\"], notIn: [\"1\", \"2\", \"3\", \"4\"]}}",
            ),
            "max_values",
            8,
        ),
    ] {
        let answer = server.ask(&query, Value::Null).await?;
        let extensions = &answer.json()?["errors"][0]["extensions"];
        let told = (extensions["limit"].as_str(), extensions["most"].as_u64());
        assert_eq!(told, (Some(limit), Some(most)), "{answer}");
        // The same over a socket.
        let refused = refusal(&server.base, &query, Value::Null).await?;
        assert_eq!(refused["limit"], limit, "{refused}");
    }
    let long = server
        .ask("{ __typename }", json!({"a": "x".repeat(1_000)}))
        .await?;
    let refused = &long.json()?["errors"][0]["extensions"];
    assert_eq!(
        (long.status, refused["limit"].as_str()),
        (413, Some("max_body_bytes"))
    );
    assert!(refused["asked"].as_u64() > Some(1_000), "{refused}");
    let url = format!("/graphql?query=%7B__typename%7D&x={}", "x".repeat(1_000));
    assert_eq!(server.get(&url).await?.status, 414);
    server
        .graphql("{ tasks(first: 5) { nodes { id } } }", Value::Null)
        .await?;
    server.stop().await
}

async fn doubling_fragments_are_refused_unopened(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let query = doubling();
    assert!(query.len() < 2_000);
    // Opened even once, it would outlast the case.
    for _ in 0..20 {
        assert_eq!(server.ask(&query, Value::Null).await?.status, 400);
    }
    server.stop().await
}

async fn a_batch_is_refused(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    for length in [0, 1, 2] {
        let batch = vec![json!({"query": "{ __typename }"}); length];
        let request = server.request(Method::POST, "/graphql").json(&batch);
        let answer = Answer::of(request.send().await?).await?;
        assert_eq!(answer.status, 400);
        assert_eq!(
            answer.json()?["errors"][0]["message"],
            "batches are not taken: send each request by itself, as one JSON object"
        );
    }
    server.stop().await
}

fn address(base: &str) -> &str {
    base.strip_prefix("http://").unwrap()
}

/// What is answered to a request of which only this is sent.
async fn answered(base: &str, head: &str) -> anyhow::Result<String> {
    let mut socket = TcpStream::connect(address(base)).await?;
    socket.write_all(head.as_bytes()).await?;
    let mut said = vec![0; 1_024];
    let length = timeout(PATIENCE, socket.read(&mut said)).await??;
    Ok(String::from_utf8_lossy(&said[..length]).into_owned())
}

async fn a_body_that_is_too_long_is_not_waited_for(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let head = format!(
        "POST /graphql HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n",
        address(&server.base)
    );
    let told = answered(
        &server.base,
        &format!("{head}Content-Length: 262145\r\n\r\n{{"),
    )
    .await?;
    assert!(told.starts_with("HTTP/1.1 413 "), "{told}");
    // A body that does not say its length is read up to the limit and no further.
    let chunk = format!("{:x}\r\n{}\r\n", 65_536, "x".repeat(65_536)).repeat(5);
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunk}");
    let told = answered(&server.base, &chunked).await?;
    assert!(told.starts_with("HTTP/1.1 413 "), "{told}");
    server.stop().await
}

async fn no_route_reads_a_body_without_end(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    // A terabyte that never comes: whoever waited for it would not answer.
    for (method, path) in [
        ("POST", "/graphql"),
        ("GET", "/graphql?query=%7B__typename%7D"),
        ("GET", "/graphql/ws"),
        ("GET", "/graphiql"),
        ("GET", "/"),
        ("GET", "/schema.graphql"),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("POST", "/webhooks/matrix"),
        ("POST", "/webhooks/urgent/note-added"),
        ("PUT", "/webhooks/urgent/task-chased"),
        ("POST", "/oauth/token"),
        ("POST", "/oauth/revoke"),
        ("GET", "/.well-known/oauth-authorization-server"),
        ("POST", "/nothing"),
    ] {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
             Content-Length: 1099511627776\r\n\r\n{{",
            address(&server.base)
        );
        let told = answered(&server.base, &head).await?;
        assert!(told.starts_with("HTTP/1.1 "), "{method} {path}: {told}");
    }
    server.stop().await
}

async fn a_body_that_comes_too_slowly_is_not_waited_for(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start_with(&database, |config| config.body_seconds = 1).await?;
    let head = format!(
        "POST /graphql HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{{",
        address(&server.base)
    );
    let told = answered(&server.base, &head).await?;
    assert!(told.starts_with("HTTP/1.1 408 "), "{told}");
    server.stop().await
}

async fn the_schema_can_be_kept_to_oneself(database: TestDatabase) -> anyhow::Result<()> {
    let asked = "{ __schema { queryType { name } } __type(name: \"Task\") { name } }";
    let open = TestServer::start(&database).await?;
    let told = open.graphql(asked, Value::Null).await?;
    assert_eq!(told["__schema"]["queryType"]["name"], "Query");
    open.stop().await?;
    let closed = TestServer::start_with(&database, |config| {
        config.graphql.introspection = false;
    })
    .await?;
    let answer = closed.ask(asked, Value::Null).await?;
    assert!(!answer.body.contains("Query\""), "{answer}");
    let error = &answer.json()?["errors"][0];
    assert_eq!(error["message"], "this server does not tell its schema");
    assert_eq!(error["extensions"]["limit"], "introspection");
    let rest = closed.graphql("{ __typename }", Value::Null).await?;
    assert_eq!(rest, json!({"__typename": "Query"}));
    closed.stop().await
}

/// The usage that an answer tells.
async fn usage(server: &TestServer, query: &str) -> anyhow::Result<Value> {
    let body = json!({"query": query, "extensions": {"usage": true}});
    let request = server.request(Method::POST, "/graphql").json(&body);
    let answer = Answer::of(request.send().await?).await?;
    Ok(answer.json()?["extensions"]["usage"].take())
}

async fn pages_within_pages_multiply_the_cost(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let query = |buildings: usize, zones: usize, tasks: usize| {
        format!(
            "{{ buildings(first: {buildings}) {{ nodes {{ zones(last: {zones}) {{ nodes {{
            tasks(first: {tasks}) {{ nodes {{ id }} }} }} }} }} }} }}"
        )
    };
    // A field each, below a page as often as the page is long.
    let cost = |b: usize, z: usize, t: usize| 1 + b * (1 + 1 + z * (1 + 1 + t * (1 + 1)));
    for (buildings, zones, tasks) in [(1, 1, 1), (2, 3, 4), (10, 10, 10), (4, 5, 100)] {
        let told = usage(&server, &query(buildings, zones, tasks)).await?;
        assert_eq!(told["cost"], cost(buildings, zones, tasks));
    }
    let refused = server.ask(&query(100, 100, 100), Value::Null).await?;
    let refused = &refused.json()?["errors"][0]["extensions"];
    assert_eq!(
        (refused["limit"].as_str(), refused["asked"].as_u64()),
        (Some("max_cost"), Some(cost(100, 100, 100) as u64))
    );
    // Without a size, as many as come; in a variable, as many as it says.
    let plain = usage(&server, "{ tasks { nodes { id } } }").await?;
    assert_eq!(plain["cost"], 1 + 50 * 2);
    // So deep that the product is beyond all numbers.
    let deep = nested(
        "buildings(first: 100) { nodes { property { ",
        "id",
        "} } }",
        5,
    );
    let refused = server.ask(&format!("{{ {deep} }}"), Value::Null).await?;
    assert_eq!(refused.status, 400, "{refused}");
    server.stop().await
}

async fn an_answer_says_what_it_cost_to_those_who_ask(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let query = "{ tasks(first: 3) { ...T } } fragment T on TaskConnection { nodes { id } }";
    assert_eq!(
        usage(&server, query).await?,
        json!({"cost": 7, "maxCost": 200_000, "depth": 3, "maxDepth": 16, "fields": 4, "maxFields": 1_000})
    );
    let viewer = "{ viewer { usage { cost maxCost depth maxDepth fields maxFields } } tasks(first: 3) { nodes { id } } }";
    assert_eq!(
        server.graphql(viewer, Value::Null).await?["viewer"]["usage"],
        json!({"cost": 15, "maxCost": 200_000, "depth": 3, "maxDepth": 16, "fields": 11, "maxFields": 1_000})
    );
    let silent = server.ask(query, Value::Null).await?.json()?;
    assert!(silent.get("extensions").is_none(), "{silent}");
    let get = "/graphql?query=%7Bserver%7Bversion%7D%7D&extensions=%7B%22usage%22%3Atrue%7D";
    assert_eq!(
        server.get(get).await?.json()?["extensions"]["usage"]["cost"],
        2
    );
    let mut live = server.live().await?;
    let payload =
        json!({"query": "subscription { activity { cursor } }", "extensions": {"usage": true}});
    live.send(json!({"id": "1", "type": "subscribe", "payload": payload}))
        .await?;
    let crate::support::live::Said::Message(first) = live.said().await? else {
        panic!("closed");
    };
    assert_eq!(
        first["payload"]["extensions"]["usage"]["cost"], 2,
        "{first}"
    );
    server.stop().await?;
    let open = TestServer::start_with(&database, |config| config.graphql.show_usage = true).await?;
    let told = open.ask(query, Value::Null).await?.json()?;
    assert_eq!(told["extensions"]["usage"]["cost"], 7);
    open.stop().await
}

async fn what_is_too_costly_is_told_its_cost_by_those_who_ask(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start_with(&database, |config| config.graphql.max_cost = 100).await?;
    let query = "{ tasks(first: 60) { nodes { id } } }";
    let body = json!({"query": query, "extensions": {"usage": true}});
    let request = server.request(Method::POST, "/graphql").json(&body);
    let answer = Answer::of(request.send().await?).await?;
    assert_eq!(answer.status, 400, "{answer}");
    let told = answer.json()?;
    assert_eq!(told["errors"][0]["extensions"]["limit"], "max_cost");
    assert_eq!(
        told["extensions"]["usage"],
        json!({"cost": 121, "maxCost": 100, "depth": 3, "maxDepth": 16, "fields": 3, "maxFields": 1_000})
    );
    assert!(told.get("data").is_none(), "{told}");
    let silent = server.ask(query, Value::Null).await?.json()?;
    assert_eq!(silent["errors"][0]["extensions"]["asked"], 121);
    assert!(silent.get("extensions").is_none(), "{silent}");
    server.stop().await
}

async fn too_many_buckets_are_refused_before_anything_runs(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let clock = TestClock::new();
    let server = TestServer::start_at(&database, clock.clock(), |_| ()).await?;
    let parts = "{ buckets { start } }";
    let variables = format!(
        "query ($p: Period, $b: Bucket = DAY) {{ viewer {{ name }} incidentStatistics(period: $p, bucket: $b) {parts} }}"
    );
    let nested = format!(
        "query ($from: Moment) {{ buildings {{ nodes {{ ...B }} }} }} fragment B on Building {{
            statistics(bucket: HOUR, period: {{from: $from}}) {{ tasks {parts} }} }}"
    );
    let literal = format!(
        "{{ viewer {{ name }} many: taskStatistics(bucket: HOUR, period: {{from: \"-P60D\"}}) {parts} }}"
    );
    let two = format!("query A {{ viewer {{ name }} }} query B {literal}");
    let long = json!({"from": "-P60D"});
    for (query, given, operation) in [
        (&literal, json!({}), None),
        (&variables, json!({"p": long, "b": "HOUR"}), None),
        (
            &variables,
            json!({"p": {"from": "2000-01-01T00:00:00Z"}}),
            None,
        ),
        (&nested, long.clone(), None),
        (&two, json!({}), Some("B")),
    ] {
        let body = json!({"query": query, "variables": given, "operationName": operation});
        let request = server.request(Method::POST, "/graphql").json(&body);
        let answer = Answer::of(request.send().await?).await?;
        assert_eq!(answer.status, 400, "{body}: {answer}");
        let told = answer.json()?;
        assert!(told.get("data").is_none(), "{told}");
        assert!(told["errors"][0].get("path").is_none(), "{told}");
        let extensions = &told["errors"][0]["extensions"];
        assert_eq!(extensions["limit"], "max_buckets", "{told}");
        assert!(extensions["asked"].as_u64() > Some(1_000), "{told}");
    }
    for (query, given, operation) in [
        (&variables, json!({"p": long}), None),
        (&variables, json!({"b": "HOUR"}), None),
        (&nested, json!({"from": "-P7D"}), None),
        (&two, json!({}), Some("A")),
    ] {
        let body = json!({"query": query, "variables": given, "operationName": operation});
        let request = server.request(Method::POST, "/graphql").json(&body);
        let answer = Answer::of(request.send().await?).await?;
        assert!(answer.json()?.get("errors").is_none(), "{body}: {answer}");
    }
    // The server's clock says how long ago that is.
    let since = clock.now().to_rfc3339();
    let query =
        format!("{{ taskStatistics(bucket: HOUR, period: {{from: \"{since}\"}}) {parts} }}");
    assert_eq!(server.ask(&query, Value::Null).await?.status, 200);
    clock.advance(TimeDelta::days(60));
    assert_eq!(server.ask(&query, Value::Null).await?.status, 400);
    server.stop().await
}

async fn what_is_no_time_is_told_what_one_looks_like(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let message = async |query: &str, variables: Value| -> anyhow::Result<String> {
        let answer = server.ask(query, variables).await?.json()?;
        let error = &answer["errors"][0];
        assert_eq!(error["extensions"]["code"], "BAD_INPUT", "{answer}");
        Ok(error["message"].as_str().unwrap().to_owned())
    };
    let by = "by: {urgent: {tenant: \"t\", identifier: \"x\"}}";
    let literal = |at: &str| format!("{{ task({by}, asOf: {at}) {{ id }} }}");
    let variable = format!("query($at: DateTime) {{ task({by}, asOf: $at) {{ id }} }}");
    let count = "{ buildings { nodes { openIncidentCount(asOf: \"2026-01-01\") } } }";
    let mut told = Vec::new();
    for at in ["\"-PT1M\"", "\"2026-01-01T00:00:00\"", "\"\"", "5"] {
        told.push(message(&literal(at), json!({})).await?);
    }
    for at in [json!("yesterday"), json!(5)] {
        told.push(message(&variable, json!({ "at": at })).await?);
    }
    server
        .push(json!([incident("INCIDENT_CREATED", 0)]))
        .await?;
    told.push(message(count, json!({})).await?);
    for within in ["P1M", "-P1D"] {
        let query =
            format!("{{ incidents(filter: {{breachesWithin: \"{within}\"}}) {{ totalCount }} }}");
        told.push(message(&query, json!({})).await?);
    }
    snapshot!(told.join("\n"), @r#"
    asOf: Failed to parse "DateTime": expected a time with an offset, such as 2026-01-01T00:00:00Z
    asOf: Failed to parse "DateTime": expected a time with an offset, such as 2026-01-01T00:00:00Z
    asOf: Failed to parse "DateTime": expected a time with an offset, such as 2026-01-01T00:00:00Z
    asOf: Expected input type "DateTime"
    asOf: Failed to parse "DateTime": expected a time with an offset, such as 2026-01-01T00:00:00Z
    asOf: Expected input type "DateTime"
    asOf: Failed to parse "DateTime": expected a time with an offset, such as 2026-01-01T00:00:00Z
    filter: Failed to parse "Duration": expected a length of time such as PT25M or P2DT4H; months and years have none that is fixed (occurred while parsing "IncidentFilter")
    filter: Failed to parse "Duration": expected a length of time such as PT25M or P2DT4H; months and years have none that is fixed (occurred while parsing "IncidentFilter")
    "#);
    server.stop().await
}

async fn the_longest_url_is_the_one_that_is_documented(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let start = "/graphql?query=%7B__typename%7D&x=";
    for (bytes, status) in [(65_534, "200"), (65_535, "414")] {
        let url = format!("{start}{}", "x".repeat(bytes - start.len()));
        let answer = answered(
            &server.base,
            &format!(
                "GET {url} HTTP/1.1\r\nHost: {}\r\n\r\n",
                address(&server.base)
            ),
        )
        .await?;
        let told = answer.split_whitespace().nth(1);
        assert_eq!(told, Some(status), "{bytes}");
    }
    server.stop().await
}

async fn errors_repeat_nothing_of_the_request(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let secret = "hunter2";
    for (query, variables) in [
        (
            format!("{{ node(id: \"{secret}\") {{ id }} }} }}"),
            json!({}),
        ),
        (format!("# {secret}\n{{ server {{"), json!({})),
        (
            format!("{{ node(id: \"{secret}\") {{ nothing }} }}"),
            json!({}),
        ),
        (format!("{{ node(id: \"{secret}\") {{ id }} }}"), json!({})),
        (tasks(&format!("after: \"{secret}\"")), json!({})),
        (
            tasks(&format!("filter: {{statusAt: {{gt: \"{secret}\"}}}}")),
            json!({}),
        ),
        (
            "query ($at: Moment!) { tasks(filter: {statusAt: {gt: $at}}) { nodes { id } } }"
                .to_owned(),
            json!({ "at": secret }),
        ),
        (
            "query ($n: Int!) { tasks(first: $n) { nodes { id } } }".to_owned(),
            json!({ "n": secret }),
        ),
        (
            "query ($f: TaskFilter!) { tasks(filter: $f) { nodes { id } } }".to_owned(),
            json!({ "f": {"status": secret} }),
        ),
    ] {
        let answer = server.ask(&query, variables).await?;
        assert!(answer.body.contains("\"errors\""), "{query}: {answer}");
        assert!(!answer.body.contains(secret), "{query}: {answer}");
        for internal in ["SELECT", "sqlx", "async_graphql", "src/", "panicked"] {
            assert!(!answer.body.contains(internal), "{query}: {answer}");
        }
    }
    // A name that is not known is told, but not at any length.
    let long = "x".repeat(20_000);
    let answer = server.ask(&format!("{{ {long} }}"), json!({})).await?;
    assert!(answer.body.len() < 1_000, "{}", answer.body.len());
    for body in [
        "{\"query\": \"hunter2",
        "\"hunter2\"",
        "{\"query\": {\"hunter2\": 1}}",
    ] {
        let request = server.request(Method::POST, "/graphql").body(body);
        let request = request.header("content-type", "application/json");
        let answer = Answer::of(request.send().await?).await?;
        assert_eq!(answer.status, 400);
        assert!(!answer.body.contains(secret), "{answer}");
    }
    server.stop().await
}

const BLOCKED: &str = "{ properties { nodes { id } } }";

async fn a_client_that_leaves_stops_what_it_asked_for(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let log = "log = 'warn,caretaker=debug'\n[graphql]\ntimeout_seconds = 120\n";
    std::fs::write(database.folder().join("caretaker.toml"), log)?;
    let server = Process::start(&database).await?;
    let beside = Database::open(database.url(), 2).await?;
    let held = beside.writer.begin().await?;
    held.execute_unprepared("LOCK TABLE property IN ACCESS EXCLUSIVE MODE")
        .await?;
    let body = json!({ "query": BLOCKED }).to_string();
    let mut client = TcpStream::connect(address(&server.base)).await?;
    let request = format!(
        "POST /graphql HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        address(&server.base),
        body.len()
    );
    client.write_all(request.as_bytes()).await?;
    let waiting = async {
        let asked = "SELECT 1 FROM pg_locks WHERE NOT granted";
        while beside.feed.query_one_raw(statement(asked)).await?.is_none() {
            sleep(Duration::from_millis(10)).await;
        }
        anyhow::Ok(())
    };
    timeout(PATIENCE, waiting).await??;
    let said = || std::fs::read_to_string(database.folder().join("log")).unwrap_or_default();
    assert!(!said().contains("a caller left"), "{}", said());
    drop(client);
    let dropped = async {
        while !said().contains("a caller left") {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, dropped).await?;
    held.rollback().await?;
    beside.close().await;
    server.kill().await
}

fn statement(sql: &str) -> sea_orm::Statement {
    sea_orm::Statement::from_string(sea_orm::DbBackend::Postgres, sql)
}

async fn a_request_that_takes_too_long_is_cut_off(database: TestDatabase) -> anyhow::Result<()> {
    let server =
        TestServer::start_with(&database, |config| config.graphql.timeout_seconds = 1).await?;
    let beside = Database::open(database.url(), 2).await?;
    let held = beside.writer.begin().await?;
    held.execute_unprepared("LOCK TABLE property IN ACCESS EXCLUSIVE MODE")
        .await?;
    let answer = server.ask(BLOCKED, Value::Null).await?;
    held.rollback().await?;
    beside.close().await;
    let refused = &answer.json()?["errors"][0];
    assert_eq!(
        refused["message"],
        "this took longer than 1 seconds: ask for less at once"
    );
    let extensions = &refused["extensions"];
    assert_eq!(
        (extensions["limit"].as_str(), extensions["most"].as_u64()),
        (Some("timeout_seconds"), Some(1))
    );
    server.graphql(BLOCKED, Value::Null).await?;
    server.stop().await
}
