//! What is wrong with a body.

use axum::http::StatusCode;

use super::Problem;
use crate::domain::delivery::Misfit;

impl Problem {
    /// 400: the body is not JSON.
    pub fn not_json(misfit: &Misfit) -> Self {
        let title = "The body is not JSON";
        Self::new(
            StatusCode::BAD_REQUEST,
            "urn:caretaker:problem:not-json",
            title,
            &misfit.reason,
        )
        .at(&misfit.path)
    }

    /// 400: the body broke off or came too slowly.
    pub fn broken_body(detail: &str) -> Self {
        let title = "The body did not arrive whole";
        Self::new(
            StatusCode::BAD_REQUEST,
            "urn:caretaker:problem:broken-body",
            title,
            detail,
        )
    }

    /// 408: the body came too slowly.
    pub fn too_slow(seconds: u64) -> Self {
        let detail = format!("The body did not arrive within {seconds} seconds.");
        let title = "The body came too slowly";
        Self::new(
            StatusCode::REQUEST_TIMEOUT,
            "urn:caretaker:problem:too-slow",
            title,
            detail,
        )
    }

    /// 413: the body is longer than the limit.
    pub fn too_large(limit: usize) -> Self {
        let detail =
            format!("The body is longer than {limit} bytes, which is the most taken here.");
        let title = "The body is too large";
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "urn:caretaker:problem:too-large",
            title,
            detail,
        )
    }

    /// 422: the body is JSON of another shape.
    pub fn wrong_shape(misfit: &Misfit) -> Self {
        let detail = format!("At {}: {}", misfit.path, misfit.reason);
        let title = "The body does not have the expected shape";
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        Self::new(status, "urn:caretaker:problem:wrong-shape", title, detail).at(&misfit.path)
    }
}
