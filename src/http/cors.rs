//! Pages of other sites that the settings name may read the API; a browser keeps all others from it. No cookie is ever
//! asked for or believed, so nothing is allowed with credentials.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::Request;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};

use super::header::vary;

/// What such a page may send.
const METHODS: &str = "GET, POST";
/// What it may say.
const HEADERS: &str = "accept, authorization, content-type, x-requested-with, apollo-require-preflight, \
                       x-apollo-operation-name, x-apollo-operation-id, last-event-id";
/// What it may read beside the body.
const EXPOSED: &str = "x-request-id, retry-after, www-authenticate";
/// For how many seconds a browser need not ask again.
const MAX_AGE: &str = "7200";

/// The origins whose pages may read.
#[derive(Clone, Debug, Default)]
pub struct Cors {
    origins: Arc<BTreeSet<String>>,
}

impl Cors {
    /// Pages of these origins, as browsers write them: `https://board.example`.
    pub fn new(origins: impl IntoIterator<Item = String>) -> Self {
        Self {
            origins: Arc::new(origins.into_iter().collect()),
        }
    }

    /// The origin of a call, if it is one of these.
    pub(super) fn listed<'a>(&self, headers: &'a HeaderMap) -> Option<&'a HeaderValue> {
        let mut origins = headers.get_all(ORIGIN).iter();
        let (origin, None) = (origins.next()?, origins.next()) else {
            return None;
        };
        let is_listed = self.origins.contains(origin.to_str().ok()?);
        is_listed.then_some(origin)
    }
}

/// Answers browsers that ask beforehand, and tells them who may read an answer.
pub(super) async fn check<F: Future<Output = Response>>(
    cors: &Cors,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let origin = cors.listed(request.headers()).cloned();
    let asks_before = request.method() == Method::OPTIONS
        && request.headers().contains_key(ORIGIN)
        && request
            .headers()
            .contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = match (&origin, asks_before) {
        (Some(_), true) => StatusCode::NO_CONTENT.into_response(),
        (None, true) => {
            let why = "Pages of this origin may not read here: the setting `http.cors_origins` has to name it.\n";
            (StatusCode::FORBIDDEN, why).into_response()
        }
        _ => next(request).await,
    };
    let headers = response.headers_mut();
    vary(headers, "origin");
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        let fixed = HeaderValue::from_static;
        if asks_before {
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, fixed(METHODS));
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, fixed(HEADERS));
            headers.insert(ACCESS_CONTROL_MAX_AGE, fixed(MAX_AGE));
        } else {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, fixed(EXPOSED));
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_listed_letter_by_letter() {
        let cors = Cors::new(["https://board.example".to_owned()]);
        let is_listed = |origins: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for origin in origins {
                headers.append(ORIGIN, HeaderValue::from_static(origin));
            }
            cors.listed(&headers).is_some()
        };
        assert!(is_listed(&["https://board.example"]));
        for other in [
            "http://board.example",
            "https://board.example:8443",
            "https://board.example.evil.example",
            "https://evil.example",
            "null",
            "",
        ] {
            assert!(!is_listed(&[other]), "{other}");
        }
        assert!(!is_listed(&[
            "https://board.example",
            "https://evil.example"
        ]));
        assert!(!is_listed(&[]));
    }
}
