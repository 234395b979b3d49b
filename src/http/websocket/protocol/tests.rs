//! No message breaks the reading of it, and each that is none is told so.

use async_graphql::Response;
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn is_heard(message: &Value) -> bool {
    read(&message.to_string()).is_ok()
}

#[test]
fn each_kind_of_message_is_heard() {
    let text = |message: Value| read(&message.to_string());
    for payload in [Value::Null, json!({}), json!({"token": "t"})] {
        let init = text(json!({"type": "connection_init", "payload": payload}));
        assert!(matches!(init, Ok(Heard::Init(said)) if said == payload));
        let pong = text(json!({"type": "pong", "payload": payload}));
        assert!(matches!(pong, Ok(Heard::Pong)));
    }
    assert!(
        matches!(text(json!({"type": "connection_init"})), Ok(Heard::Init(said)) if said.is_null())
    );
    assert!(matches!(
        text(json!({"type": "ping"})),
        Ok(Heard::Ping(None))
    ));
    let ping = text(json!({"type": "ping", "payload": {"at": 1}}));
    assert!(matches!(ping, Ok(Heard::Ping(Some(at))) if at == json!({"at": 1})));
    let complete = text(json!({"type": "complete", "id": "a"}));
    assert!(matches!(complete, Ok(Heard::Complete { id }) if id == "a"));
    let subscribe = json!({"type": "subscribe", "id": "a", "payload": {
        "query": "{ a }", "operationName": null, "variables": {"b": 1}, "extensions": {}, "more": 1,
    }, "more": 1});
    let Ok(Heard::Subscribe { id, request }) = text(subscribe) else {
        panic!("not heard");
    };
    assert_eq!((id.as_str(), request.query.as_str()), ("a", "{ a }"));
}

