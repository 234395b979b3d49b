//! Signatures computed elsewhere, and their hostile twins.

use super::claim::LONGEST_TARGET;
use super::*;

const AT: &str = "20260318T101500Z";
const PATH: &str = "/topics/matrix/site%20one/caf%C3%A9";
const TOPIC: &str = "matrix/site one/café";
const KEY: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const TOKEN: &str = "session/token==";

/// Computed with Python's hmac and hashlib from the description of Signature Version 4, over
/// `POST /topics/matrix/site%2520one/caf%25C3%25A9`, `qos=1`, host, x-amz-date and the hash of `[]`.
const BY_GATEWAY: &str = "dca9dddadd65c1d3790e46d263304edbf5c52d4ba80aa2a7d2ca2eec988250a4";
/// The same for the service `iotdata`.
const BY_DATA: &str = "2a7b025090a293cd75493d1ef3025cfa4350b98483e7d6b943f3d0c3ed2ad041";
/// As the first, with a content type and the session token among the signed headers.
const WITH_TOKEN: &str = "67b0bff24a0d0f8fb5f274532572fdfc28be0c549c175272fb39d2a760b4d909";

fn key(name: &str, position: u32, topic: &str, token: Option<&str>) -> TopicKey {
    TopicKey {
        name: name.to_owned(),
        position,
        topic: topic.to_owned(),
        region: "eu-west-1".to_owned(),
        access_key_id: KEY.to_owned(),
        secret_access_key: SECRET.to_owned().into(),
        session_token: token.map(|token| token.to_owned().into()),
    }
}

fn sigv4() -> SigV4 {
    let other = TopicKey {
        secret_access_key: "another secret".to_owned().into(),
        ..key("other", 0, TOPIC, None)
    };
    SigV4 {
        keys: vec![
            other,
            key("bus", 1, TOPIC, None),
            key("temporary", 2, TOPIC, Some(TOKEN)),
            key("elsewhere", 3, "alarms", None),
        ],
        skew: Duration::minutes(5),
    }
}

/// A call, to be changed by the case.
#[derive(Clone)]
struct Call {
    method: &'static str,
    path: &'static str,
    query: Option<&'static str>,
    authorization: String,
    headers: Vec<(&'static str, String)>,
    body: &'static [u8],
    now: &'static str,
}

fn authorization(service: &str, headers: &str, signature: &str) -> String {
    format!(
        "{WORD} Credential={KEY}/20260318/eu-west-1/{service}/aws4_request, SignedHeaders={headers}, \
         Signature={signature}"
    )
}

fn call() -> Call {
    Call {
        method: "POST",
        path: PATH,
        query: Some("qos=1"),
        authorization: authorization("iotdevicegateway", "host;x-amz-date", BY_GATEWAY),
        headers: vec![
            ("host", "caretaker.example".to_owned()),
            ("x-amz-date", AT.to_owned()),
            ("user-agent", "bus".to_owned()),
        ],
        body: b"[]",
        now: "2026-03-18T10:15:00Z",
    }
}

impl Call {
    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(found, _)| *found != name);
        self
    }

    fn authorized(mut self, authorization: String) -> Self {
        self.authorization = authorization;
        self
    }

    fn step(&self, sigv4: &SigV4) -> Result<Pending, Refused> {
        let presented = Presented {
            method: self.method,
            path: self.path,
            query: self.query,
            authorization: vec![self.authorization.as_bytes()],
            headers: self
                .headers
                .iter()
                .map(|(name, value)| (*name, value.as_bytes()))
                .collect(),
            ..Presented::default()
        };
        sigv4.prove(&presented, self.now.parse().unwrap())
    }

    fn prove(&self) -> Result<Proven, Refused> {
        let sigv4 = sigv4();
        let pending = self.step(&sigv4)?;
        sigv4.finish(pending, self.body)
    }

    fn reason(&self) -> Reason {
        self.prove().unwrap_err().reason
    }
}

