//! The public schema: types, what leads from one to another, and how a read is planned. No SQL and no axum here.
//!
//! A root field makes a [`plan`]: it looks ahead at the [`selection`], fetches each relation once per level through
//! `domain`, and leaves the results in the [`slot`]s of the [`object`]s, where the fields of [`edge`] find them.

mod by;
mod comparison;
mod connection;
mod cursor;
mod edge;
mod edge_field;
mod enums;
pub mod error;
mod filter;
mod id;
pub mod limits;
mod moment;
mod node;
mod object;
mod order;
mod plan;
mod query;
mod schema;
mod selection;
mod slot;
mod subscription;

pub use plan::Now;
pub use schema::{Schema, request, sdl};

#[cfg(test)]
mod tests;
