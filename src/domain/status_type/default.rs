//! What English status names mean where the operator says nothing of them: weaker than any entry of his map, `*` too.
//! Only names that mean the same in every workflow; "rejected" or "incomplete" may end a task or send it round again.

use entity::StatusTypeName;

/// The names by their [`super::key`], each once.
const NAMES: [(StatusTypeName, &[&str]); 4] = [
    (
        StatusTypeName::New,
        &[
            "new",
            "logged",
            "raised",
            "reported",
            "received",
            "submitted",
            "unassigned",
            "not assigned",
        ],
    ),
    (
        StatusTypeName::Open,
        &[
            "open",
            "opened",
            "reopened",
            "re-opened",
            "assigned",
            "allocated",
            "dispatched",
            "accepted",
            "acknowledged",
            "scheduled",
            "en route",
            "travelling",
            "attended",
            "on site",
            "arrived",
            "started",
            "in progress",
            "work in progress",
            "on hold",
            "paused",
            "suspended",
            "deferred",
            "pending",
            "awaiting parts",
            "parts ordered",
            "parts required",
            "awaiting access",
            "awaiting approval",
            "awaiting authorisation",
            "awaiting authorization",
            "awaiting quote",
            "awaiting quotation",
            "quote required",
            "quoted",
            "return visit required",
            "further work required",
            "further works required",
        ],
    ),
    (
        StatusTypeName::Closed,
        &[
            "closed",
            "complete",
            "completed",
            "work complete",
            "work completed",
            "works complete",
            "works completed",
            "resolved",
            "fixed",
            "done",
            "finished",
        ],
    ),
    (
        StatusTypeName::Cancelled,
        &["cancelled", "canceled", "void", "voided", "withdrawn"],
    ),
];

/// The names that mean something without the operator's word.
pub fn names() -> impl Iterator<Item = &'static str> {
    NAMES.iter().flat_map(|(_, names)| names.iter().copied())
}

/// What a name means without the operator's word.
pub(super) fn of_key(key: &str) -> Option<StatusTypeName> {
    let found = NAMES.iter().find(|(_, names)| names.contains(&key));
    found.map(|(status_type, _)| *status_type)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::domain::status_type::key;

    #[test]
    fn each_name_is_a_key_and_stands_once() {
        let distinct: BTreeSet<&str> = names().collect();
        assert_eq!(distinct.len(), names().count());
        assert!(names().all(|name| key(name) == name));
    }
}
