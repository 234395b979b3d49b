//! What a reader is told when something goes wrong: a code of a closed list and plain words.
//! The chain of an internal fault is logged once; the reader gets its id only.

use async_graphql::{Enum, ErrorExtensionValues, ServerError};
use uuid::Uuid;

use super::limits::{Excess, Limit};
use crate::domain::failure;
use crate::domain::table::DbErr;

/// What went wrong, in `extensions.code` of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum ErrorCode {
    /// The request itself is wrong: its syntax, a field, an argument, a variable, an id or a value.
    BadInput,
    /// The cursor was not made by caretaker, or belongs to another list, filter or order.
    CursorInvalid,
    /// The cursor is older than the history that is kept; the earliest valid one is in `extensions.earliestCursor`.
    CursorExpired,
    /// What was asked for is no longer kept.
    HistoryPruned,
    /// Nobody who may read: a token is missing, or it is not good.
    Unauthenticated,
    /// What was asked for lies beyond what the reader's token grants.
    Forbidden,
    /// The reader has asked too often; `extensions.retryAfterSeconds` says how long to wait.
    RateLimited,
    /// The request asks for more than is allowed at once: `extensions.limit` names the limit, `extensions.most` is its
    /// value, and `extensions.asked` what was asked, where that is known.
    LimitExceeded,
    /// No document is registered under this hash, or no longer: send it once more with its text.
    PersistedQueryNotFound,
    /// This server keeps no documents: send the text each time.
    PersistedQueryNotSupported,
    /// This server runs only the documents of its manifest, and this is none of them.
    DocumentNotTrusted,
    /// The database does not answer now; the same request may succeed later.
    DatabaseAway,
    /// A fault of caretaker; `extensions.faultId` finds it in its log.
    Internal,
}

impl ErrorCode {
    /// All codes.
    pub const ALL: [Self; 13] = [
        Self::BadInput,
        Self::CursorInvalid,
        Self::CursorExpired,
        Self::HistoryPruned,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::RateLimited,
        Self::LimitExceeded,
        Self::PersistedQueryNotFound,
        Self::PersistedQueryNotSupported,
        Self::DocumentNotTrusted,
        Self::DatabaseAway,
        Self::Internal,
    ];

    /// The name of the code in the schema.
    pub fn name(self) -> &'static str {
        match self {
            Self::BadInput => "BAD_INPUT",
            Self::CursorInvalid => "CURSOR_INVALID",
            Self::CursorExpired => "CURSOR_EXPIRED",
            Self::HistoryPruned => "HISTORY_PRUNED",
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::Forbidden => "FORBIDDEN",
            Self::RateLimited => "RATE_LIMITED",
            Self::LimitExceeded => "LIMIT_EXCEEDED",
            Self::PersistedQueryNotFound => "PERSISTED_QUERY_NOT_FOUND",
            Self::PersistedQueryNotSupported => "PERSISTED_QUERY_NOT_SUPPORTED",
            Self::DocumentNotTrusted => "DOCUMENT_NOT_TRUSTED",
            Self::DatabaseAway => "DATABASE_AWAY",
            Self::Internal => "INTERNAL",
        }
    }
}

/// Why a read gives nothing.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The code.
    pub code: ErrorCode,
    /// What was wrong, for the reader.
    pub message: String,
    /// What else the reader is told: name and value.
    pub detail: Option<(&'static str, String)>,
    /// The limit that was passed, when it is known.
    pub excess: Option<Excess>,
}

impl Fault {
    /// A fault with a code and its words.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            detail: None,
            excess: None,
        }
    }

    /// The request is wrong.
    pub fn input(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::BadInput, message)
    }

    /// The request is too large, in words of its own.
    pub fn limit(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::LimitExceeded, message)
    }

    /// The request asks for more than a limit allows.
    pub fn over(limit: Limit, most: usize, asked: impl Into<Option<usize>>) -> Self {
        let excess = Excess {
            limit,
            most,
            asked: asked.into(),
        };
        Self {
            excess: Some(excess),
            ..Self::new(ErrorCode::LimitExceeded, excess.to_string())
        }
    }

    /// Caretaker is wrong: `what` goes to the log, an id to the reader.
    pub fn internal(what: impl std::fmt::Display) -> Self {
        let id = Uuid::new_v4().to_string();
        tracing::error!(fault = %id, "a read failed: {what}");
        let message = "an internal fault; the log of caretaker has its cause under the fault id";
        Self {
            detail: Some(("faultId", id)),
            ..Self::new(ErrorCode::Internal, message)
        }
    }

    fn extend(&self, extensions: &mut ErrorExtensionValues) {
        extensions.set("code", self.code.name());
        if let Some((name, value)) = &self.detail {
            extensions.set(name, value.clone());
        }
        if let Some(excess) = &self.excess {
            extensions.set("limit", excess.limit.name());
            extensions.set("most", excess.most);
            if let Some(asked) = excess.asked {
                extensions.set("asked", asked);
            }
        }
    }

    /// The same as an error of a response.
    pub fn to_server_error(&self) -> ServerError {
        let mut error = ServerError::new(self.message.clone(), None);
        self.extend(error.extensions.get_or_insert_default());
        error
    }
}

