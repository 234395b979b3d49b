//! Hints by NATS between the servers on one database: enough alone, never needed, and made up for after an outage.

use caretaker::config::{self, Config};
use futures_util::future::try_join_all;
use serde_json::json;

use crate::nodes::{one_after_another, send};
use crate::support::case::{on_each_engine, on_sqlite, once};
use crate::support::event::incident;
use crate::support::feed::Feed;
use crate::support::nats::{Hints, PASSWORD};
use crate::support::{Case, Engine, Nats, Process, TestDatabase, TestServer};

pub fn tests() -> Vec<Case> {
    let mut tests = on_sqlite![
        nats_alone_tells_three_nodes_of_each_others_commits,
        what_was_committed_while_nats_was_away_is_told_when_it_is_back,
    ];
    tests.extend(on_each_engine![
        nodes_hear_of_each_other_whether_nats_is_there_or_not,
        each_installation_says_what_is_new_and_nothing_else_under_a_subject_of_its_own,
        an_outage_of_nats_is_logged_once_and_its_password_never,
    ]);
    tests.extend(once![a_subject_needs_words_and_a_server]);
    tests.into_iter().map(Case::with_nats).collect()
}

/// An hour: nothing but a hint tells of a commit before the case is over.
const NEVER: u32 = 3_600_000;

async fn start(database: &TestDatabase, nats: &Nats, poll: u32) -> anyhow::Result<TestServer> {
    let servers = config::Nats::try_from(nats.url()).map_err(anyhow::Error::msg)?;
    let settings = |config: &mut Config| {
        config.nats = Some(servers);
        config.feed.heartbeat_milliseconds = 50;
        config.feed.poll_milliseconds = poll;
    };
    TestServer::start_with(database, settings).await
}

async fn nats_alone_tells_three_nodes_of_each_others_commits(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let nats = Nats::start().await?;
    let mut nodes = Vec::new();
    for _ in 0..3 {
        nodes.push(start(&database, &nats, NEVER).await?);
    }
    one_after_another(nodes).await
}

async fn what_was_committed_while_nats_was_away_is_told_when_it_is_back(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let mut nats = Nats::start().await?;
    // Away at the start, and later on.
    nats.halt().await?;
    let one = start(&database, &nats, NEVER).await?;
    let other = start(&database, &nats, NEVER).await?;
    let mut feed = Feed::open(&other.base, None).await?;
    feed.heartbeat().await?;
    for outage in 0..2 {
        send(&one, 3 * outage).await?;
        send(&one, 3 * outage + 1).await?;
        // Neither NATS nor the poll tells it now.
        feed.heartbeat().await?;
        nats.resume().await?;
        feed.rows(2).await?;
        send(&one, 3 * outage + 2).await?;
        feed.rows(1).await?;
        nats.halt().await?;
    }
    one.stop().await?;
    other.stop().await
}

async fn nodes_hear_of_each_other_whether_nats_is_there_or_not(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let poll = match database.engine {
        Engine::Sqlite => 20,
        // PostgreSQL's notifications do.
        Engine::Postgres => NEVER,
    };
    let mut nats = Nats::start().await?;
    nats.halt().await?;
    let nodes = try_join_all((0..3).map(|_| start(&database, &nats, poll))).await?;
    let mut feeds = try_join_all(nodes.iter().map(|node| Feed::open(&node.base, None))).await?;
    for feed in &mut feeds {
        feed.heartbeat().await?;
    }
    for round in 0..3 {
        let mut hints = match round {
            1 => {
                nats.resume().await?;
                Some(nats.hear().await?)
            }
            _ => None,
        };
        for (number, node) in nodes.iter().enumerate() {
            send(node, 3 * round + number).await?;
            let told = try_join_all(feeds.iter_mut().map(|feed| feed.rows(1))).await?;
            assert!(told.iter().all(|rows| *rows == told[0]), "{told:?}");
            if let Some(hints) = &mut hints {
                hints.next().await?;
            }
        }
        if hints.is_some() {
            nats.halt().await?;
        }
    }
    for node in nodes {
        node.stop().await?;
    }
    Ok(())
}

