//! What every answer carries: the id of its request, and what a browser must not do with it.

use axum::extract::Request;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use uuid::Uuid;

/// The header of the id.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id by which operators find a request in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RequestId(pub(super) Uuid);

/// What answers that are no pages forbid; pages say more.
const FORBIDDEN: [(HeaderName, &str); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    ),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// The middleware, outside of all others: gives the request its id and completes the headers of the answer.
pub(super) async fn complete(mut request: Request, next: Next) -> Response {
    let id = give(&mut request);
    completed(next.run(request).await, id)
}

/// Gives a request its id.
pub(super) fn give(request: &mut Request) -> RequestId {
    let id = RequestId(Uuid::new_v4());
    request.extensions_mut().insert(id);
    id
}

/// An answer with what each one carries.
pub(super) fn completed(mut response: Response, id: RequestId) -> Response {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return response;
    }
    let headers = response.headers_mut();
    for (name, value) in FORBIDDEN {
        let value = HeaderValue::from_static(value);
        headers.entry(name).or_insert(value);
    }
    if !headers.contains_key(REQUEST_ID) {
        name(headers, id.0);
    }
    response
}

/// Names a request in the headers of its answer.
pub(super) fn name(headers: &mut HeaderMap, id: Uuid) {
    if let Ok(id) = HeaderValue::from_str(&id.to_string()) {
        headers.insert(REQUEST_ID, id);
    }
}

/// Adds to what an answer depends on.
pub(super) fn vary(headers: &mut HeaderMap, name: &'static str) {
    headers.append(header::VARY, HeaderValue::from_static(name));
}
