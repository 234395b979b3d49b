//! Filters: read as SQL and in memory they mean the same, on both engines.

use std::sync::Arc;

use caretaker::domain::activity::filter::Filter as Fixed;
use caretaker::domain::filter::{Filter, Operand, Test};
use caretaker::domain::key::Key;
use caretaker::domain::scope::{Claims, Scope};
use entity::activity::{self, Column};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use sea_orm::{EntityTrait, QueryFilter};
use serde_json::json;

use super::estate::{Estate, SMALL, now};
use crate::support::{Case, TestDatabase, case::on_each_engine};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        a_filter_means_the_same_as_sql_and_in_memory,
        each_filter_narrows_as_it_says,
        filters_have_limits,
        a_variable_without_a_value_does_not_widen_the_question,
    ]
}

async fn a_filter_means_the_same_as_sql_and_in_memory(test: TestDatabase) -> anyhow::Result<()> {
    let estate = Estate::build(&test, SMALL).await?;
    let readers = &estate.database.readers;
    let rows = activity::Entity::find().all(readers).await?;
    let columns = [
        Column::Kind,
        Column::PropertyId,
        Column::BuildingId,
        Column::IncidentId,
        Column::TaskId,
        Column::Tenant,
        Column::OccurredAt,
    ];
    let leaves: Vec<(Column, Key)> = rows
        .iter()
        .flat_map(|row| {
            columns.map(|column| (column, sea_orm::ModelTrait::get(row, column).into()))
        })
        .collect();
    let leaf = (prop::sample::select(leaves), 0..8).prop_map(|((column, key), test)| {
        let operand = Operand::Key(key.clone());
        let test = match (test, &key) {
            (0, _) => Test::Eq(operand),
            (1, _) => Test::Lt(operand),
            (2, _) => Test::Lte(operand),
            (3, _) => Test::Gt(operand),
            (4, _) => Test::Gte(operand),
            (5, Key::Text(text)) => Test::StartsWith(text.chars().take(2).collect()),
            (6, Key::Null) | (5 | 7, _) => Test::IsNull,
            (_, _) => Test::In(vec![key]),
        };
        Filter::Is(column, test)
    });
    let filters = leaf.prop_recursive(4, 24, 4, |inner| {
        let many = prop::collection::vec(inner.clone(), 0..4);
        prop_oneof![
            many.clone().prop_map(Filter::All),
            many.prop_map(Filter::Any),
            inner.prop_map(|filter| Filter::Not(Box::new(filter))),
        ]
    });
    let claims: Vec<Claims> = rows
        .iter()
        .map(|row| Claims {
            properties: row.property_id.into_iter().collect(),
            buildings: row.building_id.into_iter().collect(),
            tenants: row.tenant.clone().into_iter().collect(),
        })
        .collect();
    let scopes = prop::collection::vec((prop::sample::select(claims), 0..8_u8), 0..3)
        .prop_map(|claims| claims.into_iter().fold(Claims::default(), part_of));
    let scopes = prop_oneof![
        Just(Scope::All),
        scopes.prop_map(|claims| Scope::Claims(Arc::new(claims))),
    ];
    let mut runner = TestRunner::deterministic();
    let mut sizes = std::collections::BTreeSet::new();
    for _ in 0..400 {
        let filter = filters.new_tree(&mut runner).unwrap().current();
        let scope = scopes.new_tree(&mut runner).unwrap().current();
        let fixed = Fixed::new(&scope, filter.clone(), now());
        let found = activity::Entity::find()
            .filter(fixed.to_condition())
            .all(readers)
            .await?;
        let mut found: Vec<i64> = found.iter().map(|row| row.seq).collect();
        found.sort_unstable();
        let matching = rows.iter().filter(|row| fixed.matches(row));
        let matching = matching.inspect(|row| assert!(is_within(&scope, row), "{scope:?} {row:?}"));
        let mut expected: Vec<i64> = matching.map(|row| row.seq).collect();
        expected.sort_unstable();
        assert_eq!(found, expected, "{scope:?} {filter:?}");
        sizes.insert(found.len());
    }
    // The filters were neither all empty nor all full.
    assert!(sizes.len() > 3, "{sizes:?}");
    estate.close().await;
    Ok(())
}

