//! Following the feed of a database that is slow, or half gone: what is there is told in the end.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use caretaker::domain::activity::filter::Filter;
use caretaker::domain::database::Database;
use caretaker::domain::wake::Wake;
use caretaker::feed::{Event, Follow, Settings, Tail, follow};
use futures_util::StreamExt;
use futures_util::stream::Stream;
use reqwest::Url;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::support::case::{on_each_engine, on_postgres};
use crate::support::event::incident;
use crate::support::{Case, Engine, TestDatabase, TestServer};

pub fn tests() -> Vec<Case> {
    let mut tests = on_each_engine![a_backlog_that_takes_too_long_is_read_in_smaller_stretches];
    tests.extend(on_postgres![
        a_backlog_that_is_never_answered_is_given_up_and_read_again
    ]);
    tests
}

/// How long what must come may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Nothing happens but what a case does.
const STILL: Settings = Settings {
    poll: Duration::from_secs(3600),
    buffer: 16,
    heartbeat: Duration::from_secs(3600),
};

/// A database that holds so many activities.
async fn write(case: &TestDatabase, count: usize) -> anyhow::Result<()> {
    let server = TestServer::start(case).await?;
    let batch: Vec<Value> = (0..count)
        .map(|number| incident("b", number, number))
        .collect();
    let answer = server.matrix(json!(batch)).await?;
    assert_eq!(answer.status, 200, "{answer}");
    server.stop().await
}

fn from_the_beginning() -> Follow {
    Follow {
        after: Some(0),
        until: None,
        filter: Filter::everything(),
    }
}

/// The seqs of the next activities.
async fn seqs(events: impl Stream<Item = Event>, count: usize) -> Vec<i64> {
    let mut events = pin!(events);
    let mut seqs = Vec::new();
    while seqs.len() < count {
        let event = timeout(PATIENCE, events.next()).await;
        match event.expect("nothing is told").expect("it ended") {
            Event::Activity(row) => seqs.push(row.seq),
            Event::Heartbeat(_) => {}
            expired => panic!("{expired:?}"),
        }
    }
    seqs
}

/// Each row takes its time, so that a page of them takes longer than a statement may.
const SLOW_ON_SQLITE: &str = "ALTER TABLE activity RENAME TO kept;
    CREATE VIEW activity AS SELECT * FROM kept WHERE (
        WITH RECURSIVE n (x) AS (SELECT kept.seq UNION ALL SELECT x + 1 FROM n WHERE x < kept.seq + 20000)
        SELECT count(*) FROM n
    ) > 0";
const SLOW_ON_POSTGRES: &str = "ALTER TABLE activity RENAME TO kept;
    CREATE FUNCTION is_there() RETURNS boolean LANGUAGE plpgsql VOLATILE COST 100000
        AS $$ BEGIN PERFORM pg_sleep(0.01); RETURN true; END $$;
    CREATE VIEW activity AS SELECT * FROM kept WHERE is_there()";

async fn a_backlog_that_takes_too_long_is_read_in_smaller_stretches(
    case: TestDatabase,
) -> anyhow::Result<()> {
    write(&case, 120).await?;
    let (slow, limit) = match case.engine {
        Engine::Sqlite => (SLOW_ON_SQLITE, Duration::from_millis(200)),
        Engine::Postgres => (SLOW_ON_POSTGRES, Duration::from_millis(400)),
    };
    let mut database = Database::open_for(case.url(), 1, limit).await?;
    let failed = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&failed);
    database.readers.set_metric_callback(move |info| {
        counter.fetch_add(usize::from(info.failed), Ordering::SeqCst);
    });
    let (_wake, wakes) = Wake::new();
    let (tail, _tailing) = Tail::start(database.feed.clone(), wakes, STILL).await?;
    database.writer.execute_unprepared(slow).await?;
    let events = follow(database.readers.clone(), tail, from_the_beginning()).await?;
    let told = seqs(events, 120).await;
    assert!(told.is_sorted_by(|one, next| one < next), "{told:?}");
    assert!(failed.load(Ordering::SeqCst) > 0, "nothing took too long");
    database.close().await;
    Ok(())
}

/// A way to a server that can go silent: what goes by it then is never answered, and who comes anew gets through.
async fn way_to(target: String) -> anyhow::Result<(u16, watch::Sender<()>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let (silence, silent) = watch::channel(());
    tokio::spawn(async move {
        while let Ok((mut here, _)) = listener.accept().await {
            let (target, mut silent) = (target.clone(), silent.clone());
            silent.mark_unchanged();
            tokio::spawn(async move {
                let mut there = TcpStream::connect(target).await?;
                tokio::select! {
                    _ = copy_bidirectional(&mut here, &mut there) => {}
                    // Both ends stay open.
                    _ = silent.changed() => std::future::pending().await,
                }
                std::io::Result::Ok(())
            });
        }
    });
    Ok((port, silence))
}

async fn a_backlog_that_is_never_answered_is_given_up_and_read_again(
    case: TestDatabase,
) -> anyhow::Result<()> {
    write(&case, 5).await?;
    let mut url = Url::parse(case.url())?;
    let target = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
    let (port, silence) = way_to(target).await?;
    url.set_port(Some(port)).unwrap();
    let database = Database::open(url.as_str(), 2).await?;
    let (_wake, wakes) = Wake::new();
    let (tail, _tailing) = Tail::start(database.feed.clone(), wakes, STILL).await?;
    let events = follow(database.readers.clone(), tail, from_the_beginning()).await?;
    silence.send_replace(());
    assert_eq!(seqs(events, 5).await.len(), 5);
    Ok(())
}
