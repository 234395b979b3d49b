//! Deadlines: how an incident stands to them as time passes, how lists ask for it, and what caretaker says by itself.

use caretaker::config::{Config, Sla, StartWithin};
use caretaker::domain::batch;
use caretaker::domain::database::Database;
use caretaker::domain::notice::{self, Mark};
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::support::case::on_each_engine;
use crate::support::clock::TestClock;
use crate::support::feed::Feed;
use crate::support::payload::{BUILDING, WORK, incident, with};
use crate::support::process::run;
use crate::support::{Case, TestDatabase, TestServer};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        an_incident_stands_to_its_deadline_as_the_clock_says,
        lists_and_counts_ask_how_incidents_stand,
        a_notice_comes_when_its_time_has_come_and_only_once,
        of_what_passed_while_nothing_ran_only_the_breach_is_told,
        a_changed_rule_holds_for_what_is_stored,
        an_end_of_before_it_was_reopened_is_not_its_end,
        what_was_over_before_there_were_notices_is_told_to_nobody,
        of_what_a_changed_rule_makes_late_the_open_is_told,
        deadlines_that_a_swap_moves_are_told,
        what_was_told_to_be_late_is_looked_at_without_the_lock,
    ]
}

/// An event of incident `task` at `at`, assigned then and due 1,000 seconds later.
fn told(name: &str, task: &str, at: DateTime<Utc>, changes: Value) -> Value {
    let second = at.timestamp();
    let times = json!({
        "UnixTimeInt": second, "UnixTime": second.to_string(), "Time": format!("scworkforcemanagement#{second}"),
        "Meta": {"TaskId": task, "Start": second, "End": second + 1_000, "AStart": 0, "AEnd": 0},
    });
    with(with(incident(name, 0), times), changes)
}

fn assigned(task: &str, at: DateTime<Utc>) -> Value {
    told("INCIDENT_CREATED", task, at, json!({}))
}

/// With caretaker's own notices.
fn telling(config: &mut Config) {
    config.feed.notices = true;
}

fn seconds(seconds: i64) -> TimeDelta {
    TimeDelta::seconds(seconds)
}

const CLOCKS: &str = "sla { state startBy dueAt breachedAt remaining } responseTime resolutionTime";

