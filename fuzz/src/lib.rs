//! What must hold for any bytes at all, whoever makes them up: the fuzzer, or the test that replays its seeds.
//! A decoder never panics, gives the same for the same, and accounts for every element; a proof never passes a stranger.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::ConnectInfo;
use axum::http::Request;
use axum::http::request::Parts;
use caretaker::domain::delivery::Content;
use caretaker::domain::fact::Fact;
use caretaker::domain::oauth::token::Key;
use caretaker::http::oauth::form::{Form, Given};
use caretaker::http::webhook::ProxyHeader;
use caretaker::http::webhook::caller::address;
use caretaker::ingest::proof::bearer::Issuer;
use caretaker::ingest::proof::{
    Basic, Bearer, GRACE, Hmac, HubKey, Login, MARKER, Password, Presented, Proof, Refused, Sas,
    Scheme, SigV4, Step, Target, Token, TopicKey,
};
use caretaker::ingest::receive;
use caretaker::jwt::keys::Keys;
use chrono::{DateTime, Utc};
use entity::{Operation, Source};
use futures_util::FutureExt;
use ipnet::IpNet;
use secrecy::ExposeSecret;

/// 2023-11-14T22:13:20Z: when everything here arrives.
fn arrival() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap_or_default()
}

/// A body as one of the six operations reads it.
pub fn body(operation: Operation, bytes: &[u8]) {
    let read = |position| receive::decode(operation, bytes, None, arrival(), position);
    let (one, other) = (read(0), read(0));
    match (&one, &other) {
        (Ok(one), Ok(other)) => assert_eq!(facts(one), facts(other)),
        (Err(one), Err(other)) => assert_eq!(one, other),
        _ => panic!("read once and refused once"),
    }
    let Ok(content) = one else { return };
    let mut elements: Vec<usize> = content.facts.iter().map(|(element, _)| *element).collect();
    elements.extend(content.misfits.iter().filter_map(|misfit| misfit.element));
    elements.sort_unstable();
    let all: Vec<usize> = (0..elements.len()).collect();
    assert_eq!(
        elements, all,
        "each element is a fact or a misfit, and none is both"
    );
    for (_, fact) in &content.facts {
        let year = fact.occurred_at.timestamp();
        assert!(
            (0..253_402_300_800).contains(&year),
            "a time that no engine keeps"
        );
        assert_eq!(fact.occurred_at.timestamp_subsec_nanos() % 1_000, 0);
        // PostgreSQL takes no NUL, in whatever column it stands.
        assert!(
            !has_nul(&format!("{fact:?}")),
            "a NUL got through: {fact:?}"
        );
    }
    for misfit in &content.misfits {
        assert!(misfit.path.starts_with('$'), "{}", misfit.path);
        assert!(!misfit.content.contains('\0'));
    }
    assert!(content.flags.len() <= 101);
}

/// Whether a debug text shows a NUL; a backslash of the text itself stands there twice.
fn has_nul(shown: &str) -> bool {
    let mut letters = shown.chars();
    while let Some(letter) = letters.next() {
        if letter == '\\' && letters.next() == Some('0') {
            return true;
        }
    }
    false
}

fn facts(content: &Content) -> Vec<(usize, &Fact)> {
    let facts = content.facts.iter();
    facts.map(|(element, fact)| (*element, &**fact)).collect()
}

/// The name of each credential here.
const NAME: &str = "known";

/// Nobody guesses it: what passes without it is a fault.
const SECRET: &str = "c1f6f1a6-3a4e-4f4c-8f0a-5f1c2f0f7a11";

/// `Authorization` headers, one a line, as HTTP Basic reads them.
pub fn basic(bytes: &[u8]) {
    let login = Login {
        name: NAME.to_owned(),
        position: 0,
        username: "matrix".to_owned(),
        password: Password::Plain(SECRET.into()),
    };
    let call = Presented {
        method: "POST",
        path: "/webhooks/matrix",
        authorization: lines(bytes).collect(),
        ..Presented::default()
    };
    prove(Scheme::Basic(Basic::new(vec![login])), &call);
}

/// The path, the `X-Timestamp` and the `Authorization` headers, one a line, as Urgent's signature is read.
pub fn hmac(bytes: &[u8]) {
    let token = Token {
        name: NAME.to_owned(),
        position: 0,
        token: "matrix".to_owned(),
        secret: SECRET.into(),
    };
    let hmac = Hmac {
        tokens: vec![token],
        marker: MARKER.to_owned(),
        grace: GRACE,
        path_prefix: String::new(),
    };
    let mut lines = lines(bytes);
    let Some(path) = text(&mut lines) else { return };
    let call = Presented {
        method: "PUT",
        path,
        timestamp: lines.next().into_iter().collect(),
        authorization: lines.collect(),
        ..Presented::default()
    };
    prove(Scheme::Hmac(hmac), &call);
}

