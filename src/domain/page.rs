//! A page as a value: the order of a list, a position in it, and the SQL that continues from there in either direction.
//! Null is the greatest value on both engines, so a nullable column sorts by (is null, value).

use std::cmp::Ordering;

use sea_orm::sea_query::{Condition, Expr, ExprTrait, Order as Sort, SelectStatement};
use sea_orm::{ColumnTrait, EntityTrait, ModelTrait};

use super::key::Key;

/// Ascending or descending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Smallest, earliest first; null last.
    Ascending,
    /// Greatest, latest first; null first.
    Descending,
}

impl Direction {
    fn turned(self, turned: bool) -> Self {
        match (self, turned) {
            (Self::Ascending, true) => Self::Descending,
            (Self::Descending, true) => Self::Ascending,
            (same, false) => same,
        }
    }

    fn sort(self) -> Sort {
        match self {
            Self::Ascending => Sort::Asc,
            Self::Descending => Sort::Desc,
        }
    }
}

/// The order of a list. Its last column is unique.
#[derive(Clone, Debug)]
pub struct Order<C>(Vec<(C, Direction)>);

/// Where a row stands in an order: its value in each column of it.
pub type Position = Vec<Key>;

impl<C: ColumnTrait> Order<C> {
    /// The order by `terms`, then by the unique column `tie`.
    pub fn new(terms: impl IntoIterator<Item = (C, Direction)>, tie: C) -> Self {
        let mut columns: Vec<(C, Direction)> = Vec::new();
        for (column, direction) in terms {
            if !columns
                .iter()
                .any(|(known, _)| known.as_str() == column.as_str())
            {
                columns.push((column, direction));
            }
        }
        let last = columns
            .last()
            .map_or(Direction::Ascending, |(_, last)| *last);
        if !columns
            .iter()
            .any(|(known, _)| known.as_str() == tie.as_str())
        {
            columns.push((tie, last));
        }
        Self(columns)
    }

    /// Its columns.
    pub fn columns(&self) -> impl Iterator<Item = C> {
        self.0.iter().map(|(column, _)| *column)
    }

    /// The direction of the first column.
    pub fn direction(&self) -> Direction {
        let first = self.0.first();
        first.map_or(Direction::Ascending, |(_, direction)| *direction)
    }

    /// Where `row` stands.
    pub fn position<M>(&self, row: &M) -> Position
    where
        M: ModelTrait,
        M::Entity: EntityTrait<Column = C>,
    {
        let key = |(column, _): &(C, Direction)| row.get(*column).into();
        self.0.iter().map(key).collect()
    }

    /// Whether `position` can be one of this order.
    pub fn fits(&self, position: &Position) -> bool {
        position.len() == self.0.len()
            && std::iter::zip(&self.0, position).all(|((column, _), key)| key.fits(*column))
    }

    /// Which of two positions comes first.
    pub fn compare(&self, one: &Position, other: &Position) -> Ordering {
        std::iter::zip(&self.0, std::iter::zip(one, other))
            .map(|((_, direction), (one, other))| match direction {
                Direction::Ascending => one.compare(other),
                Direction::Descending => other.compare(one),
            })
            .find(|ordering| ordering.is_ne())
            .unwrap_or(Ordering::Equal)
    }

    fn sort(&self, query: &mut SelectStatement, turned: bool) {
        for (column, direction) in &self.0 {
            let sort = direction.turned(turned).sort();
            if column.def().is_null() {
                query.order_by_expr(column.into_expr().is_null(), sort.clone());
            }
            query.order_by_expr(column.into_expr(), sort);
        }
    }

    /// What stands after `position`, or before it when `turned`.
    fn beyond(&self, position: &Position, turned: bool) -> Condition {
        let mut terms: Vec<(Expr, Key, Direction)> = Vec::new();
        for ((column, direction), key) in std::iter::zip(&self.0, position) {
            let direction = direction.turned(turned);
            if column.def().is_null() {
                let null = Key::Bool(*key == Key::Null);
                terms.push((column.into_expr().is_null(), null, direction));
            }
            if *key != Key::Null {
                terms.push((column.into_expr(), key.clone(), direction));
            }
        }
        let first = terms.first().map(|(_, _, direction)| *direction);
        if terms
            .iter()
            .all(|(_, _, direction)| Some(*direction) == first)
        {
            // One comparison of rows: an index in this order is entered at the position.
            let fields = Expr::tuple(terms.iter().map(|(field, _, _)| field.clone()));
            let values = Expr::tuple(terms.iter().map(|(_, key, _)| Expr::val(key.clone())));
            let beyond = match first {
                Some(Direction::Descending) => fields.lt(values),
                _ => fields.gt(values),
            };
            return Condition::all().add(beyond);
        }
        let mut any = Condition::any();
        let mut same = Condition::all();
        for (field, key, direction) in terms {
            let value = Expr::val(key);
            let further = match direction {
                Direction::Ascending => field.clone().gt(value.clone()),
                Direction::Descending => field.clone().lt(value.clone()),
            };
            any = any.add(same.clone().add(further));
            same = same.add(field.eq(value));
        }
        any
    }
}

