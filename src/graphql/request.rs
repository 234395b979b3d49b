//! A request as every transport gives it: one JSON object. What is no request is refused in words of ours.

use async_graphql::{Request, Variables};
use serde_json::{Map, Value};

/// The member of `extensions` under which the library's request carries what a client names its document by.
pub(super) const DOCUMENT_ID: &str = "caretaker.documentId";
/// The members of `extensions` that mean something here; others are passed over.
const EXTENSIONS: [&str; 2] = ["persistedQuery", "usage"];

/// The request that a JSON object makes.
///
/// # Errors
/// What is wrong with it.
pub fn of(body: Value) -> Result<Request, &'static str> {
    let Value::Object(mut body) = body else {
        return Err(match body {
            Value::Array(_) => {
                "batches are not taken: send each request by itself, as one JSON object"
            }
            _ => "the request is one JSON object",
        });
    };
    let document = text(&mut body, "query", "`query` is a text")?;
    let id = match text(&mut body, "documentId", "`documentId` is a text")? {
        Some(id) => Some(id),
        None => text(&mut body, "id", "`id` is a text")?,
    };
    let operation_name = text(
        &mut body,
        "operationName",
        "`operationName` is a text or null",
    )?;
    let mut extensions = object(&mut body, "extensions", "`extensions` is an object or null")?;
    extensions.retain(|name, _| EXTENSIONS.contains(&name.as_str()));
    let variables = object(&mut body, "variables", "`variables` is an object or null")?;
    if document.is_none() && id.is_none() && !extensions.contains_key("persistedQuery") {
        return Err("`query` is a text and must be given, or else `documentId`");
    }
    let mut request = request(
        document.unwrap_or_default(),
        operation_name,
        Value::Object(variables),
    );
    if let Some(id) = id {
        extensions.insert(DOCUMENT_ID.to_owned(), Value::String(id));
    }
    for (name, value) in extensions {
        if let Ok(value) = async_graphql::Value::from_json(value) {
            request.extensions.0.insert(name, value);
        }
    }
    Ok(request)
}

/// A request with its parts.
pub fn request(query: String, operation_name: Option<String>, variables: Value) -> Request {
    let request = Request::new(query).variables(Variables::from_json(variables));
    match operation_name {
        Some(name) => request.operation_name(name),
        None => request,
    }
}

fn text(
    body: &mut Map<String, Value>,
    name: &str,
    wrong: &'static str,
) -> Result<Option<String>, &'static str> {
    match body.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(wrong),
    }
}

fn object(
    body: &mut Map<String, Value>,
    name: &str,
    wrong: &'static str,
) -> Result<Map<String, Value>, &'static str> {
    match body.remove(name) {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(object)) => Ok(object),
        Some(_) => Err(wrong),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_document_is_given_or_named() {
        assert_eq!(of(json!({"query": "{ a }"})).unwrap().query, "{ a }");
        let hash = json!({"extensions": {"persistedQuery": {"version": 1}}});
        for named in [json!({"documentId": "x"}), json!({"id": "x"}), hash] {
            assert_eq!(of(named).unwrap().query, "");
        }
        for wrong in [
            json!({}),
            json!({"query": null}),
            json!({"query": 1}),
            json!({"query": "{ a }", "variables": []}),
            json!({"query": "{ a }", "extensions": "x"}),
            json!({"query": "{ a }", "operationName": {}}),
            json!({"documentId": 7}),
            json!("{ a }"),
        ] {
            assert!(of(wrong.clone()).is_err(), "{wrong}");
        }
        let batch = of(json!([{"query": "{ a }"}])).unwrap_err();
        assert!(batch.starts_with("batches are not taken"));
    }
}
