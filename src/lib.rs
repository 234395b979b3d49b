//! caretaker: one live GraphQL API over what happens in buildings.

pub mod domain;
pub mod graphql;
