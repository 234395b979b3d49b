//! The present model beside the rebuilt one, in the sense of P2: the rows of the model's tables, and the activities by
//! (id, kind, occurred_at, subject). Both are walked by key, in pages. Timelines are held against the model.

use std::cmp::Ordering;

use entity::{
    ActivityId, ActivityKind, activity, activity_key, activity_link, building, chase, incident,
    level, note, property, search, site, status_change, task, zone,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IdenStatic, Iterable, QueryFilter,
    QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::swap::Adopt;
use super::timeline;
use crate::domain::bulk::{self, Keys};
use crate::domain::diff;
use crate::domain::row::{self, RowChange};

/// How many rows are read at once, from either.
const PAGE: usize = 1000;
/// How many differing rows are kept to be shown; all are counted.
const MOST_SHOWN: usize = 100;

/// What differs. In the rows, `from` is the present value and `to` the rebuilt one.
#[derive(Clone, Debug, Default)]
pub struct Difference {
    /// Tables with how many of their rows differ.
    pub tables: Vec<(&'static str, usize)>,
    /// The first hundred rows that differ.
    pub rows: Vec<RowChange>,
    /// Activities that a rebuild tells and the present feed lacks.
    pub missing: Vec<ActivityId>,
    /// Activities of the present feed that a rebuild does not tell.
    pub extra: Vec<ActivityId>,
    /// Activities that a rebuild tells otherwise.
    pub different: Vec<ActivityId>,
    /// How many entries timelines lack: an activity belongs into those of where its site, task or note stand now.
    pub unlinked: usize,
    /// Whether rows differ in what activities keep the changes of, and not only in what follows from it.
    pub is_of_the_history: bool,
}

impl Difference {
    /// Whether nothing differs.
    pub fn is_none(&self) -> bool {
        self.tables.iter().all(|(_, count)| *count == 0)
            && self.missing.is_empty()
            && self.extra.is_empty()
            && self.different.is_empty()
            && self.unlinked == 0
    }

    fn note(&mut self, table: &'static str, change: RowChange) {
        match self.tables.iter_mut().find(|(name, _)| *name == table) {
            Some((_, count)) => *count += 1,
            None => self.tables.push((table, 1)),
        }
        let mut fields = change.fields.iter();
        self.is_of_the_history |=
            table != "search" && fields.any(|field| diff::is_kept(field.field));
        if self.rows.len() < MOST_SHOWN {
            self.rows.push(change);
        }
    }
}

/// Compares `present` with `rebuilt`. With `adopt`, the rows of the present model are made those of the rebuilt one on
/// the way; what has to go is left for its `remove`.
///
/// # Errors
/// What either database says.
pub async fn compare<P: ConnectionTrait, R: ConnectionTrait>(
    present: &P,
    rebuilt: &R,
    mut adopt: Option<&mut Adopt>,
) -> Result<Difference, DbErr> {
    let mut difference = Difference::default();
    macro_rules! tables {
        ($($table:ident,)+) => {$(
            let name = stringify!($table);
            table::<$table::Entity, P, R>(present, rebuilt, name, &mut difference, adopt.as_deref_mut())
                .await?;
        )+};
    }
    // Parents before children: foreign keys are checked at once.
    tables! {
        property, building, site, level, zone, incident, task, status_change, note, chase, search,
    }
    activities(present, rebuilt, &mut difference, adopt.is_some()).await?;
    Ok(difference)
}

async fn table<E, P, R>(
    present: &P,
    rebuilt: &R,
    name: &'static str,
    difference: &mut Difference,
    mut adopt: Option<&mut Adopt>,
) -> Result<(), DbErr>
where
    E: EntityTrait,
    E::Model: Clone + Send + Sync,
    P: ConnectionTrait,
    R: ConnectionTrait,
{
    let mut walk = Walk::<E>::default();
    loop {
        let pairs = walk.next(present, rebuilt).await?;
        if pairs.is_empty() {
            return Ok(());
        }
        let mut wanted = Vec::new();
        for (id, here, there) in pairs {
            let columns = |row: &Option<E::Model>| row.as_ref().map(row::columns::<E>);
            let (before, after) = (columns(&here), columns(&there));
            let Some(change) = row::change(name, id, before.as_ref(), after.as_ref()) else {
                continue;
            };
            match (there, adopt.as_deref_mut()) {
                (Some(row), Some(adopt)) => {
                    adopt.note(&change, after);
                    wanted.push(row);
                }
                (None, Some(adopt)) => adopt.let_go(name, id),
                (_, None) => {}
            }
            difference.note(name, change);
        }
        if adopt.is_some() {
            bulk::write::<E>(present, &wanted, &[], bulk::Existing::Replace).await?;
        }
    }
}

/// Two tables walked together, in the order of their ids, which is the same on both engines.
struct Walk<E: EntityTrait> {
    after: Option<Uuid>,
    of: std::marker::PhantomData<E>,
}

impl<E: EntityTrait> Default for Walk<E> {
    fn default() -> Self {
        Self {
            after: None,
            of: std::marker::PhantomData,
        }
    }
}

type Pair<M> = (Uuid, Option<M>, Option<M>);

impl<E: EntityTrait> Walk<E> {
    /// The next rows; none at the end.
    async fn next<P: ConnectionTrait, R: ConnectionTrait>(
        &mut self,
        present: &P,
        rebuilt: &R,
    ) -> Result<Vec<Pair<E::Model>>, DbErr> {
        let here = self.page(present).await?;
        let there = self.page(rebuilt).await?;
        // Beyond the end of a full page there may be rows of that side which were not read yet.
        let end = |page: &[(Uuid, E::Model)]| {
            let last = page.last().map(|(id, _)| *id);
            last.filter(|_| page.len() == PAGE)
        };
        let through = match (end(&here), end(&there)) {
            (Some(here), Some(there)) => Some(here.min(there)),
            (here, there) => here.or(there),
        };
        let within = |id: &Uuid| through.is_none_or(|through| *id <= through);
        let mut here = here.into_iter().filter(|(id, _)| within(id)).peekable();
        let mut there = there.into_iter().filter(|(id, _)| within(id)).peekable();
        let mut pairs = Vec::new();
        loop {
            let order = match (here.peek(), there.peek()) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((here, _)), Some((there, _))) => here.cmp(there),
            };
            let left = (order != Ordering::Greater).then(|| here.next()).flatten();
            let right = (order != Ordering::Less).then(|| there.next()).flatten();
            let id = left.as_ref().or(right.as_ref()).map(|(id, _)| *id);
            if let Some(id) = id {
                pairs.push((id, left.map(|(_, row)| row), right.map(|(_, row)| row)));
            }
        }
        self.after = pairs.last().map(|(id, _, _)| *id).or(self.after);
        Ok(pairs)
    }

    async fn page(
        &self,
        connection: &impl ConnectionTrait,
    ) -> Result<Vec<(Uuid, E::Model)>, DbErr> {
        let Some(id) = E::Column::iter().find(|column| column.as_str() == "id") else {
            return Ok(Vec::new());
        };
        let mut query = E::find().order_by_asc(id).limit(PAGE as u64);
        if let Some(after) = self.after {
            query = query.filter(id.gt(after));
        }
        let rows = query.all(connection).await?;
        Ok(rows
            .into_iter()
            .map(|row| (row::id::<E>(&row), row))
            .collect())
    }
}

