//! The comparators that filters are made of. Several in one comparison must all hold.

use async_graphql::{ID, InputObject};
use chrono::{DateTime, Utc};

use super::enums::{
    ActivityKind, Operation, Outcome, Priority, SlaState, Source, StatusType, TaskKind, WorkState,
};
use super::error::Fault;
use super::id;
use super::limits::Limit;
use super::moment::Moment;
use super::text;
use crate::domain::filter::{Filter, Operand, Test};
use crate::domain::key::Key;
use crate::domain::table::{ActiveEnum, ColumnTrait};

/// How many values a list in a filter may have.
pub(super) const LONGEST_LIST: usize = 100;

/// A comparison that can be asked of a column.
pub(super) trait Comparison {
    fn ask<C: ColumnTrait>(self, column: C) -> Result<Filter<C>, Fault>;

    /// The same with relative times fixed at `now`.
    fn fixed(self, _now: DateTime<Utc>) -> Self
    where
        Self: Sized,
    {
        self
    }
}

/// Collects the questions of one comparison.
struct Questions<C>(C, Vec<Filter<C>>);

impl<C: ColumnTrait> Questions<C> {
    fn of(column: C) -> Self {
        Self(column, Vec::new())
    }

    fn key(mut self, key: Option<Key>, test: fn(Operand) -> Test) -> Self {
        if let Some(key) = key {
            self.1.push(Filter::Is(self.0, test(Operand::Key(key))));
        }
        self
    }

    fn not(mut self, key: Option<Key>) -> Self {
        if let Some(key) = key {
            let same = Filter::Is(self.0, Test::Eq(Operand::Key(key)));
            self.1.push(Filter::Not(Box::new(same)));
        }
        self
    }

    fn moment(mut self, moment: Option<Moment>, test: fn(Operand) -> Test) -> Self {
        if let Some(Moment(operand)) = moment {
            self.1.push(Filter::Is(self.0, test(operand)));
        }
        self
    }

    fn list(mut self, keys: Option<Vec<Key>>, negated: bool) -> Result<Self, Fault> {
        if let Some(keys) = keys {
            Limit::List.check(LONGEST_LIST, keys.len())?;
            let one_of = Filter::Is(self.0, Test::In(keys));
            self.1.push(if negated {
                Filter::Not(Box::new(one_of))
            } else {
                one_of
            });
        }
        Ok(self)
    }

    fn null(mut self, wanted: Option<bool>) -> Self {
        if let Some(wanted) = wanted {
            let null = Filter::Is(self.0, Test::IsNull);
            self.1.push(if wanted {
                null
            } else {
                Filter::Not(Box::new(null))
            });
        }
        self
    }

    fn starts(mut self, start: Option<String>) -> Self {
        if let Some(start) = start {
            let start = text::stored(start);
            self.1.push(Filter::Is(self.0, Test::StartsWith(start)));
        }
        self
    }

    fn all(self) -> Result<Filter<C>, Fault> {
        Ok(Filter::All(self.1))
    }
}

/// Compares an id.
///
/// What is null or left out is not asked; for what has none use `isNull`.
#[derive(Clone, Debug, Default, InputObject)]
pub struct IdComparison {
    /// This one.
    eq: Option<ID>,
    /// Any other, or none.
    neq: Option<ID>,
    /// One of these, at most 100.
    r#in: Option<Vec<ID>>,
    /// None of these, at most 100.
    not_in: Option<Vec<ID>>,
    /// True: there is none. False: there is one.
    is_null: Option<bool>,
}

