//! The integration tests: one binary, one list. A group is a file that exports `tests()`; a case that needs a database
//! is run once for each engine, under `sqlite::group::behaviour` and `postgres::group::behaviour`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "a test that cannot go on should say where"
)]

mod support;

mod batch;
mod command;
mod connection;
mod database;
mod delivery;
mod durability;
mod failure;
mod feed;
mod graphql;
mod health;
mod layering;
mod matrix;
mod migrations;
mod nodes;
mod place;
mod promise;
mod prune;
mod rebuild;
mod refusal;
mod replay;
mod simulate;
mod urgent;
mod writer;

use std::process::ExitCode;

fn main() -> ExitCode {
    // The HTTP client is built without a default of its own.
    let _ = rustls::crypto::ring::default_provider().install_default();
    support::run(vec![
        ("batch", batch::tests()),
        ("command", command::tests()),
        ("connection", connection::tests()),
        ("database", database::tests()),
        ("delivery", delivery::tests()),
        ("durability", durability::tests()),
        ("failure", failure::tests()),
        ("feed", feed::tests()),
        ("graphql", graphql::tests()),
        ("health", health::tests()),
        ("layering", layering::tests()),
        ("matrix", matrix::tests()),
        ("migrations", migrations::tests()),
        ("place", place::tests()),
        ("promise", promise::tests()),
        ("prune", prune::tests()),
        ("rebuild", rebuild::tests()),
        ("refusal", refusal::tests()),
        ("replay", replay::tests()),
        ("simulate", simulate::tests()),
        ("urgent", urgent::tests()),
        ("nodes", nodes::tests()),
        ("writer", writer::tests()),
    ])
}
