//! How the engines run what is offered: an index serves each filter alone and each order alone, and the lists of many
//! parents are entered parent by parent.

use sea_orm::{ConnectionTrait, DbBackend, Statement, TransactionTrait};

use std::sync::Arc;

use caretaker::domain::id::{self, SiteKey};
use caretaker::domain::scope::{Claims, Scope};

use super::estate::{self, Estate, Extent, SMALL};
use crate::support::case::{on_each_engine, on_postgres};
use crate::support::{Case, TestDatabase};

pub fn tests() -> Vec<Case> {
    let mut tests = on_each_engine![
        an_index_serves_each_order_alone,
        an_index_serves_each_filter_alone,
        lists_of_many_parents_are_entered_by_parent,
        names_without_a_meaning_and_notes_without_a_task_are_found_by_index,
        an_index_serves_each_list_of_a_narrow_viewer,
        an_index_serves_each_search,
        an_index_serves_each_question_to_related_things,
        an_index_serves_what_was_known_at_an_earlier_time,
    ];
    tests.extend(on_postgres![what_is_fetched_by_keys_is_planned_once]);
    tests
}

/// Filters that leave the rows of one thing or of a short time: those are found by an index and sorted.
const OF_ONE_THING: [(&str, &str); 6] = [
    ("incidents", "breachesWithin"),
    ("tasks", "reference"),
    ("zones", "name"),
    ("activities", "zone"),
    ("activities", "incident"),
    ("activities", "task"),
];

/// The plans of the statements that a question takes.
async fn plans(estate: &Estate, query: &str) -> anyhow::Result<Vec<String>> {
    plans_with(estate, query, false).await
}

/// The same where PostgreSQL may join what several indexes find.
pub async fn plans_with(
    estate: &Estate,
    query: &str,
    bitmaps: bool,
) -> anyhow::Result<Vec<String>> {
    estate.last_statements();
    estate.data(query).await;
    let mut plans = Vec::new();
    for statement in estate.last_statements() {
        plans.push(plan(estate, statement, bitmaps).await?);
    }
    assert!(!plans.is_empty(), "{query}");
    Ok(plans)
}

async fn plan(estate: &Estate, statement: Statement, bitmaps: bool) -> anyhow::Result<String> {
    let backend = estate.database.backend();
    let transaction = estate.database.writer.begin().await?;
    let (explain, column) = match backend {
        DbBackend::Sqlite => ("EXPLAIN QUERY PLAN", "detail"),
        _ => {
            // The tables are small: what is asked is whether an index can serve, not whether it pays here.
            let settings = "SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off;
                SET LOCAL enable_incremental_sort = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off";
            transaction.execute_unprepared(settings).await?;
            if bitmaps {
                let settings = "SET LOCAL enable_bitmapscan = on; SET LOCAL enable_sort = on";
                transaction.execute_unprepared(settings).await?;
            }
            ("EXPLAIN", "QUERY PLAN")
        }
    };
    let sql = format!("{explain} {}", statement.sql);
    let statement = Statement {
        sql,
        values: statement.values,
        db_backend: backend,
    };
    let rows = transaction.query_all_raw(statement).await?;
    let lines = rows.iter().map(|row| row.try_get::<String>("", column));
    Ok(lines.collect::<Result<Vec<_>, _>>()?.join("\n"))
}

pub fn scans(plan: &str, table: &str) -> bool {
    plan.lines().map(str::trim_start).any(|line| {
        let line = line.trim_start_matches("-> ");
        line == format!("SCAN {table}")
            || line == "SCAN k"
            || line.contains(&format!("Seq Scan on {table}"))
    })
}

fn sorts(plan: &str) -> bool {
    plan.contains("TEMP B-TREE FOR ORDER BY")
        || plan.contains("TEMP B-TREE FOR LAST")
        || plan.contains("Sort Key")
}