/// The path and the `Authorization` headers, one a line, as a shared access signature is read.
pub fn sas(bytes: &[u8]) {
    let key = HubKey {
        name: NAME.to_owned(),
        position: 0,
        hub: "hub".to_owned(),
        host: None,
        key_name: "send".to_owned(),
        key: SECRET.into(),
    };
    let mut lines = lines(bytes);
    let Some(path) = text(&mut lines) else { return };
    let call = Presented {
        target: Target::Hub,
        method: "POST",
        path,
        authorization: lines.collect(),
        ..Presented::default()
    };
    prove(Scheme::Sas(Sas { keys: vec![key] }), &call);
}

/// The path, the query, and headers (`name:value`), one a line, as Signature Version 4 is read.
pub fn sigv4(bytes: &[u8]) {
    let key = TopicKey {
        name: NAME.to_owned(),
        position: 0,
        topic: "buildings/events".to_owned(),
        region: "eu-west-1".to_owned(),
        access_key_id: "AKID".to_owned(),
        secret_access_key: SECRET.into(),
        session_token: None,
    };
    let mut lines = lines(bytes);
    let (Some(path), Some(query)) = (text(&mut lines), text(&mut lines)) else {
        return;
    };
    let headers: Vec<(&str, &[u8])> = lines
        .filter_map(|line| {
            let end = line.iter().position(|byte| *byte == b':')?;
            let name = std::str::from_utf8(&line[..end]).ok()?;
            Some((name, &line[end + 1..]))
        })
        .collect();
    let named = |wanted: &str| {
        let found = headers.iter().filter(|(name, _)| *name == wanted);
        found.map(|(_, value)| *value).collect()
    };
    let call = Presented {
        target: Target::Topic,
        method: "POST",
        path,
        query: Some(query),
        authorization: named("authorization"),
        timestamp: Vec::new(),
        headers: headers.clone(),
        ..Presented::default()
    };
    let sigv4 = SigV4 {
        keys: vec![key],
        skew: GRACE,
    };
    prove(Scheme::SigV4(sigv4), &call);
}

/// A key set that is at hand when the first line of the input is none.
const KEYS: &[u8] = br#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"d","x":"6kpsY-KcUgq-9VB7Ey7F-ZVHdq6-vnuSQh7qaRRG0iw"}]}"#;
/// What the holder of the private key of [`KEYS`] signed for us; some seeds show it where it is not to pass.
const SIGNED: &str = "eyJhbGciOiJFZERTQSIsImtpZCI6ImQifQ.eyJpc3MiOiJodHRwczovL2xvZ2luLmV4YW1wbGUvIiwiYXVkIjoiaHR0cHM6Ly9jYXJldGFrZXIuZXhhbXBsZSIsImlhdCI6MTcwMDAwMDAwMCwibmJmIjoxNzAwMDAwMDAwLCJleHAiOjE3MDAwMDA2MDB9.udX0p1SNwwVDszwEnoX22-aCoDIm8IT8hkStDKxrT6rvzwL4jwJEZMTWU6jKEPlsoTTKmIu6qdBxsf266-cRAg";

/// The issuer's key set and the `Authorization` headers, one a line, as access tokens are read. Whatever keys an issuer
/// has, and whatever a token says of itself: nothing passes but what the issuer's private key signed, as it was signed.
pub fn bearer(bytes: &[u8]) {
    let mut lines = lines(bytes);
    let set = Keys::given(lines.next().unwrap_or_default());
    let Ok(keys) = set.or_else(|_| Keys::given(KEYS)) else {
        return;
    };
    let issuer = Issuer {
        name: NAME.to_owned(),
        position: 0,
        issuer: "https://login.example/".to_owned(),
        audience: "https://caretaker.example".to_owned(),
        scope: None,
        keys: Arc::new(keys),
    };
    let authorization: Vec<&[u8]> = lines.collect();
    // Our own tokens: nobody has the key.
    let own = Key::new(|_| Ok(Some(SECRET.into())));
    for header in &authorization {
        let header = std::str::from_utf8(header).unwrap_or_default();
        let token = header.strip_prefix("Bearer ").unwrap_or(header);
        assert_eq!(own.read(token), Ok(None));
    }
    let call = Presented {
        method: "POST",
        path: "/webhooks/matrix",
        authorization,
        ..Presented::default()
    };
    let bearer = Bearer {
        source: Source::Matrix,
        own: None,
        issuers: vec![issuer],
        position: 1,
    };
    let is_signed = |header: &&[u8]| String::from_utf8_lossy(header).trim_end().ends_with(SIGNED);
    let refused = ask(Scheme::Bearer(bearer), &call);
    if refused.is_none()
        && call.authorization.len() == 1
        && call.authorization.iter().all(is_signed)
    {
        return;
    }
    check(refused);
}

