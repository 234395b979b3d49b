//! Filters that ask what things lead to, one step on; and what asking beyond the row itself costs.

use std::sync::Arc;

use caretaker::domain::id::{self, SiteKey};
use caretaker::domain::scope::{Claims, Scope};

use sea_orm::ConnectionTrait;

use super::estate::{Estate, SMALL};
use crate::support::{Case, TestDatabase, case::on_each_engine};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        each_relation_narrows_as_it_says,
        filters_go_one_step_and_no_further,
        what_lies_outside_a_scope_is_not_asked,
        a_question_to_other_rows_takes_no_further_statement,
        asking_other_rows_costs,
    ]
}

async fn each_relation_narrows_as_it_says(test: TestDatabase) -> anyhow::Result<()> {
    let estate = Estate::build(&test, SMALL).await?;
    for (list, filter, length) in [
        ("buildings", "inProperty: {code: {eq: \"p1\"}}", 2),
        ("buildings", "inProperty: {code: {eq: \"p2\"}}", 0),
        ("buildings", "hasIncident: {code: {eq: \"x\"}}", usize::MAX),
        ("buildings", "hasTask: {tenant: {eq: \"acme\"}}", 1),
        ("buildings", "not: {hasTask: {tenant: {eq: \"acme\"}}}", 1),
        // By the operator's map, as the list of tasks would say it.
        ("buildings", "hasTask: {statusType: {eq: OPEN}}", 1),
        ("buildings", "hasTask: {statusType: {eq: CLOSED}}", 0),
        ("buildings", "hasTask: {isOpen: {eq: true}}", 2),
        // Incidents' own work orders have a priority; they are left out until they are asked for.
        ("buildings", "hasTask: {priority: {isNull: false}}", 0),
        (
            "buildings",
            "hasTask: {priority: {isNull: false}, kind: {eq: INCIDENT_WORK}}",
            2,
        ),
        ("zones", "inBuilding: {name: {eq: \"Building 01\"}}", 2),
        (
            "zones",
            "hasIncident: {reportedAt: {gte: \"-PT3H\"}, isOpen: {eq: false}}",
            1,
        ),
        (
            "zones",
            "not: {hasIncident: {reportedAt: {gte: \"-PT3H\"}}}",
            3,
        ),
        ("zones", "hasTask: {kind: {eq: MAINTENANCE}}", 0),
        ("zones", "hasTask: {}", 4),
        ("incidents", "inZone: {name: {eq: \"Zone 1\"}}", 6),
        ("incidents", "not: {inZone: {name: {eq: \"Zone 1\"}}}", 6),
        ("incidents", "inBuilding: {name: {startsWith: \"B\"}}", 12),
        (
            "incidents",
            "inZone: {or: [{name: {isNull: true}}, {level: {isNull: true}}]}, inBuilding: {name: {eq: \"Building 00\"}}",
            3,
        ),
        ("incidents", "hasWorkOrder: {tenant: {eq: \"acme\"}}", 1),
        ("incidents", "hasWorkOrder: {}", 1),
        (
            "incidents",
            "hasWorkOrder: {kind: {in: [INCIDENT_WORK]}}",
            12,
        ),
        ("tasks", "inBuilding: {name: {eq: \"Building 00\"}}", 3),
        ("tasks", "inZone: {status: {eq: \"Occupied\"}}", 2),
        ("tasks", "not: {inZone: {status: {eq: \"Occupied\"}}}", 3),
        ("tasks", "ofIncident: {priority: {eq: HIGH}}", 1),
        ("tasks", "not: {ofIncident: {priority: {eq: HIGH}}}", 4),
        ("tasks", "ofIncident: {slaState: {eq: NOT_APPLICABLE}}", 1),
    ] {
        let query = format!("{{ {list}(filter: {{{filter}}}) {{ totalCount nodes {{ id }} }} }}");
        if length == usize::MAX {
            assert_eq!(estate.refusal(&query).await, "BAD_INPUT", "{query}");
            continue;
        }
        let data = estate.data(&query).await;
        let nodes = data[list]["nodes"].as_array().unwrap().len();
        assert_eq!(
            (&data[list]["totalCount"], nodes),
            (&length.into(), length),
            "{query}"
        );
    }
    // Below a parent too.
    let below = "{ buildings { nodes { name incidents(filter: {inZone: {name: {eq: \"Zone 1\"}}}) { totalCount }
        zones(filter: {hasIncident: {reportedAt: {gte: \"-PT3H\"}}}) { totalCount } } } }";
    let data = estate.data(below).await;
    let counts: Vec<_> = data["buildings"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| {
            (
                node["incidents"]["totalCount"].clone(),
                node["zones"]["totalCount"].clone(),
            )
        })
        .collect();
    assert_eq!(counts, [(3.into(), 1.into()), (3.into(), 0.into())]);
    estate.close().await;
    Ok(())
}

async fn filters_go_one_step_and_no_further(test: TestDatabase) -> anyhow::Result<()> {
    let estate = Estate::build(&test, SMALL).await?;
    for filter in [
        "inZone: {inBuilding: {name: {eq: \"x\"}}}",
        "inZone: {not: {hasIncident: {isOpen: {eq: true}}}}",
        "or: [{inBuilding: {and: [{hasTask: {}}]}}]",
    ] {
        let query = format!("{{ incidents(filter: {{{filter}}}) {{ nodes {{ id }} }} }}");
        let answer = estate.ask(&query).await;
        let error = &answer["errors"][0];
        assert_eq!(error["extensions"]["code"], "BAD_INPUT", "{answer}");
        assert!(
            error["message"].to_string().contains("one step"),
            "{answer}"
        );
    }
    // How deep filters nest and how much they compare with counts on.
    let deep = "inZone: {not: {not: {not: {not: {not: {name: {eq: \"x\"}}}}}}}";
    let full = format!("{{kind: {{in: [{}]}}}}", vec!["\"x\""; 100].join(","));
    let full = format!(
        "ofIncident: {{or: [{}]}}, reference: {{eq: \"x\"}}",
        [full.as_str(); 5].join(",")
    );
    for (list, filter) in [("incidents", deep), ("tasks", &full)] {
        let query = format!("{{ {list}(filter: {{{filter}}}) {{ nodes {{ id }} }} }}");
        assert_eq!(estate.refusal(&query).await, "LIMIT_EXCEEDED", "{query}");
    }
    estate.close().await;
    Ok(())
}

async fn what_lies_outside_a_scope_is_not_asked(test: TestDatabase) -> anyhow::Result<()> {
    let mut estate = Estate::build(&test, SMALL).await?;
    let query = "{ inProperty: buildings(filter: {inProperty: {}}) { totalCount }
        hasIncident: buildings(filter: {hasIncident: {}}) { totalCount }
        none: buildings(filter: {not: {hasIncident: {}}}) { totalCount }
        hasTask: buildings(filter: {hasTask: {}}) { totalCount }
        ofIncident: tasks(filter: {ofIncident: {}}) { totalCount } }";
    let counts = |data: serde_json::Value| {
        let lists = ["inProperty", "hasIncident", "none", "hasTask", "ofIncident"];
        lists.map(|list| data[list]["totalCount"].as_i64().unwrap())
    };
    assert_eq!(counts(estate.data(query).await), [2, 2, 0, 2, 1]);
    // A building is seen, its property is not.
    estate.viewer.scope = Scope::Claims(Arc::new(Claims {
        buildings: [SiteKey::matrix("b0").building()].into(),
        ..Claims::default()
    }));
    assert_eq!(counts(estate.data(query).await), [0, 1, 0, 1, 1]);
    // A tenant sees its tasks, and no incident that they belong to.
    estate.viewer.scope = Scope::Claims(Arc::new(Claims {
        tenants: ["acme".to_owned()].into(),
        ..Claims::default()
    }));
    assert_eq!(counts(estate.data(query).await), [0, 0, 0, 0, 0]);
    estate.viewer.scope = Scope::Claims(Arc::new(Claims {
        properties: [id::property("p1")].into(),
        ..Claims::default()
    }));
    assert_eq!(counts(estate.data(query).await), [2, 2, 0, 2, 1]);
    estate.close().await;
    Ok(())
}

async fn a_question_to_other_rows_takes_no_further_statement(
    test: TestDatabase,
) -> anyhow::Result<()> {
    let estate = Estate::build(&test, SMALL).await?;
    for (filter, statements) in [
        ("search: \"lamp ladder\"", 1),
        (
            "inBuilding: {search: \"x\"}, inZone: {name: {isNull: true}}, ofIncident: {isOpen: {eq: true}}",
            1,
        ),
    ] {
        let query = format!("{{ tasks(filter: {{{filter}}}) {{ nodes {{ id }} }} }}");
        assert_eq!(estate.statements(&query).await, statements, "{query}");
    }
    // The operator's map of statuses is asked first.
    let query = "{ zones(filter: {hasTask: {isOpen: {eq: true}}}) { nodes { code } } }";
    assert_eq!(estate.statements(query).await, 2);
    let task = "UPDATE zone SET last_cleaning_task_id = (SELECT id FROM task LIMIT 1)";
    estate.database.writer.execute_unprepared(task).await?;
    let query = "{ zones { nodes { lastCleanedAt lastCleaningTask { identifier } } } }";
    assert_eq!(estate.statements(query).await, 2);
    estate.close().await;
    Ok(())
}

async fn asking_other_rows_costs(test: TestDatabase) -> anyhow::Result<()> {
    let estate = Estate::build(&test, SMALL).await?;
    let cost = async |arguments: &str| {
        let query = format!(
            "{{ viewer {{ usage {{ cost }} }} buildings(first: 10) {{ nodes {{ incidents(first: 1{arguments}) {{ nodes {{ id }} }} }} }} }}"
        );
        estate.data(&query).await["viewer"]["usage"]["cost"]
            .as_u64()
            .unwrap()
    };
    let plain = cost("").await;
    assert_eq!(cost(", filter: {isOpen: {eq: true}}").await, plain);
    // Asked for each of ten buildings.
    assert_eq!(
        cost(", filter: {search: \"smell\"}").await,
        plain + 10 * 500
    );
    let two = ", filter: {or: [{inZone: {search: \"x\"}}]}";
    assert_eq!(cost(two).await, plain + 10 * 2 * 500);
    let variable = "query($f: IncidentFilter) { viewer { usage { cost } }
        buildings(first: 10) { nodes { incidents(first: 1, filter: $f) { nodes { id } } } } }";
    let given = serde_json::json!({"f": {"search": "smell"}});
    let answer = estate.ask_with(variable, given).await;
    assert_eq!(
        answer["data"]["viewer"]["usage"]["cost"],
        plain + 10 * 500,
        "{answer}"
    );
    // Many of them are refused before they run.
    let many = vec!["{inZone: {search: \"x\"}}"; 20].join(",");
    let dear = format!(
        "{{ buildings(first: 100) {{ nodes {{ incidents(first: 1, filter: {{or: [{many}]}}) {{ nodes {{ id }} }} }} }} }}"
    );
    estate.last_statements();
    assert_eq!(estate.refusal(&dear).await, "LIMIT_EXCEEDED");
    assert!(estate.last_statements().is_empty());
    // And more of them than one filter holds, however few things are asked for.
    let nine = ["{search: \"x\"}"; 9].join(",");
    let deep = format!("{{ tasks(first: 1, filter: {{or: [{nine}]}}) {{ nodes {{ id }} }} }}");
    assert_eq!(estate.refusal(&deep).await, "LIMIT_EXCEEDED");
    // Nothing beside it runs either.
    let beside = format!(
        "{{ buildings {{ nodes {{ tasks(filter: {{or: [{nine}]}}) {{ nodes {{ id }} }} }} }} }}"
    );
    estate.last_statements();
    let answer = estate.ask(&beside).await;
    assert!(estate.last_statements().is_empty());
    assert_eq!(
        answer["errors"][0]["extensions"]["limit"], "filter_steps",
        "{answer}"
    );
    let eight = ["{search: \"x\"}"; 8].join(",");
    let most = format!("{{ tasks(first: 1, filter: {{or: [{eight}]}}) {{ nodes {{ id }} }} }}");
    estate.data(&most).await;
    let words: Vec<String> = (0..21).map(|number| format!("w{number}")).collect();
    let long = format!(
        "{{ tasks(filter: {{search: \"{}\"}}) {{ nodes {{ id }} }} }}",
        words.join(" ")
    );
    assert_eq!(estate.refusal(&long).await, "LIMIT_EXCEEDED");
    let variable =
        "query($w: String) { viewer { name } tasks(filter: {search: $w}) { nodes { id } } }";
    let given = serde_json::json!({"w": words.join(" ")});
    estate.last_statements();
    let answer = estate.ask_with(variable, given).await;
    assert!(estate.last_statements().is_empty());
    assert_eq!(
        answer["errors"][0]["extensions"]["limit"], "search_words",
        "{answer}"
    );
    estate.close().await;
    Ok(())
}
