//! Hints of other nodes by NATS, and ours to them. A lost hint costs time, never an event.
//!
//! ```text
//!  a commit here ─► SUBJECT.us ─► NATS ─► SUBJECT.* ─┬─► others': wake
//!                                                    └─► ours, the first after connecting: from here on we are told
//! ```

use std::time::Duration;

use async_nats::{Client, ConnectOptions, Event, Message, ServerAddr, Subscriber};
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::domain::wake::Wake;

/// The pause before a lost connection is tried again.
const BACKOFF: Duration = Duration::from_secs(1);
/// The pause before the first attempt: a server that lets us in and out again must not be asked without end.
const FIRST: Duration = Duration::from_millis(100);
/// How often an idle connection is shown to be alive; it is given up after two pings without an answer.
const PING: Duration = Duration::from_secs(10);
/// How long a hint may wait to be handed over. What is not sent by then is made up for after the next connection.
const HAND_OVER: Duration = Duration::from_secs(1);
/// How many hints, ours or others', may wait: one is as good as many.
const WAITING: usize = 64;

/// Where hints are exchanged.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The servers, any of them.
    pub servers: Vec<ServerAddr>,
    /// The subject that all nodes on one database share, and no others.
    pub subject: String,
}

/// Tells other nodes of this one's commits and passes theirs on to `wake`, whenever NATS is there. Does not end;
/// `login` is how to log in.
pub async fn exchange(exchange: Exchange, login: ConnectOptions, wake: Wake) {
    let us = format!("{}.{:016x}", exchange.subject, fastrand::u64(..));
    let (event, mut events) = mpsc::channel(WAITING);
    let options = login
        .name("caretaker")
        .retry_on_initial_connect()
        .reconnect_delay_callback(|attempt| if attempt > 1 { BACKOFF } else { FIRST })
        .ping_interval(PING)
        .client_capacity(WAITING)
        .subscription_capacity(WAITING)
        .event_callback(move |told| {
            let event = event.clone();
            async move { drop(event.try_send(told)) }
        });
    let connected = async {
        let client = options.connect(exchange.servers).await.ok()?;
        let hints = client.subscribe(format!("{}.*", exchange.subject)).await;
        Some((client, hints.ok()?))
    };
    let Some((client, hints)) = connected.await else {
        // It is tried for ever: this cannot be.
        tracing::error!("NATS cannot be used; commits of other nodes are found as without it");
        return;
    };
    let mut node = Node {
        client,
        hints,
        us,
        wake,
        is_heard: false,
        is_away: false,
        complaint: None,
    };
    let mut wakes = node.wake.subscribe();
    let mut told = *wakes.borrow_and_update();
    loop {
        tokio::select! {
            _ = wakes.changed() => {
                let own = *wakes.borrow_and_update();
                if own != told {
                    told = own;
                    node.tell().await;
                }
            }
            Some(event) = events.recv() => node.note(event).await,
            Some(hint) = node.hints.next() => node.hear(&hint),
        }
    }
}

struct Node {
    client: Client,
    hints: Subscriber,
    /// The subject of our own hints.
    us: String,
    wake: Wake,
    /// Whether one of our hints came back over this connection: others' do as well.
    is_heard: bool,
    is_away: bool,
    /// What was last complained of, so that it is not said again with each attempt.
    complaint: Option<String>,
}

impl Node {
    /// Hints to the others, unless NATS is away: then it is done after the next connection, once for all.
    async fn tell(&self) {
        if self.client.connection_state() == async_nats::connection::State::Connected {
            let hint = self.client.publish(self.us.clone(), Vec::new().into());
            drop(timeout(HAND_OVER, hint).await);
        }
    }

    async fn note(&mut self, event: Event) {
        match event {
            Event::Connected => {
                if std::mem::take(&mut self.is_away) {
                    tracing::info!("NATS is back");
                }
                self.complaint = None;
                self.is_heard = false;
                // For what the others missed meanwhile; what we missed is looked for when this hint comes back.
                self.tell().await;
            }
            Event::Disconnected => self.away("the connection was lost"),
            Event::ClientError(error) => self.away(&error.to_string()),
            Event::ServerError(error) => {
                let error = error.to_string();
                if self.complaint.as_ref() != Some(&error) {
                    tracing::warn!(error, "NATS refuses something; hints may be missing");
                    self.complaint = Some(error);
                }
            }
            _ => {}
        }
    }

    fn away(&mut self, error: &str) {
        if !std::mem::replace(&mut self.is_away, true) {
            tracing::warn!(
                error,
                "NATS is away and is tried until it is there; commits of other nodes are found as without it"
            );
        }
    }

    fn hear(&mut self, hint: &Message) {
        let is_ours = hint.subject.as_str() == self.us;
        if !is_ours || !std::mem::replace(&mut self.is_heard, true) {
            self.wake.hint();
        }
    }
}
