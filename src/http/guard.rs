//! Who may reach an API that is open because no readers are configured: callers that name this server by a loopback
//! name. Where readers are configured, their tokens decide, which no page of another site has, and the guard rests.
//! Any web page can make a browser call 127.0.0.1; it cannot make it lie about Host, Origin and Sec-Fetch-Site.
//! A proxy's callers are not on this machine: what a proxy passes on is refused.
//!
//! It is the outermost layer of what readers reach: it also gives each request its id.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{Request, State};
use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::answer::{self, Refusal};
use super::cors::Cors;
use super::header::{self, RequestId};
use crate::graphql::error::{ErrorCode, Fault};

/// What proxies add to a call.
const PASSED_ON: [&str; 6] = [
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
    "via",
];

/// The address that callers must name, none where each caller has to show a token; and the pages of other sites that the
/// operator lets in.
#[derive(Clone, Debug)]
pub struct Guard {
    address: Option<SocketAddr>,
    cors: Cors,
}

impl Guard {
    /// A guard of the open server that listens on `address`.
    pub fn new(address: SocketAddr, cors: Cors) -> Self {
        Self {
            address: Some(address),
            cors,
        }
    }

    /// One that rests: whoever reads shows a token. A page of another site can make a browser call, but not with one.
    pub fn resting() -> Self {
        Self {
            address: None,
            cors: Cors::default(),
        }
    }

    /// Whether a call of `path` names this server, comes through no proxy, and comes from a page of its own if from
    /// any. A link of another page may lead to a page of ours.
    pub fn admits(&self, path: &str, headers: &HeaderMap) -> bool {
        let Some(address) = self.address else {
            return true;
        };
        let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or(""));
        let host = text(HOST.as_str()).is_some_and(|host| names(address, host, None));
        let is_listed = self.cors.listed(headers).is_some();
        let origin = is_listed
            || text(ORIGIN.as_str()).is_none_or(|origin| match origin.split_once("://") {
                Some(("http", host)) => names(address, host, Some(80)),
                Some(("https", host)) => names(address, host, Some(443)),
                _ => false,
            });
        // An `<img>` of another page sends no Origin; browsers say of each call where it comes from.
        let site = match text("sec-fetch-site") {
            None | Some("same-origin" | "none") => true,
            Some(_) if is_listed => true,
            Some(_) => {
                (path == "/" || path.starts_with("/graphiql"))
                    && text("sec-fetch-mode") == Some("navigate")
                    && text("sec-fetch-dest") == Some("document")
            }
        };
        let passed_on = PASSED_ON.iter().any(|name| headers.contains_key(*name));
        host && origin && site && !passed_on
    }
}

fn names(address: SocketAddr, host: &str, port: Option<u16>) -> bool {
    let Ok(authority) = host.parse::<Authority>() else {
        return false;
    };
    if authority.as_str().contains('@') {
        return false;
    }
    let port = authority.port_u16().or(port).unwrap_or(80);
    let name = authority.host();
    let name = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
        .unwrap_or(name);
    let is_named = match name.parse::<IpAddr>() {
        Ok(ip) => ip.is_loopback() || ip == address.ip(),
        Err(_) => name.eq_ignore_ascii_case("localhost"),
    };
    is_named && port == address.port()
}

const WHY: &str = "this server is open to this machine only: call it by localhost, 127.0.0.1 or [::1] and its port, \
                   not from a page of another site and not through a proxy";

/// The middleware, outside of all others: 403 for callers that the guard does not admit, and what each answer carries. One
/// layer for both: each makes a small answer dearer by its box and its copy of the routes.
pub(super) async fn check(
    State(guard): State<Guard>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = header::give(&mut request);
    let response = match guard.admits(request.uri().path(), request.headers()) {
        true => next.run(request).await,
        false => refuse(&request, id),
    };
    header::completed(response, id)
}

