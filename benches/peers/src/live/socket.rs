//! One WebSocket of a subscriber: says what has to be said, then only looks at what comes. As little as possible is done
//! for a frame, since the same cores are measured.

use anyhow::{Context, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

const PING: u8 = 9;
const PONG: u8 = 10;
const TEXT: u8 = 1;
const CLOSE: u8 = 8;

/// What stands before the number of an event; as near the beginning of a frame as the question can bring it.
const MARK: &[u8] = b"\"code\":\"";

/// An open subscription.
pub(super) struct Socket {
    stream: TcpStream,
    read: Vec<u8>,
    /// Up to where it was looked at.
    seen: usize,
}

impl Socket {
    /// Subscribes and waits for the first result, which says that what follows will come. `room` is what the kernel
    /// may keep of it, where that is to be little.
    pub(super) async fn open(port: u16, question: &str, room: Option<u32>) -> anyhow::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        if let Some(room) = room {
            socket.set_recv_buffer_size(room)?;
        }
        let stream = socket.connect(([127, 0, 0, 1], port).into()).await?;
        stream.set_nodelay(true)?;
        let mut own = Self {
            stream,
            read: Vec::new(),
            seen: 0,
        };
        let head = format!(
            "GET /graphql/ws HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
             sec-websocket-protocol: graphql-transport-ws\r\n\r\n"
        );
        own.stream.write_all(head.as_bytes()).await?;
        let end = loop {
            own.more().await?;
            if let Some(end) = own.read.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
        };
        ensure!(
            own.read.starts_with(b"HTTP/1.1 101"),
            "{}",
            String::from_utf8_lossy(&own.read)
        );
        own.seen = end;
        own.say(TEXT, br#"{"type":"connection_init"}"#).await?;
        own.until(b"connection_ack").await?;
        let subscribe =
            serde_json::json!({"id": "1", "type": "subscribe", "payload": {"query": question}});
        own.say(TEXT, subscribe.to_string().as_bytes()).await?;
        own.until(b"\"next\"").await?;
        Ok(own)
    }

    async fn until(&mut self, wanted: &[u8]) -> anyhow::Result<()> {
        loop {
            if let Some((_, payload)) = self.frame() {
                let payload = self.read.get(payload).unwrap_or_default();
                ensure!(
                    payload.windows(wanted.len()).any(|window| window == wanted),
                    "{}",
                    String::from_utf8_lossy(payload)
                );
                return Ok(());
            }
            self.more().await?;
        }
    }

    /// Waits for what comes, and gives each number to `see`.
    pub(super) async fn hear(&mut self, mut see: impl FnMut(u32)) -> anyhow::Result<()> {
        self.more().await?;
        while let Some((kind, payload)) = self.frame() {
            match kind {
                TEXT => {
                    let payload = self.read.get(payload).unwrap_or_default();
                    if let Some(number) = number(payload) {
                        see(number?);
                    }
                }
                PING => self.say(PONG, b"").await?,
                CLOSE => bail!("the server closed the socket"),
                _ => {}
            }
        }
        self.read.drain(..self.seen);
        self.seen = 0;
        Ok(())
    }

    /// The next whole frame: its kind, and where its payload is.
    fn frame(&mut self) -> Option<(u8, std::ops::Range<usize>)> {
        let rest = self.read.get(self.seen..)?;
        let [first, second, ..] = rest else {
            return None;
        };
        let (length, head) = match second & 0x7f {
            126 => (
                usize::from(u16::from_be_bytes(rest.get(2..4)?.try_into().ok()?)),
                4,
            ),
            127 => {
                let length = u64::from_be_bytes(rest.get(2..10)?.try_into().ok()?);
                (usize::try_from(length).ok()?, 10)
            }
            short => (usize::from(short), 2),
        };
        rest.get(head..head + length)?;
        let begin = self.seen + head;
        self.seen = begin + length;
        Some((first & 0x0f, begin..self.seen))
    }

    async fn say(&mut self, kind: u8, payload: &[u8]) -> anyhow::Result<()> {
        // A client's frames are masked; a mask of zeros leaves them as they are.
        let mut frame = vec![0x80 | kind];
        match u8::try_from(payload.len()) {
            Ok(short @ ..=125) => frame.push(0x80 | short),
            _ => {
                frame.push(0x80 | 126);
                frame.extend(u16::try_from(payload.len())?.to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(payload);
        Ok(self.stream.write_all(&frame).await?)
    }

    async fn more(&mut self) -> anyhow::Result<()> {
        self.read.reserve(16 * 1024);
        if self.stream.read_buf(&mut self.read).await? == 0 {
            bail!("the server closed the connection");
        }
        Ok(())
    }
}

/// The number of the event that a result tells; none in a heartbeat.
fn number(payload: &[u8]) -> Option<anyhow::Result<u32>> {
    let at = payload
        .windows(MARK.len())
        .position(|window| window == MARK)?;
    let code = payload.get(at + MARK.len()..).unwrap_or_default();
    let end = code.iter().position(|byte| *byte == b'"').unwrap_or(0);
    let number = code.get(end.saturating_sub(9)..end).unwrap_or_default();
    let number = std::str::from_utf8(number).ok();
    Some(
        number
            .and_then(|number| number.parse().ok())
            .context("a code that is none of ours"),
    )
}
