//! Numbers are of what the viewer may see, wherever they are asked for.

use serde_json::{Value, json};

use super::estate::{Estate, Thing, viewers};
use crate::support::case::on_each_engine;
use crate::support::{Case, TestDatabase};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        statistics_count_what_the_viewer_may_see,
        a_property_outside_finds_nothing,
    ]
}

/// All that the estate tells of happened in it.
const PERIOD: &str = "period: {from: \"2000-01-01T00:00:00Z\"}";

const INCIDENTS: &str = "whole { reported { count filter } open { count filter } completed { count filter }
    breached { count filter } reopened { count filter } byState { count filter } byPriority { count filter }
    byKind { kind count filter } responseSeconds { count median filter } resolutionSeconds { count p90 filter } }";
const TASKS: &str = "whole { reported { count filter } open { count filter } completed { count filter }
    overdue { count filter } byKind { count filter } byState { count filter } byStatusType { count filter }
    responseSeconds { count median filter } }";

/// The numbers below a value, each with its filter.
fn numbers<'a>(value: &'a Value, found: &mut Vec<(&'a Value, &'a Value)>) {
    match value {
        Value::Object(members) => {
            if let (Some(count), Some(filter)) = (members.get("count"), members.get("filter")) {
                found.push((count, filter));
                return;
            }
            members.values().for_each(|member| numbers(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| numbers(item, found)),
        _ => {}
    }
}

/// The reported ones of the statistics at `noun` anywhere below a value.
fn reported(value: &Value, noun: &str) -> i64 {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| match name.as_str() {
                name if name == noun && member.get("whole").is_some() => {
                    member["whole"]["reported"]["count"].as_i64().unwrap()
                }
                _ => reported(member, noun),
            })
            .sum(),
        Value::Array(items) => items.iter().map(|item| reported(item, noun)).sum(),
        _ => 0,
    }
}

async fn statistics_count_what_the_viewer_may_see(test: TestDatabase) -> anyhow::Result<()> {
    let estate = Estate::build(&test).await?;
    let places = format!(
        "statistics({PERIOD}) {{ incidents {{ {INCIDENTS} }} tasks(filter: {{kind: {{isNull: false}}}}) {{ {TASKS} }} }}"
    );
    let query = format!(
        "{{ incidentStatistics({PERIOD}) {{ {INCIDENTS} }}
            taskStatistics({PERIOD}, filter: {{kind: {{isNull: false}}}}) {{ {TASKS} }}
            buildings(first: 100) {{ nodes {{ {places} }} }} zones(first: 100) {{ nodes {{ {places} }} }}
            properties(first: 100) {{ nodes {{ {places} }} }} }}"
    );
    for viewer in viewers() {
        let seen = |kind: &str| {
            let things = estate.things.iter();
            let seen = things.filter(|thing| thing.kind == kind && thing.is_for(&viewer));
            seen.count() as i64
        };
        let data = estate.data(&viewer, &query, json!({})).await;
        let all = (
            &data["incidentStatistics"]["whole"]["reported"]["count"],
            &data["taskStatistics"]["whole"]["reported"]["count"],
        );
        let expected = (&json!(seen("Incident")), &json!(seen("Task")));
        assert_eq!(all, expected, "{} {data:#}", viewer.name);
        // Each incident is in one building.
        let in_buildings = reported(&data["buildings"], "incidents");
        assert_eq!(in_buildings, seen("Incident"), "{} {data:#}", viewer.name);
        let is_tenant = viewer.name.ends_with("tenant");
        assert!(!is_tenant || (in_buildings == 0 && reported(&data["buildings"], "tasks") > 0));
        for (list, ty) in [("incidents", "IncidentFilter"), ("tasks", "TaskFilter")] {
            let query = format!(
                "query($filter: {ty}) {{ {list}(filter: $filter, first: 1) {{ totalCount }} }}"
            );
            for place in ["buildings", "zones", "properties"] {
                let mut found = Vec::new();
                for node in data[place]["nodes"].as_array().unwrap() {
                    numbers(&node["statistics"][list], &mut found);
                }
                for (count, filter) in found {
                    // What is nothing is nothing in the list too; a few of those are enough.
                    if *count == 0 && filter["state"] != json!({"eq": "STARTED"}) {
                        continue;
                    }
                    let shown = estate
                        .data(&viewer, &query, json!({"filter": filter}))
                        .await;
                    let total = &shown[list]["totalCount"];
                    assert_eq!(total, count, "{} {place} {filter}", viewer.name);
                }
            }
        }
    }
    estate.close().await;
    Ok(())
}

async fn a_property_outside_finds_nothing(test: TestDatabase) -> anyhow::Result<()> {
    let estate = Estate::build(&test).await?;
    let mut asked = 0;
    for viewer in viewers() {
        let properties = estate
            .things
            .iter()
            .filter(|thing| thing.kind == "Property");
        for property in properties {
            let query = "query($id: ID!) {
                some: incidents(filter: {inBuilding: {property: {eq: $id}}}) { totalCount }
                none: incidents(first: 100, filter: {not: {inBuilding: {property: {in: [$id]}}}}) { totalCount }
                all: incidents(first: 100) { totalCount }
                tasks(filter: {inBuilding: {property: {eq: $id}}, kind: {isNull: false}}) { totalCount }
                incidentStatistics(period: {from: \"2000-01-01T00:00:00Z\"}, filter: {inBuilding: {property: {eq: $id}}}) {
                    whole { reported { count } } } }";
            let id = Thing::global(property);
            let data = estate.data(&viewer, query, json!({"id": id})).await;
            let some = &data["some"]["totalCount"];
            assert_eq!(
                data["incidentStatistics"]["whole"]["reported"]["count"],
                *some
            );
            if property.is_for(&viewer) {
                assert!(*some != 0, "{} {property:?} {data}", viewer.name);
                continue;
            }
            asked += 1;
            assert_eq!(
                (some, &data["tasks"]["totalCount"]),
                (&json!(0), &json!(0)),
                "{data}"
            );
            assert_eq!(data["none"], data["all"], "{} {data}", viewer.name);
        }
    }
    assert!(asked > 0);
    estate.close().await;
    Ok(())
}
