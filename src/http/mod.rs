//! The HTTP face. axum lives here and nowhere else; no SQL.

pub mod problem;
pub mod webhook;
