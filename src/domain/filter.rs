//! What a list is narrowed by: one small language with two readings, as SQL and in memory, that mean exactly the same.
//! It has two values only: a comparison with a field that is null is false, so its negation is true. A question to other
//! rows ([`Among`]) has only the reading as SQL.

use chrono::{DateTime, Months, TimeDelta, Utc};
use sea_orm::sea_query::{Condition, Expr, ExprTrait, Query, SelectStatement};
use sea_orm::{ColumnTrait, ModelTrait};

use super::key::Key;
use super::relation::Among;

/// A distance in time from now; negative ones lie in the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Calendar months.
    pub months: i32,
    /// The rest.
    pub rest: TimeDelta,
}

impl Span {
    /// The moment at this distance from `now`, or the nearest that is comparable.
    pub fn from_now(self, now: DateTime<Utc>) -> DateTime<Utc> {
        let months = Months::new(self.months.unsigned_abs());
        let moved = if self.months < 0 {
            now.checked_sub_months(months)
        } else {
            now.checked_add_months(months)
        };
        let moved = moved.and_then(|moved| moved.checked_add_signed(self.rest));
        let is_past = self.months < 0 || self.rest < TimeDelta::zero();
        match moved {
            Some(time) => comparable(time),
            None => comparable(if is_past {
                DateTime::<Utc>::MIN_UTC
            } else {
                DateTime::<Utc>::MAX_UTC
            }),
        }
    }
}

/// The first and the last microsecond of the years 1 to 9999, in which every stored time lies: beyond them SQLite, which
/// compares times as text, has another order than Postgres.
const COMPARABLE: [i64; 2] = [-62_135_596_800_000_000, 253_402_300_799_999_999];

/// A time as both engines compare it: to the microsecond, and within the years that have four digits.
pub(super) fn comparable(time: DateTime<Utc>) -> DateTime<Utc> {
    let [first, last] = COMPARABLE;
    let micros = time.timestamp_micros().clamp(first, last);
    DateTime::from_timestamp_micros(micros).unwrap_or(time)
}

/// What a field is compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// A value.
    Key(Key),
    /// A time relative to now.
    FromNow(Span),
}

/// A question to one field.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// The same value.
    Eq(Operand),
    /// Less, or earlier.
    Lt(Operand),
    /// Less, earlier or the same.
    Lte(Operand),
    /// Greater, or later.
    Gt(Operand),
    /// Greater, later or the same.
    Gte(Operand),
    /// One of these.
    In(Vec<Key>),
    /// No value.
    IsNull,
    /// A number above zero. Written out and not bound: a partial index is used only where its condition is read.
    IsPositive,
    /// Text that begins so.
    StartsWith(String),
}

/// What a list is narrowed by.
#[derive(Clone, Debug)]
pub enum Filter<C> {
    /// All of these hold; true when there are none.
    All(Vec<Filter<C>>),
    /// At least one of these holds; false when there are none.
    Any(Vec<Filter<C>>),
    /// This does not hold.
    Not(Box<Filter<C>>),
    /// A field answers a question with yes.
    Is(C, Test),
    /// A field names one of the rows that this finds.
    Among(C, Box<Among>),
}

/// How a filter is read as SQL for somebody.
struct Reading<'a, C> {
    /// Where a column is shown, if not everywhere; elsewhere it is null.
    shown: &'a dyn Fn(C) -> Option<Condition>,
    /// The rows that a question to others finds.
    among: &'a dyn Fn(&Among) -> SelectStatement,
}

impl<C> Default for Filter<C> {
    fn default() -> Self {
        Self::All(Vec::new())
    }
}

impl<C> Filter<C> {
    /// How many values the fields are compared with.
    pub fn values(&self) -> usize {
        match self {
            Self::All(filters) | Self::Any(filters) => filters.iter().map(Self::values).sum(),
            Self::Not(filter) => filter.values(),
            Self::Is(_, Test::In(keys)) => keys.len(),
            Self::Is(_, _) => 1,
            Self::Among(_, among) => among.values(),
        }
    }

