//! How many statements a read takes: one for each relation and level, however many rows a level has.

use std::sync::Arc;

use caretaker::domain::id::{self, SiteKey};
use caretaker::domain::scope::{Claims, Scope};

use super::estate::{self, Estate, Extent, SMALL};
use crate::support::{Case, TestDatabase, case::on_each_engine};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        a_list_of_a_hundred_incidents_with_zone_building_and_deadlines_takes_three_statements,
        each_number_of_a_place_takes_one_statement_for_all_places,
        nested_lists_take_one_statement_for_each_relation_and_level,
        aliases_of_one_object_share_a_statement,
        a_root_field_that_is_repeated_is_fetched_once,
        what_all_kinds_of_activities_share_is_fetched_once,
        fragments_and_skipped_fields_are_planned_as_they_run,
        each_parent_gets_its_own_first_rows,
        the_feed_asks_what_was_pruned_after_it_was_read,
        a_narrow_viewer_costs_no_more_statements,
        an_earlier_time_costs_a_few_statements_a_level,
        provenance_costs_one_statement_a_level,
    ]
}

const LARGE: Extent = Extent {
    buildings: 20,
    zones: 5,
    incidents: 10,
};

async fn nested_lists_take_one_statement_for_each_relation_and_level(
    test: TestDatabase,
) -> anyhow::Result<()> {
    let estate = Estate::build(&test, LARGE).await?;
    let query = "{ buildings(first: 20) { nodes { name zones(first: 5) { nodes {
        name incidents(first: 10) { nodes { code zone { name } } } } } } } }";
    let data = estate.data(query).await;
    let buildings = data["buildings"]["nodes"].as_array().unwrap();
    let zones: Vec<_> = buildings
        .iter()
        .flat_map(|building| building["zones"]["nodes"].as_array().unwrap())
        .collect();
    let incidents: usize = zones
        .iter()
        .map(|zone| zone["incidents"]["nodes"].as_array().unwrap().len())
        .sum();
    assert_eq!((buildings.len(), zones.len(), incidents), (20, 100, 1000));
    assert_eq!(estate.statements(query).await, 4);
    let deep = "{ incidents(first: 100) { totalCount nodes { building { property { code } sources { code } }
        zone { level { name } } task { identifier } workOrders(first: 2) { totalCount nodes { statusType
        statusChanges(first: 2) { nodes { statusType } } notes(first: 2) { nodes { text } } chases(first: 2) { nodes { text } } compliance { answer } } }
        timeline(first: 2) { totalCount nodes { kind building { name } } } } } }";
    // incidents and their count; building, property, sources; zone, level; task; work orders and their count, the map
    // of statuses, changes, their map, notes, chases, answers; timeline and its count, building.
    assert_eq!(estate.statements(deep).await, 19);
    estate.close().await;
    Ok(())
}

/// Also where deadlines are asked for: they stand with the incident.
async fn a_list_of_a_hundred_incidents_with_zone_building_and_deadlines_takes_three_statements(
    test: TestDatabase,
) -> anyhow::Result<()> {
    let estate = Estate::build(&test, LARGE).await?;
    let query = "{ incidents(first: 100) { nodes { sla { state remaining } zone { name } building { name } } } }";
    let data = estate.data(query).await;
    assert_eq!(data["incidents"]["nodes"].as_array().unwrap().len(), 100);
    assert_eq!(estate.statements(query).await, 3);
    estate.close().await;
    Ok(())
}

async fn each_number_of_a_place_takes_one_statement_for_all_places(
    test: TestDatabase,
) -> anyhow::Result<()> {
    let estate = Estate::build(&test, LARGE).await?;
    let query = "{ buildings { nodes { openIncidentCount breachedCount zones { nodes { openIncidentCount } } } } }";
    // buildings and two numbers; zones and one.
    assert_eq!(estate.statements(query).await, 5);
    estate.close().await;
    Ok(())
}

