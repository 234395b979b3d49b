//! An intake as one would write it at first: each call is checked, parsed and written in a transaction of its own, row by
//! row through SeaORM. It writes the tables that caretaker writes for the same events, with rows as wide; what it leaves
//! out (order of commits, late and repeated events, places that move) would cost it more.

mod write;

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use entity::zone;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, EntityTrait};

use write::Example;

/// The same as caretaker's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What a call needs.
pub struct Stock {
    connection: DatabaseConnection,
    example: Example,
    zones: HashMap<String, zone::Model>,
    authorization: String,
}

/// `stock PORT DATABASE EXAMPLE USER:PASSWORD`: rows are as wide as those in the example.
#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |what| arguments.next().context(what);
    let port: u16 = next("the port")?.parse()?;
    let (database, example) = (next("the database")?, next("the example")?);
    let pair = next("user:password")?;
    let example = Example::read(&connect(&example).await?).await?;
    let connection = connect(&database).await?;
    let zones = zone::Entity::find().all(&connection).await?;
    let stock = Stock {
        zones: zones
            .into_iter()
            .map(|zone| (zone.code.clone(), zone))
            .collect(),
        connection,
        example,
        authorization: format!("Basic {}", STANDARD.encode(pair)),
    };
    let router = Router::new()
        .route("/webhooks/matrix", post(take))
        .layer(DefaultBodyLimit::max(16 * 1024 * 1024))
        .with_state(Arc::new(stock));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    Ok(axum::serve(listener, router).await?)
}

async fn connect(url: &str) -> anyhow::Result<DatabaseConnection> {
    let mut options = ConnectOptions::new(url);
    let is_sqlite = url.starts_with("sqlite");
    // SQLite has one writer at a time; waiting for it is cheapest here.
    options
        .max_connections(if is_sqlite { 1 } else { 16 })
        .sqlx_logging(false);
    let connection = Database::connect(options).await.context("the database")?;
    if is_sqlite {
        let durable =
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON";
        connection.execute_unprepared(durable).await?;
    }
    Ok(connection)
}

async fn take(
    State(stock): State<Arc<Stock>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, String) {
    let shown = headers
        .get("authorization")
        .and_then(|value| value.to_str().ok());
    if shown != Some(&stock.authorization) {
        return (StatusCode::UNAUTHORIZED, String::new());
    }
    match write::call(&stock, &body).await {
        Ok(()) => (StatusCode::OK, String::new()),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error:#}")),
    }
}
