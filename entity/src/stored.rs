//! Rows read by position: a statement tells the columns that are asked for, and no others.

use sea_orm::{DbErr, EntityTrait, QueryResult, TryGetable};

/// A table whose rows can be read with some of their columns only.
pub trait Stored: EntityTrait {
    /// Its columns, in the order of their [`place`](Self::place).
    const COLUMNS: &'static [&'static str];

    /// Where `column` stands among the columns; below 64.
    fn place(column: Self::Column) -> u32;

    /// The row that a statement tells. A column that is not told has the default of its type.
    ///
    /// # Errors
    /// When a value does not fit its type.
    fn read(row: &QueryResult, cells: Cells) -> Result<Self::Model, DbErr>;
}

/// The cells of a row, one after the other in the order of the columns.
#[derive(Clone, Copy, Debug)]
pub struct Cells {
    told: u64,
    next: usize,
}

impl Cells {
    /// The cells of a row that holds all columns and nothing else.
    pub fn all() -> Self {
        Self::new(u64::MAX, 0)
    }

    /// The cells from position `first` on, which hold the columns whose bits are set in `told`.
    pub fn new(told: u64, first: usize) -> Self {
        Self { told, next: first }
    }

    /// The value of the next column.
    ///
    /// # Errors
    /// When it does not fit its type.
    pub fn next<T: TryGetable + Default>(&mut self, row: &QueryResult) -> Result<T, DbErr> {
        let is_told = self.told & 1 == 1;
        self.told >>= 1;
        if !is_told {
            return Ok(T::default());
        }
        let value = row.try_get_by_index(self.next)?;
        self.next += 1;
        Ok(value)
    }
}

/// Reads rows by position; names all columns in the order in which the table declares them.
macro_rules! stored {
    ($($column:ident),+ $(,)?) => {
        impl $crate::Stored for Entity {
            const COLUMNS: &'static [&'static str] = &[$(stringify!($column)),+];

            fn place(column: Column) -> u32 {
                column as u32
            }

            fn read(
                row: &sea_orm::QueryResult,
                mut cells: $crate::Cells,
            ) -> Result<Model, sea_orm::DbErr> {
                Ok(Model { $($column: cells.next(row)?),+ })
            }
        }
    };
}
pub(crate) use stored;

#[cfg(test)]
mod tests {
    use super::*;
    use sea_orm::{IdenStatic, Iterable};

    fn are_in_place<E: Stored>() {
        let declared: Vec<&str> = E::Column::iter().map(|column| column.as_str()).collect();
        assert_eq!(declared, E::COLUMNS);
        let places: Vec<u32> = E::Column::iter().map(E::place).collect();
        assert_eq!(places, (0..).take(declared.len()).collect::<Vec<u32>>());
        assert!(declared.len() < 64);
    }

    #[test]
    fn columns_are_read_in_the_order_in_which_they_are_declared() {
        are_in_place::<crate::property::Entity>();
        are_in_place::<crate::building::Entity>();
        are_in_place::<crate::site::Entity>();
        are_in_place::<crate::level::Entity>();
        are_in_place::<crate::zone::Entity>();
        are_in_place::<crate::incident::Entity>();
        are_in_place::<crate::task::Entity>();
        are_in_place::<crate::status_change::Entity>();
        are_in_place::<crate::note::Entity>();
        are_in_place::<crate::chase::Entity>();
        are_in_place::<crate::activity::Entity>();
        are_in_place::<crate::delivery::Entity>();
        are_in_place::<crate::delivery_body::Entity>();
        are_in_place::<crate::quarantine::Entity>();
        are_in_place::<crate::status_type::Entity>();
        are_in_place::<crate::place_link::Entity>();
        are_in_place::<crate::delivery_key::Entity>();
        are_in_place::<crate::activity_key::Entity>();
    }
}
