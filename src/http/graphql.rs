//! GraphQL over HTTP, to the letter where the library is not: what is taken, what is answered, with which status.
//! POST takes JSON only and GET runs queries only, so that no page of another site can make a browser act.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::parser::types::OperationType;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::media::{self, Answer};
use crate::domain::scope::Viewer;
use crate::graphql::error::Fault;
use crate::graphql::{self, Schema};

/// How long the body of a request may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// What the routes need.
#[derive(Clone, Debug)]
pub struct Face {
    /// The schema.
    pub schema: Schema,
    /// The longest request body, in bytes.
    pub max_body_bytes: usize,
}

/// `/graphql` and `/schema.graphql`.
pub fn routes(face: Face) -> Router {
    let sdl = Arc::new(graphql::sdl());
    Router::new()
        .route("/graphql", get(by_get).post(by_post))
        .with_state(face)
        .route(
            "/schema.graphql",
            get(move || {
                let sdl = Arc::clone(&sdl);
                async move {
                    let kind = "application/graphql; charset=utf-8";
                    ([(header::CONTENT_TYPE, kind)], sdl.as_str().to_owned())
                }
            }),
        )
}

/// The parameters of a request.
struct Parameters {
    query: String,
    operation_name: Option<String>,
    variables: Value,
}

/// What keeps a request from being run: the status and the words.
struct Refusal(StatusCode, Fault);

impl Refusal {
    fn new(status: StatusCode, message: &str) -> Self {
        Self(status, Fault::input(message))
    }
}

async fn by_post(State(face): State<Face>, headers: HeaderMap, body: Body) -> Response {
    let answer = match media::negotiate(&headers) {
        Some(answer) => answer,
        None => return not_acceptable(),
    };
    let id = Uuid::new_v4();
    let run = async {
        if !media::is_json(&headers) {
            return Err(Refusal::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "send the request as `application/json`",
            ));
        }
        let body = to_bytes(body, face.max_body_bytes);
        let body = tokio::time::timeout(BODY_TIMEOUT, body)
            .await
            .map_err(|_| {
                let message = "the body did not arrive in time";
                Refusal::new(StatusCode::REQUEST_TIMEOUT, message)
            })?;
        let body = body.map_err(|_| {
            let message = format!("a request has at most {} bytes", face.max_body_bytes);
            Refusal(StatusCode::PAYLOAD_TOO_LARGE, Fault::limit(message))
        })?;
        let body: Value = serde_json::from_slice(&body)
            .map_err(|_| Refusal::new(StatusCode::BAD_REQUEST, "the body is not JSON"))?;
        run(&face, parameters(body)?, id, false).await
    };
    finish(run.await, answer, id)
}

async fn by_get(
    State(face): State<Face>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let answer = match media::negotiate(&headers) {
        Some(answer) => answer,
        None => return not_acceptable(),
    };
    let id = Uuid::new_v4();
    let run = async {
        let query = query.unwrap_or_default();
        if query.len() > face.max_body_bytes {
            let message = format!("a request has at most {} bytes", face.max_body_bytes);
            return Err(Refusal(StatusCode::URI_TOO_LONG, Fault::limit(message)));
        }
        run(&face, in_url(&query)?, id, true).await
    };
    finish(run.await, answer, id)
}

async fn run(
    face: &Face,
    parameters: Parameters,
    id: Uuid,
    queries_only: bool,
) -> Result<async_graphql::Response, Refusal> {
    let Parameters {
        query,
        operation_name,
        variables,
    } = parameters;
    let mut request = graphql::request(query, operation_name, variables);
    if queries_only && !is_query(&mut request) {
        return Err(Refusal::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "GET runs queries only",
        ));
    }
    Ok(face.schema.execute(request, Viewer::open(), id).await)
}

/// Whether the operation that would run is a query; what cannot be read is left to the schema to refuse.
fn is_query(request: &mut async_graphql::Request) -> bool {
    if graphql::limits::nesting(request).is_err() {
        return true;
    }
    let name = request.operation_name.clone();
    let Ok(document) = request.parsed_query() else {
        return true;
    };
    document
        .operations
        .iter()
        .filter(|(known, _)| name.is_none() || known.map(|known| known.as_str()) == name.as_deref())
        .all(|(_, operation)| operation.node.ty == OperationType::Query)
}

fn parameters(body: Value) -> Result<Parameters, Refusal> {
    let wrong = |message| Refusal::new(StatusCode::BAD_REQUEST, message);
    let Value::Object(mut body) = body else {
        return Err(wrong("the body is one JSON object; batches are not taken"));
    };
    let Some(Value::String(query)) = body.remove("query") else {
        return Err(wrong("`query` is a text and must be given"));
    };
    let operation_name = match body.remove("operationName") {
        None | Some(Value::Null) => None,
        Some(Value::String(name)) => Some(name),
        Some(_) => return Err(wrong("`operationName` is a text or null")),
    };
    let object = |value, message| match value {
        None | Some(Value::Null) => Ok(Value::Object(Map::new())),
        Some(object @ Value::Object(_)) => Ok(object),
        Some(_) => Err(wrong(message)),
    };
    object(
        body.remove("extensions"),
        "`extensions` is an object or null",
    )?;
    let variables = object(body.remove("variables"), "`variables` is an object or null")?;
    Ok(Parameters {
        query,
        operation_name,
        variables,
    })
}

fn in_url(query: &str) -> Result<Parameters, Refusal> {
    let mut body = Map::new();
    for (name, value) in media::form(query) {
        let value = match name.as_str() {
            "query" | "operationName" => Value::String(value),
            "variables" | "extensions" => serde_json::from_str(&value).map_err(|_| {
                let message = format!("`{name}` is not JSON");
                Refusal::new(StatusCode::BAD_REQUEST, &message)
            })?,
            _ => continue,
        };
        body.insert(name, value);
    }
    // `operationName=` stands for none.
    if body.get("operationName") == Some(&json!("")) {
        body.remove("operationName");
    }
    parameters(Value::Object(body))
}

fn finish(outcome: Result<async_graphql::Response, Refusal>, answer: Answer, id: Uuid) -> Response {
    let (status, body) = match outcome {
        Ok(response) => {
            let refused = graphql::is_refused(&response);
            let status = match answer {
                Answer::GraphqlResponse if refused => StatusCode::BAD_REQUEST,
                _ => StatusCode::OK,
            };
            (status, graphql::to_json(&response))
        }
        Err(Refusal(status, fault)) => {
            let mut response = async_graphql::Response::from_errors(vec![fault.to_server_error()]);
            graphql::error::complete(&mut response.errors, id);
            (status, graphql::to_json(&response))
        }
    };
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static(answer.media_type());
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
    }
    if let Ok(id) = HeaderValue::from_str(&id.to_string()) {
        headers.insert("x-request-id", id);
    }
    response
}

fn not_acceptable() -> Response {
    let why = "This address answers application/graphql-response+json or application/json.\n";
    (StatusCode::NOT_ACCEPTABLE, why).into_response()
}
