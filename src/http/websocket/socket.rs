//! The life of one socket: hears, judges, runs, tells, pings, and ends. What is there at once is written together; while the
//! client does not take it nothing else is heard or asked for, so a slow client costs little memory.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, Sink, SinkExt, Stream, StreamExt, stream};
use tokio::task::yield_now;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep, timeout};
use tungstenite::Error;

use super::operations::Operations;
use super::protocol::{Close, Heard, Told, read};
use super::seat::Seat;
use crate::http::live::{End, Live, Step};
use crate::http::reader::Reader;

/// How long a socket's goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);
/// How many pings may go unanswered.
const UNANSWERED: u32 = 2;
/// Nothing more is asked for once so many messages are there to be written; then other sockets have their turn. What is
/// told to all together comes as a whole.
const BURST: usize = 32;
/// The same for so many bytes.
const MOST_BYTES: usize = 16 * 1024;

/// What one socket consists of, but for the wire.
pub(super) struct Socket {
    live: Arc<Live>,
    /// The token of the request that opened it.
    shown: Option<String>,
    seat: Seat,
    operations: Operations,
    /// How it ends by itself.
    over: BoxFuture<'static, Close>,
    pulse: Pulse,
    pings: Interval,
}

/// How it ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The client is gone: nobody hears a goodbye.
    Gone,
    /// To be closed so.
    Closed(Close),
}

impl From<Close> for Ended {
    fn from(close: Close) -> Self {
        Self::Closed(close)
    }
}

impl Socket {
    /// A socket that nobody sits at; `shown` is the token that came with the request.
    pub(super) fn new(live: Arc<Live>, shown: Option<String>) -> Self {
        let terms = live.terms;
        let mut pings = interval_at(Instant::now() + terms.ping, terms.ping);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            over: Box::pin(unseated(Arc::clone(&live))),
            operations: Operations::new(terms.operations),
            seat: Seat::Empty,
            pulse: Pulse::default(),
            live,
            shown,
            pings,
        }
    }

    /// Serves it until it ends, and says goodbye.
    pub(super) async fn serve<Input, Out>(mut self, mut input: Input, mut out: Out) -> Ended
    where
        Input: Stream<Item = Result<Message, axum::Error>> + Unpin,
        Out: Sink<Message, Error = axum::Error> + Unpin,
    {
        let ended = loop {
            if let Err(ended) = self.step(&mut input, &mut out).await {
                break ended;
            }
        };
        // What still runs need not run to the end of the goodbye.
        drop(self);
        if let Ended::Closed(close) = &ended {
            say_goodbye(&mut input, &mut out, close).await;
        }
        ended
    }

    /// One thing that happens, and what is said to it.
    async fn step<Input, Out>(&mut self, input: &mut Input, out: &mut Out) -> Result<(), Ended>
    where
        Input: Stream<Item = Result<Message, axum::Error>> + Unpin,
        Out: Sink<Message, Error = axum::Error> + Unpin,
    {
        let told = tokio::select! {
            close = &mut self.over => return Err(close.into()),
            message = input.next() => {
                self.pulse.beat();
                match self.hear(message)? {
                    Some(told) => told,
                    None => return Ok(()),
                }
            }
            judged = self.seat.judged() => {
                judged?;
                self.over = Box::pin(seated(Arc::clone(&self.live), self.seat.sitter()?.reader.clone()));
                Told::Ack
            }
            told = self.operations.next() => told?,
            _ = self.pings.tick() => {
                if self.pulse.is_gone() {
                    return Err(Ended::Gone);
                }
                let ping = out.send(Message::Ping(Bytes::new()));
                return within(ping, self.live.terms.patience, &mut self.over).await;
            }
        };
        self.tell(told, out).await
    }

    /// Tells this, and what results have come by now.
    async fn tell<Out>(&mut self, first: Told, out: &mut Out) -> Result<(), Ended>
    where
        Out: Sink<Message, Error = axum::Error> + Unpin,
    {
        let mut batch = Batch::default();
        batch.push(first);
        let mut ended = Ok(());
        while batch.has_room() {
            match self.operations.next().now_or_never() {
                Some(Ok(told)) => batch.push(told),
                Some(Err(close)) => {
                    // What came before it is told before it.
                    ended = Err(close.into());
                    break;
                }
                None => break,
            }
        }
        let is_full = !batch.has_room();
        let mut messages = stream::iter(batch.messages.into_iter().map(Ok));
        let writing = out.send_all(&mut messages);
        within(writing, self.live.terms.patience, &mut self.over).await?;
        if is_full {
            // Others have their turn.
            yield_now().await;
        }
        ended
    }

    /// What a message of the client comes to, and what is answered at once.
    fn hear(
        &mut self,
        message: Option<Result<Message, axum::Error>>,
    ) -> Result<Option<Told>, Ended> {
        let text = match message {
            Some(Ok(Message::Text(text))) => text,
            // The protocol's messages are text.
            Some(Ok(Message::Binary(_))) => {
                return Err(Close::Malformed("a message is sent as text").into());
            }
            // WebSocket's own pings are answered below us.
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => return Ok(None),
            // An answer is due to a goodbye, and harmless where the client is gone without one.
            Some(Ok(Message::Close(_))) | None => return Err(Close::Normal.into()),
            Some(Err(error)) => return Err(broken(error)),
        };
        match read(&text).map_err(Close::Malformed)? {
            Heard::Init(payload) => {
                self.seat.ask(&self.live, self.shown.take(), payload)?;
                Ok(None)
            }
            Heard::Ping(payload) => Ok(Some(Told::Pong(payload))),
            Heard::Pong => Ok(None),
            Heard::Subscribe { id, request } => {
                let sitter = self.seat.sitter()?;
                if self.operations.has(&id) {
                    return Err(Close::Duplicate(id).into());
                }
                let admitted = sitter.admit(&self.live.readers, *request);
                let admitted = admitted.and_then(|admitted| {
                    self.operations.check()?;
                    Ok(admitted)
                });
                match admitted {
                    Ok((request, viewer)) => {
                        self.operations
                            .begin(id, self.live.run(request, viewer, None));
                        Ok(None)
                    }
                    Err(fault) => Ok(Some(Told::Error(id, Step::refused(&fault).errors()))),
                }
            }
            Heard::Complete { id } => {
                self.operations.end(&id);
                Ok(None)
            }
        }
    }
}

