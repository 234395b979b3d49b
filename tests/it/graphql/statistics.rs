//! Statistics: every number is what a plain count over the rows gives, on both engines, and its filter finds exactly the
//! rows it counts; what they take of the database, and what is refused.

use std::collections::BTreeSet;

use caretaker::domain::id::{self, SiteKey};
use caretaker::domain::statistics::nearest_rank;
use chrono::{DateTime, TimeDelta, Utc};
use entity::{Priority, Source, WorkState, building, incident, property, task};
use fastrand::Rng;
use sea_orm::{ActiveModelTrait, ActiveValue, EntityTrait, IntoActiveModel};
use serde_json::{Value, json};
use uuid::Uuid;

use super::estate::{Estate, Extent, SMALL, now};
use super::explain::{plans_with, scans};
use crate::support::{Case, TestDatabase, case::on_each_engine};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        numbers_of_incidents_are_those_of_the_rows,
        the_filter_of_each_number_of_incidents_finds_its_rows,
        the_filter_of_each_number_of_tasks_finds_its_rows,
        a_page_of_buildings_takes_a_few_statements_whatever_it_holds,
        each_place_and_stretch_enters_an_index,
        too_many_buckets_are_refused_with_the_limit,
        statistics_are_priced_by_buckets_and_places,
        a_period_that_makes_no_sense_is_refused,
        the_rarer_kinds_are_counted_together,
    ]
}

const INCIDENTS: &str = "fragment Rows on RowCount { count filter }
    fragment Took on Length { count average median p90 filter }
    fragment Numbers on IncidentNumbers { start end reported { ...Rows } open { ...Rows } completed { ...Rows }
        breached { ...Rows } reopened { ...Rows } resolutionRate
        byState { state count filter } byPriority { priority count filter } byKind { kind isOther count filter }
        responseSeconds { ...Took } resolutionSeconds { ...Took } }
    fragment All on IncidentStatistics { from to timeZone bucket whole { ...Numbers } buckets { ...Numbers } }";

const TASKS: &str = "fragment Rows on RowCount { count filter }
    fragment Took on Length { count average median p90 filter }
    fragment Numbers on TaskNumbers { start end reported { ...Rows } open { ...Rows } completed { ...Rows }
        overdue { ...Rows } resolutionRate byKind { kind count filter } byState { state count filter }
        byStatusType { statusType count filter } byPriority { priority count filter }
        responseSeconds { ...Took } resolutionSeconds { ...Took } }
    fragment All on TaskStatistics { from to timeZone bucket whole { ...Numbers } buckets { ...Numbers } }";

/// The period that all of it lies in, with an hour put forward in it.
const PERIOD: &str = "period: {from: \"2026-01-20T09:13:00Z\", to: \"2026-03-01T12:00:00Z\"}, bucket: WEEK, timeZone: \"America/New_York\"";

/// An estate with `count` more incidents and tasks of all sorts, and its second building in a property of its own.
async fn strewn(test: &TestDatabase, seed: u64, count: usize) -> anyhow::Result<Estate> {
    let estate = Estate::build(test, SMALL).await?;
    let writer = &estate.database.writer;
    let other = property::Model {
        id: id::property("p2"),
        source: Source::Matrix,
        code: "p2".to_owned(),
        name: None,
    };
    other.clone().into_active_model().insert(writer).await?;
    let second = building::Entity::find_by_id(SiteKey::matrix("b1").building())
        .one(writer)
        .await?;
    let mut second = second.unwrap().into_active_model();
    second.property_id = ActiveValue::Set(Some(other.id));
    second.update(writer).await?;

    let mut random = Rng::with_seed(seed);
    let samples = incident::Entity::find().all(writer).await?;
    let works = task::Entity::find().all(writer).await?;
    let (mut incidents, mut tasks) = (Vec::new(), Vec::new());
    for nth in 0..count {
        let sample = &samples[random.usize(..samples.len())];
        let row = incident_like(&mut random, sample, &format!("s{nth}"));
        incidents.push(row.into_active_model());
        let sample = &works[random.usize(..works.len())];
        let row = task_like(&mut random, sample, &format!("s{nth}"));
        tasks.push(row.into_active_model());
    }
    for chunk in incidents.chunks(50) {
        incident::Entity::insert_many(chunk.to_vec())
            .exec(writer)
            .await?;
    }
    for chunk in tasks.chunks(50) {
        task::Entity::insert_many(chunk.to_vec())
            .exec(writer)
            .await?;
    }
    Ok(estate)
}