/// What the sentences of the protocol ask of each member.
#[test]
fn what_is_no_message_is_told_so() {
    let subscribe = |payload: Value| json!({"type": "subscribe", "id": "a", "payload": payload});
    for message in [
        json!(null),
        json!("ping"),
        json!([{"type": "ping"}]),
        json!({}),
        json!({"type": null}),
        json!({"type": ["ping"]}),
        json!({"type": "Ping"}),
        json!({"type": "connection_ack"}),
        json!({"type": "next", "id": "a", "payload": {}}),
        json!({"type": "error", "id": "a", "payload": []}),
        json!({"type": "start", "id": "a", "payload": {"query": "{ a }"}}),
        json!({"type": "connection_init", "payload": "token"}),
        json!({"type": "connection_init", "payload": []}),
        json!({"type": "ping", "payload": 1}),
        json!({"type": "pong", "payload": false}),
        json!({"type": "complete"}),
        json!({"type": "complete", "id": null}),
        json!({"type": "complete", "id": ""}),
        json!({"type": "complete", "id": 1}),
        json!({"type": "complete", "id": "a".repeat(256)}),
        json!({"type": "subscribe", "payload": {"query": "{ a }"}}),
        json!({"type": "subscribe", "id": 7, "payload": {"query": "{ a }"}}),
        json!({"type": "subscribe", "id": "", "payload": {"query": "{ a }"}}),
        json!({"type": "subscribe", "id": "a"}),
        subscribe(json!(null)),
        subscribe(json!("{ a }")),
        subscribe(json!([{"query": "{ a }"}])),
        subscribe(json!({})),
        subscribe(json!({"query": null})),
        subscribe(json!({"query": ["{ a }"]})),
        subscribe(json!({"query": "{ a }", "variables": []})),
        subscribe(json!({"query": "{ a }", "variables": "{}"})),
        subscribe(json!({"query": "{ a }", "operationName": 1})),
        subscribe(json!({"query": "{ a }", "extensions": [1]})),
    ] {
        assert!(!is_heard(&message), "{message}");
    }
    for text in [
        "",
        "{",
        "{\"type\":\"ping\"",
        "nul",
        "{\"type\":\"ping\"} x",
        "\u{feff}{}",
    ] {
        assert!(read(text).is_err(), "{text}");
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(
        read(&format!(
            "{{\"type\":\"ping\",\"payload\":{{\"a\":{deep}}}}}"
        ))
        .is_err()
    );
}

#[test]
fn what_is_told_together_is_a_message_each() {
    let step = Step::together(&[("1", "a"), ("2", "b")]);
    let message = |payload| format!(r#"{{"id":"x","type":"next","payload":{payload}}}"#);
    let told = Told::Next("x".to_owned(), step);
    assert_eq!(told.texts(), [message(1), message(2)]);
}

#[test]
fn what_is_told_is_json_whatever_the_id() {
    let id = "\"\\\n\u{0}ä".to_owned();
    let said = |told: Told| serde_json::from_str::<Value>(&told.texts().concat()).unwrap();
    let next = said(Told::Next(
        id.clone(),
        Step::of(Response::new(async_graphql::Value::Null)),
    ));
    assert_eq!(
        next,
        json!({"id": id, "type": "next", "payload": {"data": null}})
    );
    let error = said(Told::Error(id.clone(), "[]".to_owned()));
    assert_eq!(error, json!({"id": id, "type": "error", "payload": []}));
    let complete = said(Told::Complete(id.clone()));
    assert_eq!(complete, json!({"id": id, "type": "complete"}));
    assert_eq!(said(Told::Ack), json!({"type": "connection_ack"}));
    assert_eq!(said(Told::Pong(None)), json!({"type": "pong"}));
    let pong = said(Told::Pong(Some(json!({"a": 1}))));
    assert_eq!(pong, json!({"type": "pong", "payload": {"a": 1}}));
}

#[test]
fn a_reason_fits_into_its_frame() {
    let long = "ä".repeat(200);
    for close in [
        Close::Duplicate(long.clone()),
        Close::Forbidden(long.clone()),
        Close::TryAgain(long),
        Close::NotAcceptable(true),
    ] {
        let reason = close.reason();
        assert!(!reason.is_empty() && reason.len() <= 123, "{reason}");
    }
    let id = "1".to_owned();
    assert_eq!(
        Close::Duplicate(id).reason(),
        "Subscriber for 1 already exists"
    );
}

/// Any JSON, most of it near a message.
fn message() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        Just("connection_init"),
        Just("connection_ack"),
        Just("ping"),
        Just("pong"),
        Just("subscribe"),
        Just("next"),
        Just("error"),
        Just("complete"),
        Just("id"),
        Just("type"),
        Just("payload"),
        Just("query"),
        Just("variables"),
        Just("operationName"),
        Just("extensions"),
        Just(""),
        Just("{ a }"),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(3, 24, 4, move |inner| {
        let member = (word.clone().prop_map(str::to_owned), inner.clone());
        prop_oneof![
            proptest::collection::vec(inner, 0..3).prop_map(Value::Array),
            proptest::collection::vec(member, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    });
    let kind = prop_oneof![
        Just("connection_init"),
        Just("ping"),
        Just("pong"),
        Just("subscribe"),
        Just("complete"),
        Just("next"),
    ];
    (kind, value.clone(), value)
        .prop_map(|(kind, id, payload)| json!({"type": kind, "id": id, "payload": payload}))
}

/// The protocol's own words for what is a message of a client.
fn is_message(message: &Value) -> bool {
    let is = |value: &Value, wanted: fn(&Value) -> bool| value.is_null() || wanted(value);
    let payload = &message["payload"];
    let has_id = matches!(message["id"].as_str(), Some(id) if !id.is_empty() && id.len() <= 255);
    match message["type"].as_str() {
        Some("connection_init" | "ping" | "pong") => is(payload, Value::is_object),
        Some("complete") => has_id,
        Some("subscribe") => {
            // A document may be named instead, by what is a member of ours.
            let named = ["documentId", "id"]
                .iter()
                .any(|name| payload[name].is_string())
                || payload["extensions"].get("persistedQuery").is_some();
            has_id
                && payload.is_object()
                && (payload["query"].is_string() || payload["query"].is_null() && named)
                && is(&payload["operationName"], Value::is_string)
                && is(&payload["id"], Value::is_string)
                && is(&payload["variables"], Value::is_object)
                && is(&payload["extensions"], Value::is_object)
        }
        _ => false,
    }
}

proptest! {
    #[test]
    fn no_text_breaks_the_reading(text in ".{0,200}") {
        prop_assert!(read(&text).is_err());
    }

    #[test]
    fn a_message_is_heard_and_nothing_else(message in message()) {
        prop_assert_eq!(is_heard(&message), is_message(&message), "{}", message);
    }
}