/// Writes, for as long as the client may take for it. A client that takes nothing keeps nothing open.
async fn within(
    writing: impl Future<Output = Result<(), axum::Error>>,
    patience: Duration,
    over: &mut BoxFuture<'static, Close>,
) -> Result<(), Ended> {
    tokio::select! {
        written = timeout(patience, writing) => match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_gone)) => Err(Ended::Gone),
            Err(_stalled) => Err(Close::TryAgain("Messages are taken too slowly".to_owned()).into()),
        },
        close = over => Err(close.into()),
    }
}

/// Messages that are written together.
#[derive(Default)]
struct Batch {
    messages: Vec<Message>,
    bytes: usize,
}

impl Batch {
    fn push(&mut self, told: Told) {
        for text in told.texts() {
            self.bytes += text.len();
            self.messages.push(Message::Text(text.into()));
        }
    }

    fn has_room(&self) -> bool {
        self.messages.len() < BURST && self.bytes < MOST_BYTES
    }
}

/// Until nobody sat down in time, or the server stops.
async fn unseated(live: Arc<Live>) -> Close {
    tokio::select! {
        () = sleep(live.terms.init) => Close::NotInitialised,
        () = live.stop() => Close::Restart,
    }
}

/// Until the reader may read no longer, or the server stops.
async fn seated(live: Arc<Live>, reader: Reader) -> Close {
    match live.end(&reader).await {
        End::Reader(why) => Close::Forbidden(why.to_owned()),
        End::Stopping => Close::Restart,
    }
}

