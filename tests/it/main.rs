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

mod database;
mod layering;
mod migrations;

use std::process::ExitCode;

fn main() -> ExitCode {
    support::run(vec![
        ("database", database::tests()),
        ("layering", layering::tests()),
        ("migrations", migrations::tests()),
    ])
}
