//! The feed as the query gives it: what every subscriber must have been told.

use std::collections::BTreeSet;

use anyhow::Context;
use serde_json::{Value, json};

use super::subscriber::Line;
use crate::simulate::sent::Hash;

const PAGE: &str = "query($after: String) {
  activities(after: $after, first: 100) {
    nodes { cursor delivery { bodyHash } }
    pageInfo { hasNextPage endCursor }
  }
}";

/// What follows a cursor.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) from: u32,
    /// The cursor of each, and the hash of the body that told it, where the reader may know that.
    pub(super) rows: Vec<(u32, Option<Hash>)>,
}

impl Rows {
    pub(super) fn count(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn cursors(&self) -> Vec<u32> {
        self.rows.iter().map(|(cursor, _)| *cursor).collect()
    }
}

/// Reads what follows each of these cursors.
///
/// # Errors
/// The server does not answer so.
pub(super) async fn read(line: &Line, from: BTreeSet<u32>) -> anyhow::Result<Vec<Rows>> {
    let mut all = Vec::new();
    for from in from {
        let mut after = line.names.cursor(from).map(|cursor| cursor.to_string());
        let mut rows = Vec::new();
        loop {
            let mut data = line.ask(PAGE, json!({ "after": after })).await?;
            let page = data["activities"].take();
            for node in page["nodes"].as_array().context("no page of activities")? {
                let cursor = node["cursor"]
                    .as_str()
                    .context("an activity without cursor")?;
                rows.push((line.names.of(cursor), hash(&node["delivery"]["bodyHash"])));
            }
            if page["pageInfo"]["hasNextPage"] != true {
                break;
            }
            after = page["pageInfo"]["endCursor"].as_str().map(str::to_owned);
        }
        all.push(Rows { from, rows });
    }
    Ok(all)
}

/// The bytes of hexadecimal digits.
fn hash(digits: &Value) -> Option<Hash> {
    let digits = digits.as_str()?;
    let mut hash = Hash::default();
    for (at, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(hash)
}