const STATES: [WorkState; 7] = [
    WorkState::NotAssigned,
    WorkState::Assigned,
    WorkState::Pending,
    WorkState::Started,
    WorkState::Completed,
    WorkState::Incomplete,
    WorkState::Unknown,
];
const PRIORITIES: [Priority; 5] = [
    Priority::High,
    Priority::Medium,
    Priority::Normal,
    Priority::Low,
    Priority::Unknown,
];

/// A moment of the last 60 days; now and then exactly where a bucket begins, or with a fraction of a second.
fn moment(random: &mut Rng) -> DateTime<Utc> {
    let at = now() - TimeDelta::seconds(random.i64(0..60 * 86_400));
    match random.u8(0..6) {
        0 => "2026-02-09T05:00:00Z".parse().unwrap(),
        1 => at + TimeDelta::microseconds(999_750),
        _ => at,
    }
}

fn maybe<T>(random: &mut Rng, value: T) -> Option<T> {
    (random.u8(0..4) > 0).then_some(value)
}

fn incident_like(random: &mut Rng, sample: &incident::Model, code: &str) -> incident::Model {
    let state = STATES[random.usize(..STATES.len())];
    let reported_at = moment(random);
    let later = |random: &mut Rng, most| TimeDelta::milliseconds(random.i64(-60_000..most));
    let assigned = reported_at + later(random, 600_000);
    let started = assigned + later(random, 1_200_000);
    let is_open = !matches!(state, WorkState::Completed | WorkState::Incomplete);
    let ended = started + later(random, 3_600_000);
    let miss = reported_at + later(random, 5_000_000);
    let sensor = format!("sensor {}", random.u8(0..4));
    incident::Model {
        id: id::incident("strewn", code),
        task_id: id::work_order("strewn", code),
        code: code.to_owned(),
        kind: maybe(random, sensor),
        priority: PRIORITIES[random.usize(..PRIORITIES.len())],
        state,
        is_open,
        reported_at,
        assigned_at: maybe(random, assigned),
        started_at: maybe(random, started),
        ended_at: None,
        completed_at: maybe(random, ended).filter(|_| !is_open),
        sla_miss_at: maybe(random, miss),
        reopened_at: maybe(random, ended).filter(|_| random.bool()),
        ..sample.clone()
    }
}

fn task_like(random: &mut Rng, sample: &task::Model, code: &str) -> task::Model {
    let reported_at = moment(random);
    let is_urgent = sample.source == Source::Urgent;
    let state = STATES[random.usize(..STATES.len())];
    let status = ["En cours", "Clôturée", "Completed", "Something else"][random.usize(..4)];
    let status = maybe(random, status).filter(|_| is_urgent);
    let minutes = |random: &mut Rng| TimeDelta::minutes(random.i64(-5..300));
    let assigned = reported_at + minutes(random);
    let started = assigned + minutes(random);
    let (due, done) = (reported_at + minutes(random), started + minutes(random));
    task::Model {
        id: if is_urgent {
            id::urgent_task("acme", code)
        } else {
            id::matrix_task("strewn", code)
        },
        identifier: format!("{code}-{:?}", sample.kind),
        reported_at,
        state: (!is_urgent).then_some(state),
        priority: (!is_urgent).then(|| PRIORITIES[random.usize(..PRIORITIES.len())]),
        status: status.map(str::to_owned),
        status_key: status.map(str::to_lowercase),
        due_at: maybe(random, due).filter(|_| !is_urgent),
        assigned_at: maybe(random, assigned).filter(|_| !is_urgent),
        started_at: maybe(random, started).filter(|_| !is_urgent),
        completed_at: maybe(random, done).filter(|_| !is_urgent),
        external_identifier: None,
        ..sample.clone()
    }
}