    /// How many questions to other rows it holds, those within such questions included.
    pub fn steps(&self) -> usize {
        match self {
            Self::All(filters) | Self::Any(filters) => filters.iter().map(Self::steps).sum(),
            Self::Not(filter) => filter.steps(),
            Self::Is(_, _) => 0,
            Self::Among(_, among) => among.steps(),
        }
    }

    /// The filters of tasks that are asked for among other things.
    pub(super) fn tasks_mut(&mut self) -> Vec<&mut Filter<entity::task::Column>> {
        match self {
            Self::All(filters) | Self::Any(filters) => {
                filters.iter_mut().flat_map(Self::tasks_mut).collect()
            }
            Self::Not(filter) => filter.tasks_mut(),
            Self::Is(_, _) => Vec::new(),
            Self::Among(_, among) => among.task_mut().into_iter().collect(),
        }
    }
}

impl<C: ColumnTrait> Filter<C> {
    /// The same filter with every relative time fixed at `now`.
    pub fn at(self, now: DateTime<Utc>) -> Self {
        let all = |filters: Vec<Self>| filters.into_iter().map(|filter| filter.at(now)).collect();
        match self {
            Self::All(filters) => Self::All(all(filters)),
            Self::Any(filters) => Self::Any(all(filters)),
            Self::Not(filter) => Self::Not(Box::new(filter.at(now))),
            Self::Is(column, test) => Self::Is(column, test.at(now)),
            Self::Among(column, among) => Self::Among(column, Box::new(among.at(now))),
        }
    }

    /// Its reading as SQL, without questions to other rows. Relative times must have been fixed with [`Filter::at`].
    pub fn to_condition(&self) -> Condition {
        self.to_condition_where(&|_| None, &|_| {
            Query::select().and_where(Expr::cust("1=0")).take()
        })
    }

    /// Its reading as SQL for somebody to whom a column is null unless the condition `shown` gives for it holds, and for
    /// whom questions to other rows find what `among` tells.
    pub(super) fn to_condition_where(
        &self,
        shown: &dyn Fn(C) -> Option<Condition>,
        among: &dyn Fn(&Among) -> SelectStatement,
    ) -> Condition {
        self.condition(&Reading { shown, among }, false)
    }

    fn condition(&self, reading: &Reading<'_, C>, negated: bool) -> Condition {
        match self {
            Self::Not(filter) => filter.condition(reading, !negated),
            // What is not shown names nothing that is, so that it is in no such set.
            Self::Among(column, among) => {
                let (field, rows) = (column.into_expr(), (reading.among)(among));
                let asked = if negated {
                    field.not_in_subquery(rows)
                } else {
                    field.in_subquery(rows)
                };
                or_null(Condition::any().add(asked), *column, negated)
            }
            Self::Is(column, test) => match (reading.shown)(*column) {
                None => test.condition(*column, negated),
                Some(shown) => test.condition_where(*column, shown, negated),
            },
            // De Morgan: negation is pushed down to the questions, where null is dealt with.
            Self::All(filters) | Self::Any(filters) => {
                if filters.is_empty() {
                    let holds = matches!(self, Self::All(_)) != negated;
                    return Condition::all().add(Expr::cust(if holds { "1=1" } else { "1=0" }));
                }
                let together = matches!(self, Self::All(_)) != negated;
                let start = if together {
                    Condition::all()
                } else {
                    Condition::any()
                };
                filters.iter().fold(start, |sum, filter| {
                    sum.add(filter.condition(reading, negated))
                })
            }
        }
    }

    /// Its reading in memory, without questions to other rows: those find nothing there. Relative times must have been
    /// fixed with [`Filter::at`].
    pub fn matches<M>(&self, row: &M) -> bool
    where
        M: ModelTrait,
        M::Entity: sea_orm::EntityTrait<Column = C>,
    {
        match self {
            Self::All(filters) => filters.iter().all(|filter| filter.matches(row)),
            Self::Any(filters) => filters.iter().any(|filter| filter.matches(row)),
            Self::Not(filter) => !filter.matches(row),
            Self::Is(column, test) => test.holds(&row.get(*column).into()),
            Self::Among(_, _) => false,
        }
    }

