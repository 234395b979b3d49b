//! Statistics of what the platforms told: Matrix's own rules, days as a clock on the wall shows them, any order of arrival.

use caretaker::domain::database::Database;
use caretaker::domain::migrate;
use chrono::{DateTime, TimeDelta, Utc};
use entity::incident as incidents;
use fastrand::Rng;
use sea_orm::{ConnectionTrait, EntityTrait};
use serde_json::{Value, json};

use crate::support::case::on_each_engine;
use crate::support::clock::TestClock;
use crate::support::payload::{BUILDING, incident, with};
use crate::support::process::run;
use crate::support::{Case, TestDatabase, TestServer};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        incidents_count_by_the_rules_of_matrix,
        an_incident_is_reopened_by_the_time_of_the_events,
        numbers_do_not_depend_on_the_order_of_arrival,
        days_follow_the_clock_of_the_time_zone,
        the_operator_says_how_many_buckets_there_may_be,
        incidents_of_an_older_release_are_known_to_have_been_reopened,
    ]
}

/// An event of incident `task` at `at`.
fn told(name: &str, task: &str, at: DateTime<Utc>, meta: Value) -> Value {
    let second = at.timestamp();
    let times = json!({
        "UnixTimeInt": second, "UnixTime": second.to_string(), "Time": format!("scworkforcemanagement#{second}"),
        "Meta": {"TaskId": task, "Start": second, "End": second + 900, "AStart": 0, "AEnd": 0},
    });
    with(with(incident(name, 0), times), json!({ "Meta": meta }))
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

const NUMBERS: &str = "reported { count } open { count } completed { count } breached { count } reopened { count }
    resolutionRate responseSeconds { count average median p90 } resolutionSeconds { count average median p90 }";

async fn whole(server: &TestServer, numbers: &str) -> anyhow::Result<Value> {
    let query = format!(
        "{{ building(by: {{place: {{source: MATRIX, code: \"{BUILDING}\"}}}}) {{
            statistics {{ incidents {{ whole {{ {numbers} }} }} }} }} }}"
    );
    let mut data = server.shows(&query).await?;
    Ok(data["building"]["statistics"]["incidents"]["whole"].take())
}

async fn incidents_count_by_the_rules_of_matrix(database: TestDatabase) -> anyhow::Result<()> {
    let clock = TestClock::new();
    let server = TestServer::start_at(&database, clock.clock(), |_| ()).await?;
    let now = clock.now();
    let ago = |seconds| now - TimeDelta::seconds(seconds);
    // Given to somebody 5,000 seconds ago and due 900 seconds later.
    let work = |started: i64, ended: i64| {
        let second = |after: i64| {
            if after == 0 {
                0
            } else {
                ago(5_000).timestamp() + after
            }
        };
        json!({"AStart": second(started), "AEnd": second(ended)})
    };
    let nobodys = json!({"Status": "NOT_ASSIGNED"});
    server
        .push(json!([
            // Reported long before it was given to somebody: what counts is from then on.
            told(
                "INCIDENT_CREATED_OPEN",
                "in time",
                ago(9_000),
                nobodys.clone()
            ),
            told("INCIDENT_COMPLETED", "in time", ago(5_000), work(100, 400)),
            told("INCIDENT_COMPLETED", "late", ago(5_000), work(500, 1_000)),
            told("INCIDENT_COMPLETED", "at once", ago(5_000), work(-60, 300)),
            told("INCIDENT_STARTED", "under way", ago(5_000), work(200, 0)),
            told(
                "INCIDENT_INCOMPLETE",
                "given up",
                ago(5_000),
                work(300, 600)
            ),
            told("INCIDENT_CREATED", "untouched", ago(100), json!({})),
            told("INCIDENT_CREATED_OPEN", "nobody's", ago(8_000), nobodys),
        ]))
        .await?;
    let shown = whole(&server, NUMBERS).await?;
    assert_eq!(
        shown,
        json!({
            "reported": {"count": 7}, "open": {"count": 3}, "completed": {"count": 3},
            // Late, under way and given up: all were due 900 seconds after their assignment.
            "breached": {"count": 3}, "reopened": {"count": 0}, "resolutionRate": 3.0 / 7.0,
            "responseSeconds": {"count": 5, "average": 220.0, "median": 200, "p90": 500},
            "resolutionSeconds": {"count": 3, "average": 1_700.0 / 3.0, "median": 400, "p90": 1_000},
        })
    );
    let query =
        "{ incidentStatistics { whole { byState { state count } byPriority { priority count }
        byKind { kind isOther count } } } }";
    let shown = server.shows(query).await?;
    let whole = &shown["incidentStatistics"]["whole"];
    let of = |list: &str, field: &str, word: &str| {
        let entries = whole[list].as_array().unwrap();
        let entry = entries.iter().find(|entry| entry[field] == word);
        entry.unwrap_or_else(|| panic!("{shown}"))["count"].clone()
    };
    assert_eq!(of("byState", "state", "COMPLETED"), 3);
    assert_eq!(of("byState", "state", "NOT_ASSIGNED"), 1);
    assert_eq!(of("byState", "state", "PENDING"), 0);
    assert_eq!(of("byPriority", "priority", "HIGH"), 7);
    assert_eq!(
        whole["byKind"],
        json!([{"kind": "AQ Lite", "isOther": false, "count": 7}])
    );
    // What nobody has begins to be late when it is given to somebody and 900 seconds pass.
    clock.advance(TimeDelta::seconds(801));
    assert_eq!(
        self::whole(&server, "breached { count }").await?["breached"]["count"],
        4
    );
    server.stop().await
}