/// Which stretch of a list is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// How many rows at most.
    pub size: u64,
    /// Whether they are counted from the end.
    pub from_end: bool,
    /// Only what stands after this.
    pub after: Option<Position>,
    /// Only what stands before this.
    pub before: Option<Position>,
}

impl Page {
    /// The first `size` rows.
    pub fn first(size: u64) -> Self {
        Self {
            size,
            from_end: false,
            after: None,
            before: None,
        }
    }

    /// Restricts, sorts and cuts `query`, with one row more than asked for to learn whether there are more.
    pub fn apply<C: ColumnTrait>(&self, query: &mut SelectStatement, order: &Order<C>) {
        for (position, turned) in [(&self.after, false), (&self.before, true)] {
            if let Some(position) = position {
                query.cond_where(order.beyond(position, turned));
            }
        }
        order.sort(query, self.from_end);
        query.limit(self.size + 1);
    }

    /// The page of `rows`, which are all there are: what [`Page::apply`] and [`Page::sorted`] are together.
    pub fn take<M>(
        &self,
        mut rows: Vec<M>,
        order: &Order<<M::Entity as EntityTrait>::Column>,
    ) -> Slice<M>
    where
        M: ModelTrait,
    {
        let beyond = |row: &M, limit: &Option<Position>, side: Ordering| {
            let position = order.position(row);
            let limit = limit.as_ref();
            limit.is_none_or(|limit| order.compare(&position, limit) == side)
        };
        rows.retain(|row| {
            beyond(row, &self.after, Ordering::Greater) && beyond(row, &self.before, Ordering::Less)
        });
        self.sorted(rows, order)
    }

    /// Puts the rows that [`Page::apply`] found in order, each once, and cuts the one too many.
    pub fn sorted<M>(
        &self,
        rows: Vec<M>,
        order: &Order<<M::Entity as EntityTrait>::Column>,
    ) -> Slice<M>
    where
        M: ModelTrait,
    {
        let positions: Vec<Position> = rows.iter().map(|row| order.position(row)).collect();
        let in_order = |one: &Position, other: &Position| order.compare(one, other).is_lt();
        // As a rule they come as they were sorted within the statement, which promises nothing; wide rows are moved for a
        // reason only.
        if positions.is_sorted_by(in_order) {
            return self.cut(rows);
        }
        let mut rows: Vec<(Position, M)> = std::iter::zip(positions, rows).collect();
        rows.sort_by(|(one, _), (other, _)| order.compare(one, other));
        // No two rows stand in one place.
        rows.dedup_by(|(one, _), (other, _)| order.compare(one, other).is_eq());
        self.cut(rows.into_iter().map(|(_, row)| row).collect())
    }

    /// The same where the rows come as the statement sorted them.
    pub(super) fn listed<M>(&self, mut rows: Vec<M>) -> Slice<M> {
        if self.from_end {
            rows.reverse();
        }
        self.cut(rows)
    }

    /// Cuts the row too many from rows in order.
    fn cut<M>(&self, mut rows: Vec<M>) -> Slice<M> {
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        let more = rows.len() > size;
        if more && self.from_end {
            rows.drain(..rows.len() - size);
        }
        rows.truncate(size);
        Slice {
            has_previous: if self.from_end {
                more
            } else {
                self.after.is_some()
            },
            has_next: if self.from_end {
                self.before.is_some()
            } else {
                more
            },
            rows,
        }
    }
}

/// A stretch of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Slice<M> {
    /// The rows, in order.
    pub rows: Vec<M>,
    /// Whether there is something before them, as far as this page can tell: it was continued from there.
    pub has_previous: bool,
    /// Whether there is something after them.
    pub has_next: bool,
}