/// How a socket ends whose client does not keep to WebSocket, or is gone.
fn broken(error: axum::Error) -> Ended {
    match error.into_inner().downcast_ref() {
        Some(Error::Capacity(_)) => Close::TooLong.into(),
        Some(Error::Utf8(_)) => Close::NotText.into(),
        Some(Error::Protocol(_)) => Close::Broken.into(),
        _ => Ended::Gone,
    }
}

/// Closes a socket and hears its client out: one that is dropped with something unread is reset, and the goodbye with it
/// is lost.
pub(super) async fn say_goodbye<Input, Out>(input: &mut Input, out: &mut Out, close: &Close)
where
    Input: Stream<Item = Result<Message, axum::Error>> + Unpin,
    Out: Sink<Message, Error = axum::Error> + Unpin,
{
    let frame = CloseFrame {
        code: close.code(),
        reason: close.reason().into(),
    };
    match timeout(GOODBYE, out.send(Message::Close(Some(frame)))).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return tracing::debug!(%error, "a socket was gone before it was closed"),
        Err(_) => return tracing::debug!("a socket took no goodbye"),
    }
    let rest = async {
        while let Some(Ok(_)) = input.next().await {}
        if *close == Close::TooLong {
            // The rest of what was too long is not read: the client gets the time to see why.
            std::future::pending::<()>().await;
        }
    };
    if timeout(GOODBYE, rest).await.is_err() {
        tracing::debug!("a client did not answer the goodbye");
    }
}

/// Whether a client still says anything.
#[derive(Debug, Default)]
struct Pulse {
    /// Pings sent since the client was last heard.
    unanswered: u32,
}

impl Pulse {
    fn beat(&mut self) {
        self.unanswered = 0;
    }

    /// Asked before each ping.
    fn is_gone(&mut self) -> bool {
        self.unanswered += 1;
        self.unanswered > UNANSWERED
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::Response;
    use std::future::{pending, ready};
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use super::*;

    /// A client that takes nothing.
    struct Stuck;

    impl Sink<Message> for Stuck {
        type Error = axum::Error;

        fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), axum::Error>> {
            Poll::Pending
        }

        fn start_send(self: Pin<&mut Self>, _: Message) -> Result<(), axum::Error> {
            Ok(())
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), axum::Error>> {
            Poll::Pending
        }

        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), axum::Error>> {
            Poll::Pending
        }
    }

    #[tokio::test]
    async fn a_client_that_takes_nothing_is_to_come_back_later_unless_it_has_to_go_anyway() {
        let message = || Message::Ping(Bytes::new());
        let mut over: BoxFuture<'static, Close> = Box::pin(pending());
        let ended = within(Stuck.send(message()), Duration::from_millis(1), &mut over).await;
        let Err(Ended::Closed(close)) = ended else {
            panic!("{ended:?}");
        };
        assert_eq!(close.code(), 1013);
        let mut over: BoxFuture<'static, Close> = Box::pin(ready(Close::Restart));
        let ended = within(Stuck.send(message()), Duration::from_secs(600), &mut over).await;
        assert_eq!(ended, Err(Ended::Closed(Close::Restart)));
    }

    #[test]
    fn a_client_that_answers_no_ping_is_gone() {
        let mut pulse = Pulse::default();
        assert!(!pulse.is_gone());
        assert!(!pulse.is_gone());
        pulse.beat();
        assert!(!pulse.is_gone());
        assert!(!pulse.is_gone());
        assert!(pulse.is_gone());
    }

    #[test]
    fn a_batch_is_bounded() {
        let next =
            |length: usize| Told::Next("a".into(), Step::of(Response::new("1".repeat(length))));
        let mut batch = Batch::default();
        for _ in 1..BURST {
            batch.push(next(1));
            assert!(batch.has_room());
        }
        batch.push(next(1));
        assert!(!batch.has_room(), "too many messages");
        let mut batch = Batch::default();
        batch.push(next(MOST_BYTES));
        assert!(!batch.has_room(), "too many bytes");
    }
}
