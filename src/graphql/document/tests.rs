//! What a named document becomes.

use super::*;
use crate::graphql::request::of;
use serde_json::json;

const DOCUMENT: &str = "{ server { version } }";

fn hash_of(document: &str) -> String {
    let hash = Hash::from(Sha256::digest(document));
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn apq(hash: &str) -> serde_json::Value {
    json!({"persistedQuery": {"version": 1, "sha256Hash": hash}})
}

/// The document that a request comes to, or the code of its refusal.
fn settled(documents: &Documents, body: serde_json::Value) -> Result<String, ErrorCode> {
    let mut request = of(body).unwrap();
    let registration = documents.settle(&mut request).map_err(|fault| fault.code)?;
    if let Some(registration) = registration {
        documents.register(registration, &request.query);
    }
    Ok(request.query)
}

#[test]
fn a_document_is_registered_once_and_named_from_then_on() {
    let documents = Documents::registered(10);
    let hash = hash_of(DOCUMENT);
    let by_hash = || json!({ "extensions": apq(&hash) });
    let missing = Err(ErrorCode::PersistedQueryNotFound);
    assert_eq!(settled(&documents, by_hash()), missing);
    let with_text = json!({"query": DOCUMENT, "extensions": apq(&hash)});
    assert_eq!(settled(&documents, with_text), Ok(DOCUMENT.to_owned()));
    assert_eq!(settled(&documents, by_hash()), Ok(DOCUMENT.to_owned()));
    let upper = json!({ "extensions": apq(&hash.to_uppercase()) });
    assert_eq!(settled(&documents, upper), Ok(DOCUMENT.to_owned()));
    let by_id = json!({"documentId": format!("sha256:{hash}")});
    assert_eq!(settled(&documents, by_id), Ok(DOCUMENT.to_owned()));
    let both = json!({"query": "{ other }", "id": "a word of the client's own"});
    assert_eq!(settled(&documents, both), Ok("{ other }".to_owned()));
}

#[test]
fn a_hash_of_something_else_registers_nothing() {
    let documents = Documents::registered(10);
    let hash = hash_of("{ other }");
    let lie = json!({"query": DOCUMENT, "extensions": apq(&hash)});
    assert_eq!(settled(&documents, lie), Err(ErrorCode::BadInput));
    let named = settled(&documents, json!({ "extensions": apq(&hash) }));
    assert_eq!(named, Err(ErrorCode::PersistedQueryNotFound));
    for wrong in [
        json!({"persistedQuery": {"version": 2, "sha256Hash": hash}}),
        json!({"persistedQuery": {"sha256Hash": hash}}),
        json!({"persistedQuery": {"version": 1, "sha256Hash": "abc"}}),
        json!({"persistedQuery": 1}),
    ] {
        let asked = settled(&documents, json!({ "extensions": wrong }));
        assert_eq!(asked, Err(ErrorCode::BadInput), "{wrong}");
    }
}

#[test]
fn without_room_for_any_the_client_is_told_not_to_ask_again() {
    let documents = Documents::registered(0);
    let asked = settled(&documents, json!({ "extensions": apq(&hash_of(DOCUMENT)) }));
    assert_eq!(asked, Err(ErrorCode::PersistedQueryNotSupported));
    let plain = settled(&documents, json!({ "query": DOCUMENT }));
    assert_eq!(plain, Ok(DOCUMENT.to_owned()));
}

#[test]
fn a_manifest_is_read_in_each_format_and_trusts_nothing_else() {
    let plain = json!({"Server": DOCUMENT, "b": "query B { server { version } }"});
    let apollo = json!({"format": "apollo-persisted-query-manifest", "version": 1, "operations": [
        {"id": "Server", "name": "Server", "type": "query", "body": DOCUMENT},
    ]});
    for manifest in [plain, apollo] {
        let documents = Documents::trusted(&manifest.to_string(), &Limits::default()).unwrap();
        for named in [
            json!({"documentId": "Server"}),
            json!({"id": "Server"}),
            json!({"documentId": "sha256:Server"}),
            json!({ "extensions": apq("Server") }),
            json!({ "query": DOCUMENT }),
            // What is named counts, whatever else is said.
            json!({"query": "{ properties { totalCount } }", "documentId": "Server"}),
        ] {
            let settled = settled(&documents, named.clone());
            assert_eq!(settled, Ok(DOCUMENT.to_owned()), "{named}");
        }
        for other in [
            json!({"documentId": "server"}),
            json!({"query": "{ properties { totalCount } }"}),
            json!({"query": "{ properties { totalCount } }", "extensions": apq(&hash_of("{ properties { totalCount } }"))}),
        ] {
            let refused = settled(&documents, other.clone());
            assert_eq!(refused, Err(ErrorCode::DocumentNotTrusted), "{other}");
        }
    }
}

#[test]
fn a_manifest_that_cannot_be_meant_is_refused_with_the_reason() {
    let refusal = |manifest: &str| Documents::trusted(manifest, &Limits::default()).unwrap_err();
    assert!(refusal("[]").starts_with("the manifest is neither"));
    assert!(refusal("{}").starts_with("the manifest has no document"));
    let broken = refusal(r#"{"a": "{ server"}"#);
    assert!(broken.starts_with("the document `a`: the document is not well-formed"));
    let deep = json!({ "deep": "{a".repeat(40) + &"}".repeat(40) });
    assert!(refusal(&deep.to_string()).starts_with("the document `deep`: "));
    let other = r#"{"format": "other", "version": 1, "operations": []}"#;
    assert!(refusal(other).contains("`other`"));
}
