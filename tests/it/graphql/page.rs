//! Paging: every order, forwards and backwards, gives every row once.

use caretaker::domain::{bulk, id};
use sea_orm::{ConnectionTrait, EntityTrait, IntoActiveModel};
use serde_json::{Value, json};

use super::estate::{Estate, Extent, SMALL, activity, add, hours_ago};
use crate::support::{Case, TestDatabase, case::on_each_engine, look};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        every_order_pages_forwards_and_backwards_through_every_row_once,
        null_is_the_greatest_value,
        a_cursor_is_refused_by_another_filter_order_or_list,
        a_feed_cursor_goes_with_any_filter,
        pages_have_limits,
        orders_of_several_fields_page_through_every_row_once,
        what_is_added_while_a_list_is_paged_moves_nothing,
        a_list_is_counted_only_when_asked_and_only_so_far,
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
        (
            "zones",
            4,
            &["NAME", "LAST_CLEANED_AT", "OPEN_INCIDENT_COUNT"],
        ),
        (
            "incidents",
            12,
            &["REPORTED_AT", "DUE_AT", "COMPLETED_AT", "LAST_ACTIVITY_AT"],
        ),
        (
            "tasks",
            5,
            &[
                "REPORTED_AT",
                "STATUS_AT",
                "LAST_ACTIVITY_AT",
                "CHASE_COUNT",
                "LAST_CHASED_AT",
            ],
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

/// Zones, tasks and more of everything, so that there are ties and nulls in every field.
async fn many(test: &TestDatabase) -> anyhow::Result<Estate> {
    let extent = Extent {
        buildings: 3,
        zones: 3,
        incidents: 2,
    };
    let estate = Estate::build(test, extent).await?;
    let last = hours_ago(3).to_rfc3339_opts(chrono::SecondsFormat::AutoSi, false);
    for sql in [
        format!("UPDATE zone SET last_cleaned_at = '{last}' WHERE code LIKE '%z1'"),
        "UPDATE zone SET open_incident_count = 2 WHERE code LIKE 'b1%'".to_owned(),
        format!(
            "UPDATE task SET chase_count = 1, last_chased_at = '{last}' WHERE identifier LIKE '%z2%'"
        ),
    ] {
        estate.database.writer.execute_unprepared(&sql).await?;
    }
    Ok(estate)
}

async fn orders_of_several_fields_page_through_every_row_once(
    test: TestDatabase,
) -> anyhow::Result<()> {
    let estate = many(&test).await?;
    let orders: [(&str, &str, &[&str]); 6] = [
        ("properties", "code", &["NAME", "CODE"]),
        ("buildings", "name", &["NAME"]),
        (
            "zones",
            "code",
            &["LAST_CLEANED_AT", "OPEN_INCIDENT_COUNT", "NAME"],
        ),
        (
            "incidents",
            "code",
            &["COMPLETED_AT", "DUE_AT", "REPORTED_AT"],
        ),
        (
            "tasks",
            "identifier",
            &["LAST_CHASED_AT", "CHASE_COUNT", "STATUS_AT"],
        ),
        ("deliveries", "id", &["RECEIVED_AT"]),
    ];
    for (list, key, fields) in orders {
        let all = estate
            .data(&format!("{{ {list}(first: 100) {{ totalCount }} }}"))
            .await;
        // Each field in each direction.
        for directions in 0..1_usize << fields.len() {
            let term = |(nth, field): (usize, &&str)| {
                let direction = if directions >> nth & 1 == 0 {
                    "ASC"
                } else {
                    "DESC"
                };
                format!("{{field: {field}, direction: {direction}}}")
            };
            let terms: Vec<String> = fields.iter().enumerate().map(term).collect();
            let order = format!("orderBy: [{}]", terms.join(", "));
            let whole = estate
                .data(&format!(
                    "{{ {list}(first: 100, {order}) {{ nodes {{ {key} }} }} }}"
                ))
                .await;
            let nodes = whole[list]["nodes"].as_array().unwrap().iter();
            let whole: Vec<Value> = nodes.map(|node| node[key].clone()).collect();
            assert_eq!(all[list]["totalCount"], whole.len(), "{list} {order}");
            assert_eq!(
                walk(&estate, list, &order, key, false).await,
                whole,
                "{list} {order}"
            );
            assert_eq!(
                walk(&estate, list, &order, key, true).await,
                whole,
                "{list} {order}"
            );
        }
    }
    estate.close().await;
    Ok(())
}

/// After each page something new comes in before, between and after what was read.
async fn what_is_added_while_a_list_is_paged_moves_nothing(
    test: TestDatabase,
) -> anyhow::Result<()> {
    for back in [false, true] {
        let fresh = test.another().await?;
        let estate = many(&fresh).await?;
        paged_while_rows_are_added(&estate, back).await?;
        estate.close().await;
    }
    Ok(())
}

async fn paged_while_rows_are_added(estate: &Estate, back: bool) -> anyhow::Result<()> {
    let rows = entity::incident::Entity::find()
        .all(&estate.database.readers)
        .await?;
    let (size, from, edge, has) = if back {
        ("last", "before", "startCursor", "hasPreviousPage")
    } else {
        ("first", "after", "endCursor", "hasNextPage")
    };
    let order = "orderBy: [{field: DUE_AT, direction: DESC}, {field: REPORTED_AT, direction: ASC}]";
    let whole = async || {
        let query = format!("{{ incidents(first: 100, {order}) {{ nodes {{ code }} }} }}");
        look::words(&estate.data(&query).await["incidents"], "code")
    };
    let query = format!(
        "query($cursor: String) {{ incidents({order}, {size}: 4, {from}: $cursor) {{
            nodes {{ code }} pageInfo {{ {has} {edge} }} }} }}"
    );
    let before = whole().await;
    let (mut cursor, mut read, mut page) = (Value::Null, Vec::new(), 0_usize);
    loop {
        let answer = estate.ask_with(&query, json!({ "cursor": cursor })).await;
        let found = &answer["data"]["incidents"];
        let codes = look::words(found, "code");
        if back {
            read.splice(0..0, codes);
        } else {
            read.extend(codes);
        }
        if found["pageInfo"][has] == false {
            break;
        }
        cursor = found["pageInfo"][edge].clone();
        for (nth, row) in rows.iter().enumerate().step_by(8) {
            let code = format!("added-{page}-{nth}");
            let mut row = row.clone();
            row.id = id::incident("added", &code);
            row.task_id = id::matrix_task("added", &code);
            row.code = code;
            let added = entity::incident::Entity::insert(row.into_active_model());
            added.exec(&estate.database.writer).await?;
        }
        page += 1;
        assert!(page < 25, "it does not end");
    }
    let after = whole().await;
    // Nothing that was there is missing, twice or out of order; what was added stands where the whole list has it.
    let kept = read.iter().filter(|code| before.contains(code));
    assert_eq!(kept.collect::<Vec<_>>(), before.iter().collect::<Vec<_>>());
    let shown = after.iter().filter(|code| read.contains(code));
    assert_eq!(shown.collect::<Vec<_>>(), read.iter().collect::<Vec<_>>());
    assert!(
        page > 2 && read.len() > before.len(),
        "{page} {}",
        read.len()
    );
    Ok(())
}