impl Comparison for IdComparison {
    fn ask<C: ColumnTrait>(self, column: C) -> Result<Filter<C>, Fault> {
        let kind = id::Kind::of_column(column.as_str())
            .ok_or_else(|| Fault::internal(format!("{} is no id", column.as_str())))?;
        let key = |id: ID| id::decode_as(kind, &id).map(Key::Id);
        let keys = |ids: Vec<ID>| ids.into_iter().map(key).collect::<Result<Vec<_>, _>>();
        Questions::of(column)
            .key(self.eq.map(key).transpose()?, Test::Eq)
            .not(self.neq.map(key).transpose()?)
            .list(self.r#in.map(keys).transpose()?, false)?
            .list(self.not_in.map(keys).transpose()?, true)?
            .null(self.is_null)
            .all()
    }
}

/// Compares text, by code point and with regard to case.
///
/// What is null or left out is not asked; for what has none use `isNull`.
#[derive(Clone, Debug, Default, InputObject)]
pub struct StringComparison {
    /// The same text.
    eq: Option<String>,
    /// Another text, or none.
    neq: Option<String>,
    /// One of these, at most 100.
    r#in: Option<Vec<String>>,
    /// None of these, at most 100.
    not_in: Option<Vec<String>>,
    /// A text before this one.
    lt: Option<String>,
    /// A text before this one, or the same.
    lte: Option<String>,
    /// A text after this one.
    gt: Option<String>,
    /// A text after this one, or the same.
    gte: Option<String>,
    /// A text that begins so.
    starts_with: Option<String>,
    /// True: there is none. False: there is one.
    is_null: Option<bool>,
}

impl Comparison for StringComparison {
    fn ask<C: ColumnTrait>(self, column: C) -> Result<Filter<C>, Fault> {
        let key = |text| Key::Text(text::stored(text));
        let keys = |texts: Vec<String>| texts.into_iter().map(key).collect();
        Questions::of(column)
            .key(self.eq.map(key), Test::Eq)
            .not(self.neq.map(key))
            .list(self.r#in.map(keys), false)?
            .list(self.not_in.map(keys), true)?
            .key(self.lt.map(key), Test::Lt)
            .key(self.lte.map(key), Test::Lte)
            .key(self.gt.map(key), Test::Gt)
            .key(self.gte.map(key), Test::Gte)
            .starts(self.starts_with)
            .null(self.is_null)
            .all()
    }
}

/// Compares a number.
///
/// What is null or left out is not asked.
#[derive(Clone, Debug, Default, InputObject)]
pub struct IntComparison {
    /// The same.
    eq: Option<i32>,
    /// Another one.
    neq: Option<i32>,
    /// Less.
    lt: Option<i32>,
    /// Less or the same.
    lte: Option<i32>,
    /// More.
    gt: Option<i32>,
    /// More or the same.
    gte: Option<i32>,
}

impl Comparison for IntComparison {
    fn ask<C: ColumnTrait>(self, column: C) -> Result<Filter<C>, Fault> {
        let key = |number: i32| Key::Int(number.into());
        Questions::of(column)
            .key(self.eq.map(key), Test::Eq)
            .not(self.neq.map(key))
            .key(self.lt.map(key), Test::Lt)
            .key(self.lte.map(key), Test::Lte)
            .key(self.gt.map(key), Test::Gt)
            .key(self.gte.map(key), Test::Gte)
            .all()
    }
}

/// Compares a time.
///
/// What is null or left out is not asked; for what has none use `isNull`.
#[derive(Clone, Debug, Default, InputObject)]
pub struct TimeComparison {
    /// Exactly then, to the microsecond.
    eq: Option<Moment>,
    /// Before then.
    lt: Option<Moment>,
    /// Before or exactly then.
    lte: Option<Moment>,
    /// After then.
    gt: Option<Moment>,
    /// After or exactly then: `{gte: "-P7D"}` is the last seven days.
    gte: Option<Moment>,
    /// True: there is none. False: there is one.
    is_null: Option<bool>,
}

impl Comparison for TimeComparison {
    fn ask<C: ColumnTrait>(self, column: C) -> Result<Filter<C>, Fault> {
        Questions::of(column)
            .moment(self.eq, Test::Eq)
            .moment(self.lt, Test::Lt)
            .moment(self.lte, Test::Lte)
            .moment(self.gt, Test::Gt)
            .moment(self.gte, Test::Gte)
            .null(self.is_null)
            .all()
    }