#[test]
fn a_signature_computed_elsewhere_proves_the_sender() {
    let proven = call().prove().unwrap();
    assert_eq!((proven.credential.as_str(), proven.position), ("bus", 1));
    assert_eq!(proven.signed_at, None);
    let data = authorization("iotdata", "host;x-amz-date", BY_DATA);
    assert!(call().authorized(data.clone()).prove().is_ok());
    assert!(call().authorized(data.replace(", ", ",")).prove().is_ok());
}

#[test]
fn a_temporary_key_needs_its_token() {
    let names = "content-type;host;x-amz-date;x-amz-security-token";
    let signed = authorization("iotdevicegateway", names, WITH_TOKEN);
    let call = || {
        call()
            .with("content-type", "application/json")
            .authorized(signed.clone())
    };
    let proven = call().with("x-amz-security-token", TOKEN).prove().unwrap();
    assert_eq!(proven.credential, "temporary");
    assert_eq!(call().reason(), Reason::Missing);
    assert_eq!(
        call().with("x-amz-security-token", "x").reason(),
        Reason::Unknown
    );
}

#[test]
fn a_token_may_be_added_after_signing_but_never_a_wrong_one() {
    let proven = call().with("x-amz-security-token", TOKEN).prove().unwrap();
    assert_eq!(proven.credential, "temporary");
    assert_eq!(
        call().with("x-amz-security-token", "x").reason(),
        Reason::Unknown
    );
    let twice = call().with("x-amz-security-token", TOKEN);
    let twice = twice.with("x-amz-security-token", TOKEN);
    assert_eq!(twice.reason(), Reason::Malformed);
}

#[test]
fn whatever_is_signed_cannot_be_changed() {
    let good = call();
    for (what, altered) in [
        (
            "method",
            Call {
                method: "PUT",
                ..good.clone()
            },
        ),
        (
            "query",
            Call {
                query: Some("qos=0"),
                ..good.clone()
            },
        ),
        (
            "no query",
            Call {
                query: None,
                ..good.clone()
            },
        ),
        (
            "body",
            Call {
                body: b"[] ",
                ..good.clone()
            },
        ),
        (
            "no body",
            Call {
                body: b"",
                ..good.clone()
            },
        ),
        (
            "path",
            Call {
                path: "/topics/alarms",
                ..good.clone()
            },
        ),
        (
            "unknown topic",
            Call {
                path: "/topics/x",
                ..good.clone()
            },
        ),
        (
            "same topic, written otherwise",
            Call {
                path: "/topics/matrix%2Fsite%20one/caf%C3%A9",
                ..good.clone()
            },
        ),
        (
            "host",
            good.clone().without("host").with("host", "other.example"),
        ),
        (
            "time",
            Call {
                now: "2026-03-18T10:15:01Z",
                ..good
                    .clone()
                    .without("x-amz-date")
                    .with("x-amz-date", "20260318T101501Z")
            },
        ),
        (
            "access key",
            good.clone()
                .authorized(good.authorization.replace(KEY, "AKIDOTHER")),
        ),
        (
            "region",
            good.clone()
                .authorized(good.authorization.replace("eu-west", "us-east")),
        ),
        (
            "service",
            good.clone()
                .authorized(good.authorization.replace("iotdevicegateway", "iotdata")),
        ),
        (
            "signature",
            good.clone()
                .authorized(good.authorization.replace(BY_GATEWAY, BY_DATA)),
        ),
    ] {
        assert_eq!(altered.reason(), Reason::Unknown, "{what}");
    }
    assert_eq!(good.prove().unwrap().credential, "bus");
}

