//! How long something took: from one time of a row to another, in whole seconds. What began before it was given to
//! anybody took no time.

use sea_orm::ActiveEnum;

use crate::domain::filter::{Filter, Operand, Test};
use crate::domain::key::Key;

/// A length of time that rows tell.
#[derive(Clone, Debug)]
pub struct Length<C> {
    /// The rows that tell it. Both times are given there.
    pub of: Filter<C>,
    /// From when.
    pub from: C,
    /// Until when.
    pub until: C,
}

pub(super) fn is<C>(column: C, test: Test) -> Filter<C> {
    Filter::Is(column, test)
}

pub(super) fn not<C>(filter: Filter<C>) -> Filter<C> {
    Filter::Not(Box::new(filter))
}

/// The field has this word.
pub(super) fn equals<C>(column: C, word: impl ActiveEnum<Value = String>) -> Filter<C> {
    is(column, Test::Eq(Operand::Key(Key::Text(word.to_value()))))
}

/// The field has a value.
pub(super) fn told<C>(column: C) -> Filter<C> {
    not(is(column, Test::IsNull))
}

/// Two lengths that divide the rows of a stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ranks {
    /// At least half of them took no longer.
    pub median: i64,
    /// At least nine in ten of them took no longer.
    pub p90: i64,
}

/// The percentile by nearest rank: the least of the values that at least `per_cent` per cent of them do not exceed. The
/// database is asked for the same (`read`); what it is asked is tried against this.
pub fn nearest_rank(values: &[i64], per_cent: u8) -> Option<i64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * usize::from(per_cent)).div_ceil(100);
    sorted.get(rank.max(1) - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::nearest_rank;

    #[test]
    fn the_nearest_rank_is_one_of_the_values() {
        let values = [50, 15, 40, 20, 35];
        let rank = |per_cent| nearest_rank(&values, per_cent);
        assert_eq!(
            [5, 30, 40, 50, 100].map(rank),
            [15, 20, 20, 35, 50].map(Some)
        );
        assert_eq!(nearest_rank(&[7], 90), Some(7));
        assert_eq!(nearest_rank(&[1, 2], 50), Some(1));
        assert_eq!(nearest_rank(&[], 50), None);
    }
}
