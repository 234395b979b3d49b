//! The six routes of caretaker that the platforms call. Their addresses are a contract with the server.

use serde::{Deserialize, Serialize};

/// The routes of caretaker that the platforms call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Operation {
    /// A batch of the Matrix Event Bus.
    Batch,
    TaskCreated,
    TaskChanged,
    StatusChanged,
    NoteAdded,
    TaskChased,
}

impl Operation {
    /// The platform that calls it.
    pub(super) fn source(self) -> &'static str {
        match self {
            Self::Batch => "matrix",
            _ => "urgent",
        }
    }

    /// Its name in records and summaries.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Batch => "batch",
            Self::TaskCreated => "task-created",
            Self::TaskChanged => "task-changed",
            Self::StatusChanged => "status-changed",
            Self::NoteAdded => "note-added",
            Self::TaskChased => "task-chased",
        }
    }

    /// POST or PUT.
    pub(super) fn method(self) -> &'static str {
        match self {
            Self::StatusChanged | Self::TaskChased => "PUT",
            _ => "POST",
        }
    }

    /// Path below the server's address.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Batch => "/webhooks/matrix",
            Self::TaskCreated => "/webhooks/urgent/task-created",
            Self::TaskChanged => "/webhooks/urgent/task-changed",
            Self::StatusChanged => "/webhooks/urgent/status-changed",
            Self::NoteAdded => "/webhooks/urgent/note-added",
            Self::TaskChased => "/webhooks/urgent/task-chased",
        }
    }
}