#[test]
fn a_header_that_is_cut_doubled_or_unsigned_is_malformed() {
    let good = call().authorization;
    for altered in [
        WORD.to_owned(),
        format!("{WORD} x"),
        good[..good.len() - 1].to_owned(),
        format!("{good}0"),
        good.to_uppercase(),
        format!("{good}, Signature={BY_GATEWAY}"),
        format!("{good}, More=1"),
        good.replace("SignedHeaders=host;x-amz-date, ", ""),
        good.replace("host;x-amz-date", "x-amz-date"),
        good.replace("host;x-amz-date", "host"),
        good.replace("host;x-amz-date", "x-amz-date;host"),
        good.replace("host;x-amz-date", "host;host;x-amz-date"),
        good.replace("20260318/", "20260317/"),
        good.replace("aws4_request", "aws4"),
        good.replace("/eu-west-1/", "/"),
        good.replace("iotdevicegateway", "s3"),
    ] {
        let found = call().authorized(altered.clone()).reason();
        assert_eq!(found, Reason::Malformed, "{altered}");
    }
    let unsigned = good.replace("host;x-amz-date", "host;x-amz-date;x-other");
    assert_eq!(call().authorized(unsigned).reason(), Reason::Missing);
    assert_eq!(
        call().with("host", "caretaker.example").reason(),
        Reason::Malformed
    );
    assert_eq!(call().with("x-amz-date", AT).reason(), Reason::Malformed);
    assert_eq!(call().without("x-amz-date").reason(), Reason::Missing);
    for time in [
        "2026-03-18T10:15:00Z",
        "20260318T101500",
        "",
        "20260318T251500Z",
        "+20260318T101500Z",
    ] {
        let altered = call().without("x-amz-date").with("x-amz-date", time);
        assert_eq!(altered.reason(), Reason::Malformed, "{time}");
    }
}

#[test]
fn the_signed_time_must_lie_within_the_skew_on_either_side() {
    for now in ["2026-03-18T10:10:00Z", "2026-03-18T10:20:00Z"] {
        assert!(Call { now, ..call() }.prove().is_ok(), "{now}");
    }
    for now in ["2026-03-18T10:09:59Z", "2026-03-18T10:20:01Z"] {
        let stale = Call { now, ..call() };
        let refused = stale.step(&sigv4()).unwrap_err();
        assert_eq!(refused.reason, Reason::Stale, "before the body is read");
        assert_eq!(refused.claimed.as_deref(), Some("other"));
    }
}

#[test]
fn a_hash_in_the_headers_proves_the_sender_before_the_body() {
    let hash = sha256_hex(b"[]");
    let good = call().with("x-amz-content-sha256", &hash);
    let sigv4 = sigv4();
    let pending = good.step(&sigv4).unwrap();
    assert_eq!(pending.body_limit(usize::MAX), usize::MAX);
    assert_eq!(sigv4.finish(pending, b"[]").unwrap().credential, "bus");
    let pending = good.step(&sigv4).unwrap();
    let refused = sigv4.finish(pending, b"[ ]").unwrap_err();
    assert_eq!(refused.claimed.as_deref(), Some("bus"));
    // The hash of another body is not what was signed.
    let other = call().with("x-amz-content-sha256", &sha256_hex(b"[ ]"));
    assert_eq!(other.step(&sigv4).unwrap_err().reason, Reason::Unknown);
    for hash in [
        "UNSIGNED-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "",
        &hash.to_uppercase(),
    ] {
        let open = call().with("x-amz-content-sha256", hash);
        assert_eq!(open.reason(), Reason::Malformed, "{hash}");
    }
}

#[test]
fn little_is_read_of_a_sender_who_is_not_proven() {
    let pending = call().step(&sigv4()).unwrap();
    assert_eq!(pending.body_limit(usize::MAX), LONGEST_UNPROVEN_BODY);
    assert_eq!(pending.body_limit(10), 10);
    // An unknown key is told as late as a wrong secret.
    let unknown = call().authorized(call().authorization.replace(KEY, "AKIDOTHER"));
    assert!(unknown.step(&sigv4()).is_ok());
}

#[test]
fn a_target_without_end_is_refused_before_it_is_signed() {
    let long = "\"".repeat(60_000);
    let call = Call {
        query: Some(long.leak()),
        ..call()
    };
    assert_eq!(call.reason(), Reason::Malformed);
    let longest = "\"".repeat(LONGEST_TARGET - PATH.len() - 1);
    let call = Call {
        query: Some(longest.leak()),
        ..call
    };
    assert_eq!(call.reason(), Reason::Unknown);
}