fn time(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

/// Whole seconds, each time cut first; what runs backward took none.
fn seconds(from: DateTime<Utc>, until: DateTime<Utc>) -> i64 {
    (until.timestamp() - from.timestamp()).max(0)
}

/// What an incident has to fulfil for the number at a path of `IncidentNumbers`.
fn counts(path: &str, entry: &Value, row: &incident::Model) -> bool {
    let state = |row: &incident::Model| serde_json::to_value(row.state).unwrap();
    match path {
        "reported" => true,
        "open" => row.is_open,
        "completed" => row.state == WorkState::Completed,
        "breached" => row.sla_miss_at.is_some_and(|miss| miss < now()),
        "reopened" => row.reopened_at.is_some(),
        "byState" => state(row) == entry["state"],
        "byPriority" => serde_json::to_value(row.priority).unwrap() == entry["priority"],
        "byKind" => row.kind.as_deref() == entry["kind"].as_str(),
        "responseSeconds" => {
            row.state != WorkState::NotAssigned
                && row.assigned_at.is_some()
                && row.started_at.is_some()
        }
        "resolutionSeconds" => {
            row.state == WorkState::Completed
                && row.assigned_at.is_some()
                && row.completed_at.is_some()
        }
        other => panic!("an unknown number: {other}"),
    }
}

/// The same number, but for the last digit: what reads JSON here rounds.
fn is_close(shown: &Value, expected: Option<f64>) -> bool {
    match (shown.as_f64(), expected) {
        (Some(shown), Some(expected)) => (shown - expected).abs() < 1e-9,
        (shown, expected) => shown == expected,
    }
}

/// The entries of numbers that have a count, each with its path.
fn entries(numbers: &Value) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for (path, value) in numbers.as_object().unwrap() {
        match value {
            Value::Array(items) => {
                found.extend(items.iter().map(|item| (path.clone(), item.clone())));
            }
            Value::Object(_) => found.push((path.clone(), value.clone())),
            _ => {}
        }
    }
    assert!(found.len() >= 19, "{numbers}");
    found
}

/// Checks the numbers of one stretch against the rows that may count.
fn check(numbers: &Value, rows: &[incident::Model]) {
    let (start, end) = (time(&numbers["start"]), time(&numbers["end"]));
    let rows: Vec<&incident::Model> = rows
        .iter()
        .filter(|row| start <= row.reported_at && row.reported_at < end)
        .collect();
    for (path, entry) in entries(numbers) {
        let counted: Vec<_> = rows
            .iter()
            .filter(|row| counts(&path, &entry, row))
            .collect();
        assert_eq!(entry["count"], counted.len(), "{path} {entry} {numbers}");
        let until = match path.as_str() {
            "responseSeconds" => |row: &incident::Model| row.started_at,
            "resolutionSeconds" => |row: &incident::Model| row.completed_at,
            _ => continue,
        };
        let took = counted
            .iter()
            .map(|row| seconds(row.assigned_at.unwrap(), until(row).unwrap()));
        let took: Vec<i64> = took.collect();
        let sum: i64 = took.iter().sum();
        let average = (!took.is_empty()).then(|| sum as f64 / took.len() as f64);
        assert!(is_close(&entry["average"], average), "{average:?} {entry}");
        assert_eq!(
            entry["median"].as_i64(),
            nearest_rank(&took, 50),
            "{entry} {took:?}"
        );
        assert_eq!(
            entry["p90"].as_i64(),
            nearest_rank(&took, 90),
            "{entry} {took:?}"
        );
    }
    let completed = rows
        .iter()
        .filter(|row| row.state == WorkState::Completed)
        .count();
    let rate = (!rows.is_empty()).then(|| completed as f64 / rows.len() as f64);
    assert!(
        is_close(&numbers["resolutionRate"], rate),
        "{rate:?} {numbers}"
    );
}

