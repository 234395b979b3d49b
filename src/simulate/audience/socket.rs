//! A subscription over a socket that speaks graphql-transport-ws.

use std::borrow::Cow;

use anyhow::{Context, bail};
use futures_util::{SinkExt, StreamExt};
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::said::{Error, Payload, Said, fault};

/// There may be thousands: the library's own buffer has 128 KiB.
const READ_BUFFER: usize = 4096;

/// An open one.
#[derive(Debug)]
pub(super) struct Socket(WebSocketStream<TcpStream>);

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
}

impl Socket {
    /// Subscribes at `address`, an http URL.
    pub(super) async fn open(
        address: &Url,
        authorization: Option<&str>,
        request: Value,
    ) -> anyhow::Result<Self> {
        let (Some(host), "http") = (address.host_str(), address.scheme()) else {
            bail!("sockets over TLS are not opened: use --transports sse,multipart");
        };
        let port = address.port_or_known_default().unwrap_or(80);
        let stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
        stream.set_nodelay(true)?;
        let mut upgrade = address
            .as_str()
            .replacen("http", "ws", 1)
            .into_client_request()?;
        let protocol = HeaderValue::from_static("graphql-transport-ws");
        upgrade
            .headers_mut()
            .insert("sec-websocket-protocol", protocol);
        let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER);
        let (socket, _) = client_async_with_config(upgrade, stream, Some(config)).await?;
        let mut socket = Self(socket);
        let payload = authorization.map(|token| json!({ "Authorization": token }));
        socket
            .say(json!({"type": "connection_init", "payload": payload}))
            .await?;
        let ack = socket.text().await?;
        if !ack
            .as_deref()
            .is_some_and(|ack| ack.contains("connection_ack"))
        {
            bail!("no acknowledgement but {ack:?}");
        }
        socket
            .say(json!({"id": "1", "type": "subscribe", "payload": request}))
            .await?;
        Ok(socket)
    }

    async fn say(&mut self, message: Value) -> anyhow::Result<()> {
        Ok(self.0.send(Message::text(message.to_string())).await?)
    }

    /// The next message; nothing once the client closed.
    async fn text(&mut self) -> anyhow::Result<Option<Utf8Bytes>> {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Text(text))) => return Ok(Some(text)),
                Some(Ok(Message::Close(Some(frame)))) => {
                    bail!("closed with {}: {}", u16::from(frame.code), frame.reason)
                }
                Some(Ok(Message::Close(None))) | None => return Ok(None),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.into()),
            }
        }
    }

    /// What comes next; nothing at the end.
    pub(super) async fn next(&mut self) -> anyhow::Result<Option<Said>> {
        let Some(text) = self.text().await? else {
            return Ok(None);
        };
        let frame: Frame<'_> = serde_json::from_str(&text).context("a message that is none")?;
        let payload = frame.payload.map_or("{}", RawValue::get);
        Ok(Some(match &*frame.kind {
            "next" => serde_json::from_str::<Payload<'_>>(payload)?.said(),
            "error" => fault(&serde_json::from_str::<Vec<Error<'_>>>(payload)?),
            "complete" => return Ok(None),
            "ping" => {
                self.say(json!({"type": "pong"})).await?;
                Said::Nothing
            }
            _ => Said::Nothing,
        }))
    }
}
