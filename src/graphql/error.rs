//! What a reader is told when something goes wrong: a code of a closed list and plain words.
//! The chain of an internal fault is logged once; the reader gets its id only.

use async_graphql::{Enum, ErrorExtensionValues, ServerError};
use uuid::Uuid;

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
    /// What was asked for is for operators only.
    Forbidden,
    /// The request asks for more than is allowed at once.
    LimitExceeded,
    /// The database does not answer now; the same request may succeed later.
    DatabaseAway,
    /// A fault of caretaker; `extensions.faultId` finds it in its log.
    Internal,
}

impl ErrorCode {
    /// All codes.
    pub const ALL: [Self; 8] = [
        Self::BadInput,
        Self::CursorInvalid,
        Self::CursorExpired,
        Self::HistoryPruned,
        Self::Forbidden,
        Self::LimitExceeded,
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
            Self::Forbidden => "FORBIDDEN",
            Self::LimitExceeded => "LIMIT_EXCEEDED",
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
}

impl Fault {
    /// A fault with a code and its words.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            detail: None,
        }
    }

    /// The request is wrong.
    pub fn input(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::BadInput, message)
    }

    /// The request is too large.
    pub fn limit(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::LimitExceeded, message)
    }

    /// Caretaker is wrong: `what` goes to the log, an id to the reader.
    pub fn internal(what: impl std::fmt::Display) -> Self {
        let id = Uuid::new_v4().to_string();
        tracing::error!(fault = %id, "a read failed: {what}");
        Self {
            code: ErrorCode::Internal,
            message: "an internal fault; the log of caretaker has its cause under the fault id"
                .to_owned(),
            detail: Some(("faultId", id)),
        }
    }

    fn extend(&self, extensions: &mut ErrorExtensionValues) {
        extensions.set("code", self.code.name());
        if let Some((name, value)) = &self.detail {
            extensions.set(name, value.clone());
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

/// How the library words its limits, and what a reader can do.
const LIMITS: [(&str, &str); 4] = [
    (
        "too complex",
        "the request asks for too much at once: take smaller pages (`first`) or fewer lists within lists",
    ),
    ("too deep", "the request nests too deeply"),
    ("recursion depth", "the document nests too deeply"),
    (
        "number of directives",
        "a field of the document has too many directives",
    ),
];

/// Gives every error of a response a code and the id of the request.
pub fn complete(errors: &mut [ServerError], request_id: Uuid) {
    for error in errors {
        let extensions = error.extensions.get_or_insert_default();
        if extensions.get("code").is_none() {
            // Without a code it is the library's own: one of its limits, or else syntax, validation or a variable.
            let limit = LIMITS
                .iter()
                .find(|(words, _)| error.message.contains(words));
            if let Some((_, advice)) = limit {
                (*advice).clone_into(&mut error.message);
                extensions.set("code", ErrorCode::LimitExceeded.name());
            } else {
                extensions.set("code", ErrorCode::BadInput.name());
            }
        }
        extensions.set("requestId", request_id.to_string());
    }
}
