//! Stored rows brought into line beside the server: after an upgrade, by another rule, and what an older release writes
//! beside this one.

use caretaker::domain::batch;
use caretaker::domain::database::Database;
use caretaker::domain::operator::{self, Declared};
use caretaker::domain::sla::Rule;
use caretaker::domain::upkeep;
use chrono::{DateTime, TimeDelta, Utc};
use entity::{Priority, Searched, incident as incidents, search};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::case::on_each_engine;
use crate::support::payload::{BUILDING, WORK, incident, with};
use crate::support::process::run;
use crate::support::{Case, Engine, TestDatabase, TestServer};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        a_large_database_is_served_before_all_of_it_is_searchable_and_goes_on_where_it_ended,
        another_rule_meanwhile_begins_anew,
        what_an_older_release_writes_beside_this_one_is_brought_into_line,
        what_is_in_line_is_looked_at_without_the_lock,
        a_row_that_the_database_refuses_is_passed_over_and_the_others_are_not,
    ]
}

/// Reports so many incidents.
async fn report(server: &TestServer, count: usize) -> anyhow::Result<()> {
    let one = |number: usize| {
        let meta = json!({"Meta": {"TaskId": format!("task-{number}"), "Name": "Needle"}});
        with(incident("INCIDENT_CREATED", 0), meta)
    };
    server.push((0..count).map(one).collect::<Value>()).await?;
    Ok(())
}

async fn found(server: &TestServer) -> anyhow::Result<Value> {
    let query = "{ incidents(filter: {search: \"needle\"}) { totalCount } }";
    Ok(server.shows(query).await?["incidents"]["totalCount"].take())
}

async fn change(case: &TestDatabase, statements: &[&str]) -> anyhow::Result<()> {
    let database = Database::open(case.url(), 1).await?;
    for sql in statements {
        database.writer.execute_unprepared(sql).await?;
    }
    database.close().await;
    Ok(())
}

async fn a_large_database_is_served_before_all_of_it_is_searchable_and_goes_on_where_it_ended(
    case: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&case).await?;
    report(&server, 900).await?;
    server.stop().await?;
    let database = Database::open(case.url(), 1).await?;
    let last = incidents::Entity::find()
        .order_by_desc(incidents::Column::Id)
        .one(&database.readers)
        .await?;
    database.close().await;
    // The words of the last one cannot be made for now: no fault of what they are.
    let last = last.unwrap().id.0;
    let (stop, go) = match case.engine {
        Engine::Sqlite => (
            format!(
                "CREATE TRIGGER not_yet BEFORE INSERT ON search WHEN new.id = X'{}'
                    BEGIN SELECT json('{{'); END",
                last.simple()
            ),
            "DROP TRIGGER not_yet",
        ),
        Engine::Postgres => (
            format!(
                "CREATE FUNCTION not_yet() RETURNS trigger LANGUAGE plpgsql AS
                    $$ BEGIN RAISE EXCEPTION 'not yet'; END $$;
                 CREATE TRIGGER not_yet BEFORE INSERT ON search FOR EACH ROW WHEN (new.id = '{last}')
                    EXECUTE FUNCTION not_yet()"
            ),
            "DROP TRIGGER not_yet ON search",
        ),
    };
    let unsearchable = [
        "DELETE FROM search",
        "DELETE FROM setting WHERE name = 'search_words'",
    ];
    change(&case, &unsearchable).await?;
    change(&case, &[&stop]).await?;
    let server = TestServer::start(&case).await?;
    assert_eq!(found(&server).await?, 500);
    let all = server.shows("{ incidents { totalCount } }").await?;
    assert_eq!(all["incidents"]["totalCount"], 900);
    server.stop().await?;

    change(&case, &[go]).await?;
    let server = TestServer::start(&case).await?;
    assert_eq!(found(&server).await?, 900, "the first page is the second");
    server.stop().await
}

fn within(seconds: u32) -> Declared {
    let rule = Rule {
        start_within_seconds: vec![(Priority::High, seconds)],
        ..Rule::default()
    };
    Declared {
        sla: Some(rule),
        ..Declared::default()
    }
}

async fn another_rule_meanwhile_begins_anew(case: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&case).await?;
    report(&server, 1_100).await?;
    server.stop().await?;
    let database = Database::open(case.url(), 1).await?;
    operator::import(&database, &within(300), Utc::now()).await?;
    assert!(upkeep::step(&database, Utc::now()).await?, "half of it");
    operator::import(&database, &within(600), Utc::now()).await?;
    while upkeep::step(&database, Utc::now()).await? {}
    let rows = incidents::Entity::find().all(&database.readers).await?;
    assert_eq!(rows.len(), 1_100);
    for row in rows {
        let wanted = row.assigned_at.unwrap() + TimeDelta::seconds(600);
        assert_eq!(row.sla_start_by, Some(wanted), "{}", row.code);
    }
    database.close().await;
    Ok(())
}

/// An incident as of a time.
fn earlier(at: DateTime<Utc>) -> String {
    let by = format!("matrix: {{building: \"{BUILDING}\", taskId: \"{WORK}\"}}");
    let at = at.to_rfc3339();
    format!("{{ incident(by: {{{by}}}, asOf: \"{at}\") {{ code }} }}")
}

