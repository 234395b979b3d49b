//! Paging: every order, forwards and backwards, gives every row once.

use serde_json::{Value, json};

use super::estate::{Estate, SMALL, activity, add, hours_ago};
use crate::support::{Case, TestDatabase, case::on_each_engine};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        every_order_pages_forwards_and_backwards_through_every_row_once,
        null_is_the_greatest_value,
        a_cursor_is_refused_by_another_filter_order_or_list,
        a_feed_cursor_goes_with_any_filter,
        pages_have_limits,
    ]
}

/// All codes of a list, three at a time.
async fn walk(estate: &Estate, list: &str, arguments: &str, key: &str, back: bool) -> Vec<Value> {
    let (size, from, has) = if back {
        ("last", "before", "hasPreviousPage")
    } else {
        ("first", "after", "hasNextPage")
    };
    let query = format!(
        "query ($cursor: String) {{ {list}({arguments} {size}: 3, {from}: $cursor) {{
            nodes {{ {key} }} pageInfo {{ {has} startCursor endCursor }} }} }}"
    );
    let (mut cursor, mut found) = (Value::Null, Vec::new());
    loop {
        let mut answer = estate.ask_with(&query, json!({"cursor": cursor})).await;
        assert!(answer.get("errors").is_none(), "{query} {answer:#}");
        let page = answer["data"][list].take();
        let keys = page["nodes"].as_array().unwrap().iter();
        let keys: Vec<Value> = keys.map(|node| node[key].clone()).collect();
        if back {
            found.splice(0..0, keys);
            cursor = page["pageInfo"]["startCursor"].clone();
        } else {
            found.extend(keys);
            cursor = page["pageInfo"]["endCursor"].clone();
        }
        if page["pageInfo"][has] == false {
            return found;
        }
        assert!(found.len() < 500, "{list}({arguments}) does not end");
    }
}

async fn every_order_pages_forwards_and_backwards_through_every_row_once(
    test: TestDatabase,
) -> anyhow::Result<()> {
    let estate = Estate::build(&test, SMALL).await?;
    let orders = [
        ("properties", 1, ["NAME", "CODE"].as_slice()),
        ("buildings", 2, &["NAME"]),
        ("zones", 4, &["NAME"]),
        (
            "incidents",
            12,
            &["REPORTED_AT", "DUE_AT", "COMPLETED_AT", "LAST_ACTIVITY_AT"],
        ),
        (
            "tasks",
            5,
            &["REPORTED_AT", "STATUS_AT", "LAST_ACTIVITY_AT"],
        ),
        ("deliveries", 1, &["RECEIVED_AT"]),
    ];
    for (list, length, fields) in orders {
        for field in fields {
            for direction in ["ASC", "DESC"] {
                let order = format!("orderBy: [{{field: {field}, direction: {direction}}}]");
                let forwards = walk(&estate, list, &order, "id", false).await;
                assert_eq!(forwards.len(), length, "{list} {order}");
                let backwards = walk(&estate, list, &order, "id", true).await;
                assert_eq!(forwards, backwards, "{list} {order}");
            }
        }
    }
    let mixed = "orderBy: [{field: DUE_AT, direction: DESC}, {field: REPORTED_AT, direction: ASC}]";
    let forwards = walk(&estate, "incidents", mixed, "id", false).await;
    assert_eq!(forwards.len(), 12);
    assert_eq!(
        forwards,
        walk(&estate, "incidents", mixed, "id", true).await
    );
    let feed = walk(&estate, "activities", "", "id", false).await;
    assert_eq!(feed.len(), 7);
    assert_eq!(feed, walk(&estate, "activities", "", "id", true).await);
    estate.close().await;
    Ok(())
}

async fn null_is_the_greatest_value(test: TestDatabase) -> anyhow::Result<()> {
    let estate = Estate::build(&test, SMALL).await?;
    for (direction, nulls_first) in [("ASC", false), ("DESC", true)] {
        let order = format!("orderBy: [{{field: DUE_AT, direction: {direction}}}]");
        let due = walk(&estate, "incidents", &order, "dueAt", false).await;
        let nulls: Vec<bool> = due.iter().map(Value::is_null).collect();
        let mut expected = nulls.clone();
        expected.sort_unstable();
        if nulls_first {
            expected.reverse();
        }
        assert_eq!(nulls, expected);
        assert!(nulls.contains(&true) && nulls.contains(&false));
    }
    estate.close().await;
    Ok(())
}

