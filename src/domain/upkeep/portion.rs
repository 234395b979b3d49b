//! A page of upkeep, done as a whole where the database takes it as a whole. Where it refuses a row, the page is halved
//! until that row is found and passed over: one row shall not keep all others from being brought into line.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use entity::{Searched, incident};
use sea_orm::{ActiveEnum, DatabaseTransaction, DbErr, TransactionTrait};
use uuid::Uuid;

use super::incident::mend;
use crate::domain::cause::chain;
use crate::domain::failure::{Failure, classify};
use crate::domain::search::document::{self, Stale};
use crate::domain::sla::Rule;
use crate::domain::zone;

/// Rows that are brought into line together.
pub(super) enum Portion<'a> {
    /// Incidents, by a rule, at a time.
    Incidents(Vec<incident::Model>, &'a Rule, DateTime<Utc>),
    /// What zones are sorted by.
    Zones(Vec<Uuid>),
    /// The words of things.
    Words(Vec<(Searched, Uuid)>),
}

impl Portion<'_> {
    /// The words of what is stale.
    pub(super) fn words(stale: &Stale) -> Self {
        let of = |kind: Searched, ids: &BTreeSet<Uuid>| -> Vec<_> {
            ids.iter().map(|id| (kind, *id)).collect()
        };
        Self::Words(
            [
                of(Searched::Building, &stale.buildings),
                of(Searched::Zone, &stale.zones),
                of(Searched::Incident, &stale.incidents),
                of(Searched::Task, &stale.tasks),
            ]
            .concat(),
        )
    }

    /// Brings all of it into line that the database takes; what it refuses is said once, with its id. Gives whether
    /// deadlines moved.
    ///
    /// # Errors
    /// What the database says, unless it refuses a row for what the row holds.
    pub(super) async fn bring_into_line(
        self,
        transaction: &DatabaseTransaction,
    ) -> Result<bool, DbErr> {
        let (mut left, mut is_moved) = (vec![self], false);
        while let Some(mut portion) = left.pop() {
            let savepoint = transaction.begin().await?;
            match portion.attempt(&savepoint).await {
                Ok(moved) => {
                    savepoint.commit().await?;
                    is_moved |= moved;
                }
                Err(error) if classify(&error) == Failure::Data => {
                    savepoint.rollback().await?;
                    match portion.split() {
                        Some(rest) => left.extend([rest, portion]),
                        None => portion.pass_over(&error),
                    }
                }
                Err(error) => {
                    savepoint.rollback().await?;
                    return Err(error);
                }
            }
        }
        Ok(is_moved)
    }

    async fn attempt(&self, transaction: &DatabaseTransaction) -> Result<bool, DbErr> {
        match self {
            Self::Incidents(rows, rule, at) => mend(transaction, rows.clone(), rule, *at).await,
            Self::Zones(ids) => zone::tell(transaction, ids).await.map(|()| false),
            Self::Words(things) => {
                let mut stale = Stale::default();
                for (kind, id) in things {
                    match kind {
                        Searched::Building => stale.buildings.insert(*id),
                        Searched::Zone => stale.zones.insert(*id),
                        Searched::Incident => stale.incidents.insert(*id),
                        Searched::Task => stale.tasks.insert(*id),
                    };
                }
                document::refresh(transaction, &stale).await.map(|()| false)
            }
        }
    }

    /// Takes its second half from it, unless it is one row only.
    fn split(&mut self) -> Option<Self> {
        match self {
            Self::Incidents(rows, rule, at) => {
                half(rows).map(|rows| Self::Incidents(rows, rule, *at))
            }
            Self::Zones(ids) => half(ids).map(Self::Zones),
            Self::Words(things) => half(things).map(Self::Words),
        }
    }

    fn pass_over(&self, error: &DbErr) {
        let (what, id) = match self {
            Self::Incidents(rows, ..) => {
                ("deadlines of an incident", rows.first().map(|row| row.id.0))
            }
            Self::Zones(ids) => ("what a zone is sorted by", ids.first().copied()),
            Self::Words(things) => ("words to search by", things.first().map(|(_, id)| *id)),
        };
        let of = match self {
            Self::Words(things) => things.first().map(|(kind, _)| kind.to_value()),
            _ => None,
        };
        let (id, why) = (id.unwrap_or_default(), chain(error));
        tracing::error!(%id, of, why, "{what}: the database refuses them; this row is passed over and stays as it is");
    }
}

/// The second half of `rows`, unless there is one row only.
fn half<T>(rows: &mut Vec<T>) -> Option<Vec<T>> {
    let middle = rows.len().div_ceil(2);
    let rest = rows.split_off(middle);
    (!rest.is_empty()).then_some(rest)
}