/// The whole and the buckets, of which there are several with rows.
fn stretches(statistics: &Value) -> Vec<Value> {
    let buckets = statistics["buckets"].as_array().unwrap();
    let full = buckets
        .iter()
        .filter(|numbers| numbers["reported"]["count"] != 0);
    assert!(full.count() >= 2, "{statistics}");
    let mut all = vec![statistics["whole"].clone()];
    all.extend(buckets.iter().cloned());
    all
}

async fn numbers_of_incidents_are_those_of_the_rows(test: TestDatabase) -> anyhow::Result<()> {
    for seed in 1..=3 {
        let fresh = test.another().await?;
        let estate = strewn(&fresh, seed, 150).await?;
        let rows = incident::Entity::find()
            .all(&estate.database.readers)
            .await?;
        let query = format!(
            "{{ incidentStatistics({PERIOD}) {{ ...All }}
                buildings(first: 2) {{ nodes {{ id name statistics({PERIOD}) {{ incidents {{ ...All }} }}
                    zones(first: 2) {{ nodes {{ code statistics({PERIOD}) {{ incidents {{ ...All }} }} }} }} }} }}
                properties(first: 2) {{ nodes {{ code statistics({PERIOD}) {{ incidents {{ ...All }} }} }} }} }} {INCIDENTS}"
        );
        let data = estate.data(&query).await;
        for numbers in stretches(&data["incidentStatistics"]) {
            check(&numbers, &rows);
        }
        let nodes = |of: &Value| of["nodes"].as_array().unwrap().clone();
        for place in nodes(&data["buildings"]) {
            let number = place["name"]
                .as_str()
                .unwrap()
                .trim_start_matches("Building 0");
            let here = SiteKey::matrix(&format!("b{number}")).building();
            let rows: Vec<_> = rows
                .iter()
                .filter(|row| row.building_id == here)
                .cloned()
                .collect();
            for numbers in stretches(&place["statistics"]["incidents"]) {
                check(&numbers, &rows);
            }
            for zone in nodes(&place["zones"]) {
                let here = id::zone(&format!("b{number}"), zone["code"].as_str().unwrap());
                let rows: Vec<_> = rows
                    .iter()
                    .filter(|row| row.zone_id == Some(here))
                    .cloned()
                    .collect();
                check(&zone["statistics"]["incidents"]["whole"], &rows);
            }
        }
        for place in nodes(&data["properties"]) {
            let building = if place["code"] == "p1" { "b0" } else { "b1" };
            let here = SiteKey::matrix(building).building();
            let rows: Vec<_> = rows
                .iter()
                .filter(|row| row.building_id == here)
                .cloned()
                .collect();
            for numbers in stretches(&place["statistics"]["incidents"]) {
                check(&numbers, &rows);
            }
        }
        estate.close().await;
    }
    Ok(())
}

/// Where numbers are asked for: the field that holds the statistics, and the pointer to them.
fn places(noun: &str, filter: &str) -> Vec<(String, String)> {
    let filter = |rest: &str| match (filter, rest) {
        ("", "") => String::new(),
        ("", rest) => format!("({rest})"),
        (filter, "") => format!("(filter: {{{filter}}})"),
        (filter, rest) => format!("(filter: {{{filter}}}, {rest})"),
    };
    let (one, root) = match noun {
        "incidents" => ("incidents", "incidentStatistics"),
        _ => ("tasks", "taskStatistics"),
    };
    let below = format!(
        "statistics({PERIOD}) {{ {one}{} {{ ...All }} }}",
        filter("")
    );
    vec![
        (
            format!("{root}{} {{ ...All }}", filter(PERIOD)),
            format!("/{root}"),
        ),
        (
            format!("buildings(first: 1) {{ nodes {{ {below} }} }}"),
            format!("/buildings/nodes/0/statistics/{one}"),
        ),
        (
            format!("zones(first: 1) {{ nodes {{ {below} }} }}"),
            format!("/zones/nodes/0/statistics/{one}"),
        ),
        (
            format!("properties(first: 1) {{ nodes {{ {below} }} }}"),
            format!("/properties/nodes/0/statistics/{one}"),
        ),
    ]
}

