//! What is wrong with a sender.

use std::time::Duration;

use axum::http::StatusCode;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};

use super::Problem;

impl Problem {
    /// 401: the call does not prove who sent it.
    pub fn unauthenticated(challenge: &str, detail: &str) -> Self {
        let title = "The sender is not known";
        Self::new(
            StatusCode::UNAUTHORIZED,
            "urn:caretaker:problem:unauthenticated",
            title,
            detail,
        )
        .with(WWW_AUTHENTICATE, challenge)
    }

    /// 403: calls are not taken from where this one comes from.
    pub fn elsewhere() -> Self {
        let title = "Not from here";
        let detail = "Calls are not taken from the address that this one comes from; the operators of this server \
                      list those that may call.";
        Self::new(
            StatusCode::FORBIDDEN,
            "urn:caretaker:problem:elsewhere",
            title,
            detail,
        )
    }

    /// 403: the sender is known, but its token is for something else.
    pub fn out_of_scope(challenge: &str, detail: &str) -> Self {
        let title = "The token is for something else";
        Self::new(
            StatusCode::FORBIDDEN,
            "urn:caretaker:problem:out-of-scope",
            title,
            detail,
        )
        .with(WWW_AUTHENTICATE, challenge)
    }

    /// 429: this proof failed, and too many before it from the same address.
    pub fn too_many_failures(wait: Duration) -> Self {
        let seconds = wait.as_secs() + 1;
        let title = "Too many failures";
        let detail = "Too many calls from this address did not prove who sent them. Check the name and the secret; a \
                      call that proves its sender is taken at any time.";
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "urn:caretaker:problem:too-many-failures",
            title,
            detail,
        )
        .with(RETRY_AFTER, seconds.to_string())
    }
}
