//! The answer to a request: whether anything was run, and its JSON.

use async_graphql::{Name, PathSegment, Response, ServerError, Value};
use serde::Serialize;

use super::error::Fault;

/// A root field that cannot be null and failed leaves nothing: the library leaves it out and answers the rest.
pub(super) fn propagate(response: &mut Response) {
    let Value::Object(data) = &response.data else {
        return;
    };
    let is_missing = |error: &ServerError| match error.path.as_slice() {
        [PathSegment::Field(key)] => !data.contains_key(key.as_str()),
        _ => false,
    };
    if response.errors.iter().any(is_missing) {
        response.data = Value::Null;
    }
}

/// Whether the request was refused before anything ran: an answer without `data`.
pub fn is_refused(response: &Response) -> bool {
    response.data == Value::Null
        && !response.errors.is_empty()
        && response.errors.iter().all(|error| error.path.is_empty())
}

/// The answer as JSON; without `data` when the request was refused.
pub fn to_json(response: &Response) -> String {
    let mut text = String::from("{");
    if !response.errors.is_empty() {
        text.push_str("\"errors\":");
        push(&mut text, &response.errors);
    }
    if !is_refused(response) {
        text.push_str(if text.len() > 1 {
            ",\"data\":"
        } else {
            "\"data\":"
        });
        push_value(&mut text, &response.data);
    }
    if !response.extensions.is_empty() {
        text.push_str(",\"extensions\":");
        push(&mut text, &response.extensions);
    }
    text.push('}');
    text
}

/// Appends a value of the answer; what is written already goes as it is.
fn push_value(text: &mut String, value: &Value) {
    match value {
        Value::Binary(json) => text.push_str(std::str::from_utf8(json).unwrap_or("null")),
        Value::List(values) => {
            text.push('[');
            for (nth, value) in values.iter().enumerate() {
                if nth > 0 {
                    text.push(',');
                }
                push_value(text, value);
            }
            text.push(']');
        }
        Value::Object(members) => {
            text.push('{');
            for (nth, (name, value)) in members.iter().enumerate() {
                if nth > 0 {
                    text.push(',');
                }
                push(text, name);
                text.push(':');
                push_value(text, value);
            }
            text.push('}');
        }
        value => push(text, value),
    }
}

/// Appends what is no answer to a field.
fn push(text: &mut String, value: &impl Serialize) {
    // Values of GraphQL have text keys only, so this cannot fail.
    text.push_str(&serde_json::to_string(value).unwrap_or_default());
}

/// Puts the root fields into the order of `keys`.
pub(super) fn order(response: &mut Response, keys: &[Name]) {
    if let Value::Object(data) = &mut response.data {
        let place = |name: &Name| keys.iter().position(|key| key == name);
        data.sort_by_cached_key(|name, _| place(name));
    }
}

/// The answer to a request that is not run.
pub(super) fn refusal(fault: &Fault) -> Response {
    Response::from_errors(vec![fault.to_server_error()])
}
