//! Cleanliness and pressure: when a zone was cleaned last, how many incidents wait in it, how tasks were chased; in
//! whichever order it is told.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::support::case::on_each_engine;
use crate::support::client::Call;
use crate::support::look::words;
use crate::support::payload::{START, chase, description, event, guid, with};
use crate::support::{Case, TestDatabase, TestServer};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        the_latest_end_of_a_completed_task_is_the_last_cleaning,
        no_order_of_arrival_changes_when_a_zone_was_cleaned,
        zones_are_found_and_sorted_by_cleanliness_and_pressure,
        tasks_are_found_and_sorted_by_their_chases,
    ]
}

/// An event of the work `code` in a zone, `second` seconds after the start, that ended at `end` (0: not yet).
fn work(name: &str, code: &str, zone: &str, second: i64, end: i64) -> Value {
    let (kind, stage) = name.split_once('_').unwrap();
    let state = match stage {
        "COMPLETED" | "INCOMPLETE" | "STARTED" => stage,
        _ => "ASSIGNED",
    };
    let meta = json!({
        "TaskId": code, "Type": kind, "Name": code, "Status": state, "Priority": "L", "Start": START, "End": START + 9_000,
        "AStart": START, "AEnd": if end == 0 { 0 } else { START + end }, "EscalationLevel": "L0",
        "Zone": zone, "ZoneName": zone,
    });
    event(name, second, meta)
}

const ZONES: &str =
    "{ zones { nodes { code lastCleanedAt lastCleaningTask { identifier } openIncidentCount } } }";

/// A zone as (second of the last cleaning, task, open incidents).
fn zone(data: &Value, code: &str) -> (Option<i64>, Option<String>, i64) {
    let nodes = data["zones"]["nodes"].as_array().unwrap();
    let node = nodes.iter().find(|node| node["code"] == code).unwrap();
    let at = node["lastCleanedAt"].as_str();
    let at = at.map(|at| {
        at.parse::<chrono::DateTime<chrono::Utc>>()
            .unwrap()
            .timestamp()
            - START
    });
    let task = node["lastCleaningTask"]["identifier"].as_str();
    (
        at,
        task.map(str::to_owned),
        node["openIncidentCount"].as_i64().unwrap(),
    )
}

async fn the_latest_end_of_a_completed_task_is_the_last_cleaning(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    server
        .push(json!([
            work("TASK_STARTED", "t1", "z", 10, 0),
            work("INCIDENT_CREATED", "i1", "z", 10, 0),
        ]))
        .await?;
    assert_eq!(zone(&server.shows(ZONES).await?, "z"), (None, None, 1));
    // The end counts, not when it was told.
    server
        .push(json!([
            work("TASK_COMPLETED", "t2", "z", 600, 500),
            work("TASK_COMPLETED", "t1", "z", 700, 400),
        ]))
        .await?;
    let shown = zone(&server.shows(ZONES).await?, "z");
    assert_eq!(shown, (Some(500), Some("t2".to_owned()), 1));
    // Neither what ended without success nor an incident's own work order is a cleaning.
    server
        .push(json!([
            work("TASK_INCOMPLETE", "t3", "z", 800, 800),
            work("INCIDENT_COMPLETED", "i1", "z", 900, 900),
            work("TASK_COMPLETED", "t4", "elsewhere", 950, 950),
        ]))
        .await?;
    let shown = zone(&server.shows(ZONES).await?, "z");
    assert_eq!(shown, (Some(500), Some("t2".to_owned()), 0));
    // What turns out not to be done is taken back.
    server
        .push(json!([work("TASK_INCOMPLETE", "t2", "z", 990, 500)]))
        .await?;
    let shown = zone(&server.shows(ZONES).await?, "z");
    assert_eq!(shown, (Some(400), Some("t1".to_owned()), 0));
    // And what was done turns out to have been done elsewhere.
    server
        .push(json!([work("TASK_COMPLETED", "t1", "elsewhere", 999, 400)]))
        .await?;
    let data = server.shows(ZONES).await?;
    assert_eq!(zone(&data, "z"), (None, None, 0));
    assert_eq!(
        zone(&data, "elsewhere"),
        (Some(950), Some("t4".to_owned()), 0)
    );
    server.stop().await
}

async fn no_order_of_arrival_changes_when_a_zone_was_cleaned(
    case: TestDatabase,
) -> anyhow::Result<()> {
    let told = vec![
        work("TASK_STARTED", "t1", "z", 10, 0),
        work("TASK_COMPLETED", "t1", "z", 400, 390),
        work("TASK_INCOMPLETE", "t1", "z", 500, 390),
        work("TASK_COMPLETED", "t2", "y", 300, 290),
        work("TASK_COMPLETED", "t2", "z", 310, 280),
        work("TASK_COMPLETED", "t3", "z", 290, 280),
        work("INCIDENT_CREATED", "i1", "y", 20, 0),
        work("INCIDENT_STARTED", "i1", "z", 30, 0),
        work("INCIDENT_COMPLETED", "i2", "z", 40, 35),
        work("INCIDENT_CREATED", "i2", "z", 20, 0),
    ];
    let expected = |data: &Value| (zone(data, "y"), zone(data, "z"));
    let mut first = None;
    let mut runner = TestRunner::deterministic();
    let twice = [told.clone(), told.clone()].concat();
    let shuffles = Just(twice).prop_shuffle();
    for _ in 0..4 {
        let fresh = case.another().await?;
        let server = TestServer::start(&fresh).await?;
        let disorder = shuffles.new_tree(&mut runner).unwrap().current();
        for batch in disorder.chunks(3) {
            server.push(json!(batch)).await?;
        }
        let shown = expected(&server.shows(ZONES).await?);
        assert_eq!(shown.0, (None, None, 0));
        assert_eq!((shown.1.0, shown.1.2), (Some(280), 1));
        assert_eq!(*first.get_or_insert_with(|| shown.clone()), shown);
        server.stop().await?;
    }
    Ok(())
}