/// `all` and those of `some` whose bit is set in `which`.
fn part_of(mut all: Claims, (some, which): (Claims, u8)) -> Claims {
    if which & 1 > 0 {
        all.properties.extend(some.properties);
    }
    if which & 2 > 0 {
        all.buildings.extend(some.buildings);
    }
    if which & 4 > 0 {
        all.tenants.extend(some.tenants);
    }
    all
}

fn is_within(scope: &Scope, row: &activity::Model) -> bool {
    let Scope::Claims(claims) = scope else {
        return true;
    };
    let is_of_property = row
        .property_id
        .is_some_and(|id| claims.properties.contains(&id));
    let is_in_building = row
        .building_id
        .is_some_and(|id| claims.buildings.contains(&id));
    let tenant = row.tenant.as_ref();
    is_of_property || is_in_building || tenant.is_some_and(|tenant| claims.tenants.contains(tenant))
}

async fn each_filter_narrows_as_it_says(test: TestDatabase) -> anyhow::Result<()> {
    let estate = Estate::build(&test, SMALL).await?;
    let data = estate
        .data("{ building(by: {place: {source: MATRIX, code: \"b0\"}}) { id } zones(first: 1) { nodes { id } } }")
        .await;
    let building = data["building"]["id"].as_str().unwrap().to_owned();
    for (list, filter, length) in [
        ("incidents", format!("building: {{eq: \"{building}\"}}"), 6),
        ("incidents", format!("building: {{neq: \"{building}\"}}"), 6),
        ("incidents", "state: {in: [ASSIGNED]}".into(), 8),
        (
            "incidents",
            "isOpen: {eq: false}, priority: {eq: MEDIUM}".into(),
            4,
        ),
        ("incidents", "dueAt: {isNull: true}".into(), 4),
        ("incidents", "completedAt: {isNull: false}".into(), 4),
        ("incidents", "kind: {startsWith: \"AMM\"}".into(), 12),
        ("incidents", "kind: {startsWith: \"AMM%\"}".into(), 0),
        ("incidents", "reportedAt: {gte: \"-PT3H\"}".into(), 3),
        (
            "incidents",
            "not: {reportedAt: {gte: \"2026-03-01T09:00:00Z\"}}".into(),
            9,
        ),
        ("incidents", "reportedAt: {lt: \"P9000Y\"}".into(), 12),
        ("incidents", "reportedAt: {gt: \"P9000Y\"}".into(), 0),
        ("incidents", "reportedAt: {gt: \"-P3000Y\"}".into(), 12),
        ("incidents", "reportedAt: {lt: \"-P3000Y\"}".into(), 0),
        ("incidents", "reportedAt: {gt: \"-P999999Y\"}".into(), 12),
        (
            "incidents",
            "reportedAt: {lte: \"9999-12-31T23:59:59-01:00\"}".into(),
            12,
        ),
        ("incidents", "kind: {neq: \"\\u0000\"}".into(), 12),
        (
            "incidents",
            "kind: {in: [\"a\\u0000\"], startsWith: \"\\u0000\"}".into(),
            0,
        ),
        (
            "incidents",
            "or: [{priority: {eq: LOW}}, {state: {eq: COMPLETED}}]".into(),
            8,
        ),
        ("incidents", "not: {dueAt: {lt: \"P1D\"}}".into(), 4),
        (
            "tasks",
            "tenant: {eq: \"acme\"}, reference: {eq: \"80027\"}".into(),
            1,
        ),
        ("tasks", "tenant: {neq: \"acme\"}".into(), 4),
        ("tasks", "kind: {eq: INCIDENT_WORK}".into(), 12),
        (
            "tasks",
            "kind: {in: [MAINTENANCE, INCIDENT_WORK]}".into(),
            13,
        ),
        ("tasks", "incident: {isNull: true}".into(), 4),
        ("tasks", "statusAt: {isNull: false}".into(), 1),
        ("tasks", "status: {startsWith: \"En\"}".into(), 1),
        (
            "zones",
            "removedAt: {isNull: true}, source: {eq: MATRIX}".into(),
            2,
        ),
        (
            "tasks",
            "kind: {eq: INCIDENT_WORK}, priority: {eq: HIGH}".into(),
            4,
        ),
        (
            "tasks",
            "kind: {eq: INCIDENT_WORK}, dueAt: {gte: \"-P7D\"}".into(),
            8,
        ),
        (
            "tasks",
            "kind: {eq: INCIDENT_WORK}, completedAt: {isNull: false}".into(),
            4,
        ),
        ("zones", "status: {startsWith: \"Occ\"}".into(), 2),
        ("zones", "name: {isNull: true}".into(), 2),
        ("buildings", "name: {gt: \"Building 00\"}".into(), 1),
        ("properties", "code: {eq: \"p1\"}".into(), 1),
        ("activities", "tenant: {eq: \"acme\"}".into(), 5),
        (
            "activities",
            "kind: {notIn: [OTHER_EVENT, LINKED]}, occurredAt: {lt: \"-PT2H\"}".into(),
            2,
        ),
        (
            "deliveries",
            "source: {eq: URGENT}, outcome: {eq: PARTLY_QUARANTINED}".into(),
            1,
        ),
        ("deliveries", "isQuarantined: {eq: true}".into(), 1),
        ("deliveries", "receivedAt: {gt: \"-PT1H\"}".into(), 0),
    ] {
        let query = format!("{{ {list}(filter: {{{filter}}}) {{ totalCount nodes {{ id }} }} }}");
        let data = estate.data(&query).await;
        assert_eq!(data[list]["totalCount"], length, "{query}");
        assert_eq!(
            data[list]["nodes"].as_array().unwrap().len(),
            length,
            "{query}"
        );
    }
    estate.close().await;
    Ok(())
}

