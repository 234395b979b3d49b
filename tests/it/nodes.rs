//! Several servers on one database are one logical writer and one feed.

use caretaker::config::Config;
use caretaker::domain::database::Database;
use futures_util::future::try_join_all;
use serde_json::json;

use crate::support::case::{on_each_engine, on_postgres};
use crate::support::client::Client;
use crate::support::event::incident;
use crate::support::feed::{Feed, stored};
use crate::support::rows::texts;
use crate::support::{Case, Engine, TestDatabase, TestServer};

pub fn tests() -> Vec<Case> {
    let mut tests = on_each_engine![
        what_either_node_takes_reaches_the_subscribers_of_both,
        what_any_of_three_nodes_takes_reaches_the_subscribers_of_all,
        nothing_is_missed_while_both_nodes_write,
        nothing_is_missed_while_three_nodes_write,
        a_call_that_reaches_both_nodes_at_once_is_stored_once,
    ];
    tests.extend(on_postgres![
        a_node_that_was_away_goes_on_where_another_has_been
    ]);
    tests
}

/// Two servers on one database. PostgreSQL's notification alone may tell one of the other's commits; SQLite has only
/// the poll.
async fn pair(database: &TestDatabase) -> anyhow::Result<[TestServer; 2]> {
    Ok([start(database).await?, start(database).await?])
}

async fn start(database: &TestDatabase) -> anyhow::Result<TestServer> {
    let settings = |config: &mut Config| {
        config.feed.heartbeat_milliseconds = 50;
        config.feed.poll_milliseconds = match database.engine {
            Engine::Sqlite => 20,
            Engine::Postgres => 3_600_000,
        };
    };
    TestServer::start_with(database, settings).await
}

/// Sends one incident, which must be taken. Several writers of one SQLite file take turns by chance: one that gets none in
/// time says so, and is called again as a platform would.
pub async fn send(node: &Client, number: usize) -> anyhow::Result<()> {
    let building = format!("b{}", number % 5);
    loop {
        let answer = node
            .matrix(json!([incident(&building, number, number)]))
            .await?;
        if answer.status == 503 {
            continue;
        }
        anyhow::ensure!(answer.status == 200, "{answer}");
        return Ok(());
    }
}

async fn what_either_node_takes_reaches_the_subscribers_of_both(
    database: TestDatabase,
) -> anyhow::Result<()> {
    one_after_another(Vec::from(pair(&database).await?)).await
}

async fn what_any_of_three_nodes_takes_reaches_the_subscribers_of_all(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let [one, other] = pair(&database).await?;
    one_after_another(vec![one, other, start(&database).await?]).await
}

/// Each node takes some, and each one taken is with the subscribers of all before the next one is sent.
pub async fn one_after_another(nodes: Vec<TestServer>) -> anyhow::Result<()> {
    let mut feeds = try_join_all(nodes.iter().map(|node| Feed::open(&node.base, None))).await?;
    for feed in &mut feeds {
        feed.heartbeat().await?;
    }
    for number in 0..24 {
        send(&nodes[number % nodes.len()], number).await?;
        let told = try_join_all(feeds.iter_mut().map(|feed| feed.rows(1))).await?;
        assert!(told.iter().all(|rows| *rows == told[0]), "{told:?}");
    }
    for node in nodes {
        node.stop().await?;
    }
    Ok(())
}

async fn nothing_is_missed_while_both_nodes_write(database: TestDatabase) -> anyhow::Result<()> {
    all_at_once(&database, Vec::from(pair(&database).await?)).await
}

async fn nothing_is_missed_while_three_nodes_write(database: TestDatabase) -> anyhow::Result<()> {
    let [one, other] = pair(&database).await?;
    all_at_once(&database, vec![one, other, start(&database).await?]).await
}

/// All nodes take calls at once, and a subscriber of each reads them.
async fn all_at_once(database: &TestDatabase, servers: Vec<TestServer>) -> anyhow::Result<()> {
    const CALLERS: usize = 12;
    const CALLS: usize = 60;
    let nodes: Vec<&Client> = servers.iter().map(|server| &**server).collect();
    let nodes = nodes.as_slice();
    let start = Feed::open(&nodes[0].base, None).await?.heartbeat().await?;
    let sending = try_join_all((0..CALLERS).map(|caller| async move {
        for call in 0..CALLS {
            send(nodes[caller % nodes.len()], caller * CALLS + call).await?;
        }
        anyhow::Ok(())
    }));
    let reading = try_join_all(nodes.iter().map(|node| async {
        let mut feed = Feed::open(&node.base, Some(&start)).await?;
        let rows = feed.rows(CALLERS * CALLS).await?;
        feed.heartbeat().await?;
        anyhow::Ok(rows)
    }));
    let (_, told) = tokio::try_join!(sending, reading)?;
    let stored = stored(&nodes[1].base, Some(&start)).await?;
    assert_eq!(stored.len(), CALLERS * CALLS);
    assert!(told.iter().all(|rows| *rows == stored));
    let beside = Database::open(database.url(), 1).await?;
    let back = "SELECT CAST(count(*) AS text) FROM activity a JOIN activity b \
                ON b.seq > a.seq AND b.recorded_at < a.recorded_at";
    assert_eq!(texts(&beside, back).await?, ["0"]);
    beside.close().await;
    for server in servers {
        server.stop().await?;
    }
    Ok(())
}

async fn a_call_that_reaches_both_nodes_at_once_is_stored_once(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let [one, other] = pair(&database).await?;
    for number in 0..20 {
        tokio::try_join!(send(&one, number), send(&other, number))?;
    }
    assert_eq!(stored(&one.base, None).await?.len(), 20);
    let beside = Database::open(database.url(), 1).await?;
    let deliveries = "SELECT count(*) || ' received ' || sum(received_count) FROM delivery";
    assert_eq!(texts(&beside, deliveries).await?, ["20 received 40"]);
    beside.close().await;
    one.stop().await?;
    other.stop().await
}

async fn a_node_that_was_away_goes_on_where_another_has_been(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let [one, other] = pair(&database).await?;
    let mut feed = Feed::open(&one.base, None).await?;
    let start = feed.heartbeat().await?;
    send(&one, 0).await?;
    let mut told = feed.rows(1).await?;
    one.stop().await?;
    send(&other, 1).await?;
    // The same cursor through the other node.
    let mut feed = Feed::open(&other.base, feed.last.as_deref()).await?;
    send(&other, 2).await?;
    told.extend(feed.rows(2).await?);
    assert_eq!(told, stored(&other.base, Some(&start)).await?);
    other.stop().await
}
