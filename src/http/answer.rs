//! What GraphQL answers: status, headers and body, by the media type that the caller takes.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::header::{RequestId, name, vary};
use super::media::{self, Answer};
use crate::graphql;
use crate::graphql::error::Fault;

/// What keeps a request from being run: the status and the words.
pub(super) struct Refusal(pub(super) StatusCode, pub(super) Fault);

impl Refusal {
    /// The request itself is wrong.
    pub(super) fn new(status: StatusCode, message: &str) -> Self {
        Self(status, Fault::input(message))
    }
}

/// The answer to a request that was run, or that was not.
pub(super) fn finish(
    outcome: Result<async_graphql::Response, Refusal>,
    answer: Answer,
    id: RequestId,
) -> Response {
    let (status, body) = match outcome {
        Ok(response) => {
            let refused = graphql::is_refused(&response);
            let status = match answer {
                Answer::GraphqlResponse if refused => StatusCode::BAD_REQUEST,
                _ => StatusCode::OK,
            };
            (status, graphql::to_json(&response))
        }
        Err(Refusal(status, fault)) => {
            let mut response = async_graphql::Response::from_errors(vec![fault.to_server_error()]);
            graphql::error::complete(&mut response.errors, id.0);
            (status, graphql::to_json(&response))
        }
    };
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static(answer.media_type());
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    vary(headers, "accept");
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
    }
    name(headers, id.0);
    response
}

/// Why nothing is run, in the form that the caller likes best; in the proper one for who takes neither.
pub(super) fn refuse(headers: &HeaderMap, id: RequestId, refusal: Refusal) -> Response {
    let form = media::negotiate(headers).unwrap_or(Answer::GraphqlResponse);
    finish(Err(refusal), form, id)
}

/// 405: this address takes other methods.
pub(super) fn otherwise_than(headers: &HeaderMap, id: RequestId, message: &str) -> Response {
    let refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, message);
    let mut response = refuse(headers, id, refusal);
    let allowed = HeaderValue::from_static("GET, POST");
    response.headers_mut().insert(header::ALLOW, allowed);
    response
}

/// 406: the caller takes nothing that could be said here.
pub(super) fn not_acceptable(headers: &HeaderMap, id: RequestId, message: &str) -> Response {
    let refusal = Refusal::new(StatusCode::NOT_ACCEPTABLE, message);
    refuse(headers, id, refusal)
}
