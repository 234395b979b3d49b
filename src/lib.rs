//! caretaker: one live GraphQL API over what happens in buildings.

pub mod config;
pub mod domain;
pub mod http;
pub mod server;