async fn a_cursor_is_refused_by_another_filter_order_or_list(
    test: TestDatabase,
) -> anyhow::Result<()> {
    let estate = Estate::build(&test, SMALL).await?;
    let page = estate
        .data("{ incidents(first: 1, filter: {reportedAt: {gte: \"-P7D\"}}) { pageInfo { endCursor } } }")
        .await;
    let cursor = page["incidents"]["pageInfo"]["endCursor"]
        .as_str()
        .unwrap()
        .to_owned();
    let with = |arguments: &str| {
        format!("{{ incidents(after: \"{cursor}\" {arguments}) {{ nodes {{ id }} }} }}")
    };
    let same = with("filter: {reportedAt: {gte: \"-P7D\"}}");
    assert_eq!(
        estate.data(&same).await["incidents"]["nodes"]
            .as_array()
            .unwrap()
            .len(),
        11
    );
    for other in [
        with(""),
        with("filter: {reportedAt: {gte: \"-P8D\"}}"),
        with("filter: {reportedAt: {gte: \"-P7D\"}} orderBy: [{field: DUE_AT}]"),
        format!("{{ tasks(after: \"{cursor}\") {{ nodes {{ id }} }} }}"),
        format!("{{ activities(after: \"{cursor}\") {{ nodes {{ id }} }} }}"),
        "{ incidents(after: \"nonsense\") { nodes { id } } }".to_owned(),
        "{ incidents(before: \"YTE6MQ\") { nodes { id } } }".to_owned(),
    ] {
        assert_eq!(estate.refusal(&other).await, "CURSOR_INVALID", "{other}");
    }
    estate.close().await;
    Ok(())
}

async fn a_feed_cursor_goes_with_any_filter(test: TestDatabase) -> anyhow::Result<()> {
    let estate = Estate::build(&test, SMALL).await?;
    let data = estate
        .data("{ activities(first: 2) { edges { cursor node { cursor } } } }")
        .await;
    let edge = &data["activities"]["edges"][1];
    assert_eq!(edge["cursor"], edge["node"]["cursor"]);
    let cursor = edge["cursor"].as_str().unwrap().to_owned();
    let late = activity(entity::ActivityKind::TaskChased, "late", hours_ago(100));
    add(&estate.database, late).await?;
    let rest = format!(
        "{{ activities(after: \"{cursor}\", filter: {{kind: {{in: [TASK_CHASED]}}}}) {{ nodes {{ occurredAt }} }} }}"
    );
    let data = estate.data(&rest).await;
    assert_eq!(data["activities"]["nodes"].as_array().unwrap().len(), 2);
    let timeline = format!(
        "{{ task(by: {{urgent: {{tenant: \"acme\", identifier: \"t-1\"}}}}) {{ timeline(after: \"{cursor}\") {{ nodes {{ id }} }} }} }}"
    );
    assert_eq!(estate.refusal(&timeline).await, "CURSOR_INVALID");
    estate.close().await;
    Ok(())
}

async fn pages_have_limits(test: TestDatabase) -> anyhow::Result<()> {
    let estate = Estate::build(&test, SMALL).await?;
    for (arguments, code) in [
        ("first: 101", "LIMIT_EXCEEDED"),
        ("last: 1000", "LIMIT_EXCEEDED"),
        ("first: 0", "BAD_INPUT"),
        ("first: -1", "BAD_INPUT"),
        ("first: 1, last: 1", "BAD_INPUT"),
        ("filter: {building: {eq: \"x\"}}", "BAD_INPUT"),
        (
            "orderBy: [{field: DUE_AT}, {field: DUE_AT}, {field: DUE_AT}, {field: DUE_AT}]",
            "LIMIT_EXCEEDED",
        ),
        ("nothing: 1", "BAD_INPUT"),
    ] {
        let query = format!("{{ incidents({arguments}) {{ nodes {{ id }} }} }}");
        assert_eq!(estate.refusal(&query).await, code, "{arguments}");
    }
    let ids = vec!["\"x\""; 101].join(",");
    let nodes = format!("{{ nodes(ids: [{ids}]) {{ id }} }}");
    assert_eq!(estate.refusal(&nodes).await, "LIMIT_EXCEEDED");
    estate.close().await;
    Ok(())
}