/// Gives each filter of the numbers back to the list, and tells what it finds.
async fn pasted(
    estate: &Estate,
    list: &str,
    ty: &str,
    query: &str,
    pointer: &str,
) -> anyhow::Result<Vec<(String, Value, BTreeSet<Uuid>)>> {
    let data = estate.data(query).await;
    let statistics = data.pointer(pointer).unwrap();
    let mut all = Vec::new();
    for numbers in stretches_of(statistics) {
        for (path, entry) in entries(&numbers) {
            let paste = format!(
                "query($filter: {ty}) {{ {list}(filter: $filter, first: 100) {{ totalCount nodes {{ id }} }} }}"
            );
            let answer = estate
                .ask_with(&paste, json!({"filter": entry["filter"]}))
                .await;
            assert!(answer.get("errors").is_none(), "{entry}\n{answer:#}");
            let found = &answer["data"][list];
            assert_eq!(found["totalCount"], entry["count"], "{path} {entry}");
            let ids = found["nodes"].as_array().unwrap().iter();
            let ids: BTreeSet<Uuid> = ids.map(|node| opened(&node["id"])).collect();
            all.push((path, json!({"entry": entry, "in": numbers}), ids));
        }
    }
    Ok(all)
}

/// The whole, and one bucket in its middle: what opens one opens all.
fn stretches_of(statistics: &Value) -> Vec<Value> {
    let whole = statistics["whole"].clone();
    let bucket = statistics["buckets"].as_array().unwrap().get(3).cloned();
    std::iter::once(whole).chain(bucket).collect()
}

/// The row that a global id names.
fn opened(id: &Value) -> Uuid {
    use base64::Engine as _;
    let engine = base64::prelude::BASE64_URL_SAFE_NO_PAD;
    let text = String::from_utf8(engine.decode(id.as_str().unwrap()).unwrap()).unwrap();
    text.split_once(':').unwrap().1.parse().unwrap()
}

const NARROWING: &str = "reportedAt: {gte: \"-P30D\"}, priority: {in: [HIGH, MEDIUM, NORMAL]},
    or: [{not: {state: {eq: STARTED}}}, {zone: {isNull: false}}]";

/// Whether [`NARROWING`] holds.
fn is_narrow(row: &incident::Model) -> bool {
    row.reported_at >= now() - TimeDelta::days(30)
        && [Priority::High, Priority::Medium, Priority::Normal].contains(&row.priority)
        && (row.state != WorkState::Started || row.zone_id.is_some())
}

async fn the_filter_of_each_number_of_incidents_finds_its_rows(
    test: TestDatabase,
) -> anyhow::Result<()> {
    let estate = strewn(&test, 7, 60).await?;
    let rows = incident::Entity::find()
        .all(&estate.database.readers)
        .await?;
    for filter in ["", NARROWING] {
        for (field, pointer) in places("incidents", filter) {
            let query = format!("{{ {field} }} {INCIDENTS}");
            let found = pasted(&estate, "incidents", "IncidentFilter", &query, &pointer).await?;
            for (path, entry, ids) in found {
                let numbers = &entry["in"];
                let (start, end) = (time(&numbers["start"]), time(&numbers["end"]));
                let of_number = rows.iter().filter(|row| {
                    start <= row.reported_at
                        && row.reported_at < end
                        && counts(&path, &entry["entry"], row)
                });
                let allowed: BTreeSet<Uuid> = of_number.map(|row| row.id.0).collect();
                assert!(ids.is_subset(&allowed), "{path} {entry}");
                if pointer == "/incidentStatistics" {
                    let narrowed = rows
                        .iter()
                        .filter(|row| filter.is_empty() || is_narrow(row));
                    let narrowed: BTreeSet<Uuid> = narrowed.map(|row| row.id.0).collect();
                    let expected: BTreeSet<Uuid> = &allowed & &narrowed;
                    assert_eq!(ids, expected, "{path} {entry}");
                }
            }
        }
    }
    estate.close().await;
    Ok(())
}

