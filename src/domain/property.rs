//! Questions to the property of a building, put to what stands in buildings. No such row tells its property: a filter asks
//! `site_id`, by which nothing else is asked, for it, and is put to the buildings once they are known.

use std::collections::HashMap;

use entity::building;
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use super::filter::{Filter, Operand, Test};
use super::key::Key;
use super::read::asked;
use super::scope::Scope;

/// How many buildings of the properties of one filter are known.
const MOST_BUILDINGS: u64 = 10_000;

/// `filter` with each question that it puts to `property` put to `building`; one statement, where there is one. A property
/// that the viewer may not see has no buildings.
///
/// # Errors
/// What the database says, and more buildings than can be asked for.
pub async fn settle<C: ColumnTrait>(
    scope: &Scope,
    connection: &impl ConnectionTrait,
    filter: Filter<C>,
    property: C,
    building: C,
) -> Result<Filter<C>, DbErr> {
    if !filter.mentions(property) {
        return Ok(filter);
    }
    let mut wanted = Vec::new();
    collect(&filter, property, &mut wanted);
    let keys = wanted.iter().copied().map(Key::Id).collect();
    let of_them = Filter::Is(building::Column::PropertyId, Test::In(keys));
    let backend = connection.get_database_backend();
    let rows: Vec<(Uuid, Uuid)> = building::Entity::find()
        .select_only()
        .column(building::Column::Id)
        .column(building::Column::PropertyId)
        .filter(asked::<building::Entity>(scope, backend, &of_them))
        .limit(MOST_BUILDINGS + 1)
        .into_tuple()
        .all(connection)
        .await?;
    if rows.len() as u64 > MOST_BUILDINGS {
        return Err(DbErr::Custom(format!(
            "a filter asks for properties of more than {MOST_BUILDINGS} buildings"
        )));
    }
    let mut buildings: HashMap<Uuid, Vec<Key>> = HashMap::new();
    for (building, of) in rows {
        buildings.entry(of).or_default().push(Key::Id(building));
    }
    Ok(put(filter, property, building, &buildings))
}

/// The properties that a question names.
fn named(test: &Test) -> Vec<Uuid> {
    let id = |key: &Key| match key {
        Key::Id(id) => Some(*id),
        _ => None,
    };
    match test {
        Test::Eq(Operand::Key(key)) => id(key).into_iter().collect(),
        Test::In(keys) => keys.iter().filter_map(id).collect(),
        _ => Vec::new(),
    }
}

fn collect<C: ColumnTrait>(filter: &Filter<C>, property: C, wanted: &mut Vec<Uuid>) {
    match filter {
        Filter::All(filters) | Filter::Any(filters) => {
            for filter in filters {
                collect(filter, property, wanted);
            }
        }
        Filter::Not(filter) => collect(filter, property, wanted),
        Filter::Is(column, test) if column.as_str() == property.as_str() => {
            wanted.extend(named(test));
        }
        Filter::Is(_, _) => {}
    }
}

fn put<C: ColumnTrait>(
    filter: Filter<C>,
    property: C,
    building: C,
    buildings: &HashMap<Uuid, Vec<Key>>,
) -> Filter<C> {
    let each = |filters: Vec<_>| {
        let put = |filter| put(filter, property, building, buildings);
        filters.into_iter().map(put).collect()
    };
    match filter {
        Filter::All(filters) => Filter::All(each(filters)),
        Filter::Any(filters) => Filter::Any(each(filters)),
        Filter::Not(filter) => Filter::Not(Box::new(put(*filter, property, building, buildings))),
        Filter::Is(column, test) if column.as_str() == property.as_str() => {
            let of = named(&test).into_iter();
            let of: Vec<Key> = of
                .filter_map(|property| buildings.get(&property))
                .flatten()
                .cloned()
                .collect();
            if of.is_empty() {
                return Filter::Any(Vec::new());
            }
            Filter::Is(building, Test::In(of))
        }
        Filter::Is(column, test) => Filter::Is(column, test),
    }
}
