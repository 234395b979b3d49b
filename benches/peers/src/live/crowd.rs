//! The subscribers: all on one thread of their own, each noting what it was told and when.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::{JoinSet, LocalSet};

use super::Scenario;
use super::socket::Socket;

/// How many subscriptions are opened at once.
const AT_ONCE: usize = 32;
/// The room that the kernel has for who takes nothing.
const LITTLE: u32 = 4_096;

/// An event, and when it came: microseconds since the beginning.
pub(super) type Seen = (u32, u32);

/// Subscribers that listen.
pub(super) struct Crowd {
    thread: std::thread::JoinHandle<anyhow::Result<Vec<Vec<Seen>>>>,
    heard: Arc<AtomicUsize>,
    is_over: Arc<AtomicBool>,
}

impl Crowd {
    /// Opens all of them and waits until each is told the first result.
    ///
    /// # Errors
    /// When one cannot subscribe.
    pub(super) async fn open(
        port: u16,
        scenario: Scenario,
        begun: Instant,
    ) -> anyhow::Result<Self> {
        let (open, opened) = oneshot::channel();
        let heard = Arc::new(AtomicUsize::new(0));
        let is_over = Arc::new(AtomicBool::new(false));
        let listening = (Arc::clone(&heard), Arc::clone(&is_over));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            let listen = listen(port, scenario, begun, open, listening);
            runtime.block_on(LocalSet::new().run_until(listen))
        });
        if opened.await.is_err() {
            let why = thread.join();
            why.map_err(|_| anyhow::anyhow!("the subscribers' thread panicked"))??;
            anyhow::bail!("the subscribers did not come in");
        }
        Ok(Self {
            thread,
            heard,
            is_over,
        })
    }

    /// Waits until so many results came, or none came for `silence`; what each was told.
    ///
    /// # Errors
    /// When the connection of one that listens broke.
    pub(super) async fn close(
        self,
        expected: usize,
        silence: Duration,
    ) -> anyhow::Result<Vec<Vec<Seen>>> {
        let (mut last, mut since) = (0, Instant::now());
        loop {
            let heard = self.heard.load(Ordering::Relaxed);
            if heard != last {
                (last, since) = (heard, Instant::now());
            }
            if heard >= expected || since.elapsed() > silence {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.is_over.store(true, Ordering::Relaxed);
        let told = tokio::task::spawn_blocking(move || self.thread.join()).await?;
        told.map_err(|_| anyhow::anyhow!("the subscribers' thread panicked"))?
    }
}

async fn listen(
    port: u16,
    scenario: Scenario,
    begun: Instant,
    open: oneshot::Sender<()>,
    (heard, is_over): (Arc<AtomicUsize>, Arc<AtomicBool>),
) -> anyhow::Result<Vec<Vec<Seen>>> {
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut opening = JoinSet::new();
    for number in 0..scenario.subscribers {
        let turns = Arc::clone(&turns);
        let room = (number < scenario.stalled).then_some(LITTLE);
        let question = question(number % scenario.questions);
        opening.spawn_local(async move {
            let _turn = turns.acquire().await;
            let socket = Socket::open(port, &question, room).await;
            socket.map(|socket| (room.is_some(), socket))
        });
    }
    let (mut stalled, mut sockets) = (Vec::new(), Vec::new());
    while let Some(opened) = opening.join_next().await {
        match opened?.context("a subscription")? {
            (true, socket) => stalled.push(socket),
            (false, socket) => sockets.push(socket),
        }
    }
    // Nobody waits any more where the run has failed.
    let _ = open.send(());
    let mut listeners = JoinSet::new();
    for mut socket in sockets {
        let (heard, is_over) = (Arc::clone(&heard), Arc::clone(&is_over));
        listeners.spawn_local(async move {
            let mut seen = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                let before = seen.len();
                let mut now = None;
                let hear = socket.hear(|number| {
                    let at = *now.get_or_insert_with(|| begun.elapsed().as_micros());
                    seen.push((number, u32::try_from(at).unwrap_or(u32::MAX)));
                });
                // Who hears nothing looks whether it is over.
                if let Ok(ended) = tokio::time::timeout(Duration::from_secs(1), hear).await {
                    ended?;
                }
                heard.fetch_add(seen.len() - before, Ordering::Relaxed);
            }
            anyhow::Ok(seen)
        });
    }
    let mut told = Vec::new();
    while let Some(ended) = listeners.join_next().await {
        told.push(ended??);
    }
    // Those that take nothing stay to the end.
    drop(stalled);
    Ok(told)
}

/// What a wall board shows of each event; each number asks it in other words.
fn question(number: usize) -> String {
    format!(
        "subscription {{ q{number}: activity {{ cursor activity {{ incident {{ code name state dueAt }} id kind occurredAt \
         building {{ name }} zone {{ name }} task {{ description status }} }} }} }}"
    )
}
