//! Who may reach an API that is open because no readers are configured: callers that name this server by a loopback
//! name. Any web page can make a browser call 127.0.0.1; it cannot make it lie about Host and Origin.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// The address that callers must name.
#[derive(Clone, Copy, Debug)]
pub struct Guard {
    address: SocketAddr,
}

impl Guard {
    /// A guard of the server that listens on `address`.
    pub fn new(address: SocketAddr) -> Self {
        Self { address }
    }

    /// Whether a call names this server, and comes from a page of its own if from any.
    pub fn admits(&self, headers: &HeaderMap) -> bool {
        let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or(""));
        let host = text(header::HOST).is_some_and(|host| self.names(host, None));
        let origin = text(header::ORIGIN).is_none_or(|origin| match origin.split_once("://") {
            Some(("http", host)) => self.names(host, Some(80)),
            Some(("https", host)) => self.names(host, Some(443)),
            _ => false,
        });
        host && origin
    }

    fn names(&self, host: &str, port: Option<u16>) -> bool {
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
            Ok(ip) => ip.is_loopback() || ip == self.address.ip(),
            Err(_) => name.eq_ignore_ascii_case("localhost"),
        };
        is_named && port == self.address.port()
    }
}

/// The middleware: 403 for callers that the guard does not admit.
pub async fn check(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    if guard.admits(request.headers()) {
        return next.run(request).await;
    }
    let why = "This server is open to this machine only: call it by localhost, 127.0.0.1 or [::1] and its port, \
               and not from a page of another site.\n";
    (StatusCode::FORBIDDEN, why).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(host: Option<&str>, origin: Option<&str>) -> bool {
        let guard = Guard::new(SocketAddr::from(([127, 0, 0, 1], 8080)));
        let mut headers = HeaderMap::new();
        for (name, value) in [(header::HOST, host), (header::ORIGIN, origin)] {
            if let Some(value) = value {
                headers.insert(name, value.parse().unwrap());
            }
        }
        guard.admits(&headers)
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
