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

mod answer;
mod batch;
mod chaos;
mod command;
mod connection;
mod database;
mod delivery;
mod delivery_odd;
mod description;
mod document;
mod durability;
mod event;
mod failure;
mod feed;
mod follow;
mod fuzz;
mod graphql;
mod health;
mod history;
mod http;
mod issuer;
mod layering;
mod limit;
mod link;
mod matrix;
mod migrations;
mod nats;
mod nodes;
mod oauth;
mod oauth_guess;
mod oauth_hostile;
mod oauth_refresh;
mod place;
mod promise;
mod proof;
mod prune;
mod reader;
mod rebuild;
mod refusal;
mod replay;
mod scope;
mod search;
mod shared;
mod simulate;
mod sla;
mod socket;
mod state;
mod statistics;
mod status_type;
mod stream;
mod tls;
mod upkeep;
mod urgent;
mod writer;
mod zone;

use std::process::ExitCode;

fn main() -> ExitCode {
    // The HTTP client is built without a default of its own.
    let _ = rustls::crypto::ring::default_provider().install_default();
    support::run(vec![
        ("answer", answer::tests()),
        ("batch", batch::tests()),
        ("chaos", chaos::tests()),
        ("command", command::tests()),
        ("connection", connection::tests()),
        ("database", database::tests()),
        ("delivery", delivery::tests()),
        ("delivery_odd", delivery_odd::tests()),
        ("description", description::tests()),
        ("document", document::tests()),
        ("durability", durability::tests()),
        ("event", event::tests()),
        ("failure", failure::tests()),
        ("feed", feed::tests()),
        ("follow", follow::tests()),
        ("fuzz", fuzz::tests()),
        ("graphql", graphql::tests()),
        ("health", health::tests()),
        ("history", history::tests()),
        ("http", http::tests()),
        ("issuer", issuer::tests()),
        ("layering", layering::tests()),
        ("limit", limit::tests()),
        ("link", link::tests()),
        ("matrix", matrix::tests()),
        ("migrations", migrations::tests()),
        ("oauth", oauth::tests()),
        ("oauth_guess", oauth_guess::tests()),
        ("oauth_hostile", oauth_hostile::tests()),
        ("oauth_refresh", oauth_refresh::tests()),
        ("place", place::tests()),
        ("promise", promise::tests()),
        ("proof", proof::tests()),
        ("prune", prune::tests()),
        ("reader", reader::tests()),
        ("rebuild", rebuild::tests()),
        ("refusal", refusal::tests()),
        ("replay", replay::tests()),
        ("scope", scope::tests()),
        ("search", search::tests()),
        ("shared", shared::tests()),
        ("simulate", simulate::tests()),
        ("sla", sla::tests()),
        ("socket", socket::tests()),
        ("state", state::tests()),
        ("statistics", statistics::tests()),
        ("status_type", status_type::tests()),
        ("stream", stream::tests()),
        ("tls", tls::tests()),
        ("upkeep", upkeep::tests()),
        ("urgent", urgent::tests()),
        ("nats", nats::tests()),
        ("nodes", nodes::tests()),
        ("writer", writer::tests()),
        ("zone", zone::tests()),
    ])
}
