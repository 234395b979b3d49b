//! From which address a call comes: the peer's, or the one that a trusted proxy names. Whoever is not trusted cannot name
//! another address than its own.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use ipnet::IpNet;

/// What proxies add to a call, one address for each hop.
const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// The address of the caller; `None` where the server was not told its peer.
pub fn address(parts: &Parts, trusted: &[IpNet]) -> Option<IpAddr> {
    let ConnectInfo(peer) = parts.extensions.get::<ConnectInfo<SocketAddr>>()?;
    Some(behind(peer.ip().to_canonical(), &parts.headers, trusted))
}

/// Whether one of the networks holds the address.
pub(super) fn is_in(networks: &[IpNet], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&address))
}

/// The right-most address that no trusted proxy has: what stands left of it is its own claim.
fn behind(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    if !is_in(trusted, peer) {
        return peer;
    }
    let old = hops(headers, X_FORWARDED_FOR, |hop| Some(hop.to_owned()));
    let new = hops(headers, header::FORWARDED.as_str(), forwarded_for);
    let through = |hops: &[Option<IpAddr>]| {
        let mut last = peer;
        for hop in hops.iter().rev() {
            match hop {
                Some(address) if is_in(trusted, *address) => last = *address,
                Some(address) => return *address,
                // A hop that hides: the proxy that heard it is all there is.
                None => return last,
            }
        }
        last
    };
    match (old, new) {
        (None, None) => peer,
        (Some(hops), None) | (None, Some(hops)) => through(&hops),
        // A proxy adds to one of them and passes the other on as the caller wrote it; which one is not known.
        (Some(old), Some(new)) => {
            let (old, new) = (through(&old), through(&new));
            if old == new { old } else { peer }
        }
    }
}

/// The addresses of all headers of a name, in their order; `None` for the headers if there are none.
fn hops(
    headers: &HeaderMap,
    name: &str,
    read: impl Fn(&str) -> Option<String>,
) -> Option<Vec<Option<IpAddr>>> {
    let mut values = headers.get_all(name).iter().peekable();
    values.peek()?;
    let hops = values.flat_map(|value| match value.to_str() {
        Ok(value) => value
            .split(',')
            .map(|hop| ip(&read(hop.trim())?))
            .collect::<Vec<_>>(),
        Err(_) => vec![None],
    });
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

    fn caller(peer: &str, headers: &[(&'static str, &str)]) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let trusted = ["127.0.0.0/8", "10.0.0.0/8", "2001:db8:a::/48"];
        let trusted: Vec<IpNet> = trusted.iter().map(|net| net.parse().unwrap()).collect();
        behind(peer.parse().unwrap(), &map, &trusted).to_string()
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
    fn a_hop_that_hides_leaves_the_proxy_that_heard_it() {
        let old = |text| caller("127.0.0.1", &[("x-forwarded-for", text)]);
        for text in [
            "unknown",
            "198.51.100.7, _hidden",
            "198.51.100.7, ",
            "",
            "198.51.100.7, 1.2.3",
        ] {
            assert_eq!(old(text), "127.0.0.1", "{text}");
        }
        assert_eq!(old("198.51.100.7, unknown, 10.1.2.3"), "10.1.2.3");
        let new = |text| caller("127.0.0.1", &[("forwarded", text)]);
        for text in [
            "for=198.51.100.7, by=10.0.0.1",
            "for=198.51.100.7;for=192.0.2.1",
        ] {
            assert_eq!(new(text), "127.0.0.1", "{text}");
        }
    }

    #[test]
    fn two_headers_that_disagree_name_nobody() {
        let both = |old, new| caller("127.0.0.1", &[("x-forwarded-for", old), ("forwarded", new)]);
        assert_eq!(both("198.51.100.7", "for=192.0.2.1"), "127.0.0.1");
        assert_eq!(both("198.51.100.7", "for=198.51.100.7"), "198.51.100.7");
        assert_eq!(caller("127.0.0.1", &[]), "127.0.0.1");
    }
}
