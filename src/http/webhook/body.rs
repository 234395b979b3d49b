//! Reading a body: never more of it than the limit, never longer than it may take.

use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_LENGTH;
use futures_util::StreamExt;

use super::LARGE;
use crate::http::problem::Problem;

/// The whole body.
pub(super) async fn read(
    headers: &HeaderMap,
    body: Body,
    limit: usize,
    patience: Duration,
) -> Result<Vec<u8>, Problem> {
    tokio::time::timeout(patience, collect(headers, body, limit))
        .await
        .map_err(|_| Problem::too_slow(patience.as_secs()))?
}

async fn collect(headers: &HeaderMap, body: Body, limit: usize) -> Result<Vec<u8>, Problem> {
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(Problem::too_large(limit));
    }
    let mut whole = Vec::with_capacity(announced.unwrap_or_default().min(LARGE));
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| {
            tracing::debug!(%error, "a body broke off");
            Problem::broken_body("The connection broke while the body was being sent.")
        })?;
        if whole.len() + chunk.len() > limit {
            return Err(Problem::too_large(limit));
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole)
}
