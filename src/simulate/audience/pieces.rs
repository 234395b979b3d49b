//! A subscription over an answer that comes in pieces: server-sent events, or the parts of a multipart body.

use anyhow::bail;
use reqwest::{Client, Response, Url, header};
use serde::Deserialize;
use serde_json::Value;

use super::said::{Payload, Said};

/// How the pieces are told apart.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    Events,
    Parts,
}

impl Form {
    fn accept(self) -> &'static str {
        match self {
            Self::Events => "text/event-stream",
            Self::Parts => "multipart/mixed;subscriptionSpec=1.0",
        }
    }

    /// What stands after each piece.
    fn mark(self) -> &'static str {
        match self {
            Self::Events => "\n\n",
            Self::Parts => "\r\n--graphql",
        }
    }

    fn said(self, piece: &str) -> anyhow::Result<Said> {
        match self {
            Self::Events => {
                let data = piece.lines().find_map(|line| line.strip_prefix("data: "));
                Ok(match data {
                    Some(data) => serde_json::from_str::<Payload<'_>>(data)?.said(),
                    None => Said::Nothing,
                })
            }
            Self::Parts => {
                let Some((_, body)) = piece.split_once("\r\n\r\n") else {
                    return Ok(Said::Nothing);
                };
                let part: Part<'_> = serde_json::from_str(body)?;
                Ok(part.payload.map_or(Said::Nothing, Payload::said))
            }
        }
    }
}

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow)]
    payload: Option<Payload<'a>>,
}

/// An open one.
#[derive(Debug)]
pub(super) struct Pieces {
    response: Response,
    form: Form,
    read: Vec<u8>,
    /// Up to where it is known to hold no mark.
    searched: usize,
}

impl Pieces {
    /// Subscribes at `address`.
    pub(super) async fn open(
        client: &Client,
        address: Url,
        form: Form,
        authorization: Option<&str>,
        request: &Value,
    ) -> anyhow::Result<Self> {
        let mut post = client
            .post(address)
            .header(header::ACCEPT, form.accept())
            .json(request);
        if let Some(authorization) = authorization {
            post = post.header(header::AUTHORIZATION, authorization);
        }
        let response = post.send().await?;
        let status = response.status();
        if status != 200 {
            bail!("answered with {status}: {}", response.text().await?);
        }
        Ok(Self {
            response,
            form,
            read: Vec::new(),
            searched: 0,
        })
    }

    /// What comes next; nothing at the end.
    pub(super) async fn next(&mut self) -> anyhow::Result<Option<Said>> {
        let mark = self.form.mark().as_bytes();
        loop {
            let unread = self.read.get(self.searched..).unwrap_or_default();
            let found = unread.windows(mark.len()).position(|window| window == mark);
            if let Some(found) = found {
                let end = self.searched + found;
                let piece = std::str::from_utf8(self.read.get(..end).unwrap_or_default())?;
                let said = self.form.said(piece)?;
                self.read.drain(..end + mark.len());
                self.searched = 0;
                return Ok(Some(said));
            }
            self.searched = self.read.len().saturating_sub(mark.len() - 1);
            match self.response.chunk().await? {
                Some(chunk) => self.read.extend_from_slice(&chunk),
                None => return Ok(None),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_and_parts_are_understood() {
        let beat = || Said::Beat("c".to_owned());
        let payload = r#"{"data":{"told":{"cursor":"c","activity":null}}}"#;
        for nothing in [
            ":",
            "event: complete\ndata:",
            ": the server stops\nretry: 1000",
        ] {
            assert_eq!(Form::Events.said(nothing).unwrap(), Said::Nothing);
        }
        let event = format!("id: c\nevent: next\ndata: {payload}");
        assert_eq!(Form::Events.said(&event).unwrap(), beat());
        let part = |body: &str| {
            let text = format!("\r\nContent-Type: application/json\r\n\r\n{body}");
            Form::Parts.said(&text).unwrap()
        };
        assert_eq!(part("{}"), Said::Nothing);
        assert_eq!(part(&format!("{{\"payload\":{payload}}}")), beat());
        assert_eq!(part("{\"payload\":null,\"errors\":[]}"), Said::Nothing);
        assert_eq!(Form::Parts.said("").unwrap(), Said::Nothing);
    }
}
