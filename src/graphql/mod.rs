//! The public schema: types, what leads from one to another, and how a read is planned. No SQL and no axum here.
//!
//! A root field makes a `plan`: it looks ahead at the `selection`, fetches each relation once per level through
//! `domain`, and leaves the results in the `slot`s of the `object`s, which are then `written` as JSON.

mod by;
pub mod comparison;
pub mod connection;
pub mod cursor;
pub mod document;
pub mod duration;
mod edge;
mod edge_field;
pub mod enums;
pub mod error;
mod expand;
pub mod filter;
pub mod id;
pub mod limits;
pub mod moment;
pub mod mutation;
mod node;
pub mod object;
pub mod order;
pub mod plan;
pub mod query;
mod relation;
mod request;
mod response;
mod schema;
pub mod selection;
pub mod shared;
mod slot;
pub mod subscription;
mod text;
pub mod variables;
mod written;

pub use plan::Now;
pub use request::{of as request_of, request};
pub use response::{is_refused, to_json};
pub use schema::{Rehearsed, Schema, prove, sdl};
pub use subscription::Position;

#[cfg(test)]
mod tests;
