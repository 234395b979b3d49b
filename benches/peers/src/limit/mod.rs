//! The limit: what plain axum, prepared statements and hand-written JSON do for the same bytes, without GraphQL. It runs as
//! a process of its own, so that its CPU can be read.

mod answer;
mod json;
mod postgres;
mod sqlite;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use uuid::Uuid;

use postgres::Pool;
use sqlite::Files;

/// The start of the limit's process.
#[derive(clap::Args)]
pub struct LimitArgs {
    /// `postgres://…`, or the file of SQLite.
    #[arg(long)]
    database: String,
    /// Where to listen.
    #[arg(long)]
    port: u16,
    /// The mark in caretaker's cursors of Q3.
    #[arg(long)]
    mark: String,
}

enum Source {
    Postgres(Pool),
    Sqlite(Files),
}

struct Limit {
    source: Source,
    mark: String,
}

/// What the addresses ask for.
#[derive(serde::Deserialize)]
struct Asked {
    #[serde(default)]
    id: Uuid,
    /// The name of the building after which a page begins.
    #[serde(default)]
    name: String,
    /// The time of the incident after which a page begins, in microseconds.
    at: Option<i64>,
}

/// Answers until the process is ended.
///
/// # Errors
/// When the database or the port is not there.
pub async fn serve(args: LimitArgs) -> anyhow::Result<()> {
    let source = if args.database.starts_with("postgres:") {
        Source::Postgres(Pool::open(&args.database).await?)
    } else {
        Source::Sqlite(Files::open(&args.database)?)
    };
    let limit = Arc::new(Limit {
        source,
        mark: args.mark,
    });
    let router = Router::new()
        .route("/q1", get(q1))
        .route("/q2", get(q2))
        .route("/q3", get(q3))
        .route("/q4", get(q4))
        .route("/q5", get(q5))
        .route("/q6", get(q3))
        .with_state(limit);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", args.port)).await?;
    Ok(axum::serve(listener, router).await?)
}

type Answered = Result<Response, (StatusCode, String)>;

fn answered(answer: anyhow::Result<String>) -> Answered {
    match answer {
        Ok(body) => {
            Ok(([(CONTENT_TYPE, "application/graphql-response+json")], body).into_response())
        }
        Err(error) => Err((StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}"))),
    }
}

async fn q1(State(limit): State<Arc<Limit>>, Query(asked): Query<Asked>) -> Answered {
    answered(match &limit.source {
        Source::Postgres(pool) => pool.task(asked.id).await,
        Source::Sqlite(files) => files.with(move |file| file.task(asked.id)).await,
    })
}

async fn q2(State(limit): State<Arc<Limit>>, Query(asked): Query<Asked>) -> Answered {
    answered(match &limit.source {
        Source::Postgres(pool) => pool.buildings(&asked.name, asked.id).await,
        Source::Sqlite(files) => {
            files
                .with(move |file| file.buildings(&asked.name, asked.id))
                .await
        }
    })
}

async fn q3(State(limit): State<Arc<Limit>>, Query(asked): Query<Asked>) -> Answered {
    let after = asked.at.map(|at| (at, asked.id));
    answered(match &limit.source {
        Source::Postgres(pool) => pool.incidents(after, &limit.mark).await,
        Source::Sqlite(files) => {
            let mark = limit.mark.clone();
            files.with(move |file| file.incidents(after, &mark)).await
        }
    })
}

async fn q4(State(limit): State<Arc<Limit>>, Query(asked): Query<Asked>) -> Answered {
    answered(match &limit.source {
        Source::Postgres(pool) => pool.timeline(asked.id).await,
        Source::Sqlite(files) => files.with(move |file| file.timeline(asked.id)).await,
    })
}

async fn q5(State(limit): State<Arc<Limit>>, Query(asked): Query<Asked>) -> Answered {
    answered(match &limit.source {
        Source::Postgres(pool) => pool.statistics(asked.id).await,
        Source::Sqlite(files) => files.with(move |file| file.statistics(asked.id)).await,
    })
}
