//! What was known at an earlier time: rows as they are now, with every field put back to what it was before the first
//! change that was recorded after that time.
//!
//! ```text
//!  then            change A: x 1→2     change B: x 2→3      now
//!   ├───────────────────┼───────────────────┼────────────────┤    x is 3 now, and was 1 then: what A came from
//! ```
//! Back from now and not forward from the beginning: what was pruned is not needed, and little has to be read of the
//! recent past. Rows are read before the activities, so what is written between the two is put back as well.

mod act;
mod count;
mod moment;
mod past;
mod place;
#[cfg(test)]
mod tests;
mod work;

use sea_orm::DbErr;

pub use self::act::{chases, notes, status_changes};
pub use self::count::open_incidents;
pub use self::moment::{Moment, moment};
pub use self::past::recorded_later;
pub use self::place::{buildings, zones};
pub use self::work::{incidents, tasks, work_orders};
use chrono::{DateTime, Utc};

/// Why a question about an earlier time has no answer.
#[derive(Debug)]
pub enum Unanswered {
    /// The time lies ahead.
    Ahead,
    /// From this time on only it can be asked.
    Pruned(DateTime<Utc>),
    /// More happened since than is looked through: so many activities.
    TooMuch(u64),
    /// What the database says.
    Database(DbErr),
}

impl From<DbErr> for Unanswered {
    fn from(error: DbErr) -> Self {
        Self::Database(error)
    }
}
