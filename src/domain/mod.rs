//! The rules and all the SQL. No axum and no async-graphql here.

pub mod activity;
pub mod database;
pub mod delivery;
pub mod fact;
pub mod filter;
pub mod id;
pub mod key;
pub mod page;
pub mod read;
pub mod scope;
pub mod status_type;