async fn an_incident_is_reopened_by_the_time_of_the_events(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let clock = TestClock::new();
    let server = TestServer::start_at(&database, clock.clock(), |_| ()).await?;
    let ago = |seconds| clock.now() - TimeDelta::seconds(seconds);
    let ended = |task: &str, before| {
        told(
            "INCIDENT_COMPLETED",
            task,
            ago(before),
            json!({"AEnd": ago(before).timestamp()}),
        )
    };
    let open = |task: &str, before| told("INCIDENT_CREATED", task, ago(before), json!({}));
    server
        .push(json!([
            ended("again", 500),
            open("again", 400),
            ended("again", 300),
            // The word that it was open comes late and is of before.
            ended("late word", 500),
            open("late word", 600),
            // Of one second, the end is the later.
            ended("one second", 500),
            open("one second", 500),
            // An escalation says nothing of the state unless it tells one.
            ended("escalated", 500),
            told(
                "INCIDENT_ESCALATED",
                "escalated",
                ago(400),
                json!({"Status": "COMPLETED"})
            ),
        ]))
        .await?;
    let query = "{ incidentStatistics { whole { reopened { count filter } } } }";
    let shown = server.shows(query).await?;
    let reopened = &shown["incidentStatistics"]["whole"]["reopened"];
    assert_eq!(reopened["count"], 1, "{shown}");
    let query = "query($filter: IncidentFilter) { incidents(filter: $filter) { nodes { code state reopenedAt } } }";
    let shown = server
        .graphql(query, json!({"filter": reopened["filter"]}))
        .await?;
    let again =
        json!([{"code": "again", "state": "COMPLETED", "reopenedAt": ago(400).to_rfc3339()}]);
    assert_eq!(shown["incidents"]["nodes"], again);
    server.stop().await
}

/// What was told of some incidents in the days before `now`: events with times that go back and forth.
fn history(seed: u64, now: DateTime<Utc>) -> Vec<Value> {
    let mut random = Rng::with_seed(seed);
    let mut events = Vec::new();
    for task in 0..12 {
        let mut at = now - TimeDelta::seconds(random.i64(3_000..900_000));
        let priority = ["H", "M", "N", "L", "?"][random.usize(..5)];
        let kind = ["AQ Lite", "Feedback", "People counter"][random.usize(..3)];
        for _ in 0..random.usize(1..6) {
            let name = [
                "INCIDENT_CREATED_OPEN",
                "INCIDENT_CREATED",
                "INCIDENT_ESCALATED",
                "INCIDENT_STARTED",
                "INCIDENT_COMPLETED",
                "INCIDENT_INCOMPLETE",
            ][random.usize(..6)];
            let second = at.timestamp();
            let started = second + random.i64(-100..1_000);
            let meta = json!({
                "Priority": priority, "By": kind, "Start": second - random.i64(0..500),
                "AStart": if random.bool() { started } else { 0 },
                "AEnd": if random.bool() { started + random.i64(0..2_000) } else { 0 },
            });
            events.push(told(name, &task.to_string(), at, meta));
            at += TimeDelta::seconds(random.i64(0..500));
        }
    }
    events
}

