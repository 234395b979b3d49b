//! What is answered: status, headers and body, by the media type that the caller takes.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::graphql;
use crate::graphql::error::Fault;
use crate::http::header::{RequestId, name, vary};
use crate::http::media::Answer;

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

/// The caller takes nothing that could be said.
pub(super) fn not_acceptable() -> Response {
    let why = "This address answers application/graphql-response+json or application/json.\n";
    (StatusCode::NOT_ACCEPTABLE, why).into_response()
}
