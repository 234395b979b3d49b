//! Reads of display keys. Nothing here can bring a secret back.

use std::collections::BTreeSet;

use entity::display_key;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, Statement,
};

use crate::domain::bulk::{Keys, place_keys};

/// All keys by name, revoked ones too.
///
/// # Errors
/// What the database says.
pub async fn all(connection: &impl ConnectionTrait) -> Result<Vec<display_key::Model>, DbErr> {
    display_key::Entity::find()
        .order_by_asc(display_key::Column::Name)
        .order_by_asc(display_key::Column::CreatedAt)
        .order_by_asc(display_key::Column::Id)
        .all(connection)
        .await
}

/// The key with this id.
///
/// # Errors
/// What the database says.
pub async fn by_id(
    connection: &impl ConnectionTrait,
    id: &str,
) -> Result<Option<display_key::Model>, DbErr> {
    display_key::Entity::find_by_id(id.to_owned())
        .one(connection)
        .await
}

/// The good key that an operator means, by name or by id.
///
/// # Errors
/// What the database says.
pub async fn by_reference(
    connection: &impl ConnectionTrait,
    reference: &str,
) -> Result<Option<display_key::Model>, DbErr> {
    let either = Condition::any()
        .add(display_key::Column::Name.eq(reference))
        .add(display_key::Column::Id.eq(reference));
    display_key::Entity::find()
        .filter(either)
        .filter(display_key::Column::RevokedAt.is_null())
        // A name that looks like another key's id means the key of that name.
        .order_by_asc(display_key::Column::Id.eq(reference))
        .one(connection)
        .await
}

/// Which of these keys are good now; one statement.
///
/// # Errors
/// What the database says.
pub async fn standing(
    connection: &impl ConnectionTrait,
    ids: &[String],
) -> Result<BTreeSet<String>, DbErr> {
    let backend = connection.get_database_backend();
    let mut sql = "SELECT id FROM display_key WHERE ".to_owned();
    let wanted = "revoked_at IS NULL AND id IN {0}";
    let values = place_keys(&mut sql, wanted, &[Keys::Texts(ids)], backend);
    let rows = connection
        .query_all_raw(Statement::from_sql_and_values(backend, sql, values))
        .await?;
    rows.iter().map(|row| row.try_get("", "id")).collect()
}
