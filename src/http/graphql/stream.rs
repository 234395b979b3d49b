//! GraphQL over Server-Sent Events, one connection for each operation: whatever is asked at `/graphql/stream`, and the
//! subscriptions of those who take events at `/graphql`.
//! The protocol: <https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md>, "distinct connections mode".

use async_graphql::Request;
use axum::body::Body;
use axum::extract::{Extension, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::{Face, asked, posted};
use crate::graphql::Position;
use crate::http::answer::{self, Refusal, finish};
use crate::http::header::{RequestId, name, vary};
use crate::http::live::End;
use crate::http::live::body::{self, Happening};
use crate::http::media::{self, Answer};
use crate::http::reader::Reader;

/// Browsers send it when they come back: the id of the last event that they got.
const LAST_EVENT_ID: &str = "last-event-id";
/// The media type of what is answered.
const KIND: &str = "text/event-stream";
/// A comment.
const OPENING: &str = ":\n\n";
/// How long a client that was sent away by a stop waits before it comes back, in milliseconds.
const RETRY: u32 = 1_000;

/// Whether the caller takes events.
pub(super) fn is_taken(headers: &HeaderMap) -> bool {
    media::takes(headers, KIND)
}

/// The answer to a subscription at `/graphql`.
pub(super) fn answer(
    face: &Face,
    reader: Reader,
    headers: &HeaderMap,
    request: Request,
    id: RequestId,
) -> Result<Response, Refusal> {
    let body = begin(face, reader, headers, request)?;
    Ok(told(Ok(body), id))
}

/// `POST /graphql/stream`.
pub(super) async fn by_post(
    State(face): State<Face>,
    Extension(id): Extension<RequestId>,
    reader: Reader,
    headers: HeaderMap,
    body: Body,
) -> Response {
    if !is_taken(&headers) {
        return not_acceptable(&headers, id);
    }
    let begun = async {
        let request = posted(&face, &reader, &headers, body).await?;
        begin(&face, reader, &headers, request)
    };
    told(begun.await, id)
}

/// `GET /graphql/stream`: what `EventSource` can ask.
pub(super) async fn by_get(
    State(face): State<Face>,
    Extension(id): Extension<RequestId>,
    reader: Reader,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    if !is_taken(&headers) {
        return not_acceptable(&headers, id);
    }
    let begun = async {
        let mut request = asked(&face, &reader, &headers, query)?;
        if face.live.schema.admit(&mut request).is_ok()
            && face.live.schema.is_mutation(&mut request)
        {
            let message = "GET runs queries and subscriptions only";
            return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, message));
        }
        begin(&face, reader, &headers, request)
    };
    told(begun.await, id)
}

fn begin(
    face: &Face,
    reader: Reader,
    headers: &HeaderMap,
    request: Request,
) -> Result<Body, Refusal> {
    let place = face.place(&reader)?;
    let position = match &reader.bound {
        // A screen goes on where it likes only if its key says so: it is given no ids either.
        Some(bound) if !bound.may_resume() => None,
        _ => {
            let last = headers.get(LAST_EVENT_ID).map(HeaderValue::to_str);
            let unreadable =
                || Refusal::new(StatusCode::BAD_REQUEST, "`Last-Event-ID` is no cursor");
            let last = last.transpose().map_err(|_| unreadable())?;
            let last = last.filter(|last| !last.is_empty());
            Some(Position::after(last.map(str::to_owned)))
        }
    };
    let steps = face.live.run(request, reader.viewer.clone(), position);
    Ok(body::of(
        face.live.clone(),
        reader,
        place,
        steps,
        OPENING,
        words,
    ))
}

/// One event of the stream, or several. JSON has no line breaks of its own.
fn words(happening: &Happening) -> String {
    match happening {
        Happening::Step(step) => {
            let mut words = String::new();
            for shown in step.results() {
                if let Some(cursor) = shown.cursor {
                    words.extend(["id: ", cursor, "\n"]);
                }
                words.extend(["event: next\ndata: ", &shown.payload, "\n\n"]);
            }
            words
        }
        Happening::Quiet => ":\n\n".to_owned(),
        Happening::Complete => "event: complete\ndata:\n\n".to_owned(),
        // Without `complete`, so that clients come back: with another token, or to the server that starts next.
        Happening::End(End::Stopping) => format!(": the server stops\nretry: {RETRY}\n\n"),
        Happening::End(End::Reader(why)) => format!(": {why}\n\n"),
    }
}

fn told(begun: Result<Body, Refusal>, id: RequestId) -> Response {
    let body = match begun {
        Ok(body) => body,
        Err(refusal) => return finish(Err(refusal), Answer::GraphqlResponse, id),
    };
    let mut response = body.into_response();
    let headers = response.headers_mut();
    let fixed = HeaderValue::from_static;
    headers.insert(
        header::CONTENT_TYPE,
        fixed("text/event-stream; charset=utf-8"),
    );
    headers.insert(header::CACHE_CONTROL, fixed("no-store"));
    // nginx would keep events back until its buffer is full.
    headers.insert("x-accel-buffering", fixed("no"));
    vary(headers, "accept");
    name(headers, id.0);
    response
}

fn not_acceptable(headers: &HeaderMap, id: RequestId) -> Response {
    let why = "this address answers `text/event-stream`, which `Accept` has to name; /graphql answers JSON";
    answer::not_acceptable(headers, id, why)
}

pub(super) async fn otherwise(
    Extension(id): Extension<RequestId>,
    _: Reader,
    headers: HeaderMap,
) -> Response {
    let why = "send GraphQL by POST, or a query or subscription by GET";
    answer::otherwise_than(&headers, id, why)
}

#[cfg(test)]
mod tests {
    use async_graphql::Response;

    use super::*;
    use crate::http::live::Step;

    #[test]
    fn what_happens_is_worded_as_events() {
        let step = Step::of(Response::new("a\nb"));
        assert_eq!(
            words(&Happening::Step(Box::new(step))),
            "event: next\ndata: {\"data\":\"a\\nb\"}\n\n"
        );
        let step = Step::together(&[("1", "a"), ("2", "b")]);
        assert_eq!(
            words(&Happening::Step(Box::new(step))),
            "id: a\nevent: next\ndata: 1\n\nid: b\nevent: next\ndata: 2\n\n"
        );
        assert_eq!(words(&Happening::Complete), "event: complete\ndata:\n\n");
        assert_eq!(words(&Happening::Quiet), ":\n\n");
        for end in [End::Stopping, End::Reader("The token has expired")] {
            let words = words(&Happening::End(end));
            assert!(
                words.starts_with(": ") && words.ends_with("\n\n"),
                "{words}"
            );
            assert!(!words.contains("event:"), "{words}");
        }
    }
}