async fn numbers_do_not_depend_on_the_order_of_arrival(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let clock = TestClock::new();
    let all = "reported { count filter } open { count } completed { count } breached { count filter } reopened { count }
        resolutionRate byState { count } byPriority { count } byKind { kind count }
        responseSeconds { count average median p90 } resolutionSeconds { count average median p90 }";
    let query = format!(
        "{{ incidentStatistics(bucket: DAY, timeZone: \"Asia/Kolkata\") {{ from to whole {{ {all} }} buckets {{ start end {all} }} }} }}"
    );
    for seed in 0..2 {
        let mut events = history(seed, clock.now());
        let mut random = Rng::with_seed(seed + 100);
        let mut first: Option<Value> = None;
        for _ in 0..3 {
            let fresh = database.another().await?;
            let server = TestServer::start_at(&fresh, clock.clock(), |_| ()).await?;
            for batch in events.chunks(7) {
                server.push(json!(batch)).await?;
            }
            let shown = server.shows(&query).await?;
            server.stop().await?;
            assert!(
                shown["incidentStatistics"]["whole"]["reported"]["count"] == 12,
                "{shown}"
            );
            match &first {
                Some(first) => assert_eq!(shown, *first, "seed {seed}"),
                None => first = Some(shown),
            }
            random.shuffle(&mut events);
            // Some of it comes twice.
            let again = events[..5].to_vec();
            events.extend(again);
            random.shuffle(&mut events);
        }
    }
    Ok(())
}

async fn days_follow_the_clock_of_the_time_zone(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let times = [
        // Berlin: 29 March 2025 has its last moment, 30 March 23 hours, 26 October 25.
        "2025-03-29T22:59:59Z",
        "2025-03-29T23:00:00Z",
        "2025-03-30T21:59:59Z",
        "2025-03-30T22:00:00Z",
        "2025-10-25T21:59:59Z",
        "2025-10-25T22:00:00Z",
        "2025-10-26T22:59:59Z",
        "2025-10-26T23:00:00Z",
        // Lord Howe, 6 April 2025: half an hour is shown twice.
        "2025-04-05T12:59:59Z",
        "2025-04-05T13:00:00Z",
        "2025-04-06T13:29:59Z",
        "2025-04-06T13:30:00Z",
    ];
    let reports = times.iter().enumerate().map(|(nth, time)| {
        told(
            "INCIDENT_CREATED",
            &nth.to_string(),
            at(time),
            json!({"Start": at(time).timestamp()}),
        )
    });
    server.push(reports.collect()).await?;
    for (zone, from, to, bucket, expected) in [
        (
            "Europe/Berlin",
            "2025-03-28T23:00:00Z",
            "2025-03-31T22:00:00Z",
            "DAY",
            vec![(24 * 60, 1), (23 * 60, 2), (24 * 60, 1)],
        ),
        (
            "Europe/Berlin",
            "2025-10-24T22:00:00Z",
            "2025-10-27T23:00:00Z",
            "DAY",
            vec![(24 * 60, 1), (25 * 60, 2), (24 * 60, 1)],
        ),
        (
            "Europe/Berlin",
            "2025-10-20T00:00:00Z",
            "2025-10-27T12:00:00Z",
            "WEEK",
            vec![(167 * 60, 3), (13 * 60, 1)],
        ),
        (
            "Australia/Lord_Howe",
            "2025-04-04T13:00:00Z",
            "2025-04-07T13:30:00Z",
            "DAY",
            vec![(24 * 60, 1), (24 * 60 + 30, 2), (24 * 60, 1)],
        ),
        (
            "Asia/Kathmandu",
            "2025-03-29T18:15:00Z",
            "2025-03-30T23:00:00Z",
            "DAY",
            vec![(24 * 60, 2), (285, 2)],
        ),
        (
            "Asia/Kolkata",
            "2025-03-29T22:45:00Z",
            "2025-03-30T00:00:00Z",
            "HOUR",
            vec![(45, 2), (30, 0)],
        ),
        (
            "UTC",
            "2025-03-01T00:00:00Z",
            "2025-05-01T00:00:00Z",
            "MONTH",
            vec![(31 * 24 * 60, 4), (30 * 24 * 60, 4)],
        ),
    ] {
        let query = "query($period: Period, $bucket: Bucket, $zone: String) {
            incidentStatistics(period: $period, bucket: $bucket, timeZone: $zone) { timeZone bucket
                whole { start end reported { count } } buckets { start end reported { count filter } } } }";
        let variables = json!({"period": {"from": from, "to": to}, "bucket": bucket, "zone": zone});
        let shown = server.graphql(query, variables).await?;
        let statistics = &shown["incidentStatistics"];
        assert_eq!(
            (&statistics["timeZone"], &statistics["bucket"]),
            (&json!(zone), &json!(bucket))
        );
        let time = |value: &Value| at(value.as_str().unwrap());
        let buckets = statistics["buckets"].as_array().unwrap();
        let found: Vec<(i64, i64)> = buckets
            .iter()
            .map(|of| {
                let minutes = (time(&of["end"]) - time(&of["start"])).num_minutes();
                (minutes, of["reported"]["count"].as_i64().unwrap())
            })
            .collect();
        assert_eq!(found, expected, "{zone} {bucket} {statistics:#}");
        let sum: i64 = found.iter().map(|(_, count)| count).sum();
        assert_eq!(statistics["whole"]["reported"]["count"], sum);
        assert_eq!(time(&statistics["whole"]["start"]), at(from));
        assert_eq!(time(&statistics["whole"]["end"]), at(to));
        for of in buckets {
            let query =
                "query($filter: IncidentFilter) { incidents(filter: $filter) { totalCount } }";
            let shown = server
                .graphql(query, json!({"filter": of["reported"]["filter"]}))
                .await?;
            assert_eq!(shown["incidents"]["totalCount"], of["reported"]["count"]);
        }
    }
    server.stop().await
}

