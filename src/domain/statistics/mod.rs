//! Statistics: what counts, how long things took, and in which stretch of time.
//!
//! Every number is a question to rows of one table, in the language of filters: `incident` and `task` say each of them
//! once, so that what is counted and what a reader gets when opening a number cannot differ. A row belongs to the period
//! in which it was reported, whatever became of it later. `period` says what stretches a period has, in a time zone;
//! `read` asks the database.

mod bucket;
pub mod incident;
mod length;
mod period;
pub mod read;
pub mod task;

pub use bucket::Bucket;
pub use length::{Length, Ranks, nearest_rank};
pub use period::{Asked, Interval, Period, Unfit, zone};
