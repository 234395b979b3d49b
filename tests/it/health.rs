//! `/healthz` and `/readyz`.

use caretaker::domain::database::Database;
use caretaker::domain::migrate;

use crate::support::{Case, TestDatabase, TestServer, case::on_each_engine, case::snapshot};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        a_fresh_server_is_alive_and_ready,
        a_server_without_its_schema_is_alive_but_not_ready,
    ]
}

async fn a_fresh_server_is_alive_and_ready(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    snapshot!(server.get("/healthz").await?, @r#"
    200 text/plain; charset=utf-8
    ok
    "#);
    let ready = server.get("/readyz").await?;
    assert_eq!(ready.status, 200, "{ready}");
    let body = ready.json()?;
    assert_eq!(body["ready"], true);
    assert_eq!(body["checks"]["database"], "ok");
    assert_eq!(body["checks"]["migrations"], "ok");
    server.stop().await
}

async fn a_server_without_its_schema_is_alive_but_not_ready(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let beside = Database::open(database.url(), 1).await?;
    migrate::down(&beside, 1).await?;
    beside.close().await;

    assert_eq!(server.get("/healthz").await?.status, 200);
    let ready = server.get("/readyz").await?;
    assert_eq!(ready.status, 503, "{ready}");
    assert_eq!(ready.json()?["checks"]["migrations"], "pending");
    assert_eq!(ready.header("cache-control"), "no-store");
    server.stop().await
}
