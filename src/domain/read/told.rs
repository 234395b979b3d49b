//! Which columns a statement tells: reading a wide row costs more than finding it.

use std::fmt;
use std::marker::PhantomData;

use entity::{Cells, Stored};
use sea_orm::sea_query::{Expr, IntoIden, SelectExpr};
use sea_orm::{DbErr, Iterable, QueryResult};

/// Some columns of a table. The others have their default in the rows, and nobody may look at them.
pub struct Told<E>(u64, PhantomData<E>);

impl<E> Clone for Told<E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for Told<E> {}

impl<E> fmt::Debug for Told<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Told({:b})", self.0)
    }
}

impl<E: Stored> Told<E> {
    /// All columns.
    pub fn all() -> Self {
        Self::of(E::Column::iter())
    }

    /// These columns.
    pub fn of(columns: impl IntoIterator<Item = E::Column>) -> Self {
        let columns = columns.into_iter();
        let told = columns.fold(0, |told, column| told | 1 << E::place(column));
        Self(told, PhantomData)
    }

    /// No column.
    pub fn none() -> Self {
        Self(0, PhantomData)
    }

    /// The column of this name; `None` where there is none.
    pub fn named(name: &str) -> Option<Self> {
        let place = E::COLUMNS.iter().position(|column| *column == name)?;
        Some(Self(1 << place, PhantomData))
    }

    /// These and `columns`.
    #[must_use]
    pub fn and(self, columns: impl IntoIterator<Item = E::Column>) -> Self {
        self.or(Self::of(columns))
    }

    /// What either tells.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0, PhantomData)
    }

    /// How many columns they are.
    pub(in crate::domain) fn count(self) -> usize {
        self.0.count_ones() as usize
    }

    /// The columns as `table` has them, in the order in which [`Told::row`] reads them.
    pub(in crate::domain) fn selected(
        self,
        table: impl IntoIden,
    ) -> impl Iterator<Item = SelectExpr> {
        let table = table.into_iden();
        let told = E::Column::iter().filter(move |column| self.0 & 1 << E::place(*column) != 0);
        told.map(move |column| Expr::col((table.clone(), column)).into())
    }

    /// The row that a statement tells from position `first` on.
    pub(in crate::domain) fn row(self, row: &QueryResult, first: usize) -> Result<E::Model, DbErr> {
        E::read(row, Cells::new(self.0, first))
    }
}
