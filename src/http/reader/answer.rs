//! How one who may not read is answered: the status and `WWW-Authenticate` of RFC 6750, the body of GraphQL.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;

use super::Refused;
use crate::graphql::error::{ErrorCode, Fault};
use crate::http::answer::{self, Refusal};
use crate::http::header::{RequestId, vary};

const CHALLENGE: &str = "Bearer realm=\"caretaker\"";
/// After how many seconds to ask again while something is away.
const RETRY_SECONDS: u64 = 5;

/// The answer to one who was refused.
pub(in crate::http) fn refuse(headers: &HeaderMap, id: RequestId, refused: &Refused) -> Response {
    let (status, code, error) = match refused {
        Refused::Missing => (StatusCode::UNAUTHORIZED, ErrorCode::Unauthenticated, None),
        Refused::Malformed(_) => (
            StatusCode::BAD_REQUEST,
            ErrorCode::Unauthenticated,
            Some("invalid_request"),
        ),
        Refused::Invalid(_) => (
            StatusCode::UNAUTHORIZED,
            ErrorCode::Unauthenticated,
            Some("invalid_token"),
        ),
        Refused::NoClaims(_) => (
            StatusCode::FORBIDDEN,
            ErrorCode::Forbidden,
            Some("insufficient_scope"),
        ),
        Refused::Away => {
            let fault = Fault::new(ErrorCode::DatabaseAway, refused.words());
            let mut response = answer(headers, id, StatusCode::SERVICE_UNAVAILABLE, fault);
            retry_after(&mut response, RETRY_SECONDS);
            return response;
        }
    };
    let mut response = answer(headers, id, status, Fault::new(code, refused.words()));
    let challenge = match error {
        None => CHALLENGE.to_owned(),
        Some(error) => {
            let words = describable(&refused.words());
            format!("{CHALLENGE}, error=\"{error}\", error_description=\"{words}\"")
        }
    };
    if let Ok(challenge) = HeaderValue::from_str(&challenge) {
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

/// 429.
pub(super) fn too_often(headers: &HeaderMap, id: RequestId, wait: Duration) -> Response {
    let fault = super::too_often(wait);
    let mut response = answer(headers, id, StatusCode::TOO_MANY_REQUESTS, fault);
    retry_after(&mut response, super::seconds(wait));
    response
}

fn answer(headers: &HeaderMap, id: RequestId, status: StatusCode, fault: Fault) -> Response {
    let mut response = answer::refuse(headers, id, Refusal(status, fault));
    vary(response.headers_mut(), "authorization");
    response
}

fn retry_after(response: &mut Response, seconds: u64) {
    let seconds = HeaderValue::from(seconds);
    response.headers_mut().insert(header::RETRY_AFTER, seconds);
}

/// RFC 6750 allows visible ASCII without quotes and backslashes.
fn describable(words: &str) -> String {
    let plain = |character: char| match character {
        '"' => '\'',
        ' '..='~' if character != '\\' => character,
        _ => '?',
    };
    words.chars().map(plain).collect()
}