/// The form and the `Authorization` headers, one a line, as the token endpoint reads them. What a client says of itself
/// in one way is the same said in the other.
pub fn form(bytes: &[u8]) {
    let mut lines = lines(bytes);
    let form = Form::of(lines.next().unwrap_or_default());
    for name in ["grant_type", "refresh_token", "scope", "token", ""] {
        assert!(form.one(name).is_ok_and(|value| value != Some("")) || form.one(name).is_err());
    }
    let headers: Vec<&[u8]> = lines.collect();
    let Ok(given) = Given::find(headers.iter().copied(), &form) else {
        return;
    };
    assert!(headers.len() <= 1, "one of two headers was chosen");
    let (id, secret) = (given.id.as_str(), given.secret.expose_secret());
    if id.is_empty() || secret.is_empty() {
        return;
    }
    let again = format!(
        "client_secret={}&client_id={}",
        escaped(secret),
        escaped(id)
    );
    let again = Given::find(std::iter::empty(), &Form::of(again.as_bytes()));
    let again = again.expect("the same in the form");
    assert_eq!(
        (again.id.as_str(), again.secret.expose_secret()),
        (id, secret)
    );
}

fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// The peer's address and headers (`name:value`), one a line, as the caller's address is found. Who is not trusted does
/// not choose his address: not as a peer, and not by what he claims before a proxy adds what it saw.
pub fn caller(bytes: &[u8]) {
    let mut lines = lines(bytes);
    let Some(peer) = text(&mut lines).and_then(|line| line.parse::<IpAddr>().ok()) else {
        return;
    };
    let peer = peer.to_canonical();
    let headers: Vec<(&[u8], &[u8])> = lines
        .filter_map(|line| {
            let end = line.iter().position(|byte| *byte == b':')?;
            Some((&line[..end], &line[end + 1..]))
        })
        .collect();
    let trusted: Vec<IpNet> = ["10.0.0.0/8", "2001:db8:1::/48"]
        .iter()
        .filter_map(|network| network.parse().ok())
        .collect();
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(&address));
    let Some(parts) = head(peer, &headers) else {
        return;
    };
    let by = ProxyHeader::Either;
    let found = address(&parts, &trusted, by);
    assert_eq!(found, address(&parts, &trusted, by));
    // What a trusted proxy says of nobody names nobody, not the proxy.
    let Some(found) = found else {
        assert!(is_trusted(peer));
        return;
    };
    if !is_trusted(peer) {
        assert_eq!(found, peer);
    }
    if found == peer || is_trusted(found) {
        return;
    }
    let claims: [(&[u8], &[u8]); 2] = [
        (b"x-forwarded-for", b"198.51.100.66"),
        (b"forwarded", b"for=198.51.100.66"),
    ];
    let is_there = |name: &[u8]| {
        headers
            .iter()
            .any(|(there, _)| there.eq_ignore_ascii_case(name))
    };
    let claims = claims.into_iter().filter(|(name, _)| is_there(name));
    let claimed: Vec<(&[u8], &[u8])> = claims.chain(headers.iter().copied()).collect();
    let claimed = head(peer, &claimed).expect("headers as before");
    assert_eq!(address(&claimed, &trusted, by), Some(found));
}

fn head(peer: IpAddr, headers: &[(&[u8], &[u8])]) -> Option<Parts> {
    let mut request = Request::builder().extension(ConnectInfo(SocketAddr::new(peer, 4711)));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).ok().map(|request| request.into_parts().0)
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == b'\n')
}

fn text<'a>(lines: &mut impl Iterator<Item = &'a [u8]>) -> Option<&'a str> {
    std::str::from_utf8(lines.next().unwrap_or_default()).ok()
}

fn prove(scheme: Scheme, call: &Presented<'_>) {
    check(ask(scheme, call));
}

fn ask(scheme: Scheme, call: &Presented<'_>) -> Option<Refused> {
    let proof = Proof::by(vec![scheme]);
    let asked = proof.prove(call, arrival()).now_or_never();
    match asked.expect("nothing here is waited for") {
        Ok(Step::AfterBody(pending)) => proof.finish(pending, b"[]").err(),
        Ok(Step::Proven(_)) => None,
        Err(refused) => Some(refused),
    }
}

fn check(refused: Option<Refused>) {
    let refused = refused.expect("a stranger passed");
    assert!(refused.claimed.is_none_or(|name| name == NAME));
    assert!(!refused.challenge.is_empty());
}
