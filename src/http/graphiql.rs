//! GraphiQL at `/graphiql`: the files that `build.rs` bundled from `web/`, served from the binary.
//! It asks nothing of any other host, and the page's policy forbids it to.

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::uri::Authority;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;

use super::gzip;

/// One file of the bundle.
struct Asset {
    path: &'static str,
    content_type: &'static str,
    /// A hash of `bytes`, without quotes.
    etag: &'static str,
    bytes: &'static [u8],
    /// The same content compressed, where that is worth it.
    gzip: Option<&'static [u8]>,
}

include!(concat!(env!("OUT_DIR"), "/graphiql_assets.rs"));

const PAGE: &str = "index.html";

/// The page at `/graphiql` and its files below it; needs no state.
pub fn router<S>() -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    Router::new()
        .route("/graphiql", get(page))
        // The page's addresses are relative to /graphiql without a slash.
        .route(
            "/graphiql/",
            get(|| async { Redirect::permanent("../graphiql") }),
        )
        .route("/graphiql/{*asset}", get(file))
}

/// Whether this build carries GraphiQL; if not, why, and how to get it.
pub fn missing() -> Option<&'static str> {
    ASSETS.is_empty().then_some(MISSING)
}

async fn page(request: HeaderMap) -> Response {
    match find(PAGE) {
        Some(asset) => answer(asset, &request),
        None => absent(MISSING),
    }
}

async fn file(Path(path): Path<String>, request: HeaderMap) -> Response {
    match find(&path) {
        Some(asset) => answer(asset, &request),
        None => (StatusCode::NOT_FOUND, "GraphiQL has no such file.\n").into_response(),
    }
}

fn find(path: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.path == path)
}

fn answer(asset: &Asset, request: &HeaderMap) -> Response {
    let zipped = asset.gzip.filter(|_| gzip::accepts(request));
    let etag = match zipped {
        Some(_) => format!("\"{}-gzip\"", asset.etag),
        None => format!("\"{}\"", asset.etag),
    };
    let unchanged = is_known(request, &etag);
    let mut response = if unchanged {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        zipped.unwrap_or(asset.bytes).into_response()
    };
    let headers = response.headers_mut();
    guard(headers, request);
    set(headers, header::ETAG, &etag);
    set(headers, header::CACHE_CONTROL, caching(asset));
    set(headers, header::VARY, "accept-encoding");
    if !unchanged {
        set(headers, header::CONTENT_TYPE, asset.content_type);
        if zipped.is_some() {
            set(headers, header::CONTENT_ENCODING, "gzip");
        }
    }
    response
}

/// Names with a hash of the content in them end in `-<hash>.<type>`; they never change.
fn caching(asset: &Asset) -> &'static str {
    if asset.path.contains('-') {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    }
}

/// 503 and not 200, so that a probe or a script does not take this page for GraphiQL.
fn absent(missing: &str) -> Response {
    let missing = escape(missing);
    let body = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>caretaker – GraphiQL is not in this build</title>\n\
         <h1>GraphiQL is not in this build</h1>\n\
         <p>caretaker was built without it: {missing}.</p>\n\
         <p>The API works all the same: send GraphQL by POST to <code>/graphql</code>; \
         the schema is at <a href=\"schema.graphql\">/schema.graphql</a>.</p>\n</html>\n"
    );
    let mut response = (StatusCode::SERVICE_UNAVAILABLE, Html(body)).into_response();
    let headers = response.headers_mut();
    guard(headers, &HeaderMap::new());
    set(headers, header::CACHE_CONTROL, "no-store");
    response
}