async fn states(server: &TestServer, filter: &str) -> anyhow::Result<Vec<String>> {
    let query = format!("{{ incidents(filter: {filter}) {{ nodes {{ code }} }} }}");
    let data = server.shows(&query).await?;
    let nodes = data["incidents"]["nodes"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let mut codes: Vec<String> = nodes
        .iter()
        .filter_map(|node| Some(node["code"].as_str()?.to_owned()))
        .collect();
    codes.sort();
    Ok(codes)
}

async fn an_incident_stands_to_its_deadline_as_the_clock_says(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let clock = TestClock::new();
    let server = TestServer::start_at(&database, clock.clock(), |_| ()).await?;
    let start = clock.now();
    server.push(json!([assigned(WORK, start)])).await?;
    let due = (start + seconds(1_000)).to_rfc3339();
    let shown = server.incident(CLOCKS).await?;
    assert_eq!(shown["sla"]["state"], "ON_TRACK");
    assert_eq!(shown["sla"]["startBy"], Value::Null);
    assert_eq!(shown["sla"]["dueAt"], due);
    assert_eq!(shown["sla"]["remaining"], "PT16M40S");

    clock.advance(seconds(750));
    let shown = server.incident(CLOCKS).await?;
    assert_eq!(shown["sla"]["state"], "AT_RISK");
    assert_eq!(shown["sla"]["remaining"], "PT4M10S");
    clock.advance(seconds(251));
    let shown = server.incident(CLOCKS).await?;
    assert_eq!(shown["sla"]["state"], "BREACHED");
    assert_eq!(shown["sla"]["breachedAt"], due);
    assert_eq!(shown["sla"]["remaining"], Value::Null);

    // The word that it was done in time comes late.
    let done = json!({"Meta": {
        "Start": start.timestamp(), "End": start.timestamp() + 1_000,
        "AStart": start.timestamp() + 60, "AEnd": start.timestamp() + 900,
    }});
    let done = told("INCIDENT_COMPLETED", WORK, start + seconds(900), done);
    server.push(json!([done])).await?;
    let shown = server.incident(CLOCKS).await?;
    assert_eq!(shown["sla"]["state"], "MET");
    assert_eq!(shown["sla"]["breachedAt"], Value::Null);
    assert_eq!(shown["responseTime"], "PT1M");
    assert_eq!(shown["resolutionTime"], "PT15M");
    server.stop().await
}

async fn lists_and_counts_ask_how_incidents_stand(database: TestDatabase) -> anyhow::Result<()> {
    let clock = TestClock::new();
    let server = TestServer::start_at(&database, clock.clock(), |_| ()).await?;
    let now = clock.now();
    let before = |past| now - seconds(past);
    let done = json!({"Meta": {"AEnd": before(1_400).timestamp()}});
    let open = json!({"Meta": {"Status": "NOT_ASSIGNED"}});
    server
        .push(json!([
            assigned("on-track", before(100)),
            assigned("at-risk", before(800)),
            assigned("breached", before(2_000)),
            told("INCIDENT_COMPLETED", "met", before(1_500), done),
            told("INCIDENT_CREATED_OPEN", "nobody's", before(5_000), open),
        ]))
        .await?;
    let of = |state: &str| format!("{{slaState: {{eq: {state}}}}}");
    assert_eq!(states(&server, &of("ON_TRACK")).await?, ["on-track"]);
    assert_eq!(states(&server, &of("AT_RISK")).await?, ["at-risk"]);
    assert_eq!(states(&server, &of("BREACHED")).await?, ["breached"]);
    assert_eq!(states(&server, &of("MET")).await?, ["met"]);
    assert_eq!(states(&server, &of("NOT_APPLICABLE")).await?, ["nobody's"]);
    let other = "{slaState: {notIn: [MET, NOT_APPLICABLE], neq: AT_RISK}}";
    assert_eq!(states(&server, other).await?, ["breached", "on-track"]);
    let soon = |length: &str| format!("{{breachesWithin: \"{length}\"}}");
    assert_eq!(states(&server, &soon("PT5M")).await?, ["at-risk"]);
    assert_eq!(
        states(&server, &soon("PT1H")).await?,
        ["at-risk", "on-track"]
    );
    assert_eq!(states(&server, &soon("PT0S")).await?, [""; 0]);

    let query = format!(
        "{{ building(by: {{place: {{source: MATRIX, code: \"{BUILDING}\"}}}}) {{
            openIncidentCount breachedCount zones {{ nodes {{ openIncidentCount }} }}
        }} }}"
    );
    let shown = server.shows(&query).await?;
    assert_eq!(shown["building"]["openIncidentCount"], 4, "{shown}");
    assert_eq!(shown["building"]["breachedCount"], 1);
    assert_eq!(
        shown["building"]["zones"]["nodes"],
        json!([{"openIncidentCount": 4}])
    );
    server.stop().await
}

/// The notices there are, each with the time it tells.
async fn notices(server: &TestServer) -> anyhow::Result<Vec<(String, String)>> {
    let query = "{ activities(filter: {kind: {in: [SLA_AT_RISK, SLA_BREACHED]}}) {
        nodes { kind occurredAt incident { code } building { id } property { id } delivery { id } }
    } }";
    let data = server.shows(query).await?;
    let nodes = data["activities"]["nodes"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    for node in &nodes {
        assert_eq!(node["incident"]["code"], WORK, "{node}");
        assert!(
            node["building"]["id"].is_string() && node["property"]["id"].is_string(),
            "{node}"
        );
        assert_eq!(node["delivery"], Value::Null, "{node}");
    }
    let word = |node: &Value, field: &str| node[field].as_str().unwrap_or_default().to_owned();
    Ok(nodes
        .iter()
        .map(|node| (word(node, "kind"), word(node, "occurredAt")))
        .collect())
}

