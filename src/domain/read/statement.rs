//! Statements as they are sent: a plan that PostgreSQL keeps for a prepared statement must fit all its parameters, so
//! what decides on a plan is written out there: how many rows are wanted, and whether something is so, is no parameter.
//! SQLite looks at no parameter when it plans.

use std::fmt::{self, Write};

use sea_orm::sea_query::{
    PostgresQueryBuilder, QueryBuilder, SelectStatement, SqlWriter, SqliteQueryBuilder, Value,
    Values,
};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, Statement};

/// The rows that `query` finds.
///
/// # Errors
/// What the database says.
pub(in crate::domain) async fn rows(
    connection: &impl ConnectionTrait,
    query: &SelectStatement,
) -> Result<Vec<QueryResult>, DbErr> {
    let statement = statement(connection.get_database_backend(), query);
    connection.query_all_raw(statement).await
}

fn statement(backend: DbBackend, query: &SelectStatement) -> Statement {
    let mut text = Text::new(backend);
    match backend {
        DbBackend::Sqlite => query.build_collect_into(SqliteQueryBuilder, &mut text),
        _ => query.build_collect_into(PostgresQueryBuilder, &mut text),
    }
    Statement {
        sql: text.sql,
        values: Some(Values(text.values)),
        db_backend: backend,
    }
}

struct Text {
    sql: String,
    values: Vec<Value>,
    is_postgres: bool,
}

impl Text {
    fn new(backend: DbBackend) -> Self {
        Self {
            sql: String::with_capacity(512),
            values: Vec::new(),
            is_postgres: backend == DbBackend::Postgres,
        }
    }
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.sql.write_str(text)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.sql)
    }
}

impl SqlWriter for Text {
    fn push_param<T: QueryBuilder>(&mut self, value: Value, _: &T) {
        if !self.is_postgres {
            self.values.push(value);
            self.sql.push('?');
            return;
        }
        match value {
            Value::Bool(Some(true)) => self.sql.push_str("TRUE"),
            Value::Bool(Some(false)) => self.sql.push_str("FALSE"),
            // Only LIMIT has such numbers: no column is unsigned.
            Value::BigUnsigned(Some(number)) => self.sql.push_str(&number.to_string()),
            value => {
                self.values.push(value);
                self.sql.push('$');
                self.sql.push_str(&self.values.len().to_string());
            }
        }
    }

    fn as_writer(&mut self) -> &mut dyn Write {
        self
    }
}
