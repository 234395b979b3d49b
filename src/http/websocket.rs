//! `/graphql/ws`: graphql-transport-ws. The protocol's driver is the library's; the socket, its limits, its reader and
//! its end are ours. The legacy `graphql-ws` sub-protocol is refused.

mod seat;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_graphql::futures_util::stream::BoxStream;
use async_graphql::http::{ClientMessage, WebSocket as Driver, WebSocketProtocols, WsMessage};
use axum::Router;
use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Extension, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::{Sink, SinkExt, Stream, StreamExt, future};
use serde::de::Error as _;
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::header::RequestId;
use super::reader::{self, Readers};
use crate::graphql::{Schema, request_of};
use seat::{Face, Seat};

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
/// How long a client may take to say `connection_init`, and the server to judge it.
const INIT: Duration = Duration::from_secs(10);
/// "Unauthorized": an operation before the acknowledgement.
const UNAUTHORIZED: u16 = 4401;
/// "Forbidden": nobody who may read, or no longer.
const FORBIDDEN: u16 = 4403;
/// "Connection initialisation timeout".
const NOT_INITIALISED: u16 = 4408;
/// With what the driver ends a socket that asks before it is acknowledged.
const DRIVER_NOT_ACKNOWLEDGED: u16 = 1011;
/// "Service restart": clients come back.
const RESTART: u16 = 1012;
/// "Try again later": the client did not take what was sent.
const TRY_AGAIN: u16 = 1013;

/// What a socket needs.
#[derive(Clone, Debug)]
pub struct Sockets {
    schema: Schema,
    readers: Arc<Readers>,
    stopping: watch::Receiver<bool>,
    open: mpsc::Sender<()>,
}

impl Sockets {
    /// Sockets on `schema`, for `readers`, that are closed once `stopping` says so.
    /// Each holds a clone of `open` until it has said goodbye.
    pub fn new(
        schema: Schema,
        readers: Arc<Readers>,
        stopping: watch::Receiver<bool>,
        open: mpsc::Sender<()>,
    ) -> Self {
        Self {
            schema,
            readers,
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
    Extension(id): Extension<RequestId>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    upgrade: WebSocketUpgrade,
) -> Response {
    // Browsers cannot send the header with a socket, other clients may; what it says is judged with `connection_init`.
    let shown = reader::in_headers(&headers, query.as_deref(), sockets.readers.is_open());
    let shown = match shown {
        Ok(token) => token.map(str::to_owned),
        Err(refused) => return reader::refuse(&headers, id, &refused),
    };
    let upgrade = upgrade
        .protocols([PROTOCOL])
        .read_buffer_size(READ_BUFFER)
        .max_message_size(MOST_BYTES)
        .max_frame_size(MOST_BYTES);
    let is_spoken = upgrade.selected_protocol().is_some();
    let seat = Arc::new(Seat::new(Arc::clone(&sockets.readers), shown));
    let schema = sockets.schema.clone();
    let stopping = sockets.stopping.clone();
    let open = sockets.open.clone();
    let upgraded = upgrade.on_upgrade(move |mut socket| async move {
        if is_spoken {
            let face = Face { schema, seat };
            serve(socket, face, stopping).await;
        } else {
            close(&mut socket, NOT_ACCEPTABLE, "Subprotocol not acceptable").await;
        }
        drop(open);
    });
    upgraded.into_response()
}

async fn serve(socket: WebSocket, face: Face, mut stopping: watch::Receiver<bool>) {
    let (mut out, input) = socket.split();
    let pulse = Arc::new(Pulse::default());
    let seat = Arc::clone(&face.seat);
    let sitting = Arc::clone(&seat);
    let input = told(input, Arc::clone(&pulse)).map(|message| understood(&message));
    let mut driver = Driver::from_message_stream(face, input, WebSocketProtocols::GraphQLWS)
        .on_connection_init(move |payload| async move { sitting.take(&payload).await });
    let mut over = std::pin::pin!(over(&seat));
    let mut pings = interval(PING);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (code, reason) = loop {
        let message = tokio::select! {
            message = driver.next() => match message {
                Some(WsMessage::Text(text)) => Message::Text(text.into()),
                Some(WsMessage::Close(code, reason)) => break seat.refusal().unwrap_or(match code {
                    DRIVER_NOT_ACKNOWLEDGED => (UNAUTHORIZED, "Unauthorized".to_owned()),
                    code => (code, reason),
                }),
                // The client said goodbye, or is gone: an answer is due in the one case and harmless in the other.
                None => break (NORMAL, String::new()),
            },
            _ = pings.tick() => {
                if pulse.is_gone() {
                    return;
                }
                Message::Ping(Bytes::new())
            }
            end = &mut over => break end,
            () = told_to_stop(&mut stopping) => {
                break (RESTART, "Service restart".to_owned());
            }
        };
        let sent = tokio::select! {
            sent = timeout(PATIENCE, out.send(message)) => sent,
            // A client that takes nothing keeps nothing open either.
            end = &mut over => break end,
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

/// How the socket ends by itself: nobody sits down in time, or the reader may read no longer.
async fn over(seat: &Seat) -> (u16, String) {
    tokio::select! {
        reader = seat.taken() => {
            let why = seat.readers.ended(&reader).await;
            (FORBIDDEN, why.to_owned())
        }
        () = sleep(INIT) => {
            (NOT_INITIALISED, "Connection initialisation timeout".to_owned())
        }
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