/// Follows what is told, with its kind.
async fn follow(server: &TestServer, after: Option<&str>) -> anyhow::Result<Feed> {
    let document =
        "subscription($after: String) { activity(after: $after) { cursor activity { kind } } }";
    Feed::of(&server.base, document, json!({ "after": after }), after).await
}

/// Waits until the feed tells of `kind`.
async fn heard(feed: &mut Feed, kind: &str) -> anyhow::Result<()> {
    loop {
        let event = feed.event().await?;
        if event["activity"]["kind"] == kind {
            return Ok(());
        }
    }
}

async fn a_notice_comes_when_its_time_has_come_and_only_once(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let clock = TestClock::new();
    let server = TestServer::start_at(&database, clock.clock(), telling).await?;
    let another = TestServer::start_at(&database, clock.clock(), telling).await?;
    let mut feed = follow(&server, None).await?;
    feed.heartbeat().await?;
    let start = clock.now();
    server.push(json!([assigned(WORK, start)])).await?;
    clock.advance(seconds(760));
    heard(&mut feed, "SLA_AT_RISK").await?;
    clock.advance(seconds(300));
    heard(&mut feed, "SLA_BREACHED").await?;
    let time = |after| (start + seconds(after)).to_rfc3339();
    let both = [
        ("SLA_AT_RISK".to_owned(), time(750)),
        ("SLA_BREACHED".to_owned(), time(1_000)),
    ];
    assert_eq!(notices(&server).await?, both);
    server.stop().await?;
    another.stop().await?;

    // What is told stays told, and is told once: a new run looks at all of it again.
    let server = TestServer::start_at(&database, clock.clock(), telling).await?;
    let mut feed = follow(&server, None).await?;
    feed.heartbeat().await?;
    let end = start.timestamp();
    let moved = json!({"Meta": {"Status": "ASSIGNED", "Start": end, "End": end + 1_030}});
    let moved = told("INCIDENT_ESCALATED", WORK, start + seconds(10), moved);
    server.push(json!([moved])).await?;
    heard(&mut feed, "SLA_BREACHED").await?;
    let all = notices(&server).await?;
    assert_eq!(all[..2], both);
    assert_eq!(all[2..], [("SLA_BREACHED".to_owned(), time(1_030))]);
    server.stop().await
}

async fn of_what_passed_while_nothing_ran_only_the_breach_is_told(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let clock = TestClock::new();
    let server = TestServer::start_at(&database, clock.clock(), telling).await?;
    let start = clock.now();
    let nobody = json!({"Meta": {"Status": "NOT_ASSIGNED"}});
    server
        .push(json!([
            assigned(WORK, start),
            told("INCIDENT_CREATED_OPEN", "nobody's", start, nobody),
        ]))
        .await?;
    server.stop().await?;
    clock.advance(seconds(90_000));
    let server = TestServer::start_at(&database, clock.clock(), telling).await?;
    let mut feed = follow(&server, Some(&first_cursor(&server).await?)).await?;
    heard(&mut feed, "SLA_BREACHED").await?;
    let breached = (
        "SLA_BREACHED".to_owned(),
        (start + seconds(1_000)).to_rfc3339(),
    );
    assert_eq!(notices(&server).await?, [breached]);
    server.stop().await
}

async fn first_cursor(server: &TestServer) -> anyhow::Result<String> {
    let data = server
        .shows("{ activities(first: 1) { nodes { cursor } } }")
        .await?;
    let cursor = data["activities"]["nodes"][0]["cursor"].as_str();
    Ok(cursor.unwrap_or_default().to_owned())
}

