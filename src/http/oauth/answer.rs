//! What the token endpoint answers: RFC 6749's errors, never to be stored. Nothing of a request is said back.

use std::time::Duration;

use axum::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, HeaderMap, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE,
};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use crate::domain::cause::chain;
use crate::domain::oauth::{OauthError, SCOPE, token::KeyError};

/// After how many seconds a request may be sent again.
const RETRY_SECONDS: &str = "5";

/// The errors of RFC 6749, section 5.2, two for what stands in the way of a client, and two for what is our fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// A parameter is missing, there twice or malformed.
    InvalidRequest,
    /// The client does not prove itself.
    InvalidClient,
    /// The refresh token is none that is good.
    InvalidGrant,
    /// A grant that is not known here.
    UnsupportedGrantType,
    /// A scope that there is not.
    InvalidScope,
    /// The client is known, and may not ask from there.
    AccessDenied,
    /// RFC 8628's word, for clients that fail to prove themselves too often.
    SlowDown,
    /// The database is away.
    TemporarilyUnavailable,
    /// Something is wrong here that sending again does not help.
    ServerError,
}

impl Named {
    fn parts(self) -> (&'static str, StatusCode) {
        match self {
            Self::InvalidRequest => ("invalid_request", StatusCode::BAD_REQUEST),
            Self::InvalidClient => ("invalid_client", StatusCode::UNAUTHORIZED),
            Self::InvalidGrant => ("invalid_grant", StatusCode::BAD_REQUEST),
            Self::UnsupportedGrantType => ("unsupported_grant_type", StatusCode::BAD_REQUEST),
            Self::InvalidScope => ("invalid_scope", StatusCode::BAD_REQUEST),
            Self::AccessDenied => ("access_denied", StatusCode::FORBIDDEN),
            Self::SlowDown => ("slow_down", StatusCode::TOO_MANY_REQUESTS),
            Self::TemporarilyUnavailable => {
                ("temporarily_unavailable", StatusCode::SERVICE_UNAVAILABLE)
            }
            Self::ServerError => ("server_error", StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}

/// A request that was not granted.
#[derive(Clone, Debug)]
pub struct Fault {
    named: Named,
    status: Option<StatusCode>,
    retry_after: Option<u64>,
    description: String,
}

impl Fault {
    pub(super) fn new(named: Named, description: impl Into<String>) -> Self {
        Self {
            named,
            status: None,
            retry_after: None,
            description: description.into(),
        }
    }

    /// 429: this client did not prove itself, and too many before it from the same address.
    pub(super) fn too_many(wait: Duration) -> Self {
        let why = "too many clients from this address did not prove themselves; check the id and the secret";
        Self {
            retry_after: Some(wait.as_secs() + 1),
            ..Self::new(Named::SlowDown, why)
        }
    }

    pub(super) fn missing(name: &str) -> Self {
        Self::new(Named::InvalidRequest, format!("{name} is missing"))
    }

    /// The same with another status than the specification's 400.
    pub(super) fn with(mut self, status: StatusCode) -> Self {
        self.status = Some(status);
        self
    }

    /// Our fault: the chain goes to the log.
    pub(super) fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(
            chain = chain(error),
            "a token request could not be answered"
        );
        let is_ours_for_good =
            error.is::<KeyError>() || matches!(error.downcast_ref(), Some(OauthError::Random(_)));
        if is_ours_for_good {
            let why = "something is wrong in the server; its log says what";
            return Self::new(Named::ServerError, why);
        }
        let why = "the database cannot be reached just now; ask again";
        Self::new(Named::TemporarilyUnavailable, why)
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let (error, status) = self.named.parts();
        let status = self.status.unwrap_or(status);
        let body = json!({ "error": error, "error_description": self.description });
        let mut response = answer(status, &body);
        let headers = response.headers_mut();
        match self.named {
            Named::InvalidClient => {
                let challenge = "Basic realm=\"caretaker\", charset=\"UTF-8\"";
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
            }
            Named::TemporarilyUnavailable => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static(RETRY_SECONDS));
            }
            _ => {}
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// 200 with what was granted.
pub(super) fn granted(token: &impl Serialize) -> Response {
    answer(StatusCode::OK, token)
}

fn answer(status: StatusCode, body: &impl Serialize) -> Response {
    let body = serde_json::to_vec(body).unwrap_or_default();
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    never_store(headers);
    response
}

pub(super) fn never_store(headers: &mut HeaderMap) {
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
}

/// What clients may know (RFC 8414).
///
/// An answer that says what the request named must not be kept for others.
pub(super) fn metadata(issuer: &str, is_reflected: bool) -> Response {
    let methods = ["client_secret_basic", "client_secret_post"];
    let body = json!({
        "issuer": issuer,
        "token_endpoint": format!("{issuer}/oauth/token"),
        "token_endpoint_auth_methods_supported": methods,
        "revocation_endpoint": format!("{issuer}/oauth/revoke"),
        "revocation_endpoint_auth_methods_supported": methods,
        "grant_types_supported": ["client_credentials", "refresh_token"],
        "response_types_supported": [],
        "scopes_supported": [SCOPE],
    });
    let mut response = body.to_string().into_response();
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    if is_reflected {
        never_store(response.headers_mut());
    }
    response
}
