//! The HTTP face: axum lives here and nowhere else; no SQL.

pub mod graphiql;
pub mod graphql;
pub mod guard;
pub mod health;
mod media;
pub mod problem;
pub mod webhook;
pub mod websocket;