/// What tells the story of arrival, and notices of what was known at a time, no rebuild can tell again.
fn is_compared(row: &activity::Model) -> bool {
    !matches!(
        row.kind,
        ActivityKind::Linked
            | ActivityKind::Corrected
            | ActivityKind::SlaAtRisk
            | ActivityKind::SlaBreached
    )
}

async fn activities<P: ConnectionTrait, R: ConnectionTrait>(
    present: &P,
    rebuilt: &R,
    difference: &mut Difference,
    is_adopted: bool,
) -> Result<(), DbErr> {
    let mut walk = Walk::<activity::Entity>::default();
    loop {
        let pairs = walk.next(present, rebuilt).await?;
        if pairs.is_empty() {
            return Ok(());
        }
        let of_present = pairs.iter().filter(|(_, here, _)| here.is_some());
        let of_present: Vec<Uuid> = of_present.map(|(id, _, _)| *id).collect();
        let gaps = timeline::gaps(present, &of_present).await?;
        difference.unlinked += gaps.len();
        if is_adopted {
            bulk::write::<activity_link::Entity>(present, &gaps, &[], bulk::Existing::Keep).await?;
        }
        let mut missing = Vec::new();
        for (id, here, there) in pairs {
            let id = ActivityId(id);
            match (here.filter(is_compared), there.filter(is_compared)) {
                (None, None) => {}
                (Some(_), None) => difference.extra.push(id),
                (None, Some(_)) => missing.push(id.0),
                (Some(here), Some(there)) => {
                    let told = |row: &activity::Model| (row.kind, row.occurred_at, row.subject_id);
                    if told(&here) != told(&there) {
                        difference.different.push(id);
                    }
                }
            }
        }
        if missing.is_empty() {
            continue;
        }
        // What was pruned is not missing.
        let keys = [Keys::Uuids(&missing)];
        let pruned = bulk::rows::<activity_key::Entity>(present, "id IN {0}", &keys).await?;
        let is_pruned = |id: &Uuid| pruned.iter().any(|key| key.id.0 == *id);
        let missing = missing.into_iter().filter(|id| !is_pruned(id));
        difference.missing.extend(missing.map(ActivityId));
    }
}