/// The subject without its last word, which is the node's own.
async fn installation(hints: &mut Hints) -> anyhow::Result<String> {
    let subject = hints.next().await?;
    let (installation, node) = subject.rsplit_once('.').unwrap();
    assert!(installation.starts_with("caretaker.") && node.len() == 16);
    Ok(installation.to_owned())
}

async fn each_installation_says_what_is_new_and_nothing_else_under_a_subject_of_its_own(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let nats = Nats::start().await?;
    let mut hints = nats.hear().await?;
    let here = start(&database, &nats, NEVER).await?;
    let ours = installation(&mut hints).await?;
    let beside = start(&database, &nats, NEVER).await?;
    assert_eq!(installation(&mut hints).await?, ours);
    let elsewhere = database.another().await?;
    let there = start(&elsewhere, &nats, NEVER).await?;
    let theirs = installation(&mut hints).await?;
    assert_ne!(ours, theirs);

    send(&here, 0).await?;
    assert_eq!(installation(&mut hints).await?, ours);
    for _ in 0..10 {
        send(&here, 0).await?;
    }
    send(&here, 1).await?;
    assert_eq!(installation(&mut hints).await?, ours);
    send(&there, 0).await?;
    assert_eq!(installation(&mut hints).await?, theirs);
    for server in [here, beside, there] {
        server.stop().await?;
    }

    let servers = config::Nats::try_from(nats.url()).map_err(anyhow::Error::msg)?;
    let named = TestServer::start_with(&database, |config| {
        config.nats = Some(servers);
        config.nats_subject = Some("caretaker.estate.nine".to_owned());
    });
    let named = named.await?;
    assert_eq!(installation(&mut hints).await?, "caretaker.estate.nine");
    named.stop().await
}

async fn an_outage_of_nats_is_logged_once_and_its_password_never(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let settings = "log = 'debug'\n[feed]\npoll_milliseconds = 50\n";
    std::fs::write(database.folder().join("caretaker.toml"), settings)?;
    let mut nats = Nats::start().await?;
    nats.halt().await?;
    let server = Process::start_with(&database, &["--nats", &nats.url()]).await?;
    let log = || std::fs::read_to_string(database.folder().join("log")).unwrap_or_default();
    let said = |words: &str| log().matches(words).count();
    let (begin, end) = ("NATS is away", "NATS is back");
    let until = async |words: &str, count: usize| {
        while said(words) < count {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    until(begin, 1).await;
    // Some attempts later.
    until("connection attempt failed", 3).await;
    nats.resume().await?;
    until(end, 1).await;
    nats.halt().await?;
    until(begin, 2).await;
    let sent = server.matrix(json!([incident("b", 0, 0)])).await?;
    assert_eq!(sent.status, 200, "{sent}");
    assert!(server.terminate().await?.success());
    assert_eq!((said(begin), said(end)), (2, 1));
    assert_eq!(said(PASSWORD), 0);

    // A wrong password is an outage like others.
    nats.resume().await?;
    let url = nats.url().replace(PASSWORD, "another-password");
    let server = Process::start_with(&database, &["--nats", &url]).await?;
    until("authorization violation", 3).await;
    assert!(server.terminate().await?.success());
    assert_eq!((said(begin), said("another-password")), (3, 0));
    Ok(())
}

async fn a_subject_needs_words_and_a_server() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    for (settings, complaint) in [
        (
            "nats_subject = 'a'",
            "`nats_subject` is given without `nats`",
        ),
        (
            "nats = 'nats://h'\nnats_subject = 'a..b'",
            "`nats_subject` is `a..b`",
        ),
        (
            "nats = 'nats://h'\nnats_subject = 'a.>'",
            "`nats_subject` is `a.>`",
        ),
        ("nats = 'http://h'", "an address must be nats://host:4222"),
    ] {
        std::fs::write(folder.path().join("caretaker.toml"), settings)?;
        let output = crate::support::process::command(folder.path())
            .output()
            .await?;
        let said = String::from_utf8(output.stderr)?;
        assert!(said.contains(complaint), "{said}");
        assert_eq!(output.status.code(), Some(1));
    }
    Ok(())
}
