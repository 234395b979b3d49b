//! The rules and all the SQL. No axum and no async-graphql here.

pub mod activity;
pub mod batch;
pub mod bulk;
pub mod database;
pub mod delivery;
pub mod diff;
pub mod fact;
pub mod failure;
pub mod filter;
pub mod fold;
pub mod id;
pub mod journal;
pub mod key;
pub mod load;
pub mod migrate;
pub mod operator;
pub mod page;
pub mod read;
pub mod register;
pub mod row;
pub mod scope;
pub mod state;
pub mod status_type;
pub mod store;
pub mod table;
pub mod writer;
