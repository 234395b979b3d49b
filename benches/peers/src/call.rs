//! A call of one of the platforms, proven as they prove themselves.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{SecondsFormat, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::wire;

/// Matrix's name and password, as the settings that [`crate::caretaker`] writes have them.
pub const MATRIX: (&str, &str) = ("matrix", "one-long-password-for-the-yardstick");
/// Urgent's token and secret, likewise.
pub const URGENT: (&str, &str) = ("yardstick", "one-long-secret-for-the-yardstick-too");

/// The routes that the platforms call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A batch of Matrix.
    Batch,
    /// Urgent made a task.
    TaskCreated,
    /// Urgent changed a task's status.
    StatusChanged,
    /// Urgent took a note.
    NoteAdded,
    /// Urgent's user asked where somebody stays.
    TaskChased,
}

impl Operation {
    fn route(self) -> (&'static str, &'static str) {
        match self {
            Self::Batch => ("POST", "/webhooks/matrix"),
            Self::TaskCreated => ("POST", "/webhooks/urgent/task-created"),
            Self::StatusChanged => ("PUT", "/webhooks/urgent/status-changed"),
            Self::NoteAdded => ("POST", "/webhooks/urgent/note-added"),
            Self::TaskChased => ("PUT", "/webhooks/urgent/task-chased"),
        }
    }
}

/// One call to make.
#[derive(Clone, Debug)]
pub struct Call {
    /// Where it goes.
    pub operation: Operation,
    /// Its JSON.
    pub body: String,
    /// How many events it tells.
    pub events: usize,
}

impl Call {
    /// The call as bytes, signed now.
    pub fn request(&self, port: u16) -> Vec<u8> {
        let (method, path) = self.operation.route();
        let json = ("content-type", "application/json");
        if self.operation == Operation::Batch {
            let pair = STANDARD.encode(format!("{}:{}", MATRIX.0, MATRIX.1));
            let proof = format!("Basic {pair}");
            return wire::request(
                port,
                method,
                path,
                &[json, ("authorization", &proof)],
                &self.body,
            );
        }
        let now = Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true);
        let proof = format!("TCN {}:{}", URGENT.0, digest(method, path, &now));
        let headers = [json, ("authorization", &proof), ("x-timestamp", &now)];
        wire::request(port, method, path, &headers, &self.body)
    }
}

fn digest(method: &str, path: &str, timestamp: &str) -> String {
    let message = format!("{method}+{path}+{timestamp}");
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(URGENT.1.as_bytes()) else {
        return String::new();
    };
    mac.update(message.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}