async fn zones_are_found_and_sorted_by_cleanliness_and_pressure(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    server
        .push(json!([
            work("TASK_COMPLETED", "t1", "early", 100, 100),
            work("TASK_COMPLETED", "t2", "late", 200, 200),
            work("INCIDENT_CREATED", "i1", "early", 10, 0),
            work("INCIDENT_CREATED", "i2", "never", 10, 0),
            work("INCIDENT_CREATED", "i3", "never", 10, 0),
        ]))
        .await?;
    let order = |field: &str, direction: &str| {
        format!(
            "{{ zones(orderBy: [{{field: {field}, direction: {direction}}}]) {{ nodes {{ code }} }} }}"
        )
    };
    for (field, direction, expected) in [
        ("LAST_CLEANED_AT", "ASC", ["early", "late", "never"]),
        ("LAST_CLEANED_AT", "DESC", ["never", "late", "early"]),
        ("OPEN_INCIDENT_COUNT", "ASC", ["late", "early", "never"]),
        ("OPEN_INCIDENT_COUNT", "DESC", ["never", "early", "late"]),
    ] {
        let data = server.shows(&order(field, direction)).await?;
        assert_eq!(
            words(&data["zones"], "code"),
            expected,
            "{field} {direction}"
        );
    }
    let time = |second: i64| {
        chrono::DateTime::from_timestamp(START + second, 0)
            .unwrap()
            .to_rfc3339()
    };
    for (filter, expected) in [
        (
            format!("lastCleanedAt: {{gt: \"{}\"}}", time(100)),
            vec!["late"],
        ),
        (
            format!("lastCleanedAt: {{lte: \"{}\"}}", time(100)),
            vec!["early"],
        ),
        ("lastCleanedAt: {isNull: true}".to_owned(), vec!["never"]),
        ("lastCleanedAt: {gte: \"-PT4H\"}".to_owned(), vec![]),
        (
            "openIncidentCount: {gte: 1}".to_owned(),
            vec!["early", "never"],
        ),
        (
            "openIncidentCount: {neq: 2, lt: 5}".to_owned(),
            vec!["early", "late"],
        ),
        ("not: {openIncidentCount: {gt: 0}}".to_owned(), vec!["late"]),
    ] {
        let query = format!("{{ zones(filter: {{{filter}}}) {{ nodes {{ code }} }} }}");
        let data = server.shows(&query).await?;
        let mut found = words(&data["zones"], "code");
        found.sort();
        assert_eq!(found, expected, "{filter}");
    }
    server.stop().await
}

async fn tasks_are_found_and_sorted_by_their_chases(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    for (task, reference) in [(1, "quiet"), (2, "once"), (3, "twice")] {
        let told = json!({"TaskIdentifier": guid(task), "TaskReference": reference});
        server
            .tell(Call::TaskCreated, with(description(), told))
            .await?;
    }
    for (number, task, at) in [(11, 2, 9), (12, 3, 7), (13, 3, 8)] {
        let told = json!({"TaskIdentifier": guid(task)});
        let told = without_reference(with(
            chase(number, &format!("2020-06-01T0{at}:00:00Z")),
            told,
        ));
        server.tell(Call::TaskChased, told).await?;
    }
    for (arguments, expected) in [
        (
            "orderBy: [{field: CHASE_COUNT, direction: DESC}]",
            vec!["twice", "once", "quiet"],
        ),
        (
            "orderBy: [{field: LAST_CHASED_AT, direction: ASC}]",
            vec!["twice", "once", "quiet"],
        ),
        (
            "orderBy: [{field: LAST_CHASED_AT, direction: DESC}]",
            vec!["quiet", "once", "twice"],
        ),
        ("filter: {chaseCount: {gte: 2}}", vec!["twice"]),
        ("filter: {chaseCount: {eq: 0}}", vec!["quiet"]),
        (
            "filter: {lastChasedAt: {gt: \"2020-06-01T08:00:00Z\"}}",
            vec!["once"],
        ),
        ("filter: {lastChasedAt: {isNull: true}}", vec!["quiet"]),
    ] {
        let query = format!("{{ tasks({arguments}) {{ nodes {{ reference }} }} }}");
        let data = server.shows(&query).await?;
        assert_eq!(words(&data["tasks"], "reference"), expected, "{arguments}");
    }
    server.stop().await
}

fn without_reference(call: Value) -> Value {
    crate::support::payload::without(call, "", "TaskReference")
}