/// 403, as an error of GraphQL where GraphQL is spoken.
fn refuse(request: &Request, id: RequestId) -> Response {
    let path = request.uri().path();
    if path == "/graphql" || path.starts_with("/graphql/") {
        let fault = Fault::new(ErrorCode::Forbidden, WHY);
        let refusal = Refusal(StatusCode::FORBIDDEN, fault);
        return answer::refuse(request.headers(), id, refusal);
    }
    (StatusCode::FORBIDDEN, format!("{WHY}\n")).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(host: Option<&str>, origin: Option<&str>) -> bool {
        let guard = Guard::new(SocketAddr::from(([127, 0, 0, 1], 8080)), Cors::default());
        let mut headers = HeaderMap::new();
        for (name, value) in [(HOST, host), (ORIGIN, origin)] {
            if let Some(value) = value {
                headers.insert(name, value.parse().unwrap());
            }
        }
        guard.admits("/graphql", &headers)
    }

    fn admits_with(path: &str, more: &[(&'static str, &str)]) -> bool {
        let guard = Guard::new(SocketAddr::from(([127, 0, 0, 1], 8080)), Cors::default());
        let mut headers = HeaderMap::new();
        headers.insert(HOST, "127.0.0.1:8080".parse().unwrap());
        for (name, value) in more {
            headers.insert(*name, value.parse().unwrap());
        }
        guard.admits(path, &headers)
    }

    #[test]
    fn where_tokens_are_asked_for_the_guard_rests() {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, "caretaker.example".parse().unwrap());
        headers.insert("x-forwarded-for", "192.0.2.1".parse().unwrap());
        assert!(Guard::resting().admits("/graphql", &headers));
    }

    #[test]
    fn what_a_page_of_another_site_embeds_is_not_admitted() {
        for site in ["cross-site", "same-site", "", "none, cross-site"] {
            let image = [
                ("sec-fetch-site", site),
                ("sec-fetch-mode", "no-cors"),
                ("sec-fetch-dest", "image"),
            ];
            let frame = [
                ("sec-fetch-site", site),
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", "iframe"),
            ];
            let link = [
                ("sec-fetch-site", site),
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", "document"),
            ];
            for path in ["/", "/graphiql", "/graphql", "/schema.graphql"] {
                assert!(!admits_with(path, &image), "{site} {path}");
                assert!(!admits_with(path, &frame), "{site} {path}");
                let is_page = path == "/" || path == "/graphiql";
                assert_eq!(admits_with(path, &link), is_page, "{site} {path}");
            }
        }
        for site in ["same-origin", "none"] {
            assert!(admits_with("/graphql", &[("sec-fetch-site", site)]));
        }
    }

    #[test]
    fn a_page_that_the_operator_lets_in_is_admitted_and_its_neighbour_is_not() {
        let cors = Cors::new(["https://board.example".to_owned()]);
        let guard = Guard::new(SocketAddr::from(([127, 0, 0, 1], 8080)), cors);
        let admits = |origin: &str, host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, host.parse().unwrap());
            headers.insert(ORIGIN, origin.parse().unwrap());
            headers.insert("sec-fetch-site", "cross-site".parse().unwrap());
            guard.admits("/graphql", &headers)
        };
        assert!(admits("https://board.example", "localhost:8080"));
        assert!(!admits("https://boards.example", "localhost:8080"));
        assert!(!admits("https://board.example", "board.example:8080"));
    }

    #[test]
    fn what_a_proxy_passes_on_is_not_admitted() {
        for name in PASSED_ON {
            assert!(!admits_with("/graphql", &[(name, "192.0.2.1")]), "{name}");
        }
        assert!(admits_with("/graphql", &[]));
    }

    #[test]
    fn loopback_names_with_the_port_are_admitted() {
        for host in [
            "localhost:8080",
            "LOCALHOST:8080",
            "127.0.0.1:8080",
            "[::1]:8080",
        ] {
            assert!(admits(Some(host), None), "{host}");
            assert!(
                admits(Some(host), Some(&format!("http://{host}"))),
                "{host}"
            );
        }
    }

    #[test]
    fn other_names_and_other_pages_are_not() {
        for host in [
            "evil.example:8080",
            "localhost.evil.example:8080",
            "localhost",
            "127.0.0.1:9090",
            "user@localhost:8080",
            "",
        ] {
            assert!(!admits(Some(host), None), "{host}");
        }
        assert!(!admits(None, None));
        for origin in [
            "null",
            "http://evil.example",
            "http://localhost:3000",
            "https://localhost",
            "file://localhost:8080",
        ] {
            assert!(!admits(Some("localhost:8080"), Some(origin)), "{origin}");
        }
    }
}
