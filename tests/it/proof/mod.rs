//! Every way in which the platforms prove who they are, by a real client; and its hostile twins.

mod basic;
mod gate;
mod sas;
mod sigv4;

use crate::support::Case;
use crate::support::client::Answer;

pub fn tests() -> Vec<Case> {
    [basic::tests(), gate::tests(), sas::tests(), sigv4::tests()].concat()
}

/// Refused as every call is that proves nothing: the same words, and what would be taken.
fn refused(answer: &Answer, challenge: &str) {
    assert_eq!(answer.status, 401, "{answer}");
    assert_eq!(answer.header("www-authenticate"), challenge);
    let body = answer.json().unwrap();
    assert_eq!(body["type"], "urn:caretaker:problem:unauthenticated");
}
