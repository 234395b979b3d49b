//! What the status names of Urgent mean: as the operator mapped them, else as English names usually do.

pub mod default;
pub mod filter;
pub mod read;

/// What a status is looked up by: to the case of its letters no meaning is given.
pub fn key(status: &str) -> String {
    status.to_lowercase()
}
