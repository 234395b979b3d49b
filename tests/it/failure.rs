//! What the engines' own errors mean for the writer: whose fault it is decides who is told what.

use caretaker::domain::database::Database;
use caretaker::domain::failure::{Failure, classify};
use caretaker::domain::migrate;
use sea_orm::{ConnectionTrait, DbBackend, DbErr};

use crate::support::{Case, TestDatabase, case::on_each_engine, case::once};

pub fn tests() -> Vec<Case> {
    [
        on_each_engine![
            only_data_that_breaks_a_rule_is_to_blame_for_its_refusal,
            a_database_that_is_gone_is_away,
        ],
        once![a_stored_row_that_cannot_be_read_is_unclear],
    ]
    .concat()
}

/// Statements that break a rule of the schema.
const BROKEN_RULES: [&str; 3] = [
    "INSERT INTO setting (name, value) VALUES ('one', NULL)",
    "INSERT INTO setting (name, value) VALUES ('twice', '1'), ('twice', '2')",
    "INSERT INTO status_type (tenant, status, status_type, version) VALUES ('t', 's', 'ODD', 1)",
];
const ON_SQLITE: [(&str, Failure); 4] = [
    ("INSERT INTO numbered (id) VALUES ('one')", Failure::Data),
    ("SELECT zeroblob(2000000000)", Failure::Data),
    ("INSERT INTO missing (id) VALUES (1)", Failure::Away),
    ("INSERT INTO", Failure::Away),
];
/// SQLSTATEs.
const ON_POSTGRES: [(&str, Failure); 10] = [
    ("22003", Failure::Data),
    ("22021", Failure::Data),
    ("23514", Failure::Data),
    ("54000", Failure::Data),
    ("40001", Failure::Contention),
    ("40P01", Failure::Contention),
    ("42P01", Failure::Away),
    ("53100", Failure::Away),
    ("55P03", Failure::Away),
    ("57P01", Failure::Away),
];

async fn refusal(database: &Database, sql: &str) -> anyhow::Result<Failure> {
    match database.writer.execute_unprepared(sql).await {
        Ok(_) => anyhow::bail!("{sql} was taken"),
        Err(error) => Ok(classify(&error)),
    }
}

async fn only_data_that_breaks_a_rule_is_to_blame_for_its_refusal(
    test: TestDatabase,
) -> anyhow::Result<()> {
    let database = Database::open(test.url(), 1).await?;
    migrate::up(&database).await?;
    for sql in BROKEN_RULES {
        assert_eq!(refusal(&database, sql).await?, Failure::Data, "{sql}");
    }
    match database.backend() {
        DbBackend::Sqlite => {
            let table = "CREATE TABLE numbered (id INTEGER PRIMARY KEY)";
            database.writer.execute_unprepared(table).await?;
            for (sql, failure) in ON_SQLITE {
                assert_eq!(refusal(&database, sql).await?, failure, "{sql}");
            }
        }
        _ => {
            for (state, failure) in ON_POSTGRES {
                let sql =
                    format!("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{state}'; END $$");
                assert_eq!(refusal(&database, &sql).await?, failure, "{state}");
            }
        }
    }
    database.close().await;
    Ok(())
}

async fn a_database_that_is_gone_is_away(test: TestDatabase) -> anyhow::Result<()> {
    let database = Database::open(test.url(), 1).await?;
    database.clone().close().await;
    assert_eq!(refusal(&database, "SELECT 1").await?, Failure::Away);
    Ok(())
}

async fn a_stored_row_that_cannot_be_read_is_unclear() -> anyhow::Result<()> {
    let unread = DbErr::Type("stored JSON does not fit its type".to_owned());
    assert_eq!(classify(&unread), Failure::Unclear);
    assert_eq!(classify(&DbErr::Json("odd".to_owned())), Failure::Unclear);
    assert_eq!(classify(&DbErr::Custom("odd".to_owned())), Failure::Away);
    Ok(())
}
