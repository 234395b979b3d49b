//! What a generic read needs to say of tables and columns. Layers above name them through here and never the ORM itself.

pub use sea_orm::{
    ActiveEnum, ColumnTrait, ConnectionTrait, DatabaseConnection as Connection, DbErr, EntityTrait,
    IdenStatic, ModelTrait, Value,
};
