//! Networks in CIDR notation, and what the proxies among them write.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::Deserialize;

/// A network: `10.0.0.0/8`, `2001:db8::/32`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Network(pub IpNet);

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let address = text.parse::<IpAddr>().ok().map(IpNet::from);
        let network = address.or_else(|| text.parse::<IpNet>().ok());
        network.map(|network| Self(network.trunc())).ok_or_else(|| {
            format!("`{text}` is neither an address nor a network such as 10.0.0.0/8")
        })
    }
}

/// The header in which a proxy says for whom it calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum ProxyHeader {
    /// `X-Forwarded-For`.
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

impl TryFrom<String> for ProxyHeader {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "x-forwarded-for" => Ok(Self::XForwardedFor),
            "forwarded" => Ok(Self::Forwarded),
            _ => Err(format!("`{text}` is neither X-Forwarded-For nor Forwarded")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_or_one_address_is_read() {
        let read = |text: &str| Network::try_from(text.to_owned()).map(|net| net.0.to_string());
        assert_eq!(read("10.1.2.3/8").unwrap(), "10.0.0.0/8");
        assert_eq!(read("192.0.2.1").unwrap(), "192.0.2.1/32");
        assert_eq!(read("::1").unwrap(), "::1/128");
        assert_eq!(read("2001:db8::/32").unwrap(), "2001:db8::/32");
        for text in ["", "localhost", "10.0.0.0/33", "10.0.0/8", "10.0.0.1:80"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
