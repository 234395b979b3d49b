//! A small server for tests: it checks proofs, judges calls as the routes are specified to, and remembers them.

use super::{
    credential::{Credentials, Login, Pair},
    sign,
};
use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex},
};

/// What the stub was sent, in order of arrival.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) bodies: Vec<(String, String)>,
    pub(super) timestamps: HashMap<String, BTreeSet<String>>,
    /// Answers to be given before it answers properly, the last one first.
    first: Vec<Response>,
}

impl Seen {
    fn note(&mut self, path: &str, body: &str, timestamp: &str) {
        self.bodies.push((path.to_owned(), body.to_owned()));
        self.timestamps
            .entry(body.to_owned())
            .or_default()
            .insert(timestamp.to_owned());
    }
}

pub(super) type Stub = Arc<Mutex<Seen>>;

pub(super) fn credentials() -> Credentials {
    Credentials {
        matrix: Login {
            username: "matrix".into(),
            password: "pass:word".into(),
        },
        urgent: Pair {
            token: "token".into(),
            secret: "secret".into(),
        },
    }
}

/// Judges a call as the real routes are specified to.
async fn receive(
    State(stub): State<Stub>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(answer) = stub.lock().unwrap().first.pop() {
        return answer;
    }
    let header = |name: &str| {
        headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    };
    let (path, body) = (uri.path(), String::from_utf8(body.to_vec()).unwrap());
    let put = matches!(
        path,
        "/webhooks/urgent/status-changed" | "/webhooks/urgent/task-chased"
    );
    if method != (if put { Method::PUT } else { Method::POST }) {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let proof = match path {
        "/webhooks/matrix" => sign::basic(&credentials().matrix),
        _ => sign::hmac(
            &credentials().urgent,
            method.as_str(),
            path,
            header("x-timestamp"),
        )
        .unwrap(),
    };
    if header("authorization") != proof {
        return (StatusCode::UNAUTHORIZED, "bad proof").into_response();
    }
    // Some take longer than others, so that a later call can overtake an earlier one.
    for _ in 0..body.len() % 29 {
        tokio::task::yield_now().await;
    }
    stub.lock()
        .unwrap()
        .note(path, &body, header("x-timestamp"));
    let Ok(value) = serde_json::from_str::<Value>(&body) else {
        return (StatusCode::BAD_REQUEST, "no JSON").into_response();
    };
    match path {
        "/webhooks/matrix" => return StatusCode::OK.into_response(),
        "/webhooks/urgent/status-changed"
        | "/webhooks/urgent/note-added"
        | "/webhooks/urgent/task-chased"
        | "/webhooks/urgent/task-created"
        | "/webhooks/urgent/task-changed" => {}
        _ => return StatusCode::NOT_FOUND.into_response(),
    }
    let guid = value["TaskIdentifier"]
        .as_str()
        .is_some_and(|text| text.parse::<uuid::Uuid>().is_ok());
    let names_task = guid || !value["TaskReference"].is_null();
    match names_task && value["Tenant"].is_string() {
        true => StatusCode::OK.into_response(),
        false => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "names no tenant or no task",
        )
            .into_response(),
    }
}

pub(super) async fn stub(first: Vec<Response>) -> (String, Stub) {
    let stub = Stub::default();
    stub.lock().unwrap().first = first;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new()
        .route("/readyz", get(async || Json(json!({ "ready": true }))))
        .fallback(receive)
        .with_state(Arc::clone(&stub));
    tokio::spawn(async move { axum::serve(listener, app).await });
    (address, stub)
}
