//! Decoding: the bytes of a call → what it says.

use std::hint::black_box;

use anyhow::bail;
use caretaker::ingest::receive;
use entity::Operation;

use super::body;

/// A full batch of Matrix.
pub(super) fn matrix(rounds: usize) -> anyhow::Result<()> {
    decode(Operation::Events, &body::matrix(0..50), 50, rounds)
}

/// A call of Urgent.
pub(super) fn urgent(rounds: usize) -> anyhow::Result<()> {
    decode(Operation::TaskCreated, &body::task(1), 1, rounds)
}

fn decode(operation: Operation, body: &[u8], facts: usize, rounds: usize) -> anyhow::Result<()> {
    for _ in 0..rounds {
        let content = receive::decode(operation, black_box(body), None, body::at(1_000_000), 0);
        match content {
            Ok(content) if content.facts.len() >= facts && content.misfits.is_empty() => {}
            other => bail!("not decoded: {other:?}"),
        }
    }
    Ok(())
}
