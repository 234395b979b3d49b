//! The record of acknowledged calls, one JSON line each, and reading it back to send them again.
//! A line is with the operating system before its call counts as acknowledged.

use super::{
    call::{Call, Stamp},
    operation::Operation,
};
use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::{
    borrow::Cow,
    fs::File,
    io::Write,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

#[derive(Serialize, Deserialize)]
struct Line<'a> {
    source: Cow<'a, str>,
    operation: Operation,
    method: Cow<'a, str>,
    path: Cow<'a, str>,
    /// The signed time; null for Matrix.
    timestamp: Option<Cow<'a, str>>,
    events: usize,
    body: Cow<'a, str>,
}

/// An open record.
pub(super) struct Record(Mutex<File>);

impl Record {
    /// Opens `path` to append to it.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let file = File::options().create(true).append(true).open(path);
        Ok(Self(Mutex::new(file.with_context(|| {
            format!("cannot open the record {}", path.display())
        })?)))
    }

    /// Appends an acknowledged call.
    pub(super) fn append(&self, call: &Call, timestamp: Option<&str>) -> std::io::Result<()> {
        let line = Line {
            source: call.operation.source().into(),
            operation: call.operation,
            method: call.operation.method().into(),
            path: call.operation.path().into(),
            timestamp: timestamp.map(Cow::from),
            events: call.events,
            body: call.body.as_str().into(),
        };
        let mut text = serde_json::to_vec(&line)?;
        text.push(b'\n');
        // One unbuffered write per line: it outlives this process however it ends.
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .write_all(&text)
    }
}

/// The recorded calls, in their order. A last line that was cut off while it was written is left out.
pub(super) fn read(path: &Path, same_timestamps: bool) -> anyhow::Result<Vec<Call>> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the record {}", path.display()))?;
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let mut calls = Vec::new();
    for (number, line) in whole.lines().enumerate() {
        let line: Line = serde_json::from_str(line)
            .with_context(|| format!("{}, line {}", path.display(), number + 1))?;
        let kept = line
            .timestamp
            .filter(|_| same_timestamps)
            .map(|text| Stamp {
                text: text.into_owned(),
                until: None,
            });
        calls.push(Call {
            operation: line.operation,
            body: line.body.into_owned(),
            events: line.events,
            broken: 0,
            expected: 200,
            repeat: true,
            moved: false,
            stories: Vec::new(),
            signed_at: Arc::new(Mutex::new(kept)),
        });
    }
    Ok(calls)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::call::SignedAt;

    #[test]
    fn what_is_appended_is_read_back_and_a_torn_line_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record.jsonl");
        let call = |operation, body: &str| Call {
            operation,
            body: body.to_owned(),
            events: 2,
            broken: 0,
            expected: 200,
            repeat: false,
            moved: false,
            stories: vec![1],
            signed_at: SignedAt::default(),
        };
        Record::open(&path)
            .unwrap()
            .append(&call(Operation::Batch, "[1,\n2]"), None)
            .unwrap();
        let record = Record::open(&path).unwrap();
        record
            .append(
                &call(Operation::TaskChased, "{\"é\":1}"),
                Some("2026-01-01T00:00:00Z"),
            )
            .unwrap();
        File::options()
            .append(true)
            .open(&path)
            .unwrap()
            .write_all(b"{\"source\":\"mat")
            .unwrap();

        let first: serde_json::Value = serde_json::from_str(
            std::fs::read_to_string(&path)
                .unwrap()
                .lines()
                .nth(1)
                .unwrap(),
        )
        .unwrap();
        assert_eq!(
            (&first["source"], &first["operation"], &first["method"]),
            (&"urgent".into(), &"task-chased".into(), &"PUT".into())
        );
        assert_eq!(first["path"], "/webhooks/urgent/task-chased");

        let calls = read(&path, true).unwrap();
        let read_back: Vec<(Operation, &str)> = calls
            .iter()
            .map(|call| (call.operation, call.body.as_str()))
            .collect();
        assert_eq!(
            read_back,
            [
                (Operation::Batch, "[1,\n2]"),
                (Operation::TaskChased, "{\"é\":1}")
            ]
        );
        assert_eq!(
            calls[1].signed_at.lock().unwrap().as_ref().unwrap().text,
            "2026-01-01T00:00:00Z"
        );
        assert!(
            read(&path, false).unwrap()[1]
                .signed_at
                .lock()
                .unwrap()
                .is_none()
        );
    }
}
