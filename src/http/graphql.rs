//! GraphQL over HTTP, to the letter where the library is not: what is taken and when it is run.
//! POST takes JSON only and GET runs queries only, so that no page of another site can make a browser act.

mod multipart;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Extension, FromRef, RawQuery, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use serde_json::{Map, Value, json};

use super::answer::{self, Refusal, finish};
use super::cors::{self, Cors};
use super::gzip;
use super::header::RequestId;
use super::live::Live;
use super::media;
use super::reader::{Place, Reader, Readers};
use crate::graphql;
use crate::graphql::error::Fault;
use crate::graphql::limits::Limit;
use media::Answer;

/// Headers that no page of another site can make a browser send without asking beforehand.
const UNCOMMON: [&str; 4] = [
    "authorization",
    "x-requested-with",
    "apollo-require-preflight",
    "x-apollo-operation-name",
];

/// What the routes need.
#[derive(Clone, Debug)]
pub struct Face {
    /// What is asked, and who may ask.
    pub live: Arc<Live>,
    /// The longest request body, in bytes.
    pub max_body_bytes: usize,
    /// How long the body may take to arrive.
    pub body_timeout: Duration,
    /// Which pages of other sites may read.
    pub cors: Cors,
    /// Whether long answers are compressed for those who take it.
    pub compression: bool,
}

impl Face {
    /// A place for an answer that stays open.
    fn place(&self, reader: &Reader) -> Result<Place, Refusal> {
        let place = self.live.readers.place(reader);
        place.map_err(|fault| Refusal(StatusCode::TOO_MANY_REQUESTS, fault))
    }
}

impl FromRef<Face> for Arc<Readers> {
    fn from_ref(face: &Face) -> Self {
        Self::clone(&face.live.readers)
    }
}

/// `/graphql`, `/graphql/stream` and `/schema.graphql`.
pub fn routes(face: Face) -> Router {
    let sdl = Arc::new(graphql::sdl());
    Router::new()
        .route("/graphql", get(by_get).post(by_post).fallback(otherwise))
        .route(
            "/graphql/stream",
            get(stream::by_get)
                .post(stream::by_post)
                .fallback(stream::otherwise),
        )
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
        .layer(from_fn_with_state(face.clone(), dress))
        .with_state(face)
}

/// The middleware: what pages of other sites are told, and answers compressed.
async fn dress(State(face): State<Face>, request: Request, next: Next) -> Response {
    let run = |request| next.run(request);
    cors::check(&face.cors, request, |request| async {
        match face.compression {
            true => gzip::apply(request, run).await,
            false => run(request).await,
        }
    })
    .await
}

async fn by_post(
    State(face): State<Face>,
    Extension(id): Extension<RequestId>,
    reader: Reader,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let in_parts = multipart::is_taken(&headers);
    let in_events = stream::is_taken(&headers);
    let answer = media::negotiate(&headers);
    if answer.is_none() && !in_parts && !in_events {
        return not_acceptable(&headers, id);
    }
    let request = posted(&face, &reader, &headers, body).await;
    let form = answer.unwrap_or(Answer::GraphqlResponse);
    let mut request = match request {
        Ok(request) => request,
        Err(refusal) => return finish(Err(refusal), form, id),
    };
    let schema = &face.live.schema;
    let is_refused = (in_parts || in_events) && schema.admit(&mut request).is_err();
    let is_live = (in_parts || in_events) && !is_refused && schema.is_subscription(&mut request);
    let response = if in_parts && is_live {
        multipart::answer(&face, reader, request, id)
    } else if in_events && (is_live || answer.is_none()) {
        stream::answer(&face, reader, &headers, request, id)
    } else if answer.is_none() && !is_refused {
        return not_acceptable(&headers, id);
    } else {
        Ok(finish(Ok(run(&face, &reader, request, id).await), form, id))
    };
    response.unwrap_or_else(|refusal| finish(Err(refusal), form, id))
}

/// The request of a body.
async fn posted(
    face: &Face,
    reader: &Reader,
    headers: &HeaderMap,
    body: Body,
) -> Result<async_graphql::Request, Refusal> {
    if !media::is_json(headers) {
        return Err(Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "send the request as `application/json`",
        ));
    }
    let body = read(face, headers, body).await?;
    let body: Value = serde_json::from_slice(&body)
        .map_err(|_| Refusal::new(StatusCode::BAD_REQUEST, "the body is not JSON"))?;
    understood(reader, body)
}

