//! What the groups stand on: the list of cases, a fresh database for each, servers to talk to.
#![allow(
    dead_code,
    reason = "the groups that use all of it grow with the product"
)]

pub mod case;
pub mod client;
pub mod clock;
pub mod database;
pub mod event;
pub mod events;
pub mod feed;
pub mod front;
pub mod issuer;
pub mod live;
pub mod look;
pub mod nats;
pub mod oauth;
pub mod payload;
pub mod postgres;
pub mod process;
pub mod reader;
pub mod rows;
pub mod server;

pub use case::{Case, run};
pub use database::{Engine, TestDatabase};
pub use nats::Nats;
pub use process::Process;
pub use server::TestServer;
