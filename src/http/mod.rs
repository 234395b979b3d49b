//! The HTTP face: axum lives here and nowhere else; no SQL.

pub mod graphiql;
pub mod health;
pub mod problem;
pub mod webhook;
pub mod websocket;
