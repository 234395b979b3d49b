//! One kept connection of HTTP/1.1: bytes prepared beforehand out, status and body back. Nothing is allocated per call,
//! so that on few cores the generator takes as little as possible from what it measures.

use anyhow::{Context, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection to a server on this machine.
pub struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
    body: Vec<u8>,
}

/// What came back.
pub struct Answer<'a> {
    /// The status.
    pub status: u16,
    /// The body, as it was sent.
    pub body: &'a [u8],
}

/// The bytes of a request to who listens on `port`.
pub fn request(
    port: u16,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if method != "GET" {
        text.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    text.push_str(body);
    text.into_bytes()
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens.
    pub async fn open(port: u16) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            read: Vec::with_capacity(256 * 1024),
            body: Vec::new(),
        })
    }

    /// Sends a request and reads its answer.
    ///
    /// # Errors
    /// When the connection breaks or the answer cannot be read.
    pub async fn ask(&mut self, request: &[u8]) -> anyhow::Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        self.read.clear();
        let end = loop {
            self.more().await?;
            if let Some(end) = find(&self.read, b"\r\n\r\n") {
                break end + 4;
            }
        };
        let head = std::str::from_utf8(self.read.get(..end).unwrap_or_default())?;
        let status = head.get(9..12).context("no status")?.parse()?;
        let (mut length, mut chunked) = (None, false);
        for line in head.lines().skip(1) {
            let Some((name, value)) = line.split_once(':') else {
                continue;
            };
            if name.eq_ignore_ascii_case("content-length") {
                length = Some(value.trim().parse::<usize>()?);
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                chunked = value.trim() == "chunked";
            }
        }
        if chunked {
            self.chunks(end).await?;
            return Ok(Answer {
                status,
                body: &self.body,
            });
        }
        let length = length.context("neither a length nor chunks")?;
        while self.read.len() < end + length {
            self.more().await?;
        }
        ensure!(self.read.len() == end + length, "more than an answer came");
        Ok(Answer {
            status,
            body: self.read.get(end..).unwrap_or_default(),
        })
    }

    async fn more(&mut self) -> anyhow::Result<()> {
        if self.stream.read_buf(&mut self.read).await? == 0 {
            bail!("the server closed the connection");
        }
        Ok(())
    }

    async fn chunks(&mut self, mut at: usize) -> anyhow::Result<()> {
        self.body.clear();
        loop {
            let line = loop {
                let rest = self.read.get(at..).unwrap_or_default();
                if let Some(end) = find(rest, b"\r\n") {
                    break end;
                }
                self.more().await?;
            };
            let size = std::str::from_utf8(self.read.get(at..at + line).unwrap_or_default())?;
            let size = usize::from_str_radix(size.trim(), 16).context("the size of a chunk")?;
            at += line + 2;
            while self.read.len() < at + size + 2 {
                self.more().await?;
            }
            self.body
                .extend_from_slice(self.read.get(at..at + size).unwrap_or_default());
            at += size + 2;
            if size == 0 {
                return Ok(());
            }
        }
    }
}

fn find(bytes: &[u8], sought: &[u8]) -> Option<usize> {
    bytes
        .windows(sought.len())
        .position(|window| window == sought)
}
