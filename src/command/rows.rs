//! Changed rows as text, row by row, field by field.

use std::fmt::Write as _;

use caretaker::domain::row::{RowChange, RowVerdict};
use serde_json::Value;

/// How many characters of a value are shown.
const LONGEST: usize = 120;

/// One row: a line of its own, then one for each field.
pub(super) fn text(change: &RowChange) -> String {
    let mark = match change.verdict {
        RowVerdict::Added => '+',
        RowVerdict::Changed => '~',
        RowVerdict::Removed => '-',
    };
    let mut text = format!("  {mark} {} {}\n", change.table, change.id);
    for field in &change.fields {
        let (from, to) = (value(&field.from), value(&field.to));
        // Writing into a String cannot fail.
        let _ = match change.verdict {
            RowVerdict::Added => writeln!(text, "      {}: {to}", field.field),
            RowVerdict::Changed => writeln!(text, "      {}: {from} -> {to}", field.field),
            RowVerdict::Removed => writeln!(text, "      {}: {from}", field.field),
        };
    }
    text
}

fn value(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
