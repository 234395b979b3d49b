//! The HTTP face: axum lives here and nowhere else.

pub mod graphiql;