async fn filters_have_limits(test: TestDatabase) -> anyhow::Result<()> {
    let estate = Estate::build(&test, SMALL).await?;
    let deep = (0..8).fold("isOpen: {eq: true}".to_owned(), |inner, _| {
        format!("not: {{{inner}}}")
    });
    let wide = vec!["{isOpen: {eq: true}}"; 21].join(",");
    let long = vec!["\"x\""; 101].join(",");
    let full = format!("{{kind: {{in: [{}]}}}}", vec!["\"x\""; 100].join(","));
    let most = format!("or: [{}]", [full.as_str(); 5].join(","));
    estate
        .data(&format!(
            "{{ incidents(filter: {{{most}}}) {{ nodes {{ id }} }} }}"
        ))
        .await;
    for filter in [
        deep,
        format!("or: [{wide}]"),
        format!("kind: {{eq: \"x\"}}, {most}"),
        format!("kind: {{in: [{long}]}}"),
    ] {
        let query = format!("{{ incidents(filter: {{{filter}}}) {{ nodes {{ id }} }} }}");
        assert_eq!(estate.refusal(&query).await, "LIMIT_EXCEEDED", "{filter}");
    }
    estate.close().await;
    Ok(())
}

async fn a_variable_without_a_value_does_not_widen_the_question(
    test: TestDatabase,
) -> anyhow::Result<()> {
    let estate = Estate::build(&test, SMALL).await?;
    let demanded = "query ($b: ID!) { incidents(filter: {building: {eq: $b}, state: {eq: COMPLETED}}) { totalCount } }";
    for variables in [json!({}), json!({"b": null})] {
        let answer = estate.ask_with(demanded, variables).await;
        assert!(answer.get("data").is_none(), "{answer:#}");
        assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_INPUT");
    }
    let optional = "query ($b: ID) { incidents(filter: {building: {eq: $b}, state: {eq: ASSIGNED}}) { totalCount } }";
    let answer = estate.ask_with(optional, json!({})).await;
    assert_eq!(answer["data"]["incidents"]["totalCount"], 8, "{answer:#}");
    let wrong = estate.ask_with(optional, json!({"b": "x"})).await;
    assert_eq!(wrong["errors"][0]["extensions"]["code"], "BAD_INPUT");
    let ordered = "query ($d: Direction) { incidents(orderBy: [{field: DUE_AT, direction: $d}]) { nodes { dueAt } } }";
    let first =
        |answer: &serde_json::Value| answer["data"]["incidents"]["nodes"][0]["dueAt"].clone();
    let by_default = estate.ask_with(ordered, json!({})).await;
    let ascending = estate.ask_with(ordered, json!({"d": "ASC"})).await;
    let descending = estate.ask_with(ordered, json!({"d": "DESC"})).await;
    assert!(first(&ascending).is_string(), "{ascending:#}");
    assert_eq!(first(&by_default), first(&ascending), "{by_default:#}");
    assert_ne!(first(&by_default), first(&descending));
    estate.close().await;
    Ok(())
}