    /// Whether a field of its own is asked for anywhere.
    pub fn mentions(&self, wanted: C) -> bool {
        match self {
            Self::All(filters) | Self::Any(filters) => {
                filters.iter().any(|filter| filter.mentions(wanted))
            }
            Self::Not(filter) => filter.mentions(wanted),
            Self::Is(column, _) => column.as_str() == wanted.as_str(),
            Self::Among(_, _) => false,
        }
    }
}

impl Operand {
    /// The same with a relative time fixed at `now`.
    pub fn at(self, now: DateTime<Utc>) -> Self {
        match self {
            Self::FromNow(span) => Self::Key(Key::Time(span.from_now(now))),
            Self::Key(Key::Time(time)) => Self::Key(Key::Time(comparable(time))),
            Self::Key(_) => self,
        }
    }

    fn key(&self) -> &Key {
        match self {
            Self::Key(key) => key,
            Self::FromNow(_) => &Key::Null,
        }
    }
}

impl Test {
    fn at(self, now: DateTime<Utc>) -> Self {
        match self {
            Self::Eq(operand) => Self::Eq(operand.at(now)),
            Self::Lt(operand) => Self::Lt(operand.at(now)),
            Self::Lte(operand) => Self::Lte(operand.at(now)),
            Self::Gt(operand) => Self::Gt(operand.at(now)),
            Self::Gte(operand) => Self::Gte(operand.at(now)),
            other => other,
        }
    }

    fn operand(&self) -> Option<&Key> {
        match self {
            Self::Eq(operand)
            | Self::Lt(operand)
            | Self::Lte(operand)
            | Self::Gt(operand)
            | Self::Gte(operand) => Some(operand.key()),
            Self::In(_) | Self::IsNull | Self::IsPositive | Self::StartsWith(_) => None,
        }
    }

    fn condition(&self, column: impl ColumnTrait, negated: bool) -> Condition {
        if self.operand() == Some(&Key::Null) {
            return Condition::all().add(Expr::cust(if negated { "1=1" } else { "1=0" }));
        }
        let field = column.into_expr();
        let value = |operand: &Operand| Expr::val(operand.key().clone());
        let asked = match (self, negated) {
            (Self::IsNull, false) => return Condition::all().add(field.is_null()),
            (Self::IsNull, true) => return Condition::all().add(field.is_not_null()),
            (Self::Eq(operand), false) => field.eq(value(operand)),
            (Self::Eq(operand), true) => field.ne(value(operand)),
            (Self::Lt(operand), false) | (Self::Gte(operand), true) => field.lt(value(operand)),
            (Self::Lte(operand), false) | (Self::Gt(operand), true) => field.lte(value(operand)),
            (Self::Gt(operand), false) | (Self::Lte(operand), true) => field.gt(value(operand)),
            (Self::Gte(operand), false) | (Self::Lt(operand), true) => field.gte(value(operand)),
            (Self::IsPositive, false) => field.gt(Expr::cust("0")),
            (Self::IsPositive, true) => field.lte(Expr::cust("0")),
            (Self::In(keys), false) => field.is_in(keys.iter().cloned()),
            (Self::In(keys), true) => field.is_not_in(keys.iter().cloned()),
            (Self::StartsWith(start), _) => return starts_with(column, start, negated),
        };
        or_null(Condition::any().add(asked), column, negated)
    }

    /// The question to a column that is null where `shown` does not hold.
    fn condition_where(
        &self,
        column: impl ColumnTrait,
        shown: Condition,
        negated: bool,
    ) -> Condition {
        let asked = self.condition(column, negated);
        // Asked of null, `IsNull` is true and all else false.
        if matches!(self, Self::IsNull) == negated {
            Condition::all().add(shown).add(asked)
        } else {
            Condition::any().add(shown.not()).add(asked)
        }
    }

