//! graphql-transport-ws, word by word: what a client may say, what it is told, and how a socket is closed. Pure.
//! The protocol: <https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md>.

use async_graphql::Request;
use serde_json::{Map, Value};

use crate::graphql;
use crate::http::live::Step;

/// The sub-protocol spoken here.
pub(super) const NAME: &str = "graphql-transport-ws";
/// The one before it, which is not.
pub(super) const LEGACY: &str = "graphql-ws";

/// The longest id of an operation, in bytes: it is kept as long as the operation runs.
const LONGEST_ID: usize = 255;
/// The longest reason of a close frame, in bytes: RFC 6455 leaves 123.
const LONGEST_REASON: usize = 120;

/// What a client says.
#[derive(Debug)]
pub(super) enum Heard {
    /// `connection_init` with its payload, null without one.
    Init(Value),
    /// `ping`, with what is to come back.
    Ping(Option<Value>),
    /// `pong`.
    Pong,
    /// `subscribe`.
    Subscribe {
        /// Its name for the operation.
        id: String,
        /// What it asks.
        request: Box<Request>,
    },
    /// `complete`: it wants no more of an operation.
    Complete {
        /// Which.
        id: String,
    },
}

/// Reads a message.
///
/// # Errors
/// Why it is none, in words that repeat nothing of it.
pub(super) fn read(text: &str) -> Result<Heard, &'static str> {
    let message: Value = serde_json::from_str(text).map_err(|_| "a message is JSON")?;
    let Value::Object(mut message) = message else {
        return Err("a message is an object");
    };
    let kind = message.remove("type");
    match kind.as_ref().and_then(Value::as_str) {
        Some("connection_init") => {
            let payload = optional(&mut message)?;
            Ok(Heard::Init(payload.unwrap_or_default()))
        }
        Some("ping") => Ok(Heard::Ping(optional(&mut message)?)),
        Some("pong") => optional(&mut message).map(|_| Heard::Pong),
        Some("subscribe") => {
            let id = id(&mut message)?;
            let payload = message.remove("payload").unwrap_or_default();
            let request = Box::new(graphql::request_of(payload)?);
            Ok(Heard::Subscribe { id, request })
        }
        Some("complete") => Ok(Heard::Complete {
            id: id(&mut message)?,
        }),
        Some(_) => Err("`type` is none that a client sends"),
        None => Err("a message has a `type`"),
    }
}

fn id(message: &mut Map<String, Value>) -> Result<String, &'static str> {
    match message.remove("id") {
        Some(Value::String(id)) if id.is_empty() => Err("`id` is empty"),
        Some(Value::String(id)) if id.len() > LONGEST_ID => Err("`id` has more than 255 bytes"),
        Some(Value::String(id)) => Ok(id),
        _ => Err("`id` is a text and must be given"),
    }
}

fn optional(message: &mut Map<String, Value>) -> Result<Option<Value>, &'static str> {
    match message.remove("payload") {
        None | Some(Value::Null) => Ok(None),
        Some(payload @ Value::Object(_)) => Ok(Some(payload)),
        Some(_) => Err("`payload` is an object or null"),
    }
}

/// What a client is told.
#[derive(Debug)]
pub(super) enum Told {
    /// `connection_ack`.
    Ack,
    /// `pong`, with what came in the ping.
    Pong(Option<Value>),
    /// `next`: the operation and its results, a message each.
    Next(String, Step),
    /// `error`: the operation and its errors as JSON. Nothing follows.
    Error(String, String),
    /// `complete`: nothing follows.
    Complete(String),
}

impl Told {
    /// The messages.
    pub(super) fn texts(&self) -> Vec<String> {
        // What stands before the payload is the same in each.
        let head = |kind: &str, id: &str| {
            format!(r#"{{"id":{},"type":"{kind}","payload":"#, Value::from(id))
        };
        let one = match self {
            Self::Ack => r#"{"type":"connection_ack"}"#.to_owned(),
            Self::Pong(None) => r#"{"type":"pong"}"#.to_owned(),
            Self::Pong(Some(payload)) => format!(r#"{{"type":"pong","payload":{payload}}}"#),
            Self::Next(id, step) => {
                let head = head("next", id);
                let results = step.results().into_iter();
                return results
                    .map(|shown| [&*head, &*shown.payload, "}"].concat())
                    .collect();
            }
            Self::Error(id, errors) => [&*head("error", id), errors, "}"].concat(),
            Self::Complete(id) => format!(r#"{{"id":{},"type":"complete"}}"#, Value::from(&**id)),
        };
        vec![one]
    }
}

/// How a socket is closed. Those with 4 are the protocol's, those with 1 are WebSocket's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Close {
    /// The client said goodbye.
    Normal,
    /// It broke the rules of WebSocket.
    Broken,
    /// It sent text that is no UTF-8.
    NotText,
    /// It sent more than is taken.
    TooLong,
    /// The server stops: come back.
    Restart,
    /// Something is away, or there is no room, or the client is too slow: come back later.
    TryAgain(String),
    /// It said what is no message, and why that is none.
    Malformed(&'static str),
    /// It asked before it was acknowledged.
    Unauthorized,
    /// Nobody who may read, or no longer.
    Forbidden(String),
    /// It speaks another protocol; whether that is the one before this.
    NotAcceptable(bool),
    /// It did not say who it is in time.
    NotInitialised,
    /// It asked under the id of an operation that runs.
    Duplicate(String),
    /// It said twice who it is.
    InitialisedTwice,
    /// A fault of caretaker.
    Internal,
}

impl Close {
    /// The code of the close frame.
    pub(super) fn code(&self) -> u16 {
        match self {
            Self::Normal => 1000,
            Self::Broken => 1002,
            Self::NotText => 1007,
            Self::TooLong => 1009,
            Self::Restart => 1012,
            Self::TryAgain(_) => 1013,
            Self::Malformed(_) => 4400,
            Self::Unauthorized => 4401,
            Self::Forbidden(_) => 4403,
            Self::NotAcceptable(_) => 4406,
            Self::NotInitialised => 4408,
            Self::Duplicate(_) => 4409,
            Self::InitialisedTwice => 4429,
            Self::Internal => 4500,
        }
    }

    /// Its reason, no longer than it may be.
    pub(super) fn reason(&self) -> String {
        let reason: &str = match self {
            Self::Normal => "",
            Self::Broken => "Protocol error",
            Self::NotText => "Text that is no UTF-8",
            Self::TooLong => "Message too long",
            Self::Restart => "Service restart",
            Self::TryAgain(why) | Self::Forbidden(why) => why,
            Self::Malformed(why) => &format!("Invalid message: {why}"),
            Self::Unauthorized => "Unauthorized",
            Self::NotAcceptable(false) => "Subprotocol not acceptable",
            Self::NotAcceptable(true) => {
                "Subprotocol not acceptable: graphql-ws is the old one, speak graphql-transport-ws"
            }
            Self::NotInitialised => "Connection initialisation timeout",
            Self::Duplicate(id) => &format!("Subscriber for {id} already exists"),
            Self::InitialisedTwice => "Too many initialisation requests",
            Self::Internal => "Internal server error",
        };
        let mut end = reason.len().min(LONGEST_REASON);
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        reason[..end].to_owned()
    }
}

#[cfg(test)]
mod tests;