async fn read(face: &Face, headers: &HeaderMap, body: Body) -> Result<axum::body::Bytes, Refusal> {
    let length = headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let too_long = || {
        let fault = Fault::over(Limit::Body, face.max_body_bytes, length);
        Refusal(StatusCode::PAYLOAD_TOO_LARGE, fault)
    };
    // What says beforehand that it is too long is not waited for.
    if length.is_some_and(|length| length > face.max_body_bytes) {
        return Err(too_long());
    }
    let body = tokio::time::timeout(face.body_timeout, to_bytes(body, face.max_body_bytes));
    let body = body.await.map_err(|_| {
        let message = "the body did not arrive in time";
        Refusal::new(StatusCode::REQUEST_TIMEOUT, message)
    })?;
    body.map_err(|_| too_long())
}

async fn by_get(
    State(face): State<Face>,
    Extension(id): Extension<RequestId>,
    reader: Reader,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let Some(answer) = media::negotiate(&headers) else {
        return not_acceptable(&headers, id);
    };
    let run = async {
        let mut request = asked(&face, &reader, &headers, query)?;
        let schema = &face.live.schema;
        if schema.admit(&mut request).is_ok() && !schema.is_query(&mut request) {
            return Err(Refusal::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "GET runs queries only",
            ));
        }
        Ok(run(&face, &reader, request, id).await)
    };
    finish(run.await, answer, id)
}

/// The request of an URL.
fn asked(
    face: &Face,
    reader: &Reader,
    headers: &HeaderMap,
    query: Option<String>,
) -> Result<async_graphql::Request, Refusal> {
    if is_embedded(headers) && face.cors.listed(headers).is_none() {
        return Err(Refusal::new(
            StatusCode::FORBIDDEN,
            "a page of another site may not do this without asking: send a header such as `x-requested-with`",
        ));
    }
    let query = query.unwrap_or_default();
    if query.len() > face.max_body_bytes {
        let fault = Fault::over(Limit::Body, face.max_body_bytes, query.len());
        return Err(Refusal(StatusCode::URI_TOO_LONG, fault));
    }
    understood(reader, in_url(&query)?)
}

/// Whether a page of another site made a browser ask, without a word that it could not have said by an image or a link.
fn is_embedded(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").map(|site| site.as_bytes());
    matches!(site, Some(b"cross-site" | b"same-site"))
        && !UNCOMMON.iter().any(|name| headers.contains_key(*name))
}

async fn otherwise(Extension(id): Extension<RequestId>, _: Reader, headers: HeaderMap) -> Response {
    answer::otherwise_than(&headers, id, "send GraphQL by POST, or a query by GET")
}

fn not_acceptable(headers: &HeaderMap, id: RequestId) -> Response {
    let why = "this address answers `application/graphql-response+json` or `application/json`";
    answer::not_acceptable(headers, id, why)
}

async fn run(
    face: &Face,
    reader: &Reader,
    request: async_graphql::Request,
    id: RequestId,
) -> async_graphql::Response {
    let viewer = reader.viewer.clone();
    face.live.schema.execute(request, viewer, id.0).await
}

/// The request; of a display, the one that is stored with its key.
fn understood(reader: &Reader, body: Value) -> Result<async_graphql::Request, Refusal> {
    let body = match (&reader.bound, body) {
        (Some(bound), Value::Object(asked)) => match bound.request(&asked) {
            Ok(stored) => Value::Object(stored),
            Err(fault) => return Err(Refusal(StatusCode::FORBIDDEN, fault)),
        },
        (_, body) => body,
    };
    graphql::request_of(body).map_err(|wrong| Refusal::new(StatusCode::BAD_REQUEST, wrong))
}

fn in_url(query: &str) -> Result<Value, Refusal> {
    let mut body = Map::new();
    for (name, value) in media::form(query) {
        let value = match name.as_str() {
            "query" | "operationName" | "documentId" | "id" => Value::String(value),
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
    Ok(Value::Object(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_page_of_another_site_can_embed_is_told_from_what_it_has_to_ask_for() {
        let is = |more: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in more {
                headers.insert(*name, value.parse().unwrap());
            }
            is_embedded(&headers)
        };
        for site in ["cross-site", "same-site"] {
            assert!(is(&[("sec-fetch-site", site)]));
            for name in UNCOMMON {
                assert!(!is(&[("sec-fetch-site", site), (name, "1")]), "{name}");
            }
        }
        assert!(!is(&[]));
        assert!(!is(&[("sec-fetch-site", "none")]));
        assert!(!is(&[("sec-fetch-site", "same-origin")]));
    }
}
