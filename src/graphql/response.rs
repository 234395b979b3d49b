//! The answer to a request: whether anything was run, and its JSON.

use async_graphql::{PathSegment, Response, ServerError, Value};
use serde::Serialize;
use std::collections::BTreeMap;

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
    #[derive(Serialize)]
    struct Members<'a> {
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        errors: &'a [ServerError],
        #[serde(skip_serializing_if = "Option::is_none")]
        data: Option<&'a Value>,
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        extensions: &'a BTreeMap<String, Value>,
    }
    let members = Members {
        errors: &response.errors,
        data: (!is_refused(response)).then_some(&response.data),
        extensions: &response.extensions,
    };
    // Values of GraphQL have text keys only, so this cannot fail.
    serde_json::to_string(&members).unwrap_or_default()
}

/// The answer to a request that is not run.
pub(super) fn refusal(fault: &Fault) -> Response {
    Response::from_errors(vec![fault.to_server_error()])
}