    fn fixed(self, now: DateTime<Utc>) -> Self {
        let fix = |moment: Option<Moment>| moment.map(|Moment(operand)| Moment(operand.at(now)));
        Self {
            eq: fix(self.eq),
            lt: fix(self.lt),
            lte: fix(self.lte),
            gt: fix(self.gt),
            gte: fix(self.gte),
            is_null: self.is_null,
        }
    }
}

/// Compares yes and no.
///
/// What is null or left out is not asked.
#[derive(Clone, Debug, Default, InputObject)]
pub struct BooleanComparison {
    /// The same.
    eq: Option<bool>,
}

impl Comparison for BooleanComparison {
    fn ask<C: ColumnTrait>(self, column: C) -> Result<Filter<C>, Fault> {
        Questions::of(column)
            .key(self.eq.map(Key::Bool), Test::Eq)
            .all()
    }
}

impl BooleanComparison {
    /// Asks whether `filter` holds.
    pub(super) fn ask_whether<C>(self, filter: Filter<C>) -> Filter<C> {
        match self.eq {
            Some(true) => filter,
            Some(false) => Filter::Not(Box::new(filter)),
            None => Filter::default(),
        }
    }
}

/// Compares how an incident stands to its deadlines.
///
/// What is null or left out is not asked.
#[derive(Clone, Debug, Default, InputObject)]
pub struct SlaStateComparison {
    /// So.
    eq: Option<SlaState>,
    /// Otherwise.
    neq: Option<SlaState>,
    /// In one of these ways.
    r#in: Option<Vec<SlaState>>,
    /// In none of these ways.
    not_in: Option<Vec<SlaState>>,
}

impl SlaStateComparison {
    /// Asks for the states, each of which `filter` finds.
    pub(super) fn ask_state<C>(self, filter: impl Fn(SlaState) -> Filter<C>) -> Filter<C> {
        // There are five states: more of them in a list say no more.
        let any = |mut states: Vec<SlaState>| {
            states.sort_unstable();
            states.dedup();
            Filter::Any(states.into_iter().map(&filter).collect())
        };
        let mut all = Vec::new();
        all.extend(self.eq.map(&filter));
        all.extend(self.neq.map(|state| Filter::Not(Box::new(filter(state)))));
        all.extend(self.r#in.map(any));
        all.extend(self.not_in.map(|states| Filter::Not(Box::new(any(states)))));
        Filter::All(all)
    }
}

macro_rules! enum_comparisons {
    ($($(#[$doc:meta])* $name:ident of $of:ident = $stored:ty;)+) => {$(
        $(#[$doc])*
        ///
        /// What is null or left out is not asked; for what has none use `isNull`.
        #[derive(Clone, Debug, Default, InputObject)]
        pub struct $name {
            /// This one.
            eq: Option<$of>,
            /// Any other, or none.
            neq: Option<$of>,
            /// One of these.
            r#in: Option<Vec<$of>>,
            /// None of these.
            not_in: Option<Vec<$of>>,
            /// True: there is none. False: there is one.
            is_null: Option<bool>,
        }

        impl Comparison for $name {
            fn ask<C: ColumnTrait>(self, column: C) -> Result<Filter<C>, Fault> {
                let key = |word: $of| Key::Text(<$stored>::from(word).to_value());
                let keys = |words: Vec<$of>| words.into_iter().map(key).collect();
                Questions::of(column)
                    .key(self.eq.map(key), Test::Eq)
                    .not(self.neq.map(key))
                    .list(self.r#in.map(keys), false)?
                    .list(self.not_in.map(keys), true)?
                    .null(self.is_null)
                    .all()
            }
        }
    )+};
}

enum_comparisons! {
    /// Compares a platform.
    SourceComparison of Source = entity::Source;
    /// Compares a priority.
    PriorityComparison of Priority = entity::Priority;
    /// Compares a state of work.
    WorkStateComparison of WorkState = entity::WorkState;
    /// Compares a type of status.
    StatusTypeComparison of StatusType = entity::StatusTypeName;
    /// Compares a kind of task.
    TaskKindComparison of TaskKind = entity::TaskKind;
    /// Compares a kind of activity.
    ActivityKindComparison of ActivityKind = entity::ActivityKind;
    /// Compares a call.
    OperationComparison of Operation = entity::Operation;
    /// Compares what became of a delivery.
    OutcomeComparison of Outcome = entity::Outcome;
}
