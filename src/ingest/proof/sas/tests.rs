//! Shared access signatures: what they cover, and what is no signature.

use super::*;

const KEY: &str = "kQ8r+pT0vZ/2mN4=hub";
const RESOURCE: &str = "https%3A%2F%2Fcaretaker.example%2Ftelemetry";
const EXPIRY: i64 = 1_773_757_403;

fn sas() -> Sas {
    let key = |name: &str, position, hub: &str, key: &str| HubKey {
        name: name.to_owned(),
        position,
        hub: hub.to_owned(),
        host: None,
        key_name: "send only".to_owned(),
        key: key.to_owned().into(),
    };
    Sas {
        keys: vec![
            key("new", 0, "telemetry", "another key"),
            key("old", 1, "telemetry", KEY),
            key("other", 2, "alarms", "a third key"),
        ],
    }
}

fn header_for(resource: &str, key: &str) -> String {
    let digest = STANDARD.encode(signature(
        key.as_bytes(),
        format!("{resource}\n{EXPIRY}").as_bytes(),
    ));
    let digest = digest
        .replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D");
    format!("{WORD} sr={resource}&sig={digest}&se={EXPIRY}&skn=send%20only")
}

fn prove_at(path: &str, header: &str, now: i64) -> Result<Proven, Refused> {
    let call = Presented {
        path,
        authorization: vec![header.as_bytes()],
        ..Presented::default()
    };
    sas().prove(&call, DateTime::from_timestamp(now, 0).unwrap())
}

fn reason(path: &str, header: &str) -> Reason {
    prove_at(path, header, EXPIRY - 1).unwrap_err().reason
}

/// Computed with Python's hmac, hashlib and base64.
#[test]
fn a_signature_computed_elsewhere_proves_the_sender() {
    for (resource, digest) in [
        (
            RESOURCE,
            "ElCdYBVyxtAgz5SXLikTLNdIpeB%2F3V8bl%2FZlyb7h1Cg%3D",
        ),
        (
            "https%3a%2f%2fcaretaker.example",
            "SWV3Wb4dMC2Dc9PJAsTaC6MSSYSrdW8OKPWaud%2FYDNY%3D",
        ),
    ] {
        let header = format!("{WORD} sr={resource}&sig={digest}&se={EXPIRY}&skn=send%20only");
        let proven = prove_at("/telemetry/messages", &header, EXPIRY - 1).unwrap();
        assert_eq!((proven.credential.as_str(), proven.position), ("old", 1));
        assert_eq!(proven.signed_at, None);
    }
}

#[test]
fn the_resource_may_be_written_in_many_ways() {
    for resource in [
        RESOURCE,
        "https%3a%2f%2fcaretaker.example%2ftelemetry",
        "sb%3A%2F%2Fcaretaker.example%2FTelemetry%2F",
        "caretaker.example%2Ftelemetry%2Fmessages",
        "caretaker.example/telemetry",
        "https%3A%2F%2Fcaretaker.example%2F",
        "caretaker.example",
    ] {
        let header = header_for(resource, KEY);
        for path in [
            "/telemetry/messages",
            "/TELEMETRY/messages",
            "/%74elemetry/messages",
        ] {
            assert!(prove_at(path, &header, 0).is_ok(), "{resource} {path}");
        }
    }
}

#[test]
fn a_resource_elsewhere_is_not_covered() {
    for resource in [
        "https%3A%2F%2Fcaretaker.example%2Falarms",
        "https%3A%2F%2Fcaretaker.example%2Ftele",
        "https%3A%2F%2Fcaretaker.example%2Ftelemetry%2Fmessages%2Fx",
        "https%3A%2F%2Fcaretaker.example%2F%2Ftelemetry",
        "https%3A%2F%2Fcaretaker.example%2Ftelemetry%2Fx",
        "%ff",
    ] {
        let found = reason("/telemetry/messages", &header_for(resource, KEY));
        assert_eq!(found, Reason::Unknown, "{resource}");
    }
}

#[test]
fn a_host_that_matters_must_be_named() {
    assert!(covers("https://A.example/h", Some("a.example"), "h"));
    assert!(covers("a.example", Some("a.example"), "h"));
    assert!(!covers("https://b.example/h", Some("a.example"), "h"));
    assert!(!covers("", Some("a.example"), "h"));
}

#[test]
fn the_port_counts_only_where_the_setting_names_one() {
    for resource in [
        "https://a.example:8443/h",
        "sb://A.example:443",
        "a.example:/h",
    ] {
        assert!(covers(resource, Some("a.example"), "h"), "{resource}");
    }
    assert!(covers(
        "https://a.example:8443/h",
        Some("a.example:8443"),
        "h"
    ));
    assert!(covers(
        "https://[2001:db8::1]:8443/h",
        Some("[2001:db8::1]"),
        "h"
    ));
    for (resource, host) in [
        ("https://a.example/h", "a.example:8443"),
        ("https://a.example:443/h", "a.example:8443"),
        ("https://a.example.evil:443/h", "a.example"),
        ("https://a.example:x/h", "a.example"),
        ("https://[2001:db8::2]:8443/h", "[2001:db8::1]"),
    ] {
        assert!(!covers(resource, Some(host), "h"), "{resource} {host}");
    }
}

