//! From which address a call comes: the peer's, or the one that a trusted proxy names. Whoever is not trusted cannot name
//! another address than its own; and where the proxy's word cannot be read, nobody is named, not the proxy either.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use ipnet::IpNet;

/// What proxies add to a call, one address for each hop.
const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// Where the proxies say for whom they call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProxyHeader {
    /// In either header; where both stand, they have to agree: a proxy adds to one of them and passes the other on as the
    /// caller wrote it.
    #[default]
    Either,
    /// In `X-Forwarded-For`, whatever the other one says.
    XForwardedFor,
    /// In `Forwarded` (RFC 7239), whatever the other one says.
    Forwarded,
}

/// The address of the caller; `None` where the server was not told its peer, or the proxy's word names nobody.
pub fn address(parts: &Parts, trusted: &[IpNet], by: ProxyHeader) -> Option<IpAddr> {
    let ConnectInfo(peer) = parts.extensions.get::<ConnectInfo<SocketAddr>>()?;
    behind(peer.ip().to_canonical(), &parts.headers, trusted, by)
}

/// Whether one of the networks holds the address.
pub(super) fn is_in(networks: &[IpNet], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&address))
}

/// The right-most address that no trusted proxy has: what stands left of it is its own claim.
fn behind(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet], by: ProxyHeader) -> Option<IpAddr> {
    if !is_in(trusted, peer) {
        return Some(peer);
    }
    let old = || hops(headers, X_FORWARDED_FOR, |hop| Some(hop.to_owned()));
    let new = || hops(headers, header::FORWARDED.as_str(), forwarded_for);
    let through = |hops: &[Option<IpAddr>]| {
        let mut last = peer;
        for hop in hops.iter().rev() {
            match hop {
                Some(address) if is_in(trusted, *address) => last = *address,
                // A hop that hides may be anybody: not the proxy that heard it.
                hop => return *hop,
            }
        }
        Some(last)
    };
    let (old, new) = match by {
        ProxyHeader::Either => (old(), new()),
        ProxyHeader::XForwardedFor => (old(), None),
        ProxyHeader::Forwarded => (None, new()),
    };
    match (old, new) {
        // The proxy's own call.
        (None, None) => Some(peer),
        (Some(hops), None) | (None, Some(hops)) => through(&hops),
        (Some(old), Some(new)) => through(&old).filter(|old| Some(*old) == through(&new)),
    }
}

/// The addresses of all headers of a name, in their order; `None` for the headers if there are none. Split as bytes: what
/// a caller wrote into the left hops does not make the right-most one unreadable.
fn hops(
    headers: &HeaderMap,
    name: &str,
    read: impl Fn(&str) -> Option<String>,
) -> Option<Vec<Option<IpAddr>>> {
    let mut values = headers.get_all(name).iter().peekable();
    values.peek()?;
    let hops = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let hops = hops.map(|hop| ip(&read(std::str::from_utf8(hop).ok()?.trim())?));
    Some(hops.collect())
}

/// `for="[2001:db8::1]:4711";proto=https` → `[2001:db8::1]:4711`
fn forwarded_for(hop: &str) -> Option<String> {
    let mut found = hop.split(';').filter_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        let value = value.trim().trim_matches('"').to_owned();
        name.trim().eq_ignore_ascii_case("for").then_some(value)
    });
    let first = found.next();
    first.filter(|_| found.next().is_none())
}

