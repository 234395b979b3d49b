//! The HTTP face: axum lives here and nowhere else; no SQL.

//! The HTTP face. axum lives here and nowhere else; no SQL.

//! The HTTP face: axum lives here and nowhere else.

pub mod graphiql;
pub mod health;
pub mod problem;
pub mod webhook;
