//! What the groups stand on: the list of cases, a fresh database for each, servers to talk to.

pub mod case;
pub mod database;
pub mod postgres;

pub use case::{Case, run};
pub use database::{Engine, TestDatabase};