async fn aliases_of_one_object_share_a_statement(test: TestDatabase) -> anyhow::Result<()> {
    let estate = Estate::build(&test, SMALL).await?;
    let query = "{ incidents { nodes { a: building { name } b: building { id } } } }";
    assert_eq!(estate.statements(query).await, 2);
    let lists = "{ buildings { nodes { open: incidents(first: 1, filter: {isOpen: {eq: true}}) { nodes { isOpen } }
        closed: incidents(first: 1, filter: {isOpen: {eq: false}}) { nodes { isOpen } } } } }";
    assert_eq!(estate.statements(lists).await, 3);
    let data = estate.data(lists).await;
    let first = &data["buildings"]["nodes"][0];
    assert_eq!(first["open"]["nodes"][0]["isOpen"], true);
    assert_eq!(first["closed"]["nodes"][0]["isOpen"], false);
    estate.close().await;
    Ok(())
}

async fn a_root_field_that_is_repeated_is_fetched_once(test: TestDatabase) -> anyhow::Result<()> {
    let estate = Estate::build(&test, SMALL).await?;
    let cheap = "incidents(first: 5) { nodes { code } } ".repeat(20);
    let query = format!("{{ {cheap} incidents(first: 5) {{ nodes {{ zone {{ code }} }} }} }}");
    assert_eq!(estate.statements(&query).await, 2);
    let data = estate.data(&query).await;
    let node = &data["incidents"]["nodes"][0];
    assert!(
        node["code"].is_string() && node["zone"]["code"].is_string(),
        "{data}"
    );
    estate.close().await;
    Ok(())
}

async fn what_all_kinds_of_activities_share_is_fetched_once(
    test: TestDatabase,
) -> anyhow::Result<()> {
    let estate = Estate::build(&test, SMALL).await?;
    let query = "{ activities { nodes { kind building { name } task { identifier }
        ... on StatusChanged { statusChange { status } } ... on NoteAdded { note { text } task { reference } }
        ... on TaskChased { chase { text } } ... on OtherEvent { data } } } }";
    let data = estate.data(query).await;
    let nodes = data["activities"]["nodes"].as_array().unwrap();
    let of = |kind: &str| nodes.iter().find(|node| node["kind"] == kind).unwrap();
    assert_eq!(of("STATUS_CHANGED")["statusChange"]["status"], "En cours");
    assert_eq!(of("NOTE_ADDED")["note"]["text"], "Ladder needed");
    assert_eq!(of("NOTE_ADDED")["task"]["reference"], "80027");
    assert_eq!(of("NOTE_ADDED")["task"]["identifier"], "t-1");
    assert_eq!(of("TASK_CHASED")["chase"]["text"], "Please hurry");
    assert_eq!(of("OTHER_EVENT")["data"]["Shift"], 1);
    assert_eq!(of("INCIDENT_REPORTED")["building"]["name"], "Building 00");
    // activities, building, task, status change, note, chase
    assert_eq!(estate.statements(query).await, 6);
    estate.close().await;
    Ok(())
}

async fn fragments_and_skipped_fields_are_planned_as_they_run(
    test: TestDatabase,
) -> anyhow::Result<()> {
    let estate = Estate::build(&test, SMALL).await?;
    let query = "query ($no: Boolean = false) { incidents { ...Page edges { node { zone { id } } } } }
        fragment Page on IncidentConnection { nodes { ... { zone { name } } building @include(if: $no) { name } } }";
    assert_eq!(estate.statements(query).await, 2);
    let data = estate.data(query).await;
    assert!(data["incidents"]["edges"][0]["node"]["zone"]["id"].is_string());
    assert!(data["incidents"]["nodes"][0].get("building").is_none());
    estate.close().await;
    Ok(())
}

async fn each_parent_gets_its_own_first_rows(test: TestDatabase) -> anyhow::Result<()> {
    let estate = Estate::build(&test, SMALL).await?;
    let data = estate
        .data(
            "{ buildings { nodes { incidents(first: 2, orderBy: [{field: REPORTED_AT}]) {
            totalCount pageInfo { hasNextPage } nodes { code building { name } } } name } } }",
        )
        .await;
    for building in data["buildings"]["nodes"].as_array().unwrap() {
        let incidents = &building["incidents"];
        assert_eq!(incidents["totalCount"], 6);
        assert_eq!(incidents["pageInfo"]["hasNextPage"], true);
        let nodes = incidents["nodes"].as_array().unwrap();
        assert_eq!(nodes.len(), 2);
        assert!(
            nodes
                .iter()
                .all(|node| node["building"]["name"] == building["name"])
        );
    }
    estate.close().await;
    Ok(())
}