async fn a_changed_rule_holds_for_what_is_stored(database: TestDatabase) -> anyhow::Result<()> {
    let clock = TestClock::new();
    let server = TestServer::start_at(&database, clock.clock(), |_| ()).await?;
    let start = clock.now();
    server.push(json!([assigned(WORK, start)])).await?;
    server.stop().await?;

    let within = StartWithin {
        high: "300".parse().ok(),
        ..StartWithin::default()
    };
    let sla = Sla {
        at_risk: 50,
        start_within: within,
    };
    let server =
        TestServer::start_at(&database, clock.clock(), |config| config.sla = Some(sla)).await?;
    let shown = server.incident(CLOCKS).await?;
    assert_eq!(shown["sla"]["startBy"], (start + seconds(300)).to_rfc3339());
    clock.advance(seconds(150));
    assert_eq!(server.incident(CLOCKS).await?["sla"]["state"], "AT_RISK");
    clock.advance(seconds(151));
    assert_eq!(server.incident(CLOCKS).await?["sla"]["state"], "BREACHED");
    server.stop().await?;

    // A server whose settings say nothing of it leaves the rule as it is.
    let server = TestServer::start_at(&database, clock.clock(), |_| ()).await?;
    assert_eq!(server.incident(CLOCKS).await?["sla"]["state"], "BREACHED");
    server.stop().await
}

async fn an_end_of_before_it_was_reopened_is_not_its_end(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let clock = TestClock::new();
    let start = clock.now();
    let later = |name: &str, after: i64, end: i64| {
        let second = start.timestamp();
        let end = if end == 0 { 0 } else { second + end };
        let meta = json!({"Meta": {"Start": second, "End": second + 1_000, "AEnd": end}});
        told(name, WORK, start + seconds(after), meta)
    };
    let told = [
        later("INCIDENT_COMPLETED", 500, 500),
        later("INCIDENT_STARTED", 600, 0),
        later("INCIDENT_COMPLETED", 1_500, 0),
    ];
    for order in [[0, 1, 2], [2, 0, 1], [1, 2, 0]] {
        let fresh = database.another().await?;
        let server = TestServer::start_at(&fresh, clock.clock(), |_| ()).await?;
        for nth in order {
            server.push(json!([told[nth]])).await?;
        }
        let fields = format!("state completedAt task {{ completedAt }} {CLOCKS}");
        let shown = server.incident(&fields).await?;
        assert_eq!(shown["state"], "COMPLETED", "{order:?}");
        assert_eq!(shown["completedAt"], Value::Null, "{order:?}");
        assert_eq!(shown["task"]["completedAt"], Value::Null, "{order:?}");
        assert_eq!(shown["resolutionTime"], Value::Null, "{order:?}");
        clock.advance(seconds(1_001));
        let shown = server.incident(CLOCKS).await?;
        assert_eq!(shown["sla"]["state"], "BREACHED", "{order:?}");
        clock.advance(seconds(-1_001));
        // With the word of when, it has an end again.
        server
            .push(json!([later("INCIDENT_COMPLETED", 1_600, 900)]))
            .await?;
        let shown = server.incident(&fields).await?;
        let end = (start + seconds(900)).to_rfc3339();
        assert_eq!(shown["completedAt"], end, "{order:?}");
        server.stop().await?;
    }
    Ok(())
}

/// An incident that was assigned and completed with its words so many seconds before `now`.
fn over(task: &str, assigned: DateTime<Utc>, ended: DateTime<Utc>) -> Value {
    let meta = json!({"Meta": {
        "Start": assigned.timestamp(), "End": assigned.timestamp() + 1_000, "AEnd": ended.timestamp(),
    }});
    told("INCIDENT_COMPLETED", task, ended, meta)
}

async fn what_was_over_before_there_were_notices_is_told_to_nobody(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let clock = TestClock::new();
    let start = clock.now();
    let server = TestServer::start_at(&database, clock.clock(), |_| ()).await?;
    server
        .push(json!([
            over("over", start - seconds(9_000), start - seconds(7_000)),
            assigned(WORK, start - seconds(5_000)),
        ]))
        .await?;
    server.stop().await?;
    let server = TestServer::start_at(&database, clock.clock(), telling).await?;
    let mut feed = follow(&server, Some(&first_cursor(&server).await?)).await?;
    heard(&mut feed, "SLA_BREACHED").await?;
    let of_open = (
        "SLA_BREACHED".to_owned(),
        (start - seconds(4_000)).to_rfc3339(),
    );
    assert_eq!(notices(&server).await?, [of_open]);
    server.stop().await
}