/// What the browser may do with what we send: load from here, talk to here, nothing else.
/// Workers obey the policy of their own script, so every file carries it.
fn guard(headers: &mut HeaderMap, request: &HeaderMap) {
    // 'self' does not cover ws: in every browser, so the socket's address is spelled out.
    let sockets = match host(request) {
        Some(host) => format!(" ws://{host} wss://{host}"),
        None => String::new(),
    };
    let policy = format!(
        "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self' 'unsafe-inline'; \
         font-src 'self'; img-src 'self' data:; connect-src 'self'{sockets}; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    set(headers, header::CONTENT_SECURITY_POLICY, &policy);
    set(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(headers, header::REFERRER_POLICY, "no-referrer");
    let [opener, resource] = ["cross-origin-opener-policy", "cross-origin-resource-policy"];
    set(headers, HeaderName::from_static(opener), "same-origin");
    set(headers, HeaderName::from_static(resource), "same-origin");
}

/// The host that the caller named, if it is one: it ends up inside the policy.
fn host(request: &HeaderMap) -> Option<&str> {
    let host = request.get(header::HOST)?.to_str().ok()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    (host.chars().all(plain) && host.parse::<Authority>().is_ok()).then_some(host)
}

fn is_known(request: &HeaderMap, etag: &str) -> bool {
    gzip::listed(request, header::IF_NONE_MATCH)
        .any(|known| known == "*" || known.trim_start_matches("W/") == etag)
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const SCRIPT: Asset = Asset {
        path: "main-ABC.js",
        content_type: "text/javascript; charset=utf-8",
        etag: "1f",
        bytes: b"plain",
        gzip: Some(b"zipped"),
    };

    fn request(headers: &[(&'static str, &'static str)]) -> HeaderMap {
        headers
            .iter()
            .map(|(name, value)| {
                let name = HeaderName::from_static(name);
                (name, HeaderValue::from_static(value))
            })
            .collect()
    }

    async fn body(response: Response) -> Vec<u8> {
        axum::body::to_bytes(response.into_body(), 65_536)
            .await
            .unwrap()
            .to_vec()
    }

    #[tokio::test]
    async fn gzip_is_sent_only_to_those_who_take_it() {
        let zipped = answer(&SCRIPT, &request(&[("accept-encoding", "br, gzip;q=0.8")]));
        assert_eq!(zipped.headers()["content-encoding"], "gzip");
        assert_eq!(zipped.headers()["etag"], "\"1f-gzip\"");
        assert_eq!(body(zipped).await, b"zipped");

        for refusal in ["identity", "gzip;q=0", "br, gzip; q=0.0"] {
            let plain = answer(&SCRIPT, &request(&[("accept-encoding", refusal)]));
            assert!(
                !plain.headers().contains_key("content-encoding"),
                "{refusal}"
            );
            assert_eq!(body(plain).await, b"plain");
        }
    }

    #[tokio::test]
    async fn a_known_version_is_not_sent_again() {
        let known = answer(&SCRIPT, &request(&[("if-none-match", "\"0\", W/\"1f\"")]));
        assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(known.headers()["etag"], "\"1f\"");
        assert!(body(known).await.is_empty());

        let other = answer(&SCRIPT, &request(&[("if-none-match", "\"1f-gzip\"")]));
        assert_eq!(other.status(), StatusCode::OK);
    }

    #[test]
    fn hashed_files_are_kept_for_ever_and_the_page_is_asked_for_each_time() {
        let script = answer(&SCRIPT, &HeaderMap::new());
        assert!(
            script.headers()["cache-control"]
                .to_str()
                .unwrap()
                .contains("immutable")
        );
        let page = answer(
            &Asset {
                path: PAGE,
                ..SCRIPT
            },
            &HeaderMap::new(),
        );
        assert_eq!(page.headers()["cache-control"], "no-cache");
    }

    #[test]
    fn the_policy_names_this_host_and_nothing_that_is_not_a_host() {
        let policy = |host| {
            let response = answer(&SCRIPT, &request(&[("host", host)]));
            let policy = &response.headers()["content-security-policy"];
            policy.to_str().unwrap().to_owned()
        };
        assert!(
            policy("[::1]:8080").contains("connect-src 'self' ws://[::1]:8080 wss://[::1]:8080;")
        );
        assert!(policy("a; script-src *").contains("connect-src 'self';"));
        assert!(policy("evil.example *").contains("connect-src 'self';"));
    }

    #[tokio::test]
    async fn a_build_without_the_page_says_so_and_why() {
        let response = absent("`npm` was not found; install <Node.js>");
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        let body = String::from_utf8(body(response).await).unwrap();
        assert!(body.contains("`npm` was not found; install &lt;Node.js&gt;."));
    }

    #[tokio::test]
    async fn the_page_names_only_files_that_are_in_the_binary() {
        let Some(page) = find(PAGE) else {
            assert!(!MISSING.is_empty(), "a build without the page knows why");
            return;
        };
        let html = String::from_utf8(page.bytes.to_vec()).unwrap();
        let named: Vec<_> = html
            .split('"')
            .filter_map(|part| part.strip_prefix("graphiql/"))
            .collect();
        assert_eq!(named.len(), 6, "{named:?}");
        for name in named {
            assert!(find(name).is_some(), "{name}");
        }
    }
}
