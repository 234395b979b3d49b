//! The schema, as SeaORM migrations for SQLite and PostgreSQL.
//!
//! Each migration has a real `down`, and a released caretaker must run on the schema of the next one.

mod dialect;
mod m20261122_10_generation;
mod m20261122_1_model;
mod m20261122_2_oauth;
mod m20261122_3_operate;
mod m20261122_4_contract;
mod m20261122_5_replaced_token;
mod m20261122_5_unfiled;
mod m20261122_6_display_key;
mod m20261122_7_sla;
mod m20261122_8_cleaned;
mod m20261122_8_search;
mod m20261122_9_history;
mod m20261122_9_statistics;

pub use sea_orm_migration::prelude::{MigrationTrait, MigratorTrait, SchemaManager};

/// All migrations, in order.
#[derive(Debug)]
pub struct Migrator;

#[sea_orm_migration::async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261122_1_model::Migration),
            Box::new(m20261122_2_oauth::Migration),
            Box::new(m20261122_3_operate::Migration),
            Box::new(m20261122_4_contract::Migration),
            Box::new(m20261122_5_replaced_token::Migration),
            Box::new(m20261122_5_unfiled::Migration),
            Box::new(m20261122_6_display_key::Migration),
            Box::new(m20261122_7_sla::Migration),
            Box::new(m20261122_8_cleaned::Migration),
            Box::new(m20261122_8_search::Migration),
            Box::new(m20261122_9_history::Migration),
            Box::new(m20261122_9_statistics::Migration),
            Box::new(m20261122_10_generation::Migration),
        ]
    }
}