async fn an_index_serves_each_order_alone(test: TestDatabase) -> anyhow::Result<()> {
    let estate = Estate::build(&test, SMALL).await?;
    let mut faults = Vec::new();
    for (list, table, fields) in [
        ("properties", "property", ["CODE", "NAME"].as_slice()),
        ("buildings", "building", &["NAME"]),
        (
            "zones",
            "zone",
            &["NAME", "LAST_CLEANED_AT", "OPEN_INCIDENT_COUNT"],
        ),
        (
            "incidents",
            "incident",
            &["REPORTED_AT", "DUE_AT", "COMPLETED_AT", "LAST_ACTIVITY_AT"],
        ),
        (
            "tasks",
            "task",
            &[
                "REPORTED_AT",
                "STATUS_AT",
                "LAST_ACTIVITY_AT",
                "CHASE_COUNT",
                "LAST_CHASED_AT",
            ],
        ),
        ("deliveries", "delivery", &["RECEIVED_AT"]),
    ] {
        for field in fields {
            for direction in ["ASC", "DESC"] {
                let order = format!("orderBy: [{{field: {field}, direction: {direction}}}]");
                let query = format!("{{ {list}({order}) {{ nodes {{ id }} }} }}");
                for plan in plans(&estate, &query).await? {
                    if scans(&plan, table) || sorts(&plan) {
                        faults.push(format!("{query}\n{plan}\n"));
                    }
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    estate.close().await;
    Ok(())
}

async fn an_index_serves_each_filter_alone(test: TestDatabase) -> anyhow::Result<()> {
    let estate = Estate::build(&test, SMALL).await?;
    let data = estate
        .data("{ buildings(first: 1) { nodes { id property { id } } } zones(first: 1) { nodes { id level { id } } } incidents(first: 1) { nodes { id task { id } } } }")
        .await;
    let id = |pointer: &str| data.pointer(pointer).unwrap().to_string();
    let building = id("/buildings/nodes/0/id");
    let property = id("/buildings/nodes/0/property/id");
    let zone = id("/zones/nodes/0/id");
    let level = id("/zones/nodes/0/level/id");
    let incident = id("/incidents/nodes/0/id");
    let task = id("/incidents/nodes/0/task/id");
    let mut faults = Vec::new();
    for (list, table, filter) in [
        ("properties", "property", "code: {eq: \"p\"}".to_owned()),
        ("properties", "property", "name: {startsWith: \"p\"}".into()),
        (
            "buildings",
            "building",
            format!("property: {{eq: {property}}}"),
        ),
        ("buildings", "building", "name: {startsWith: \"B\"}".into()),
        ("zones", "zone", format!("building: {{eq: {building}}}")),
        ("zones", "zone", format!("level: {{eq: {level}}}")),
        ("zones", "zone", "source: {eq: URGENT}".into()),
        ("zones", "zone", "name: {eq: \"x\"}".into()),
        ("zones", "zone", "status: {eq: \"x\"}".into()),
        ("zones", "zone", "removedAt: {isNull: true}".into()),
        ("zones", "zone", "lastCleanedAt: {lt: \"-PT4H\"}".into()),
        ("zones", "zone", "openIncidentCount: {gte: 3}".into()),
        (
            "incidents",
            "incident",
            format!("building: {{eq: {building}}}"),
        ),
        ("incidents", "incident", format!("zone: {{eq: {zone}}}")),
        ("incidents", "incident", "kind: {eq: \"x\"}".into()),
        ("incidents", "incident", "priority: {eq: HIGH}".into()),
        ("incidents", "incident", "state: {eq: STARTED}".into()),
        ("incidents", "incident", "isOpen: {eq: true}".into()),
        (
            "incidents",
            "incident",
            "reportedAt: {gte: \"-P7D\"}".into(),
        ),
        ("incidents", "incident", "dueAt: {lt: \"PT1H\"}".into()),
        (
            "incidents",
            "incident",
            "assignedAt: {gte: \"-P7D\"}".into(),
        ),
        ("incidents", "incident", "startedAt: {gte: \"-P7D\"}".into()),
        (
            "incidents",
            "incident",
            "reopenedAt: {isNull: false}".into(),
        ),
        ("incidents", "incident", "breachesAt: {lt: \"PT0S\"}".into()),
        (
            "incidents",
            "incident",
            "completedAt: {gte: \"-P7D\"}".into(),
        ),
        ("incidents", "incident", "slaState: {eq: ON_TRACK}".into()),
        ("incidents", "incident", "slaState: {eq: AT_RISK}".into()),
        ("incidents", "incident", "slaState: {eq: BREACHED}".into()),
        ("incidents", "incident", "slaState: {eq: MET}".into()),
        (
            "incidents",
            "incident",
            "slaState: {eq: NOT_APPLICABLE}".into(),
        ),
        ("incidents", "incident", "breachesWithin: \"PT1H\"".into()),
        ("tasks", "task", "kind: {eq: SCHEDULED}".into()),
        ("tasks", "task", "tenant: {eq: \"acme\"}".into()),
        ("tasks", "task", "reference: {eq: \"1\"}".into()),
        ("tasks", "task", "status: {eq: \"x\"}".into()),
        ("tasks", "task", "statusType: {eq: CLOSED}".into()),
        ("tasks", "task", "isOpen: {eq: true}".into()),
        ("tasks", "task", "state: {eq: STARTED}".into()),
        ("tasks", "task", format!("building: {{eq: {building}}}")),
        ("tasks", "task", format!("zone: {{eq: {zone}}}")),
        ("tasks", "task", format!("incident: {{eq: {incident}}}")),
        ("tasks", "task", "reportedAt: {gte: \"-P7D\"}".into()),
        ("tasks", "task", "statusAt: {gte: \"-P7D\"}".into()),
        ("tasks", "task", "priority: {eq: HIGH}".into()),
        ("tasks", "task", "assignedAt: {gte: \"-P7D\"}".into()),
        ("tasks", "task", "startedAt: {gte: \"-P7D\"}".into()),
        ("tasks", "task", "dueAt: {lt: \"PT1H\"}".into()),
        ("tasks", "task", "completedAt: {gte: \"-P7D\"}".into()),
        ("tasks", "task", "chaseCount: {gte: 2}".into()),
        ("tasks", "task", "lastChasedAt: {gte: \"-P7D\"}".into()),
        ("activities", "activity", "kind: {eq: TASK_CHASED}".into()),
        (
            "activities",
            "activity",
            format!("property: {{eq: {property}}}"),
        ),
        (
            "activities",
            "activity",
            format!("building: {{eq: {building}}}"),
        ),
        ("activities", "activity", format!("zone: {{eq: {zone}}}")),
        (
            "activities",
            "activity",
            format!("incident: {{eq: {incident}}}"),
        ),
        ("activities", "activity", format!("task: {{eq: {task}}}")),
        ("activities", "activity", "tenant: {eq: \"acme\"}".into()),
        ("deliveries", "delivery", "source: {eq: MATRIX}".into()),
        ("deliveries", "delivery", "operation: {eq: EVENTS}".into()),
        ("deliveries", "delivery", "outcome: {eq: CONFLICT}".into()),
        ("deliveries", "delivery", "credential: {eq: \"bus\"}".into()),
        ("deliveries", "delivery", "isQuarantined: {eq: true}".into()),
        (
            "deliveries",
            "delivery",
            "receivedAt: {gte: \"-P7D\"}".into(),
        ),
    ] {
        let query = format!("{{ {list}(filter: {{{filter}}}) {{ nodes {{ id }} }} }}");
        for plan in plans(&estate, &query).await? {
            let few = OF_ONE_THING
                .iter()
                .any(|(of, field)| *of == list && filter.starts_with(field));
            if scans(&plan, table) || (sorts(&plan) && !few) {
                faults.push(format!("{query}\n{plan}\n"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    estate.close().await;
    Ok(())
}

async fn lists_of_many_parents_are_entered_by_parent(test: TestDatabase) -> anyhow::Result<()> {
    let estate = Estate::build(&test, SMALL).await?;
    let mut faults = Vec::new();
    for query in [
        "{ buildings { nodes { incidents(first: 3) { totalCount nodes { id } } } } }",
        "{ buildings { nodes { incidents(first: 3, filter: {isOpen: {eq: true}}) { nodes { id } } } } }",
        "{ buildings { nodes { openIncidentCount breachedCount } } }",
        "{ zones { nodes { openIncidentCount } } }",
        "{ buildings { nodes { zones(first: 3) { nodes { id } } } } }",
        "{ zones { nodes { incidents(first: 3) { nodes { id } } tasks(first: 3) { nodes { id } } } } }",
        "{ incidents { nodes { workOrders { nodes { id } } } } }",
        "{ tasks { nodes { notes { nodes { id } } chases { nodes { id } } statusChanges { nodes { id } } } } }",
        "{ buildings { nodes { timeline(first: 3) { totalCount nodes { id } } } } }",
        "{ tasks { nodes { timeline(first: 3, newestFirst: true) { nodes { id } } } } }",
    ] {
        for plan in plans(&estate, query).await?.into_iter().skip(1) {
            let tables = [
                "incident",
                "task",
                "zone",
                "note",
                "chase",
                "status_change",
                "activity",
            ];
            if tables.iter().any(|table| scans(&plan, table)) || sorts(&plan) {
                faults.push(format!("{query}\n{plan}\n"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    estate.close().await;
    Ok(())
}

async fn what_is_fetched_by_keys_is_planned_once(test: TestDatabase) -> anyhow::Result<()> {
    let extent = Extent {
        buildings: 20,
        zones: 20,
        incidents: 1,
    };
    // Each connection keeps plans of its own: with one, each statement runs as often as it is asked for.
    let estate = Estate::read_by(1, &test, extent).await?;
    estate.database.writer.execute_unprepared("ANALYZE").await?;
    let few = "{ buildings(first: 3) { nodes { zones(first: 2) { nodes { name } }
        timeline(first: 3) { nodes { kind } } } }
        incidents(first: 3) { nodes { zone { name } } } }";
    let one = "{ buildings(first: 1) { nodes { zones(first: 2) { nodes { name } }
        timeline(first: 3) { nodes { kind } } } } }";
    for _ in 0..20 {
        estate.data(few).await;
        estate.data(one).await;
    }
    // PostgreSQL looks at the keys of five runs before it decides whether to keep a plan for any.
    let plans = "SELECT statement, generic_plans, custom_plans FROM pg_prepared_statements
        WHERE parameter_types <> '{}' AND (statement LIKE '%any(%' OR statement LIKE '%parent_%')";
    let plans = Statement::from_string(DbBackend::Postgres, plans);
    let plans = estate.database.readers.query_all_raw(plans).await?;
    for plan in &plans {
        let statement: String = plan.try_get_by_index(0)?;
        let (kept, anew): (i64, i64) = (plan.try_get_by_index(1)?, plan.try_get_by_index(2)?);
        assert!(kept >= 15 && anew == 5, "{kept}, {anew}: {statement}");
    }
    // Zones and what happened, of one building and of several; the zones of incidents.
    assert_eq!(plans.len(), 5);
    estate.close().await;
    Ok(())
}

async fn names_without_a_meaning_and_notes_without_a_task_are_found_by_index(
    test: TestDatabase,
) -> anyhow::Result<()> {
    let estate = Estate::build(&test, SMALL).await?;
    for query in [
        "{ unmappedStatuses { isCut nodes { tenant status taskCount } } }",
        "{ unfiledNotes { nodes { text } } }",
    ] {
        let plans = plans(&estate, query).await?;
        assert_eq!(plans.len(), 1, "{query}");
        let of_tables = ["task", "t", "c", "first", "next", "note"];
        let is_scanned = of_tables.iter().any(|table| scans(&plans[0], table));
        let by_name = !query.contains("unmapped") || plans[0].contains("task_status_key");
        assert!(
            !is_scanned && !sorts(&plans[0]) && by_name,
            "{query}\n{}",
            plans[0]
        );
    }
    estate.close().await;
    Ok(())
}

async fn an_index_serves_what_was_known_at_an_earlier_time(
    test: TestDatabase,
) -> anyhow::Result<()> {
    let estate = Estate::build(&test, SMALL).await?;
    let then = estate::now().to_rfc3339();
    let listed = estate
        .data("{ incidents(first: 1) { nodes { id } } }")
        .await;
    let id = &listed["incidents"]["nodes"][0]["id"];
    for query in [
        format!("{{ buildings {{ nodes {{ openIncidentCount(asOf: \"{then}\") }} }} }}"),
        format!(
            "{{ incident(by: {{id: {id}}}, asOf: \"{then}\") {{ code building {{ name }}
                timeline {{ totalCount nodes {{ kind }} }} workOrders {{ nodes {{ notes {{ nodes {{ text }} }} }} }}
                provenance {{ field activity {{ kind }} }} }} }}"
        ),
    ] {
        for plan in plans(&estate, &query).await? {
            let tables = ["activity", "m", "x", "activity_link", "incident", "i", "site", "s", "task"];
            let is_scanned = tables.iter().any(|table| scans(&plan, table));
            assert!(!is_scanned, "{query}\n{plan}");
            let by_index = ["incident_building", "activity_of_site", "activity_moved"];
            let counts = plan.contains("open_now");
            let is_served = by_index.iter().all(|index| plan.contains(index));
            assert!(!counts || is_served, "{query}\n{plan}");
        }
    }
    estate.close().await;
    Ok(())
}

/// Claims of each kind, and of all kinds.
fn claims() -> Vec<(&'static str, Claims)> {
    let building = || [SiteKey::matrix("b0").building()].into();
    let property = || [id::property("p1")].into();
    let tenant = || ["acme".to_owned()].into();
    let none = Claims::default;
    let all = Claims {
        properties: property(),
        buildings: building(),
        tenants: tenant(),
    };
    vec![
        (
            "building",
            Claims {
                buildings: building(),
                ..none()
            },
        ),
        (
            "property",
            Claims {
                properties: property(),
                ..none()
            },
        ),
        (
            "tenant",
            Claims {
                tenants: tenant(),
                ..none()
            },
        ),
        ("union", all),
    ]
}

async fn an_index_serves_each_list_of_a_narrow_viewer(test: TestDatabase) -> anyhow::Result<()> {
    let mut estate = Estate::build(&test, SMALL).await?;
    let mut faults = Vec::new();
    for (name, claims) in claims() {
        estate.viewer.scope = Scope::Claims(Arc::new(claims));
        for query in [
            "{ properties { nodes { id } } }",
            "{ buildings { nodes { id } } }",
            "{ zones { nodes { id } } }",
            "{ incidents { nodes { id } } }",
            "{ tasks { nodes { id } } }",
            "{ activities { nodes { id } } }",
            "{ incidents { totalCount nodes { workOrders { nodes { id } } timeline { totalCount nodes { id } } } } }",
            "{ tasks { totalCount nodes { incident { id } statusChanges { nodes { id } } notes { totalCount nodes { id } }
                chases { nodes { id } } timeline { nodes { id changes { field } } } } } }",
            "{ buildings { nodes { sources { code } levels { nodes { id } } zones { nodes { id } }
                incidents { totalCount } tasks { totalCount } timeline { nodes { id } } } } }",
            "{ activities { totalCount } incidents { totalCount } tasks { totalCount } zones { totalCount } }",
        ] {
            for plan in plans_with(&estate, query, true).await? {
                let tables = [
                    "property",
                    "building",
                    "site",
                    "level",
                    "zone",
                    "incident",
                    "task",
                    "note",
                    "chase",
                    "status_change",
                    "activity",
                ];
                for table in tables.iter().filter(|table| scans(&plan, table)) {
                    faults.push(format!("{name} {query} scans {table}\n{plan}\n"));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    estate.close().await;
    Ok(())
}

async fn an_index_serves_each_search(test: TestDatabase) -> anyhow::Result<()> {
    let estate = Estate::build(&test, SMALL).await?;
    for (list, table) in [
        ("buildings", "building"),
        ("zones", "zone"),
        ("incidents", "incident"),
        ("tasks", "task"),
    ] {
        for filter in [
            "search: \"lamp\"",
            "search: \"lamp b broken\"",
            "not: {search: \"lamp\"}",
            "or: [{search: \"lamp\"}, {search: \"broken\"}]",
        ] {
            let query = format!("{{ {list}(filter: {{{filter}}}) {{ nodes {{ id }} }} }}");
            for plan in plans_with(&estate, &query, true).await? {
                let is_found = match estate.database.backend() {
                    DbBackend::Sqlite => {
                        plan.contains(&format!("SCAN search_{table} VIRTUAL TABLE INDEX 0:M"))
                            && plan.contains("SEARCH search USING INTEGER PRIMARY KEY")
                    }
                    _ => plan.contains(&format!("Bitmap Index Scan on search_{table}")),
                };
                let is_walked = filter.starts_with("search") && scans(&plan, table);
                assert!(
                    is_found && !scans(&plan, "search") && !is_walked,
                    "{query}\n{plan}"
                );
            }
        }
    }
    estate.close().await;
    Ok(())
}

async fn an_index_serves_each_question_to_related_things(test: TestDatabase) -> anyhow::Result<()> {
    let estate = Estate::build(&test, SMALL).await?;
    let mut faults = Vec::new();
    for (list, filter) in [
        ("buildings", "inProperty: {code: {eq: \"p\"}}"),
        ("buildings", "hasIncident: {state: {eq: STARTED}}"),
        ("buildings", "hasTask: {tenant: {eq: \"acme\"}}"),
        ("zones", "inBuilding: {name: {eq: \"x\"}}"),
        ("zones", "hasIncident: {kind: {eq: \"x\"}}"),
        ("zones", "hasTask: {state: {eq: STARTED}}"),
        ("incidents", "inBuilding: {name: {eq: \"x\"}}"),
        ("incidents", "inZone: {name: {eq: \"x\"}}"),
        ("incidents", "inZone: {search: \"lobby\"}"),
        ("incidents", "hasWorkOrder: {tenant: {eq: \"acme\"}}"),
        ("tasks", "inBuilding: {name: {eq: \"x\"}}"),
        ("tasks", "inZone: {status: {eq: \"x\"}}"),
        ("tasks", "ofIncident: {priority: {eq: HIGH}}"),
        ("tasks", "ofIncident: {search: \"smell\"}"),
    ] {
        let query = format!("{{ {list}(filter: {{{filter}}}) {{ nodes {{ id }} }} }}");
        for plan in plans_with(&estate, &query, true).await? {
            let tables = ["property", "building", "zone", "incident", "task", "search"];
            if tables.iter().any(|table| scans(&plan, table)) {
                faults.push(format!("{query}\n{plan}\n"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    estate.close().await;
    Ok(())
}
