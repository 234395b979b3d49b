//! The rules and all the SQL. No axum and no async-graphql here.

pub mod database;
pub mod delivery;
pub mod fact;
pub mod id;
pub mod migrate;
pub mod scope;