fn start_within(high: &str) -> Sla {
    let within = StartWithin {
        high: high.parse().ok(),
        ..StartWithin::default()
    };
    Sla {
        at_risk: 25,
        start_within: within,
    }
}

async fn of_what_a_changed_rule_makes_late_the_open_is_told(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let clock = TestClock::new();
    let start = clock.now();
    let server = TestServer::start_at(&database, clock.clock(), telling).await?;
    let done = start - seconds(100);
    server
        .push(json!([
            over("over", start - seconds(800), done),
            assigned(WORK, start - seconds(400)),
        ]))
        .await?;
    server.stop().await?;
    let strict = |config: &mut Config| {
        telling(config);
        config.sla = Some(start_within("300"));
    };
    let server = TestServer::start_at(&database, clock.clock(), strict).await?;
    let mut feed = follow(&server, Some(&first_cursor(&server).await?)).await?;
    heard(&mut feed, "SLA_BREACHED").await?;
    let of_open = (
        "SLA_BREACHED".to_owned(),
        (start - seconds(100)).to_rfc3339(),
    );
    assert_eq!(notices(&server).await?, [of_open]);
    let late = "{slaState: {eq: BREACHED}}";
    assert_eq!(states(&server, late).await?, [WORK, "over"]);
    server.stop().await
}

async fn deadlines_that_a_swap_moves_are_told(database: TestDatabase) -> anyhow::Result<()> {
    let clock = TestClock::new();
    let start = clock.now();
    let server = TestServer::start_at(&database, clock.clock(), telling).await?;
    server
        .push(json!([assigned(WORK, start - seconds(2_000))]))
        .await?;
    server.stop().await?;
    // As if the deadline had never been computed, nor anything be said of it.
    let open = Database::open(database.url(), 1).await?;
    for sql in [
        "UPDATE incident SET sla_due_at = NULL, sla_miss_at = NULL, sla_risk_at = NULL",
        "DELETE FROM activity WHERE kind = 'SLA_BREACHED'",
    ] {
        open.writer.execute_unprepared(sql).await?;
    }
    open.close().await;
    let server = TestServer::start_at(&database, clock.clock(), telling).await?;
    let mut feed = follow(&server, None).await?;
    feed.heartbeat().await?;
    let (code, printed, said) = run(&database, &["rebuild", "--swap"]).await?;
    assert_eq!(code, Some(0), "{printed} {said}");
    // Whatever is committed lets the notices look.
    server
        .push(json!([assigned("another", clock.now())]))
        .await?;
    heard(&mut feed, "SLA_BREACHED").await?;
    let due = (start - seconds(1_000)).to_rfc3339();
    assert_eq!(notices(&server).await?, [("SLA_BREACHED".to_owned(), due)]);
    server.stop().await
}

async fn what_was_told_to_be_late_is_looked_at_without_the_lock(
    case: TestDatabase,
) -> anyhow::Result<()> {
    let clock = TestClock::new();
    let server = TestServer::start_at(&case, clock.clock(), |_| ()).await?;
    let database = Database::open(case.url(), 1).await?;
    let mut mark = Mark::load(&database, clock.now()).await?;
    let start = clock.now() - seconds(2_000);
    server.push(json!([assigned(WORK, start)])).await?;
    let step = notice::give(&database, &mut mark, clock.now()).await?;
    assert!(step.is_news);
    let again = told(
        "INCIDENT_ESCALATED",
        WORK,
        start + seconds(1_500),
        json!({}),
    );
    server.push(json!([again])).await?;
    let before = mark;
    let another = Database::open(case.url(), 1).await?;
    let held = batch::begin(&another).await?;
    let step = notice::give(&database, &mut mark, clock.now()).await?;
    assert!(!step.is_news);
    assert_ne!(mark, before, "the escalation was looked at");
    held.rollback().await?;
    another.close().await;
    database.close().await;
    server.stop().await
}
