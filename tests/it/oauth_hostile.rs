//! Access tokens that caretaker did not give, or that are good no more, prove nothing, however well they are made.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::support::case::on_each_engine;
use crate::support::client::Answer;
use crate::support::clock::TestClock;
use crate::support::issuer::unsigned;
use crate::support::look::acknowledged;
use crate::support::oauth::{OauthClient, add};
use crate::support::payload::with;
use crate::support::{Case, TestDatabase, TestServer};

pub fn tests() -> Vec<Case> {
    on_each_engine![tokens_that_are_not_ours_prove_nothing]
}

const KEY: &str = "a signing key that only this test knows";

/// What a token of ours says.
fn claims(client: &OauthClient, now: i64) -> Value {
    json!({
        "iss": "https://caretaker.example", "aud": "caretaker", "sub": client.id, "client_id": client.id,
        "iat": now, "exp": now + 900, "jti": "5f0c3c52-0d1f-4d5b-9c53-a3a1ae1a2b1c", "scope": "webhooks",
    })
}

fn signed(claims: &Value, algorithm: Algorithm, kind: &str, key: &str) -> String {
    let mut header = Header::new(algorithm);
    header.typ = Some(kind.to_owned());
    let key = EncodingKey::from_secret(key.as_bytes());
    jsonwebtoken::encode(&header, claims, &key).unwrap()
}

async fn tokens_that_are_not_ours_prove_nothing(database: TestDatabase) -> anyhow::Result<()> {
    let client = add(&database, "bus", &[]).await?;
    let clock = TestClock::new();
    let server = TestServer::start_at(&database, clock.clock(), |config| {
        config.oauth.signing_key = SecretString::from(KEY);
        config.oauth.issuer = "https://caretaker.example".to_owned();
    })
    .await?;
    let now = clock.now().timestamp();
    let sound = claims(&client, now);
    let good = signed(&sound, Algorithm::HS256, "at+jwt", KEY);
    acknowledged(&server.bearer(&good).await?)?;

    let changed = |changes: Value| with(sound.clone(), changes);
    let hs256 = |claims: &Value| signed(claims, Algorithm::HS256, "at+jwt", KEY);
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (head, _) = message.split_once('.').unwrap();
    let other = hs256(&changed(json!({"jti": "other"})));
    let other_payload = other.split('.').nth(1).unwrap();
    let none = |alg: &str| unsigned(&json!({"alg": alg, "typ": "at+jwt"}), &sound);
    let critical = {
        let mut header = Header::new(Algorithm::HS256);
        header.typ = Some("at+jwt".to_owned());
        header.crit = Some(vec!["b64".to_owned()]);
        jsonwebtoken::encode(&header, &sound, &EncodingKey::from_secret(KEY.as_bytes()))?
    };
    let hostile = [
        ("expired", hs256(&changed(json!({"exp": now - 11})))),
        ("of the future", hs256(&changed(json!({"iat": now + 60})))),
        (
            "wrong audience",
            hs256(&changed(json!({"aud": "someone else"}))),
        ),
        (
            "wrong issuer",
            hs256(&changed(json!({"iss": "https://other.example"}))),
        ),
        ("no scope", hs256(&changed(json!({"scope": ""})))),
        ("other scope", hs256(&changed(json!({"scope": "readers"})))),
        (
            "unknown client",
            hs256(&changed(json!({"sub": "x", "client_id": "x"}))),
        ),
        ("unknown family", hs256(&changed(json!({"family": "x"})))),
        ("alg none", none("none")),
        ("alg None", none("None")),
        ("alg of ours and no signature", none("HS256")),
        (
            "other key",
            signed(&sound, Algorithm::HS256, "at+jwt", &format!("{KEY}.")),
        ),
        ("empty key", signed(&sound, Algorithm::HS256, "at+jwt", "")),
        ("HS384", signed(&sound, Algorithm::HS384, "at+jwt", KEY)),
        ("another type", signed(&sound, Algorithm::HS256, "JWT", KEY)),
        ("critical header", critical),
        ("truncated signature", good[..good.len() - 1].to_owned()),
        (
            "half a signature",
            format!("{message}.{}", &signature[..signature.len() / 2]),
        ),
        ("no signature", format!("{message}.")),
        ("two parts", message.to_owned()),
        ("four parts", format!("{good}.x")),
        (
            "another payload",
            format!("{head}.{other_payload}.{signature}"),
        ),
        ("padding", format!("{good}=")),
        ("nonsense", "nonsense".to_owned()),
        ("long", "x".repeat(20_000)),
    ];
    for (what, token) in &hostile {
        let answer = server.bearer(token).await?;
        assert_eq!(answer.status, 401, "{what}: {answer}");
        let challenge = answer.header("www-authenticate");
        assert!(
            challenge.starts_with("Bearer realm=\"caretaker\", error=\"invalid_token\""),
            "{what}: {challenge}"
        );
    }
    let bearer = format!("Bearer {good}");
    for headers in [
        vec![bearer.as_str(), bearer.as_str()],
        vec![bearer.as_str(), "Basic eDp5"],
        vec!["Basic eDp5", bearer.as_str()],
        vec!["Bearer"],
        vec!["Bearer "],
        vec![good.as_str()],
    ] {
        assert_eq!(
            server.authorized(&headers).await?.status,
            401,
            "{headers:?}"
        );
    }
    // Only the header counts: RFC 6750 knows other places.
    let elsewhere = server
        .request(
            Method::POST,
            &format!("/webhooks/matrix?access_token={good}"),
        )
        .body("[]");
    assert_eq!(Answer::of(elsewhere.send().await?).await?.status, 401);
    let lower = format!("bearer {good}");
    acknowledged(&server.authorized(&[&lower]).await?)?;
    server.stop().await
}
