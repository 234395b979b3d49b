//! Foreign words → our facts: proof of the sender, then a pure decoder for each platform.
//! Knows the wire formats and nothing else; no SQL and no axum here.

pub mod body;
pub mod canonical;
pub mod flag;
pub mod matrix;
pub mod member;
pub mod proof;
pub mod receive;
pub mod time;
pub mod urgent;

use crate::domain::delivery::Misfit;

/// What is wrong with a body that cannot be used at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is not JSON (answered 400).
    NotJson,
    /// It is JSON, but not what this call carries (answered 422).
    WrongShape,
}

/// A body of which nothing can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    /// What is wrong.
    pub fault: Fault,
    /// Where and why; `element` is null.
    pub misfit: Misfit,
}
