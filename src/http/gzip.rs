//! Answers compressed for those who take it: text of a known length that is long enough to gain by it, never a stream.

use std::io::Write;

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::extract::Request;
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::response::Parts;
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::header::vary;

/// Shorter answers fit into a packet as they are.
const SHORTEST: u64 = 1_024;
/// Longer ones take milliseconds, and are compressed where they hold up nobody.
const LONG: u64 = 64 * 1_024;

/// What `next` answers, compressed where that helps.
pub(super) async fn apply<F: Future<Output = Response>>(
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let is_taken = accepts(request.headers());
    let mut response = next(request).await;
    let Some(length) = response.body().size_hint().exact() else {
        return response;
    };
    if length < SHORTEST || response.headers().contains_key(header::CONTENT_ENCODING) {
        return response;
    }
    vary(response.headers_mut(), "accept-encoding");
    if !is_taken {
        return response;
    }
    let (head, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, usize::MAX).await else {
        // A body of a known length is in memory already.
        return Response::from_parts(head, Body::empty());
    };
    let zipped = if length < LONG {
        zipped(&bytes)
    } else {
        let bytes = bytes.clone();
        let zipping = tokio::task::spawn_blocking(move || zipped(&bytes));
        zipping.await.unwrap_or_else(|error| Err(error.into()))
    };
    sent(head, bytes, zipped)
}

fn sent(mut head: Parts, plain: Bytes, zipped: std::io::Result<Vec<u8>>) -> Response {
    let Ok(zipped) = zipped else {
        return Response::from_parts(head, Body::from(plain));
    };
    head.headers.remove(header::CONTENT_LENGTH);
    let gzip = HeaderValue::from_static("gzip");
    head.headers.insert(header::CONTENT_ENCODING, gzip);
    Response::from_parts(head, Body::from(zipped))
}

fn zipped(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// Whether a caller takes gzip.
pub(super) fn accepts(request: &HeaderMap) -> bool {
    listed(request, header::ACCEPT_ENCODING).any(|offer| {
        let (coding, weight) = offer.split_once(';').unwrap_or((offer, "q=1"));
        let refused = weight
            .trim()
            .strip_prefix("q=")
            .is_some_and(|q| q.parse() == Ok(0.0));
        coding.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

/// The members of a comma-separated header.
pub(super) fn listed(request: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    request
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}