async fn the_filter_of_each_number_of_tasks_finds_its_rows(
    test: TestDatabase,
) -> anyhow::Result<()> {
    let estate = strewn(&test, 11, 80).await?;
    let mut seen = BTreeSet::new();
    for filter in [
        "",
        "kind: {isNull: false}, reportedAt: {gte: \"-P40D\"}",
        "tenant: {eq: \"acme\"}",
    ] {
        for (field, pointer) in places("tasks", filter) {
            let query = format!("{{ {field} }} {TASKS}");
            for (path, entry, ids) in
                pasted(&estate, "tasks", "TaskFilter", &query, &pointer).await?
            {
                let kind = entry["entry"]["kind"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned();
                if !ids.is_empty() {
                    seen.insert((path, kind));
                }
            }
        }
    }
    // Each number had something to count somewhere, work orders where they were asked for.
    for path in [
        "reported",
        "open",
        "completed",
        "overdue",
        "byState",
        "byStatusType",
        "byPriority",
        "responseSeconds",
        "resolutionSeconds",
    ] {
        assert!(
            seen.contains(&(path.to_owned(), String::new())),
            "{path} {seen:?}"
        );
    }
    for kind in ["INCIDENT_WORK", "SCHEDULED", "MAINTENANCE"] {
        assert!(
            seen.contains(&("byKind".to_owned(), kind.to_owned())),
            "{kind} {seen:?}"
        );
    }
    let data = estate
        .data(&format!(
            "{{ taskStatistics({PERIOD}) {{ whole {{ byKind {{ kind }} }} }} }}"
        ))
        .await;
    let kinds = &data["taskStatistics"]["whole"]["byKind"];
    assert_eq!(
        *kinds,
        json!([{"kind": "SCHEDULED"}, {"kind": "MAINTENANCE"}])
    );
    estate.close().await;
    Ok(())
}

async fn a_page_of_buildings_takes_a_few_statements_whatever_it_holds(
    test: TestDatabase,
) -> anyhow::Result<()> {
    let extent = Extent {
        buildings: 12,
        zones: 2,
        incidents: 3,
    };
    let estate = Estate::build(&test, extent).await?;
    let of = |first: usize, bucket: &str, what: &str| {
        format!(
            "{{ buildings(first: {first}) {{ nodes {{ statistics(bucket: {bucket}) {{ {what} }} }} }} }}"
        )
    };
    let counts = "incidents { whole { reported { count } resolutionRate byState { count } responseSeconds { average } }
        buckets { open { count } } }";
    for (first, bucket) in [(1, "MONTH"), (12, "HOUR"), (12, "DAY")] {
        assert_eq!(estate.statements(&of(first, bucket, counts)).await, 2);
    }
    // The buildings; counts, two pairs of percentiles, kinds.
    let incidents =
        "incidents { whole { reported { count } byKind { count } responseSeconds { median } }
        buckets { resolutionSeconds { p90 } } }";
    assert_eq!(estate.statements(&of(12, "DAY", incidents)).await, 5);
    // The same and, for tasks, the map of statuses, counts, two pairs of percentiles.
    let all = format!(
        "{incidents} tasks {{ buckets {{ open {{ count }} byStatusType {{ count }} responseSeconds {{ p90 }} resolutionSeconds {{ median }} }} }}"
    );
    assert_eq!(estate.statements(&of(12, "DAY", &all)).await, 9);
    assert_eq!(estate.statements(&of(1, "DAY", &all)).await, 9);
    let zones = format!(
        "{{ buildings {{ nodes {{ zones {{ nodes {{ statistics {{ {counts} }} }} }} }} }} }}"
    );
    assert_eq!(estate.statements(&zones).await, 3);
    let property =
        "{ properties { nodes { statistics { incidents { whole { open { count } } } } } } }";
    assert_eq!(estate.statements(property).await, 2);
    let of_property = "query { incidentStatistics { whole { reported { count } } } }";
    assert_eq!(estate.statements(of_property).await, 1);
    let dates = "{ buildings { nodes { statistics(bucket: DAY) { from incidents { buckets { start } } } } } }";
    assert_eq!(estate.statements(dates).await, 1);
    estate.close().await;
    Ok(())
}