impl From<DbErr> for Fault {
    fn from(error: DbErr) -> Self {
        if failure::is_away(&error) {
            tracing::warn!(%error, "the database is away");
            return Self::new(
                ErrorCode::DatabaseAway,
                "the database does not answer now; try again later",
            );
        }
        if failure::is_cancelled(&error) {
            return Self::limit("the database took too long: ask for less at once");
        }
        Self::internal(error)
    }
}

impl From<Fault> for async_graphql::Error {
    fn from(fault: Fault) -> Self {
        let mut error = Self::new(fault.message.clone());
        fault.extend(error.extensions.get_or_insert_default());
        error
    }
}

/// How the library words that a request is too costly.
const TOO_COSTLY: &str = "Query is too complex.";

/// Whether the library refused a request for its cost.
pub(super) fn is_too_costly(errors: &[ServerError]) -> bool {
    errors.iter().any(|error| error.message == TOO_COSTLY)
}

/// How many characters of an error's words are told: the library names what it does not know, however long.
const LONGEST: usize = 300;

/// Before which the library repeats a value, and what stands there instead.
const REPEATS: [(&str, &str); 3] = [
    (", found ", ""),
    (" contain value ", " contain the value given"),
    (" contain the value ", " contain the value given"),
];

/// What precedes the name of the type in which a value stands.
const PLACE: &str = " (occurred while parsing ";
/// How the library words that a text is no time, in its own type's parser.
const NO_TIME: &str = "Failed to parse \"DateTime\": ";
/// What a time looks like.
const TIME: &str = "expected a time with an offset, such as 2026-01-01T00:00:00Z";

/// The library's words without the value that they repeat (it may be a secret that slipped into the wrong place), and
/// what was expected where they do not say it.
pub(super) fn in_our_words(message: &str) -> String {
    let message = without_value(message);
    let Some((before, after)) = message.split_once(NO_TIME) else {
        return message;
    };
    let place = after.rfind(PLACE);
    let place = place.map_or("", |place| &after[place..]);
    format!("{before}{NO_TIME}{TIME}{place}")
}

fn without_value(message: &str) -> String {
    let found = REPEATS
        .iter()
        .find_map(|(mark, instead)| Some((message.split_once(mark)?, instead)));
    let Some(((before, rest), instead)) = found else {
        return message.to_owned();
    };
    let place = rest.rfind(PLACE);
    let place = place.map_or("", |place| &rest[place..]);
    format!("{before}{instead}{place}")
}

/// Gives every error of a response a code and the id of the request.
pub fn complete(errors: &mut [ServerError], request_id: Uuid) {
    for error in errors {
        let extensions = error.extensions.get_or_insert_default();
        if extensions.get("code").is_none() {
            // Without a code it is the library's own: syntax, validation or a variable.
            extensions.set("code", ErrorCode::BadInput.name());
            error.message = in_our_words(&error.message);
        }
        if let Some((end, _)) = error.message.char_indices().nth(LONGEST) {
            error.message.truncate(end);
            error.message.push('…');
        }
        extensions.set("requestId", request_id.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_is_repeated_and_a_time_is_explained() {
        for (message, said) in [
            (
                "Expected input type \"A\", found \"x, found y\". (occurred while parsing \"B\")",
                "Expected input type \"A\" (occurred while parsing \"B\")",
            ),
            (
                "Enumeration type does not contain value \"x\".",
                "Enumeration type does not contain the value given",
            ),
            (
                "enumeration type \"A\" does not contain the value \"x\"",
                "enumeration type \"A\" does not contain the value given",
            ),
            ("Unknown field", "Unknown field"),
            (
                "Failed to parse \"DateTime\": premature end of input (occurred while parsing \"A\")",
                "Failed to parse \"DateTime\": expected a time with an offset, such as 2026-01-01T00:00:00Z \
                 (occurred while parsing \"A\")",
            ),
        ] {
            assert_eq!(in_our_words(message), said);
        }
    }
}
