//! A socket that speaks graphql-transport-ws, message by message, so that cases can break the rules too.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async, connect_async};

/// How long to wait for a message that must come.
const PATIENCE: Duration = Duration::from_secs(30);

/// An open socket.
#[derive(Debug)]
pub struct Live {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

/// What came.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    Message(Value),
    Closed(u16, String),
}

impl Live {
    /// Opens a socket without a word.
    pub async fn open(base: &str) -> anyhow::Result<Self> {
        Self::open_with(base, None).await
    }

    /// Opens one with an Authorization header.
    pub async fn open_with(base: &str, authorization: Option<&str>) -> anyhow::Result<Self> {
        let address = base.strip_prefix("http").context("no http address")?;
        let mut request = format!("ws{address}/graphql/ws").into_client_request()?;
        let protocol = "graphql-transport-ws".parse()?;
        request
            .headers_mut()
            .insert("sec-websocket-protocol", protocol);
        if let Some(authorization) = authorization {
            let authorization = authorization.parse()?;
            request.headers_mut().insert("authorization", authorization);
        }
        let connected = tokio::time::timeout(PATIENCE, connect_async(request));
        let (socket, _) = connected.await.context("no socket in time")??;
        Ok(Self { socket })
    }

    /// Opens one that takes in little at a time, acknowledged: what its client does not read piles up at the server.
    pub async fn connect_narrow(base: &str) -> anyhow::Result<Self> {
        let address = base.strip_prefix("http://").context("no http address")?;
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(4096)?;
        let stream = MaybeTlsStream::Plain(socket.connect(address.parse()?).await?);
        let mut request = format!("ws://{address}/graphql/ws").into_client_request()?;
        let protocol = "graphql-transport-ws".parse()?;
        request
            .headers_mut()
            .insert("sec-websocket-protocol", protocol);
        let opened = tokio::time::timeout(PATIENCE, client_async(request, stream));
        let (socket, _) = opened.await.context("no socket in time")??;
        let mut live = Self { socket };
        live.send(json!({ "type": "connection_init" })).await?;
        live.acknowledged().await?;
        Ok(live)
    }