async fn each_place_and_stretch_enters_an_index(test: TestDatabase) -> anyhow::Result<()> {
    let estate = strewn(&test, 3, 40).await?;
    let numbers = "whole { reported { count } byKind { count } responseSeconds { median } } buckets { open { count } }";
    let tasks =
        "whole { byStatusType { count } responseSeconds { median } } buckets { open { count } }";
    let mut faults = Vec::new();
    for query in [
        format!("{{ incidentStatistics(bucket: DAY) {{ {numbers} }} }}"),
        format!("{{ taskStatistics(bucket: DAY) {{ {tasks} }} }}"),
        format!(
            "{{ buildings {{ nodes {{ statistics(bucket: DAY) {{ incidents {{ {numbers} }} tasks {{ {tasks} }} }} }} }} }}"
        ),
        format!(
            "{{ zones {{ nodes {{ statistics(bucket: DAY) {{ incidents {{ {numbers} }} tasks {{ {tasks} }} }} }} }} }}"
        ),
        format!(
            "{{ properties {{ nodes {{ statistics(bucket: DAY) {{ incidents {{ {numbers} }} tasks {{ {tasks} }} }} }} }} }}"
        ),
    ] {
        for plan in plans_with(&estate, &query, true).await? {
            let is_entered = !plan.contains("incident") || {
                ["incident_reported", "incident_building", "incident_zone"]
                    .iter()
                    .any(|index| plan.contains(index))
            };
            if scans(&plan, "incident") || scans(&plan, "task") || !is_entered {
                faults.push(format!("{query}\n{plan}\n"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    estate.close().await;
    Ok(())
}

async fn too_many_buckets_are_refused_with_the_limit(test: TestDatabase) -> anyhow::Result<()> {
    let estate = Estate::build(&test, SMALL).await?;
    let query =
        "{ incidentStatistics(period: {from: \"-P60D\"}, bucket: HOUR) { buckets { start } } }";
    estate.last_statements();
    let answer = estate.ask(query).await;
    let error = &answer["errors"][0];
    assert_eq!(error["extensions"]["code"], "LIMIT_EXCEEDED", "{answer}");
    assert_eq!(error["extensions"]["limit"], "max_buckets");
    assert_eq!(error["extensions"]["most"], 1_000);
    assert_eq!(error["extensions"]["asked"], 1_440);
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("at most 1000 buckets"), "{message}");
    assert_eq!(estate.last_statements().len(), 0);
    let query =
        "{ incidentStatistics(period: {from: \"-P41D\"}, bucket: HOUR) { buckets { start } } }";
    let data = estate.data(query).await;
    assert_eq!(
        data["incidentStatistics"]["buckets"]
            .as_array()
            .unwrap()
            .len(),
        984
    );
    estate.close().await;
    Ok(())
}

async fn statistics_are_priced_by_buckets_and_places(test: TestDatabase) -> anyhow::Result<()> {
    let estate = Estate::build(&test, SMALL).await?;
    let query = |first: usize, days: usize| {
        format!(
            "{{ buildings(first: {first}) {{ nodes {{ statistics(period: {{from: \"-P{days}D\"}}, bucket: DAY) {{
                incidents {{ buckets {{ open {{ count }} completed {{ count }} }} }} }} }} }} viewer {{ usage {{ cost }} }} }}"
        )
    };
    let price = async |first, days| {
        let data = estate.data(&query(first, days)).await;
        data["viewer"]["usage"]["cost"].as_i64().unwrap()
    };
    let one = price(1, 1).await;
    assert!(price(1, 300).await > 10 * one);
    assert!(price(20, 1).await > 10 * one);
    estate.last_statements();
    let answer = estate.ask(&query(100, 900)).await;
    let error = &answer["errors"][0]["extensions"];
    assert_eq!(
        (&error["code"], &error["limit"]),
        (&json!("LIMIT_EXCEEDED"), &json!("max_cost")),
        "{answer}"
    );
    assert_eq!(estate.last_statements().len(), 0);
    estate.close().await;
    Ok(())
}

