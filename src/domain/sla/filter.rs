//! Questions to how an incident stands to its deadlines, put to what is stored of them.

use chrono::TimeDelta;
use entity::incident::Column;

use super::SlaState;
use crate::domain::filter::{Filter, Operand, Span, Test};

impl SlaState {
    /// The incidents that stand so now.
    pub fn filter(self) -> Filter<Column> {
        let miss = |test| Filter::Is(Column::SlaMissAt, test);
        let ahead = || miss(Test::Gte(after(TimeDelta::zero())));
        let doubtful = || Filter::Is(Column::SlaRiskAt, Test::Lte(after(TimeDelta::zero())));
        let idle = Filter::All(vec![
            Filter::Is(Column::SlaDueAt, Test::IsNull),
            Filter::Is(Column::SlaStartBy, Test::IsNull),
        ]);
        match self {
            // Without a clock nothing can be missed: said for the index.
            Self::NotApplicable => Filter::All(vec![idle, miss(Test::IsNull)]),
            Self::Met => Filter::All(vec![not(idle), miss(Test::IsNull)]),
            Self::Breached => miss(Test::Lt(after(TimeDelta::zero()))),
            Self::AtRisk => Filter::All(vec![ahead(), doubtful()]),
            Self::OnTrack => Filter::All(vec![ahead(), not(doubtful())]),
        }
    }
}

/// The incidents that miss a deadline within this time from now if nothing more happens.
pub fn breaches_within(length: TimeDelta) -> Filter<Column> {
    let miss = |test| Filter::Is(Column::SlaMissAt, test);
    Filter::All(vec![
        miss(Test::Gte(after(TimeDelta::zero()))),
        miss(Test::Lte(after(length))),
    ])
}

fn after(rest: TimeDelta) -> Operand {
    Operand::FromNow(Span { months: 0, rest })
}

fn not(filter: Filter<Column>) -> Filter<Column> {
    Filter::Not(Box::new(filter))
}
