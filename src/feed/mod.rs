//! Committed activities become live streams.
//!
//! ```text
//!  writer ── watch ──┐
//!  NOTIFY, NATS ─────┼─► tail: reads by seq, once per node ─► broadcast (bounded) ─► follow ─► a subscriber
//!  slow poll ────────┘                                                                 │
//!                       database ◄── backlog, and whenever a subscriber lags ──────────┘
//! ```
//! Wake-ups are hints: what is sent is always what was read from the database, in seq order.

mod changes;
mod follow;
mod nats;
mod read;
mod tail;
mod wake;

pub use changes::Changes;
pub use follow::{Event, FeedError, Follow, follow};
pub use nats::{Exchange, exchange};
pub use tail::{Settings, Tail};
pub use wake::listen;