async fn the_operator_says_how_many_buckets_there_may_be(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server =
        TestServer::start_with(&database, |config| config.graphql.max_buckets = 23).await?;
    let body = json!({"query": "{ incidentStatistics(bucket: HOUR) { buckets { start } } }"});
    let answer = server
        .http
        .post(format!("{}/graphql", server.base))
        .json(&body)
        .send()
        .await?;
    let answer: Value = answer.json().await?;
    let error = &answer["errors"][0];
    assert_eq!(error["extensions"]["limit"], "max_buckets", "{answer}");
    assert_eq!(
        (&error["extensions"]["most"], &error["extensions"]["asked"]),
        (&json!(23), &json!(24)),
        "{answer}"
    );
    server
        .shows("{ incidentStatistics(bucket: WEEK) { buckets { start } } }")
        .await?;
    server.stop().await
}

async fn incidents_of_an_older_release_are_known_to_have_been_reopened(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let clock = TestClock::new();
    let server = TestServer::start_at(&database, clock.clock(), |_| ()).await?;
    let ago = |seconds| clock.now() - TimeDelta::seconds(seconds);
    server
        .push(json!([
            told(
                "INCIDENT_COMPLETED",
                "again",
                ago(500),
                json!({"AEnd": ago(500).timestamp()})
            ),
            told("INCIDENT_STARTED", "again", ago(400), json!({})),
            told(
                "INCIDENT_COMPLETED",
                "done",
                ago(500),
                json!({"AEnd": ago(500).timestamp()})
            ),
            told("INCIDENT_CREATED", "fresh", ago(400), json!({})),
            // An escalation tells the state too, whether it changes it or not.
            told("INCIDENT_CREATED", "escalated", ago(500), json!({})),
            told("INCIDENT_ESCALATED", "escalated", ago(400), json!({})),
            told(
                "INCIDENT_COMPLETED",
                "escalated",
                ago(300),
                json!({"AEnd": ago(300).timestamp()})
            ),
            told(
                "INCIDENT_COMPLETED",
                "escalated again",
                ago(500),
                json!({"AEnd": ago(500).timestamp()})
            ),
            told(
                "INCIDENT_ESCALATED",
                "escalated again",
                ago(400),
                json!({"Status": "ASSIGNED"})
            ),
            // The end that is told is that of before it was reopened.
            told("INCIDENT_COMPLETED", "again", ago(200), json!({"AEnd": 0})),
        ]))
        .await?;
    server.stop().await?;
    let open = Database::open(database.url(), 1).await?;
    let before = incidents::Entity::find().all(&open.readers).await?;
    assert_eq!(
        before
            .iter()
            .filter(|row| row.reopened_at.is_some())
            .count(),
        2
    );
    // A release without these columns took what it was told for the end.
    migrate::down(&open, 2).await?;
    for table in ["incident", "task"] {
        let ended = format!("UPDATE {table} SET completed_at = ended_at WHERE state = 'COMPLETED'");
        open.writer.execute_unprepared(&ended).await?;
    }
    let server = TestServer::start_at(&database, clock.clock(), |_| ()).await?;
    server.stop().await?;
    let after = incidents::Entity::find().all(&open.readers).await?;
    assert_eq!(after.len(), 5);
    for row in before {
        assert!(after.contains(&row), "{row:?}\n{after:#?}");
    }
    let (code, printed, said) = run(&database, &["rebuild"]).await?;
    assert_eq!(code, Some(0), "{printed} {said}");
    open.close().await;
    Ok(())
}
