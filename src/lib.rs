//! caretaker: one live GraphQL API over what happens in buildings.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod config;
pub mod domain;
pub mod feed;
pub mod graphql;
pub mod http;
pub mod ingest;
pub mod jwt;
pub mod operate;
pub mod server;
pub mod simulate;
