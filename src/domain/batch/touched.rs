//! The rows that a batch touches, read before and after it is stored: what a replay shows as its effect.

use std::collections::{BTreeMap, BTreeSet};

use entity::{
    DeliveryId, Stored, building, chase, delivery, incident, level, note, property, quarantine,
    site, status_change, task, zone,
};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, Statement};
use uuid::Uuid;

use crate::domain::bulk::{self, Keys};
use crate::domain::row::{self, Columns, RowChange};
use crate::domain::state::State;
use crate::domain::zone::cleaned;

/// The keys of the rows, by table.
#[derive(Debug)]
pub(super) struct Touched {
    ids: BTreeMap<&'static str, BTreeSet<Uuid>>,
    delivery: DeliveryId,
}

/// Rows by table and key.
pub(super) type Rows = BTreeMap<(&'static str, Uuid), Columns>;

/// What stands on a site moves with it by SQL, be it in memory or not.
const ON_SITES: [&str; 4] = ["level", "zone", "incident", "task"];

impl Touched {
    /// What `state` will change, and what stands on the sites that it moves.
    pub(super) async fn by(
        transaction: &DatabaseTransaction,
        state: &State,
        delivery: DeliveryId,
    ) -> Result<Self, DbErr> {
        let mut ids: BTreeMap<&'static str, BTreeSet<Uuid>> = BTreeMap::new();
        macro_rules! collect {
            ($($name:literal: $table:ident,)+) => {$({
                let changed = state.$table.changed().into_iter().map(|row| row.id.0);
                let removed = state.$table.removed().into_iter().map(|id| id.0);
                ids.insert($name, changed.chain(removed).collect());
            })+};
        }
        collect! {
            "property": properties, "building": buildings, "site": sites, "level": levels, "zone": zones,
            "incident": incidents, "task": tasks, "status_change": status_changes, "note": notes,
            "chase": chases,
        }
        let cleaned = cleaned(state).into_iter().map(|zone| zone.0);
        ids.entry("zone").or_default().extend(cleaned);
        let moved: Vec<Uuid> = state.rehomed.iter().map(|moved| moved.site.0).collect();
        if !moved.is_empty() {
            let backend = transaction.get_database_backend();
            for table in ON_SITES {
                let mut sql = format!("SELECT id FROM {table} WHERE ");
                let moved = [Keys::Uuids(&moved)];
                let values = bulk::place_keys(&mut sql, "site_id IN {0}", &moved, backend);
                let found = Statement::from_sql_and_values(backend, sql, values);
                for row in transaction.query_all_raw(found).await? {
                    ids.entry(table)
                        .or_default()
                        .insert(row.try_get_by_index(0)?);
                }
            }
        }
        Ok(Self { ids, delivery })
    }

    /// The rows as they are now.
    pub(super) async fn read(&self, transaction: &DatabaseTransaction) -> Result<Rows, DbErr> {
        let mut rows = Rows::new();
        macro_rules! read {
            ($($table:ident,)+) => {$({
                let name = stringify!($table);
                let ids = self.ids.get(name).into_iter().flatten().copied().collect::<Vec<_>>();
                read::<$table::Entity>(transaction, name, "id IN {0}", &ids, &mut rows).await?;
            })+};
        }
        read! {
            property, building, site, level, zone, incident, task, status_change, note, chase,
        }
        let own = [self.delivery.0];
        read::<delivery::Entity>(transaction, "delivery", "id IN {0}", &own, &mut rows).await?;
        let of = "delivery_id IN {0}";
        read::<quarantine::Entity>(transaction, "quarantine", of, &own, &mut rows).await?;
        Ok(rows)
    }
}

async fn read<E: Stored>(
    transaction: &DatabaseTransaction,
    table: &'static str,
    predicate: &str,
    keys: &[Uuid],
    rows: &mut Rows,
) -> Result<(), DbErr> {
    if keys.is_empty() {
        return Ok(());
    }
    for found in bulk::rows::<E>(transaction, predicate, &[Keys::Uuids(keys)]).await? {
        rows.insert((table, row::id::<E>(&found)), row::columns::<E>(&found));
    }
    Ok(())
}

/// What differs between two readings.
pub(super) fn compare(before: &Rows, after: &Rows) -> Vec<RowChange> {
    let keys: BTreeSet<_> = before.keys().chain(after.keys()).copied().collect();
    let change =
        |key: (&'static str, Uuid)| row::change(key.0, key.1, before.get(&key), after.get(&key));
    keys.into_iter().filter_map(change).collect()
}
