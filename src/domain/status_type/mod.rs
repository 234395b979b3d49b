//! What the status names of Urgent mean, as the operator mapped them.

pub mod read;