/// Asked before, a prune between the two statements would take rows out of the page without a word.
async fn the_feed_asks_what_was_pruned_after_it_was_read(test: TestDatabase) -> anyhow::Result<()> {
    let estate = Estate::build(&test, SMALL).await?;
    let data = estate
        .data("{ activities(first: 1) { pageInfo { endCursor } } }")
        .await;
    let cursor = &data["activities"]["pageInfo"]["endCursor"];
    estate.last_statements();
    estate
        .data(&format!(
            "{{ activities(after: {cursor}) {{ nodes {{ id }} }} }}"
        ))
        .await;
    let statements = estate.last_statements();
    let asked: Vec<bool> = statements
        .iter()
        .map(|statement| statement.sql.contains("\"setting\""))
        .collect();
    assert_eq!(asked, [false, true], "{statements:?}");
    estate.close().await;
    Ok(())
}

async fn a_narrow_viewer_costs_no_more_statements(test: TestDatabase) -> anyhow::Result<()> {
    let mut estate = Estate::build(&test, SMALL).await?;
    let query = "{ incidents(first: 9) { totalCount nodes { building { property { code } sources { code } } zone { name }
        workOrders(first: 9) { nodes { notes(first: 9) { nodes { text } } } } timeline(first: 9) { nodes { kind } } } } }";
    let of_operators = estate.statements(query).await;
    let changes = "{ activities { nodes { kind changes { field from to } } } }";
    assert_eq!(estate.statements(changes).await, 1);
    estate.viewer.scope = Scope::Claims(Arc::new(Claims {
        properties: [id::property("p1")].into(),
        buildings: [SiteKey::matrix("b0").building()].into(),
        tenants: ["acme".to_owned()].into(),
    }));
    assert_eq!(estate.statements(query).await, of_operators);
    // No change of this estate names an id: nothing has to be asked again.
    assert_eq!(estate.statements(changes).await, 1);
    estate.close().await;
    Ok(())
}

async fn an_earlier_time_costs_a_few_statements_a_level(test: TestDatabase) -> anyhow::Result<()> {
    let estate = Estate::build(&test, SMALL).await?;
    let then = estate::now().to_rfc3339();
    let counts = format!(
        "{{ buildings {{ nodes {{ now: openIncidentCount then: openIncidentCount(asOf: \"{then}\")
            again: openIncidentCount(asOf: \"{then}\") }} }} }}"
    );
    // The buildings, the count of now; for each of the two fields what is kept and which activity was the last; one count.
    assert_eq!(estate.statements(&counts).await, 7);
    let listed = estate
        .data("{ incidents(first: 1) { nodes { id } } }")
        .await;
    let id = &listed["incidents"]["nodes"][0]["id"];
    let of = |fields: &str| {
        format!("{{ node: incident(by: {{id: {id}}}, asOf: \"{then}\") {{ {fields} }} }}")
    };
    assert_ne!(
        estate.data(&of("code")).await["node"],
        serde_json::Value::Null
    );
    // The time (2), the incident, its changes, its site and where that moved, the rule on deadlines.
    assert_eq!(estate.statements(&of("code")).await, 7);
    assert_eq!(estate.statements(&of("code building { name }")).await, 8);
    // The tasks of now and what left; they, their changes, and their sites, if they have any.
    let orders = estate
        .statements(&of("workOrders { nodes { reference } }"))
        .await;
    assert!((9..=12).contains(&orders), "{orders}");
    let notes = of("workOrders { nodes { reference notes { nodes { text } } } }");
    assert!(estate.statements(&notes).await <= orders + 2);
    estate.close().await;
    Ok(())
}

async fn provenance_costs_one_statement_a_level(test: TestDatabase) -> anyhow::Result<()> {
    let estate = Estate::build(&test, SMALL).await?;
    let incidents = "{ incidents { nodes { provenance { field activity { kind } } } } }";
    assert_eq!(estate.statements(incidents).await, 2);
    // And the status changes that tasks show.
    let tasks = "{ tasks { nodes { provenance { field setAt activity { kind } } } } }";
    assert!(estate.statements(tasks).await <= 3);
    estate.close().await;
    Ok(())
}
