//! Activities: the spine.

pub mod change;
pub mod filter;
pub mod read;
