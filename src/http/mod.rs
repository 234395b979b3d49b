//! The HTTP face: axum lives here and nowhere else; no SQL. Every route is on this screen.

mod answer;
pub mod cors;
pub mod graphiql;
pub mod graphql;
pub mod guard;
mod gzip;
mod header;
pub mod health;
pub mod live;
mod media;
pub mod oauth;
pub mod problem;
pub mod reader;
pub mod webhook;
pub mod websocket;

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::Redirect;
use axum::routing::get;

use problem::Problem;

/// What the routes need.
#[derive(Debug)]
pub struct Parts {
    /// The webhooks.
    pub intake: Arc<webhook::Intake>,
    /// caretaker as the server that gives out access tokens.
    pub issuer: Arc<oauth::Issuer>,
    /// GraphQL over HTTP.
    pub face: graphql::Face,
    /// GraphQL over sockets.
    pub live: Arc<live::Live>,
    /// What readiness means.
    pub readiness: health::Readiness,
    /// Who may read while no readers are configured.
    pub guard: guard::Guard,
}

/// The routes of an address that other machines reach: nothing can be read here.
pub fn webhooks(parts: &Parts) -> Router {
    Router::new()
        .merge(webhook::router(Arc::clone(&parts.intake)))
        .merge(oauth::router(Arc::clone(&parts.issuer)))
        .merge(health::routes(parts.readiness.clone()))
        .fallback(async || Problem::not_found())
        .layer(from_fn(header::complete))
}

/// All routes. Each answer names its request.
///
/// | path | |
/// |---|---|
/// | `/webhooks/…` | proven by each call's own credential |
/// | `/oauth/token`, `/oauth/revoke` | proven by the client's secret |
/// | `/.well-known/oauth-authorization-server` | open to all |
/// | `/graphql`, `/graphql/ws`, `/graphql/stream` | a reader's token or display key; without configured readers open, behind the guard |
/// | `/`, `/graphiql`, `/schema.graphql` | open to all; without configured readers behind the guard |
/// | `/healthz`, `/readyz` | for whoever watches the process |
/// | all others | 404 |
pub fn router(parts: Parts) -> Router {
    let webhooks = webhooks(&parts);
    let readers = Router::new()
        .merge(graphql::routes(parts.face))
        .merge(websocket::router(parts.live))
        .merge(graphiql::router())
        .route("/", get(async || Redirect::temporary("/graphiql")))
        .layer(from_fn_with_state(parts.guard, guard::check));
    webhooks.merge(readers)
}