/// With or without a port and brackets.
fn ip(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text);
    let address = bare.parse::<IpAddr>().ok();
    let address = address.or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller_by(by: ProxyHeader, peer: &str, headers: &[(&'static str, &str)]) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            // One byte for each character, so that a test can send what is no UTF-8.
            let bytes: Vec<u8> = value
                .chars()
                .map(|one| u8::try_from(one).unwrap())
                .collect();
            map.append(*name, bytes.try_into().unwrap());
        }
        let trusted = ["127.0.0.0/8", "10.0.0.0/8", "2001:db8:a::/48"];
        let trusted: Vec<IpNet> = trusted.iter().map(|net| net.parse().unwrap()).collect();
        let caller = behind(peer.parse().unwrap(), &map, &trusted, by);
        caller.map_or_else(|| "nobody".to_owned(), |caller| caller.to_string())
    }

    fn caller(peer: &str, headers: &[(&'static str, &str)]) -> String {
        caller_by(ProxyHeader::Either, peer, headers)
    }

    #[test]
    fn a_peer_that_is_not_trusted_cannot_name_another() {
        let claims = [
            ("x-forwarded-for", "198.51.100.7"),
            ("forwarded", "for=198.51.100.8"),
        ];
        assert_eq!(caller("203.0.113.9", &claims), "203.0.113.9");
        assert_eq!(caller("2001:db8:b::1", &claims), "2001:db8:b::1");
    }

    #[test]
    fn the_right_most_address_that_no_proxy_has_is_the_caller() {
        let old = |text| caller("127.0.0.1", &[("x-forwarded-for", text)]);
        assert_eq!(old("198.51.100.7"), "198.51.100.7");
        assert_eq!(old("192.0.2.1, 198.51.100.7, 10.1.2.3"), "198.51.100.7");
        assert_eq!(old("192.0.2.1,198.51.100.7:4711"), "198.51.100.7");
        assert_eq!(old("[2001:db8:b::7]:4711, 10.1.2.3"), "2001:db8:b::7");
        assert_eq!(old("::ffff:198.51.100.7"), "198.51.100.7");
        assert_eq!(old("10.9.9.9, 10.1.2.3"), "10.9.9.9", "all are proxies");
        let lines = [
            ("x-forwarded-for", "192.0.2.1"),
            ("x-forwarded-for", "198.51.100.7"),
        ];
        assert_eq!(caller("127.0.0.1", &lines), "198.51.100.7");
        let new = |text| caller("127.0.0.1", &[("forwarded", text)]);
        assert_eq!(
            new("for=192.0.2.1, For=\"[2001:db8:b::7]:47\";proto=https;by=x"),
            "2001:db8:b::7"
        );
        assert_eq!(new("proto=http;for=198.51.100.7;host=a"), "198.51.100.7");
    }

    #[test]
    fn what_stands_left_cannot_spoil_what_the_proxy_added() {
        let old = |text: &str| caller("127.0.0.1", &[("x-forwarded-for", text)]);
        for left in [
            "\u{ff}\u{fe}",
            "nonsense",
            "",
            "[::1",
            "\"",
            "192.0.2.1,\u{e9}",
        ] {
            assert_eq!(
                old(&format!("{left}, 198.51.100.7")),
                "198.51.100.7",
                "{left}"
            );
        }
        let new = |text| caller("127.0.0.1", &[("forwarded", text)]);
        assert_eq!(new("for=\"\u{ff}, for=198.51.100.7"), "198.51.100.7");
        let lines = [
            ("x-forwarded-for", "\u{ff}"),
            ("x-forwarded-for", "198.51.100.7"),
        ];
        assert_eq!(caller("127.0.0.1", &lines), "198.51.100.7");
    }

    #[test]
    fn a_hop_that_hides_is_nobody_and_not_the_proxy_that_heard_it() {
        let old = |text| caller("127.0.0.1", &[("x-forwarded-for", text)]);
        for text in [
            "unknown",
            "198.51.100.7, _hidden",
            "198.51.100.7, ",
            "",
            "198.51.100.7, 1.2.3",
            "198.51.100.7, \u{ff}",
            "198.51.100.7, unknown, 10.1.2.3",
        ] {
            assert_eq!(old(text), "nobody", "{text}");
        }
        let new = |text| caller("127.0.0.1", &[("forwarded", text)]);
        for text in [
            "for=198.51.100.7, by=10.0.0.1",
            "for=198.51.100.7;for=192.0.2.1",
        ] {
            assert_eq!(new(text), "nobody", "{text}");
        }
    }

    #[test]
    fn two_headers_that_disagree_name_nobody() {
        let both = |by, old, new| {
            let headers = [("x-forwarded-for", old), ("forwarded", new)];
            caller_by(by, "127.0.0.1", &headers)
        };
        let either = |old, new| both(ProxyHeader::Either, old, new);
        assert_eq!(either("198.51.100.7", "for=192.0.2.1"), "nobody");
        assert_eq!(either("198.51.100.7", "for=unknown"), "nobody");
        assert_eq!(either("unknown", "for=192.0.2.1"), "nobody");
        assert_eq!(either("unknown", "for=unknown"), "nobody");
        assert_eq!(either("198.51.100.7", "for=198.51.100.7"), "198.51.100.7");
        // Who knows which of them the proxy writes need not care for the other.
        let (old, new) = ("198.51.100.7", "for=192.0.2.1");
        assert_eq!(both(ProxyHeader::XForwardedFor, old, new), "198.51.100.7");
        assert_eq!(both(ProxyHeader::Forwarded, old, new), "192.0.2.1");
    }

    #[test]
    fn a_call_of_the_proxy_itself_names_the_proxy() {
        assert_eq!(caller("127.0.0.1", &[]), "127.0.0.1");
        let claims = [("forwarded", "for=192.0.2.1")];
        let own = caller_by(ProxyHeader::XForwardedFor, "127.0.0.1", &claims);
        assert_eq!(own, "127.0.0.1");
    }
}
