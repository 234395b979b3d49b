//! Whether all answer the same: the limit byte for byte, PostGraphile after its names and ids were mapped to ours.

use anyhow::{Context, ensure};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use serde_json::{Map, Value};

use crate::question::subject::{Subjects, ask};
use crate::question::{Peer, QUESTIONS};

/// How many of each question's requests are compared.
const COMPARED: usize = 25;

/// Compares the answers of those who listen on these ports to caretaker's.
///
/// # Errors
/// When two answers differ.
pub async fn check(peers: &[(Peer, u16)], subjects: &Subjects) -> anyhow::Result<()> {
    let (own, others) = peers.split_first().context("nobody to ask")?;
    for question in QUESTIONS {
        let questions = question.requests(own.0, own.1, subjects);
        for (number, request) in questions.iter().enumerate().take(COMPARED) {
            let expected = ask(own.1, request).await?;
            let expected_value: Value = serde_json::from_slice(&expected)?;
            ensure!(
                expected_value.get("errors").is_none(),
                "{}: {expected_value}",
                question.name
            );
            for (peer, port) in others {
                let requests = question.requests(*peer, *port, subjects);
                let Some(request) = requests.get(number) else {
                    ensure!(requests.is_empty(), "{}: too few to compare", question.name);
                    continue;
                };
                let answer = ask(*port, request).await?;
                let agrees = match peer {
                    Peer::PostGraphile => {
                        plain(&serde_json::from_slice(&answer)?) == plain(&expected_value)
                    }
                    _ => answer == expected,
                };
                ensure!(
                    agrees,
                    "{} {number}: {peer:?} answers\n{}\nand caretaker\n{}",
                    question.name,
                    String::from_utf8_lossy(&answer),
                    String::from_utf8_lossy(&expected)
                );
            }
        }
    }
    Ok(())
}

/// An answer without what differs by design: names of lists, cursors, type names, the form of ids and times, and nulls.
fn plain(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.iter().filter(|(name, value)| {
                !value.is_null() && !matches!(name.as_str(), "__typename" | "endCursor")
            });
            let named = kept.map(|(name, value)| {
                let name = match name.as_str() {
                    "allBuildings" => "buildings",
                    "allIncidents" => "incidents",
                    "taskByRowId" => "task",
                    "buildingById" => "building",
                    other => other,
                };
                (name.to_owned(), plain(value))
            });
            Value::Object(named.collect::<Map<_, _>>())
        }
        Value::Array(elements) => Value::Array(elements.iter().map(plain).collect()),
        Value::String(text) => Value::String(word(text)),
        other => other.clone(),
    }
}

fn word(text: &str) -> String {
    let global = || {
        let plain = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let (_, id) = plain.split_once(':')?;
        uuid::Uuid::try_parse(id).ok().map(|id| id.to_string())
    };
    if let Some(id) = global() {
        return id;
    }
    match DateTime::parse_from_rfc3339(text) {
        Ok(time) => time.timestamp_micros().to_string(),
        Err(_) => text.to_owned(),
    }
}