#[test]
fn an_entry_that_differs_in_its_host_only_is_asked_too() {
    let mut sas = sas();
    let entry = |name: &str, host: &str| HubKey {
        name: name.to_owned(),
        host: Some(host.to_owned()),
        ..sas.keys[1].clone()
    };
    sas.keys = vec![
        entry("inner", "inner.example"),
        entry("outer", "caretaker.example"),
    ];
    let header = header_for(RESOURCE, KEY);
    let call = Presented {
        path: "/telemetry/messages",
        authorization: vec![header.as_bytes()],
        ..Presented::default()
    };
    let proven = sas.prove(&call, DateTime::UNIX_EPOCH).unwrap();
    assert_eq!(proven.credential, "outer");
    sas.keys.pop();
    let refused = sas.prove(&call, DateTime::UNIX_EPOCH).unwrap_err();
    assert_eq!(refused.reason, Reason::Unknown);
}

#[test]
fn another_hub_key_or_name_proves_nothing() {
    let good = header_for(RESOURCE, KEY);
    for path in ["/alarms/messages", "/unknown/messages", "//messages"] {
        assert_eq!(reason(path, &good), Reason::Unknown, "{path}");
    }
    let path = "/telemetry/messages";
    for header in [
        header_for(RESOURCE, "a third key"),
        header_for(RESOURCE, ""),
        good.replace("send%20only", "listen"),
        good.replace("send%20only", "send+only"),
        good.replace("telemetry", "telemetrY"),
        good.replace(&EXPIRY.to_string(), &(EXPIRY + 1).to_string()),
        good.replace("%3A%2F", "%3a%2F"),
    ] {
        assert_eq!(reason(path, &header), Reason::Unknown, "{header}");
    }
    let wrong = prove_at(path, &header_for(RESOURCE, "x"), 0).unwrap_err();
    assert_eq!(wrong.claimed.as_deref(), Some("new"));
    let unknown = prove_at("/x/messages", &good, 0).unwrap_err();
    assert_eq!(
        (unknown.claimed, unknown.challenge),
        (None, wrong.challenge)
    );
}

#[test]
fn what_expires_is_good_until_then() {
    let header = header_for(RESOURCE, KEY);
    let path = "/telemetry/messages";
    assert!(prove_at(path, &header, EXPIRY - 1).is_ok());
    for now in [EXPIRY, EXPIRY + 1] {
        let refused = prove_at(path, &header, now).unwrap_err();
        assert_eq!(refused.reason, Reason::Expired);
        assert_eq!(refused.claimed.as_deref(), Some("new"));
    }
    let wrong = header_for(RESOURCE, "x");
    let refused = prove_at(path, &wrong, EXPIRY + 1).unwrap_err();
    assert_eq!(
        refused.reason,
        Reason::Unknown,
        "expiry tells nothing of a guess"
    );
}

#[test]
fn a_header_that_is_cut_or_doubled_is_malformed() {
    let good = header_for(RESOURCE, KEY);
    let cut = good.find("sig=").unwrap() + 20;
    for header in [
        WORD.to_owned(),
        format!("{WORD} "),
        format!("{WORD} x"),
        good[..cut].to_owned(),
        format!("{good}&skn=send%20only"),
        format!("{good}&more=1"),
        good.replace("se=", "se=-"),
        good.replace("se=", "se=+"),
        good.replace("se=", "se=99999999999999999999"),
        good.replace("sig=", "sig=%ff"),
        good.replace("sig=", "sig=*"),
    ] {
        let found = reason("/telemetry/messages", &header);
        assert_eq!(found, Reason::Malformed, "{header}");
    }
    let truncated = good.replace("&se=", "%%%&se=");
    assert_eq!(reason("/telemetry/messages", &truncated), Reason::Malformed);
    let call = Presented {
        path: "/telemetry/messages",
        authorization: vec![good.as_bytes(), good.as_bytes()],
        ..Presented::default()
    };
    let refused = sas().prove(&call, Utc::now()).unwrap_err();
    assert_eq!(refused.reason, Reason::Malformed);
}

#[test]
fn base64_may_stand_unescaped() {
    let digest = STANDARD.encode(signature(
        KEY.as_bytes(),
        format!("{RESOURCE}\n{EXPIRY}").as_bytes(),
    ));
    let text = format!("sr={RESOURCE}&sig={digest}&se={EXPIRY}&skn=send only");
    let read = Signature::read(&text).unwrap();
    assert_eq!(STANDARD.encode(&read.digest), digest);
    assert_eq!(read.key_name, "send only");
}
