//! caretaker.
pub mod simulate;
