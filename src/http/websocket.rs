//! `/graphql/ws`: graphql-transport-ws. The protocol's driver is the library's; the socket, its limits and its end are
//! ours. The legacy `graphql-ws` sub-protocol is refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_graphql::futures_util::stream::BoxStream;
use async_graphql::http::{ClientMessage, WebSocket as Driver, WebSocketProtocols, WsMessage};
use async_graphql::{Data, Executor, Request, Response};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::routing::get;
use futures_util::{Sink, SinkExt, Stream, StreamExt, future};
use serde::de::Error as _;
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};
use uuid::Uuid;

use crate::domain::scope::Viewer;
use crate::graphql::{Schema, request_of};

/// The sub-protocol spoken here.
const PROTOCOL: &str = "graphql-transport-ws";
/// The longest message taken from a client.
const MOST_BYTES: usize = 256 * 1024;
/// What a quiet socket is held with: axum's default of 128 KiB is most of an idle subscriber's memory.
const READ_BUFFER: usize = 4096;
/// How often a socket is pinged, so that proxies keep it and dead peers are found.
const PING: Duration = Duration::from_secs(25);
/// How long a client may take to receive a message.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a socket's goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);
/// How many pings may go unanswered.
const UNANSWERED: u32 = 2;
/// "Subprotocol not acceptable".
const NOT_ACCEPTABLE: u16 = 4406;
/// "Normal closure".
const NORMAL: u16 = 1000;
/// "Service restart": clients come back.
const RESTART: u16 = 1012;
/// "Try again later": the client did not take what was sent.
const TRY_AGAIN: u16 = 1013;

/// What a socket needs.
#[derive(Clone, Debug)]
pub struct Sockets {
    schema: Schema,
    stopping: watch::Receiver<bool>,
    open: mpsc::Sender<()>,
}

impl Sockets {
    /// Sockets on `schema` that are closed once `stopping` says so.
    /// Each holds a clone of `open` until it has said goodbye.
    pub fn new(schema: Schema, stopping: watch::Receiver<bool>, open: mpsc::Sender<()>) -> Self {
        Self {
            schema,
            stopping,
            open,
        }
    }
}

/// `GET /graphql/ws`.
pub fn router(sockets: Sockets) -> Router {
    Router::new()
        .route("/graphql/ws", get(upgrade))
        .with_state(Arc::new(sockets))
}

async fn upgrade(
    State(sockets): State<Arc<Sockets>>,
    upgrade: WebSocketUpgrade,
) -> axum::response::Response {
    let upgrade = upgrade
        .protocols([PROTOCOL])
        .read_buffer_size(READ_BUFFER)
        .max_message_size(MOST_BYTES)
        .max_frame_size(MOST_BYTES);
    let is_spoken = upgrade.selected_protocol().is_some();
    let schema = sockets.schema.clone();
    let stopping = sockets.stopping.clone();
    let open = sockets.open.clone();
    upgrade.on_upgrade(move |mut socket| async move {
        if is_spoken {
            serve(socket, schema, stopping).await;
        } else {
            close(&mut socket, NOT_ACCEPTABLE, "Subprotocol not acceptable").await;
        }
        drop(open);
    })
}

async fn serve(socket: WebSocket, schema: Schema, mut stopping: watch::Receiver<bool>) {
    let (mut out, input) = socket.split();
    let pulse = Arc::new(Pulse::default());
    let mut driver = Driver::from_message_stream(
        Face { schema },
        told(input, Arc::clone(&pulse)).map(|message| understood(&message)),
        WebSocketProtocols::GraphQLWS,
    );
    let mut pings = interval(PING);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (code, reason) = loop {
        let message = tokio::select! {
            message = driver.next() => match message {
                Some(WsMessage::Text(text)) => Message::Text(text.into()),
                Some(WsMessage::Close(code, reason)) => break (code, reason),
                // The client said goodbye, or is gone: an answer is due in the one case and harmless in the other.
                None => break (NORMAL, String::new()),
            },
            _ = pings.tick() => {
                if pulse.is_gone() {
                    return;
                }
                Message::Ping(Bytes::new())
            }
            () = told_to_stop(&mut stopping) => {
                break (RESTART, "Service restart".to_owned());
            }
        };
        let sent = tokio::select! {
            sent = timeout(PATIENCE, out.send(message)) => sent,
            () = told_to_stop(&mut stopping) => {
                break (RESTART, "Service restart".to_owned());
            }
        };
        match sent {
            Ok(Ok(())) => {}
            Ok(Err(_gone)) => return,
            Err(_stalled) => break (TRY_AGAIN, "Try again later".to_owned()),
        }
    };
    close(&mut out, code, &reason).await;
    // A socket that is dropped with something unread is reset, and the goodbye with it is lost: hear the client out.
    let rest = async { while driver.next().await.is_some() {} };
    if timeout(GOODBYE, rest).await.is_err() {
        tracing::debug!("a client did not answer the goodbye");
    }
}

