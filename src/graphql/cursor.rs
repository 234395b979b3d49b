//! Cursors: opaque and versioned. A list cursor carries the sort values of its row and a mark of the list, filter and
//! order that it belongs to; the feed cursor carries the number of an activity and is valid with any filter.

use std::fmt::Debug;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::error::{ErrorCode, Fault};
use crate::domain::page::Position;

const LIST: &str = "c1:";
const FEED: &str = "a1:";

/// Marks a list with its filter and order: a cursor of one is refused by another.
pub(super) fn mark(list: &impl Debug) -> String {
    let hash = Sha256::digest(format!("{list:?}"));
    URL_SAFE_NO_PAD.encode(hash.get(..9).unwrap_or_default())
}

/// The cursor of a position in the list that `mark` stands for.
pub(super) fn encode(mark: &str, position: &Position) -> String {
    let content = serde_json::to_string(&(mark, position)).unwrap_or_default();
    URL_SAFE_NO_PAD.encode(format!("{LIST}{content}"))
}

/// The position that a cursor of the list `mark` stands for.
pub(super) fn decode(mark: &str, cursor: &str) -> Result<Position, Fault> {
    let text = text(cursor)?;
    let content = text.strip_prefix(LIST).ok_or_else(|| {
        if text.starts_with(FEED) {
            invalid(
                "this is a feed cursor: it continues `activities` and subscriptions, not this list",
            )
        } else {
            invalid("not a cursor of this version")
        }
    })?;
    let (made_for, position): (String, Position) =
        serde_json::from_str(content).map_err(|_| invalid("not a cursor of this API"))?;
    if made_for == mark {
        Ok(position)
    } else {
        Err(invalid(
            "this cursor belongs to another list, filter or order; begin again without it",
        ))
    }
}

/// The feed cursor of the activity numbered `seq`.
pub fn feed(seq: i64) -> String {
    URL_SAFE_NO_PAD.encode(format!("{FEED}{seq}"))
}

/// What is said of a feed cursor before the kept history: all after `earliest` is kept.
pub(super) fn expired(earliest: i64) -> Fault {
    Fault {
        detail: Some(("earliestCursor", feed(earliest))),
        ..Fault::new(
            ErrorCode::CursorExpired,
            "the cursor is older than the history that is kept",
        )
    }
}

/// The number in a feed cursor.
///
/// # Errors
/// CURSOR_INVALID when it is none.
pub fn decode_feed(cursor: &str) -> Result<i64, Fault> {
    let text = text(cursor)?;
    text.strip_prefix(FEED)
        .and_then(|seq| seq.parse().ok())
        .filter(|seq| *seq >= 0)
        .ok_or_else(|| invalid("not a feed cursor: take `cursor` of an activity or of an event"))
}

fn text(cursor: &str) -> Result<String, Fault> {
    URL_SAFE_NO_PAD
        .decode(cursor)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| invalid("not a cursor of this API"))
}

pub(super) fn invalid(message: &str) -> Fault {
    Fault::new(ErrorCode::CursorInvalid, message)
}
