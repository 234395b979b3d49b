//! Activities: the spine.

pub mod filter;
pub mod read;