    /// Opens one as a client that offers these sub-protocols and does not mind which is chosen.
    pub async fn open_offering(base: &str, protocols: Option<&str>) -> anyhow::Result<Self> {
        let address = base.strip_prefix("http://").context("no http address")?;
        let mut stream = TcpStream::connect(address).await?;
        let offer = protocols.map(|names| format!("Sec-WebSocket-Protocol: {names}\r\n"));
        let head = format!(
            "GET /graphql/ws HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{}\r\n",
            offer.unwrap_or_default()
        );
        stream.write_all(head.as_bytes()).await?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(tokio::time::timeout(PATIENCE, stream.read_u8()).await??);
        }
        ensure!(answer.starts_with(b"HTTP/1.1 101"), "no socket");
        let stream = MaybeTlsStream::Plain(stream);
        let socket = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
        Ok(Self { socket })
    }

    /// Opens a socket and has it acknowledged.
    pub async fn connect(base: &str) -> anyhow::Result<Self> {
        let mut live = Self::open(base).await?;
        live.send(json!({ "type": "connection_init" })).await?;
        live.acknowledged().await?;
        Ok(live)
    }

    /// Opens a socket with this payload of `connection_init` and has it acknowledged.
    pub async fn connect_with(base: &str, payload: Value) -> anyhow::Result<Self> {
        let mut live = Self::open(base).await?;
        live.init(payload).await?;
        live.acknowledged().await?;
        Ok(live)
    }

    /// Says `connection_init`.
    pub async fn init(&mut self, payload: Value) -> anyhow::Result<()> {
        self.send(json!({ "type": "connection_init", "payload": payload }))
            .await
    }

    /// The acknowledgement, which must come next.
    pub async fn acknowledged(&mut self) -> anyhow::Result<()> {
        let ack = self.said().await?;
        ensure!(
            matches!(&ack, Said::Message(message) if message["type"] == "connection_ack"),
            "{ack:?}"
        );
        Ok(())
    }

    /// How the socket is closed, whatever is told before.
    pub async fn closed(&mut self) -> anyhow::Result<(u16, String)> {
        loop {
            if let Said::Closed(code, reason) = self.said().await? {
                return Ok((code, reason));
            }
        }
    }

    pub async fn send(&mut self, message: Value) -> anyhow::Result<()> {
        self.send_text(&message.to_string()).await
    }

    /// Sends several messages as one piece: none is answered before the last is there.
    pub async fn send_together(&mut self, messages: &[Value]) -> anyhow::Result<()> {
        for message in messages {
            self.socket.feed(Message::text(message.to_string())).await?;
        }
        Ok(self.socket.flush().await?)
    }

    /// Sends a message that is not text.
    pub async fn send_binary(&mut self, message: &Value) -> anyhow::Result<()> {
        let bytes = message.to_string().into_bytes();
        Ok(self.socket.send(Message::binary(bytes)).await?)
    }

    /// Says ping and gives what comes until the pong: what was sent before the ping is dealt with by then.
    pub async fn barrier(&mut self) -> anyhow::Result<Vec<Value>> {
        let ping = json!({ "type": "ping", "payload": { "barrier": true } });
        let pong = json!({ "type": "pong", "payload": { "barrier": true } });
        self.send(ping).await?;
        let mut before = Vec::new();
        loop {
            match self.said().await? {
                Said::Message(message) if message == pong => return Ok(before),
                Said::Message(message) => before.push(message),
                closed => bail!("{closed:?}"),
            }
        }
    }

    /// The next message, which has to be about this operation.
    pub async fn about(&mut self, id: &str) -> anyhow::Result<Value> {
        match self.said().await? {
            Said::Message(message) if message["id"] == id => Ok(message),
            other => bail!("not about {id}: {other:?}"),
        }
    }

    pub async fn send_text(&mut self, text: &str) -> anyhow::Result<()> {
        Ok(self.socket.send(Message::text(text)).await?)
    }

    pub async fn subscribe(
        &mut self,
        id: &str,
        query: &str,
        variables: Value,
    ) -> anyhow::Result<()> {
        let payload = json!({ "query": query, "variables": variables });
        self.send(json!({ "id": id, "type": "subscribe", "payload": payload }))
            .await
    }

    pub async fn complete(&mut self, id: &str) -> anyhow::Result<()> {
        self.send(json!({ "id": id, "type": "complete" })).await
    }

    /// The next message or the end; pings are answered and not told.
    pub async fn said(&mut self) -> anyhow::Result<Said> {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.socket.next())
                .await
                .context("the socket stayed silent")?;
            match message {
                Some(Ok(Message::Text(text))) => {
                    let message: Value = serde_json::from_str(&text)?;
                    if message["type"] == "ping" {
                        self.send(json!({ "type": "pong" })).await?;
                    } else {
                        return Ok(Said::Message(message));
                    }
                }
                Some(Ok(Message::Close(Some(frame)))) => {
                    return Ok(Said::Closed(frame.code.into(), frame.reason.to_string()));
                }
                Some(Ok(Message::Close(None))) => return Ok(Said::Closed(1005, String::new())),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.into()),
                None => return Ok(Said::Closed(1006, String::new())),
            }
        }
    }

    /// The `data` of the next event of any subscription; everything else fails the case.
    pub async fn next(&mut self) -> anyhow::Result<Value> {
        match self.said().await? {
            Said::Message(mut message)
                if message["type"] == "next" && message["payload"].get("errors").is_none() =>
            {
                Ok(message["payload"]["data"].take())
            }
            other => bail!("no event but {other:?}"),
        }
    }

    /// The `data` of the next event that `wanted` takes; others (heartbeats) are passed over.
    pub async fn next_where(&mut self, wanted: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
        loop {
            let event = self.next().await?;
            if wanted(&event) {
                return Ok(event);
            }
        }
    }
}
