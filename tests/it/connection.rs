//! How connections are taken and let go. How they end with the server is in `command`.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::support::{Case, Process, TestDatabase, TestServer, case::on_each_engine};

const PATIENCE: Duration = Duration::from_secs(20);

pub fn tests() -> Vec<Case> {
    on_each_engine![
        half_a_head_is_dropped_and_half_a_body_is_waited_for,
        a_server_out_of_descriptors_takes_calls_again_when_it_has_some,
    ]
}

async fn half_a_head_is_dropped_and_half_a_body_is_waited_for(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start_with(&database, |config| config.head_seconds = 1).await?;
    let address = server.base.strip_prefix("http://").unwrap();
    let mut slow = TcpStream::connect(address).await?;
    let query = r#"{"query":"{ __typename }"}"#;
    let head = format!(
        "POST /graphql HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Connection: close\r\nContent-Length: {}\r\n\r\n",
        query.len()
    );
    let (first, rest) = query.split_at(5);
    slow.write_all(format!("{head}{first}").as_bytes()).await?;

    let mut stalled = TcpStream::connect(address).await?;
    stalled
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: ")
        .await?;
    let mut said = Vec::new();
    timeout(PATIENCE, stalled.read_to_end(&mut said)).await??;
    assert!(said.is_empty(), "{}", String::from_utf8_lossy(&said));

    slow.write_all(rest.as_bytes()).await?;
    let mut answer = String::new();
    timeout(PATIENCE, slow.read_to_string(&mut answer)).await??;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    server.stop().await
}

async fn a_server_out_of_descriptors_takes_calls_again_when_it_has_some(
    database: TestDatabase,
) -> anyhow::Result<()> {
    const MOST: usize = 100;
    let server = Process::start_within(&database, MOST).await?;
    let address = server.base.strip_prefix("http://").unwrap();
    let mut idle = Vec::new();
    for _ in 0..MOST + 20 {
        idle.push(TcpStream::connect(address).await?);
    }
    let log = || std::fs::read_to_string(database.folder().join("log")).unwrap_or_default();
    let refused = async {
        while !log().contains("no connection can be taken") {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, refused).await?;
    drop(idle);
    // On a connection of its own: the one by which it was seen to be ready is kept.
    let other = reqwest::Client::builder().no_proxy().build()?;
    let answer = timeout(PATIENCE, other.get(server.url("/healthz")).send()).await??;
    assert_eq!(answer.status(), 200);
    assert!(log().contains("connections are taken again"), "{}", log());
    server.kill().await
}