async fn a_period_that_makes_no_sense_is_refused(test: TestDatabase) -> anyhow::Result<()> {
    let estate = Estate::build(&test, SMALL).await?;
    for (arguments, word) in [
        ("timeZone: \"Europe/Berln\"", "IANA"),
        ("period: {from: \"P1D\"}", "ends before it begins"),
        ("filter: {building: {eq: \"nonsense\"}}", "not an id"),
    ] {
        let answer = estate
            .ask(&format!("{{ incidentStatistics({arguments}) {{ from }} }}"))
            .await;
        let error = &answer["errors"][0];
        assert_eq!(error["extensions"]["code"], "BAD_INPUT", "{answer}");
        let message = error["message"].as_str().unwrap();
        assert!(
            message.contains(word) && !message.contains("Berln"),
            "{message}"
        );
    }
    // A filter nests one step less than that of a list: what opens a number has to hold it.
    let nested = (0..5).fold("isOpen: {eq: true}".to_owned(), |inner, _| {
        format!("not: {{{inner}}}")
    });
    let answer = estate
        .ask(&format!(
            "{{ incidentStatistics(filter: {{{nested}}}) {{ from }} }}"
        ))
        .await;
    assert_eq!(
        answer["errors"][0]["extensions"]["limit"], "filter_depth",
        "{answer}"
    );
    estate
        .data(&format!(
            "{{ incidents(filter: {{{nested}}}) {{ totalCount }} }}"
        ))
        .await;
    estate.close().await;
    Ok(())
}

async fn the_rarer_kinds_are_counted_together(test: TestDatabase) -> anyhow::Result<()> {
    for is_null_frequent in [false, true] {
        let fresh = test.another().await?;
        let estate = Estate::build(&fresh, SMALL).await?;
        let writer = &estate.database.writer;
        let sample = incident::Entity::find().one(writer).await?.unwrap();
        for nth in 0..30_usize {
            for copy in 0..=(nth % 3) {
                let code = format!("k{nth}-{copy}");
                let row = incident::Model {
                    id: id::incident("kinds", &code),
                    task_id: id::work_order("kinds", &code),
                    code,
                    kind: (nth != if is_null_frequent { 2 } else { 0 })
                        .then(|| format!("kind \"{nth}\", ü")),
                    ..sample.clone()
                };
                row.into_active_model().insert(writer).await?;
            }
        }
        let query = "{ incidentStatistics { whole { reported { count filter } open { count filter } byState { count filter }
            byPriority { count filter } byKind { kind isOther count filter } } buckets { start } } }";
        let data = estate.data(query).await;
        let kinds = data["incidentStatistics"]["whole"]["byKind"]
            .as_array()
            .unwrap()
            .clone();
        assert_eq!(kinds.len(), 21, "{kinds:?}");
        assert_eq!(kinds[0]["kind"], "AMMONIA");
        assert_eq!(kinds[20]["isOther"], true);
        let is_null_named = kinds[..20].iter().any(|kind| kind["kind"].is_null());
        assert_eq!(is_null_named, is_null_frequent, "{kinds:?}");
        let sum: i64 = kinds
            .iter()
            .map(|kind| kind["count"].as_i64().unwrap())
            .sum();
        assert_eq!(
            data["incidentStatistics"]["whole"]["reported"]["count"],
            sum
        );
        let (pointer, ty) = ("/incidentStatistics", "IncidentFilter");
        for (path, entry, ids) in pasted(&estate, "incidents", ty, query, pointer).await? {
            assert_eq!(entry["entry"]["count"], ids.len(), "{path} {entry}");
        }
        estate.close().await;
    }
    Ok(())
}
