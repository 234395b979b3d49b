//! What must hold for any bytes at all, whoever makes them up: the fuzzer, or the test that replays its seeds.
//! A decoder never panics, gives the same for the same, and accounts for every element; a proof never passes a stranger.

use caretaker::domain::delivery::Content;
use caretaker::domain::fact::Fact;
use caretaker::ingest::proof::{Basic, Credential, GRACE, Hmac, MARKER, Presented, Proof};
use caretaker::ingest::receive;
use chrono::{DateTime, Utc};
use entity::Operation;

/// 2023-11-14T22:13:20Z: when everything here arrives.
fn arrival() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap_or_default()
}

/// A body as one of the six operations reads it.
pub fn body(operation: Operation, bytes: &[u8]) {
    let read = |position| receive::decode(operation, bytes, None, arrival(), position);
    let (one, other) = (read(0), read(0));
    match (&one, &other) {
        (Ok(one), Ok(other)) => assert_eq!(facts(one), facts(other)),
        (Err(one), Err(other)) => assert_eq!(one, other),
        _ => panic!("read once and refused once"),
    }
    let Ok(content) = one else { return };
    let mut elements: Vec<usize> = content.facts.iter().map(|(element, _)| *element).collect();
    elements.extend(content.misfits.iter().filter_map(|misfit| misfit.element));
    elements.sort_unstable();
    let all: Vec<usize> = (0..elements.len()).collect();
    assert_eq!(
        elements, all,
        "each element is a fact or a misfit, and none is both"
    );
    for (_, fact) in &content.facts {
        let year = fact.occurred_at.timestamp();
        assert!(
            (0..253_402_300_800).contains(&year),
            "a time that no engine keeps"
        );
        assert_eq!(fact.occurred_at.timestamp_subsec_nanos() % 1_000, 0);
        // PostgreSQL takes no NUL, in whatever column it stands.
        assert!(
            !has_nul(&format!("{fact:?}")),
            "a NUL got through: {fact:?}"
        );
    }
    for misfit in &content.misfits {
        assert!(misfit.path.starts_with('$'), "{}", misfit.path);
        assert!(!misfit.content.contains('\0'));
    }
    assert!(content.flags.len() <= 101);
}

/// Whether a debug text shows a NUL; a backslash of the text itself stands there twice.
fn has_nul(shown: &str) -> bool {
    let mut letters = shown.chars();
    while let Some(letter) = letters.next() {
        if letter == '\\' && letters.next() == Some('0') {
            return true;
        }
    }
    false
}

fn facts(content: &Content) -> Vec<(usize, &Fact)> {
    let facts = content.facts.iter();
    facts.map(|(element, fact)| (*element, &**fact)).collect()
}

fn credential() -> Credential {
    Credential {
        name: "known".to_owned(),
        position: 0,
        login: "matrix".to_owned(),
        // Nobody guesses it: what passes without it is a fault.
        secret: "c1f6f1a6-3a4e-4f4c-8f0a-5f1c2f0f7a11".into(),
    }
}

/// `Authorization` headers, one a line, as HTTP Basic reads them.
pub fn basic(bytes: &[u8]) {
    let proof = Proof::Basic(Basic {
        credentials: vec![credential()],
    });
    prove(
        &proof,
        &Presented {
            method: "POST",
            path: "/webhooks/matrix",
            authorization: bytes.split(|byte| *byte == b'\n').collect(),
            ..Presented::default()
        },
    );
}

/// The path, the `X-Timestamp` and the `Authorization` headers, one a line, as Urgent's signature is read.
pub fn hmac(bytes: &[u8]) {
    let proof = Proof::Hmac(Hmac {
        credentials: vec![credential()],
        marker: MARKER.to_owned(),
        grace: GRACE,
        path_prefix: String::new(),
    });
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let path = lines.next().unwrap_or_default();
    let Ok(path) = std::str::from_utf8(path) else {
        return;
    };
    prove(
        &proof,
        &Presented {
            method: "PUT",
            path,
            timestamp: lines.next().into_iter().collect(),
            authorization: lines.collect(),
        },
    );
}

fn prove(proof: &Proof, call: &Presented<'_>) {
    let refused = proof.prove(call, arrival());
    let refused = refused.expect_err("a stranger passed");
    assert!(refused.claimed.is_none_or(|name| name == "known"));
    assert!(!refused.challenge.is_empty());
}