/// Whether a client still says anything.
#[derive(Debug, Default)]
struct Pulse {
    /// Pings sent since the client was last heard.
    unanswered: AtomicU32,
}

impl Pulse {
    fn beat(&self) {
        self.unanswered.store(0, Ordering::Relaxed);
    }

    /// Asked before each ping.
    fn is_gone(&self) -> bool {
        self.unanswered.fetch_add(1, Ordering::Relaxed) >= UNANSWERED
    }
}

async fn told_to_stop(stopping: &mut watch::Receiver<bool>) {
    // The borrowed value must not be held across the next await.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// A message of the client. A request is read as over HTTP; what is wrong with a message is not said in its own words.
fn understood(message: &[u8]) -> serde_json::Result<ClientMessage> {
    let wrong = |_| serde_json::Error::custom("no message of graphql-transport-ws");
    let mut message: Value = serde_json::from_slice(message).map_err(wrong)?;
    if message.get("type") != Some(&Value::from("subscribe")) {
        return serde_json::from_value(message).map_err(wrong);
    }
    let id = message["id"].as_str().map(ToOwned::to_owned);
    let id = id.ok_or_else(|| serde_json::Error::custom("an operation has an id"))?;
    let payload = request_of(message["payload"].take()).map_err(serde_json::Error::custom)?;
    Ok(ClientMessage::Start { id, payload })
}

/// What the client says, until it goes.
fn told(
    input: impl Stream<Item = Result<Message, axum::Error>> + Send + 'static,
    pulse: Arc<Pulse>,
) -> BoxStream<'static, Vec<u8>> {
    input
        .inspect(move |_| pulse.beat())
        .take_while(|message| future::ready(!matches!(message, Err(_) | Ok(Message::Close(_)))))
        .filter_map(|message| {
            future::ready(match message {
                Ok(Message::Text(text)) => Some(text.as_bytes().to_vec()),
                Ok(Message::Binary(bytes)) => Some(bytes.to_vec()),
                _ => None,
            })
        })
        .boxed()
}

async fn close(
    out: &mut (impl Sink<Message, Error = axum::Error> + Unpin),
    code: u16,
    reason: &str,
) {
    let frame = CloseFrame {
        code,
        reason: reason.into(),
    };
    match timeout(GOODBYE, out.send(Message::Close(Some(frame)))).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a socket was gone before it was closed"),
        Err(_) => tracing::debug!("a socket took no goodbye"),
    }
}

/// The schema as one viewer sees it.
#[derive(Clone)]
struct Face {
    schema: Schema,
}

impl Executor for Face {
    async fn execute(&self, request: Request) -> Response {
        self.schema
            .execute(request, Viewer::open(), Uuid::new_v4())
            .await
    }

    fn execute_stream(
        &self,
        request: Request,
        _: Option<Arc<Data>>,
    ) -> BoxStream<'static, Response> {
        self.schema
            .execute_stream(request, Viewer::open(), Uuid::new_v4())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_answers_no_ping_is_gone() {
        let pulse = Pulse::default();
        assert!(!pulse.is_gone());
        assert!(!pulse.is_gone());
        pulse.beat();
        assert!(!pulse.is_gone());
        assert!(!pulse.is_gone());
        assert!(pulse.is_gone());
    }
}