async fn a_list_is_counted_only_when_asked_and_only_so_far(
    test: TestDatabase,
) -> anyhow::Result<()> {
    let estate = Estate::build(&test, SMALL).await?;
    let listed = "{ properties(first: 1) { nodes { code } } }";
    let counted = "{ properties(first: 1) { totalCount nodes { code } } }";
    assert_eq!(estate.statements(listed).await, 1);
    assert_eq!(estate.statements(counted).await, 2);
    assert_eq!(
        estate
            .statements("{ properties(first: 1) { totalCount @skip(if: true) nodes { code } } }")
            .await,
        1
    );
    let below = "{ properties { nodes { buildings(first: 1) { totalCount nodes { name } } } } }";
    assert_eq!(estate.statements(below).await, 3);
    let mut row = entity::property::Entity::find()
        .one(&estate.database.readers)
        .await?
        .unwrap();
    let mut rows = Vec::new();
    for number in 0..10_000 {
        row.code = format!("more-{number}");
        row.id = id::property(&row.code);
        rows.push(row.clone());
    }
    let last = rows.pop().unwrap();
    bulk::write::<entity::property::Entity>(
        &estate.database.writer,
        &rows,
        &[],
        bulk::Existing::Keep,
    )
    .await?;
    assert_eq!(
        estate.data(counted).await["properties"]["totalCount"],
        10_000
    );
    let one_more = entity::property::Entity::insert(last.into_active_model());
    one_more.exec(&estate.database.writer).await?;
    assert_eq!(
        estate.data(counted).await["properties"]["totalCount"],
        Value::Null
    );
    let few = "{ properties(first: 1, filter: {code: {startsWith: \"more-99\"}}) { totalCount } }";
    assert_eq!(estate.data(few).await["properties"]["totalCount"], 111);
    estate.close().await;
    Ok(())
}