async fn what_an_older_release_writes_beside_this_one_is_brought_into_line(
    case: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&case).await?;
    server
        .push(json!([
            incident("INCIDENT_CREATED", 0),
            with(
                incident("INCIDENT_COMPLETED", 300),
                json!({"Meta": {"AEnd": 0}})
            ),
            with(
                incident("INCIDENT_STARTED", 600),
                json!({"Meta": {"AEnd": 0}})
            ),
        ]))
        .await?;
    server.stop().await?;
    let database = Database::open(case.url(), 1).await?;
    let before = incidents::Entity::find().all(&database.readers).await?;
    assert!(before[0].reopened_at.is_some() && before[0].sla_miss_at.is_some());
    // What it does not know of, it leaves as it is in a row that is new: empty.
    let of_older = [
        "UPDATE activity SET generation = 0",
        "UPDATE incident SET sla_start_by = NULL, sla_due_at = NULL, sla_miss_at = NULL, sla_risk_at = NULL,
            first_ended_at = NULL, last_open_at = NULL, reopened_at = NULL",
        "UPDATE zone SET open_incident_count = 0",
        "DELETE FROM search",
    ];
    change(&case, &of_older).await?;
    let known = Utc::now();
    let server = TestServer::start(&case).await?;
    let after = incidents::Entity::find().all(&database.readers).await?;
    assert_eq!(after, before);
    let shown = server
        .shows(
            "{ zones(filter: {search: \"washroom\", openIncidentCount: {eq: 1}}) { totalCount } }",
        )
        .await?;
    assert_eq!(shown["zones"]["totalCount"], 1);
    let shown = server
        .shows("{ incidents(filter: {search: \"smell\"}) { totalCount } }")
        .await?;
    assert_eq!(shown["incidents"]["totalCount"], 1);
    let (code, printed, said) = run(&case, &["rebuild"]).await?;
    assert_eq!(code, Some(0), "{printed} {said}");
    // It kept less of what changed: earlier times cannot be told.
    let answer = server.ask(&earlier(known), json!({})).await?.json()?;
    let error = &answer["errors"][0]["extensions"]["code"];
    assert_eq!(error, "HISTORY_PRUNED", "{answer}");
    let shown = server.shows(&earlier(Utc::now())).await?;
    assert_eq!(shown["incident"]["code"], WORK);
    database.close().await;
    server.stop().await
}

async fn what_is_in_line_is_looked_at_without_the_lock(case: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&case).await?;
    report(&server, 1).await?;
    server.stop().await?;
    let database = Database::open(case.url(), 1).await?;
    let another = Database::open(case.url(), 1).await?;
    let held = batch::begin(&another).await?;
    assert!(!upkeep::step(&database, Utc::now()).await?);
    held.rollback().await?;
    another.close().await;
    database.close().await;
    Ok(())
}

/// Makes the database refuse whatever becomes of one row of a table.
fn refusing(case: &TestDatabase, table: &str, id: Uuid) -> Vec<String> {
    match case.engine {
        Engine::Sqlite => ["INSERT", "UPDATE"]
            .map(|verb| {
                format!(
                    "CREATE TRIGGER never_{table}_{verb} BEFORE {verb} ON {table} WHEN new.id = X'{}'
                        BEGIN SELECT RAISE(ABORT, 'never'); END",
                    id.simple()
                )
            })
            .into(),
        Engine::Postgres => {
            vec![format!(
                "ALTER TABLE {table} ADD CONSTRAINT never CHECK (id <> '{id}') NOT VALID"
            )]
        }
    }
}

async fn a_row_that_the_database_refuses_is_passed_over_and_the_others_are_not(
    case: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&case).await?;
    report(&server, 1_100).await?;
    server.stop().await?;
    let database = Database::open(case.url(), 1).await?;
    let ordered = || incidents::Entity::find().order_by_asc(incidents::Column::Id);
    let rows = ordered().all(&database.readers).await?;
    let (words, deadlines) = (499, 11);
    for (table, refused) in [("search", words), ("incident", deadlines)] {
        for statement in refusing(&case, table, rows[refused].id.0) {
            change(&case, &[&statement]).await?;
        }
    }
    change(
        &case,
        &[
            "DELETE FROM search",
            "DELETE FROM setting WHERE name = 'search_words'",
        ],
    )
    .await?;
    operator::import(&database, &within(300), Utc::now()).await?;
    while upkeep::step(&database, Utc::now()).await? {}
    let sorted = ordered().all(&database.readers).await?;
    for (nth, row) in sorted.iter().enumerate() {
        let wanted = row.assigned_at.unwrap() + TimeDelta::seconds(300);
        let is_in_line = row.sla_start_by == Some(wanted);
        assert_eq!(is_in_line, nth != deadlines, "{nth}");
    }
    let made = search::Entity::find()
        .filter(search::Column::Kind.eq(Searched::Incident))
        .all(&database.readers)
        .await?;
    let made: Vec<Uuid> = made.iter().map(|row| row.id).collect();
    for (nth, row) in sorted.iter().enumerate() {
        assert_eq!(made.contains(&row.id.0), nth != words, "{nth}");
    }
    // It is done: nothing is begun anew for what was passed over.
    assert!(!upkeep::step(&database, Utc::now()).await?);
    database.close().await;
    Ok(())
}
