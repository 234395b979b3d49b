//! Problem bodies (RFC 9457). Which to use: the caller's fault has a builder of its own below; whatever is ours is
//! `unavailable` when sending again helps, else `internal`, which logs the chain and shows an id only.
//!
//! Urgent mails the text to a person: plain words, no types, no chains.

mod body;
mod sender;

use axum::body::Body;
use axum::http::header::{ALLOW, CONTENT_TYPE, HeaderName, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use uuid::Uuid;

use crate::domain::cause::chain;
use crate::domain::writer::Unavailable;

/// The media type of a problem.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// After how many seconds a call may be sent again.
const RETRY_SECONDS: u32 = 5;

/// An error as the caller gets it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// What sort of problem, as a URI that never changes.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The same in a few words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What was wrong this time, and what to do.
    detail: String,
    /// The JSON path at which the body is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    /// By which the operators find the call in the log.
    request_id: Uuid,
    #[serde(skip)]
    header: Option<Box<(HeaderName, String)>>,
}

impl Problem {
    fn new(
        status: StatusCode,
        kind: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            title,
            status: status.as_u16(),
            detail: detail.into(),
            path: None,
            request_id: Uuid::new_v4(),
            header: None,
        }
    }

    fn with(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.header = Some(Box::new((name, value.into())));
        self
    }

    fn at(mut self, path: &str) -> Self {
        self.path = Some(path.to_owned());
        self
    }

    /// 404: nothing is served at this address.
    pub fn not_found() -> Self {
        let detail = "Nothing is served at this address: look for a slip in its path.";
        let (status, title) = (StatusCode::NOT_FOUND, "No such address");
        Self::new(status, "urn:caretaker:problem:not-found", title, detail)
    }

    /// 405: this address takes another method.
    pub fn method_not_allowed(allowed: &str) -> Self {
        let detail = format!("This address takes {allowed} only.");
        let (status, title) = (StatusCode::METHOD_NOT_ALLOWED, "Wrong method");
        Self::new(
            status,
            "urn:caretaker:problem:method-not-allowed",
            title,
            detail,
        )
        .with(ALLOW, allowed)
    }

    /// 503 with Retry-After: nothing is stored, and sending again helps.
    pub fn unavailable(why: &str) -> Self {
        let detail = format!("{why} Send the call again in {RETRY_SECONDS} seconds.");
        let (status, title) = (StatusCode::SERVICE_UNAVAILABLE, "Not available just now");
        Self::new(status, "urn:caretaker:problem:unavailable", title, detail)
            .with(RETRY_AFTER, RETRY_SECONDS.to_string())
    }

    /// 500: our fault. The chain goes to the log, the id to both.
    pub fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        let detail =
            "Something went wrong in the server. Send the call again; nothing is stored twice.";
        let title = "Internal error";
        let problem = Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "urn:caretaker:problem:internal",
            title,
            detail,
        );
        tracing::error!(request_id = %problem.request_id, chain = chain(error), "internal error");
        problem
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The id by which the operators find the call in the log.
    pub fn request_id(&self) -> Uuid {
        self.request_id
    }
}

impl From<Unavailable> for Problem {
    /// 503 with Retry-After: nothing is stored, and sending again helps.
    fn from(unavailable: Unavailable) -> Self {
        let why = match unavailable {
            Unavailable::QueueFull => "Too many calls are waiting to be stored.",
            Unavailable::DatabaseAway => "The database cannot be reached.",
            Unavailable::ShuttingDown => "The server is stopping.",
        };
        let problem = Self::unavailable(why);
        tracing::warn!(request_id = %problem.request_id, %unavailable, "call not taken");
        problem
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        super::header::name(headers, self.request_id);
        if let Some((name, value)) = self.header.map(|header| *header)
            && let Ok(value) = HeaderValue::from_str(&value)
        {
            headers.insert(name, value);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::http::header::WWW_AUTHENTICATE;

    use super::*;
    use crate::domain::delivery::Misfit;

    fn misfit() -> Misfit {
        Misfit {
            element: None,
            path: "$.TaskIdentifier".to_owned(),
            reason: "Expected a GUID; it is missing.".to_owned(),
            content: String::new(),
        }
    }

    async fn read(problem: Problem) -> (Response<()>, serde_json::Value) {
        let (parts, body) = problem.into_response().into_parts();
        let body = axum::body::to_bytes(body, 4096).await.unwrap();
        let mut body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let id = body["requestId"].take();
        assert!(Uuid::try_parse(id.as_str().unwrap()).is_ok());
        (Response::from_parts(parts, ()), body)
    }

    #[tokio::test]
    async fn a_wrong_shape_names_the_path_and_what_was_expected() {
        let (head, body) = read(Problem::wrong_shape(&misfit())).await;
        assert_eq!(head.status(), 422);
        assert_eq!(head.headers()[CONTENT_TYPE], MEDIA_TYPE);
        insta::assert_json_snapshot!(body, @r#"
        {
          "detail": "At $.TaskIdentifier: Expected a GUID; it is missing.",
          "path": "$.TaskIdentifier",
          "requestId": null,
          "status": 422,
          "title": "The body does not have the expected shape",
          "type": "urn:caretaker:problem:wrong-shape"
        }
        "#);
    }

    #[tokio::test]
    async fn each_case_carries_its_header() {
        for (problem, status, header, value) in [
            (
                Problem::unauthenticated("TCN realm=\"x\"", "No."),
                401,
                WWW_AUTHENTICATE,
                "TCN realm=\"x\"",
            ),
            (Problem::method_not_allowed("PUT"), 405, ALLOW, "PUT"),
            (
                Problem::too_many_failures(Duration::from_millis(1500)),
                429,
                RETRY_AFTER,
                "2",
            ),
            (Problem::unavailable("Busy."), 503, RETRY_AFTER, "5"),
            (Unavailable::QueueFull.into(), 503, RETRY_AFTER, "5"),
            (Unavailable::DatabaseAway.into(), 503, RETRY_AFTER, "5"),
        ] {
            let (head, body) = read(problem).await;
            assert_eq!(
                (head.status().as_u16(), body["status"].as_u64()),
                (status, Some(status.into()))
            );
            assert_eq!(head.headers()[header], value);
        }
    }

    #[tokio::test]
    async fn an_internal_error_shows_nothing_of_the_chain() {
        let error = std::io::Error::other("secret words");
        let (head, body) = read(Problem::internal(&error)).await;
        assert_eq!(head.status(), 500);
        assert!(!body.to_string().contains("secret words"));
    }
}