    pub(super) fn holds(&self, value: &Key) -> bool {
        use std::cmp::Ordering::{Equal, Greater, Less};
        if self.operand() == Some(&Key::Null) {
            return false;
        }
        if *value == Key::Null {
            return matches!(self, Self::IsNull);
        }
        let order = |operand: &Operand| value.compare(operand.key());
        match self {
            Self::Eq(operand) => order(operand) == Equal,
            Self::Lt(operand) => order(operand) == Less,
            Self::Lte(operand) => order(operand) != Greater,
            Self::Gt(operand) => order(operand) == Greater,
            Self::Gte(operand) => order(operand) != Less,
            Self::In(keys) => keys.contains(value),
            Self::IsNull => false,
            Self::IsPositive => matches!(value, Key::Int(number) if *number > 0),
            Self::StartsWith(start) => matches!(value, Key::Text(text) if text.starts_with(start)),
        }
    }
}

fn or_null(asked: Condition, column: impl ColumnTrait, negated: bool) -> Condition {
    if negated && column.def().is_null() {
        asked.add(column.into_expr().is_null())
    } else {
        asked
    }
}

/// A range and not LIKE: an index serves it on both engines, and `%` is only a character.
fn starts_with(column: impl ColumnTrait, start: &str, negated: bool) -> Condition {
    let end = after_all(start);
    if negated {
        let outside = Condition::any()
            .add(column.into_expr().lt(start))
            .add_option(end.map(|end| column.into_expr().gte(end)));
        or_null(outside, column, true)
    } else {
        Condition::all()
            .add(column.into_expr().gte(start))
            .add_option(end.map(|end| column.into_expr().lt(end)))
    }
}

/// The least text greater than every text that begins with `start`, if there is one.
fn after_all(start: &str) -> Option<String> {
    let mut text = start.to_owned();
    while let Some(last) = text.pop() {
        let next = match last {
            '\u{D7FF}' => Some('\u{E000}'),
            last => char::from_u32(u32::from(last) + 1),
        };
        if let Some(next) = next {
            text.push(next);
            return Some(text);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use chrono::{DateTime, TimeDelta, Utc};

    use super::{Operand, Span, after_all};
    use crate::domain::key::Key;

    #[test]
    fn a_time_stays_where_both_engines_compare_alike() {
        let now: DateTime<Utc> = "2026-03-01T12:00:00Z".parse().unwrap();
        let first = Operand::Key(Key::Time("0001-01-01T00:00:00Z".parse().unwrap()));
        let last = Operand::Key(Key::Time("9999-12-31T23:59:59.999999Z".parse().unwrap()));
        let after = |months, rest| Operand::FromNow(Span { months, rest }).at(now);
        let none = TimeDelta::zero();
        assert_eq!(after(12 * 8_000, none), last);
        assert_eq!(after(12 * 999_999, none), last);
        assert_eq!(after(0, TimeDelta::MAX), last);
        assert_eq!(after(-12 * 3_000, none), first);
        assert_eq!(after(-12 * 999_999, none), first);
        assert_eq!(after(0, TimeDelta::MIN), first);
        let at = |text: &str| Operand::Key(Key::Time(text.parse().unwrap()));
        assert_eq!(at("9999-12-31T23:59:59-01:00").at(now), last);
        assert_eq!(at("0000-01-01T00:00:00+01:00").at(now), first);
        let leap = at("2016-12-31T23:59:60.5Z").at(now);
        assert_eq!(leap, at("2017-01-01T00:00:00.5Z"));
        assert_eq!(
            at("2026-01-01T00:00:00Z").at(now),
            at("2026-01-01T00:00:00Z")
        );
    }

    #[test]
    fn the_end_of_a_prefix_skips_what_is_no_character() {
        assert_eq!(after_all("ab").as_deref(), Some("ac"));
        assert_eq!(after_all("a\u{D7FF}").as_deref(), Some("a\u{E000}"));
        assert_eq!(after_all("a\u{10FFFF}").as_deref(), Some("b"));
        assert_eq!(after_all("\u{10FFFF}"), None);
        assert_eq!(after_all(""), None);
    }
}
