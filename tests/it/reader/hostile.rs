//! What is not taken: forged, spoiled and misplaced tokens, over HTTP and, alike, over sockets.

use caretaker::config::ReaderMaterial;
use chrono::TimeDelta;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::case::{on_each_engine, snapshot};
use crate::support::client::Answer;
use crate::support::clock::TestClock;
use crate::support::issuer::{IssuerServer, Signer, unsigned};
use crate::support::live::Live;
use crate::support::payload::{with, without};
use crate::support::reader::{
    SECRET, all, ask_as, by_hs256, by_provider, by_secret, code, own_claims, provider_claims,
};
use crate::support::{Case, TestDatabase, TestServer};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        hostile_tokens_open_nothing,
        a_token_that_grants_nothing_is_told_so,
        a_call_without_a_token_is_told_how,
        a_token_stands_in_the_header_only,
        clocks_may_differ_by_the_leeway,
    ]
}

fn hello() -> Value {
    json!({"query": "{ __typename }"})
}

async fn hostile_tokens_open_nothing(database: TestDatabase) -> anyhow::Result<()> {
    let (rsa, ec, ed) = (Signer::rsa("r"), Signer::ec("e"), Signer::ed("d", 1));
    let published = IssuerServer::start(&[&rsa, &ec, &ed]).await?;
    let pem = include_str!("../fixtures/oauth/rsa.pub.pem");
    let clock = TestClock::new();
    let server = TestServer::start_at(&database, clock.clock(), |config| {
        config.readers.keys = vec![
            by_secret("own", SECRET),
            by_provider("set", ReaderMaterial::Url(published.url())),
            by_provider("fixed", ReaderMaterial::Pem(pem.to_owned())),
        ];
    })
    .await?;
    let now = clock.now().timestamp();
    let sound = provider_claims(clock.now());
    let own = own_claims(clock.now(), json!({"all": true}));
    let changed = |changes: Value| ed.sign(&with(sound.clone(), changes));
    let own_changed = |changes: Value| by_hs256(SECRET.as_bytes(), &with(own.clone(), changes));
    let good = ed.sign(&sound);
    assert_eq!(ask_as(&server, &good, &hello()).await?.status, 200);
    let (message, signature) = good.rsplit_once('.').unwrap();
    let other = changed(json!({"sub": "x"}));
    let (other_message, _) = other.rsplit_once('.').unwrap();
    // A public key is no secret: nothing signed with it as if it were one counts.
    let confused = |algorithm: Algorithm, secret: &[u8], claims: &Value| {
        let mut header = Header::new(algorithm);
        header.kid = Some("r".to_owned());
        jsonwebtoken::encode(&header, claims, &EncodingKey::from_secret(secret)).unwrap()
    };
    let mut critical = Header::new(Algorithm::EdDSA);
    critical.kid = Some("d".to_owned());
    critical.crit = Some(vec!["exp".to_owned()]);
    let stranger = Signer::ed("d", 9);
    let mut own_key = Header::new(Algorithm::EdDSA);
    own_key.jwk = Some(serde_json::from_value(stranger.jwk())?);
    let jwk = rsa.jwk().to_string();
    let hostile = [
        ("alg none", unsigned(&json!({"alg": "none"}), &sound)),
        (
            "alg None",
            unsigned(&json!({"alg": "None", "kid": "d"}), &sound),
        ),
        ("alg none, own", unsigned(&json!({"alg": "none"}), &own)),
        (
            "HS256, PEM",
            confused(Algorithm::HS256, pem.as_bytes(), &sound),
        ),
        (
            "HS512, PEM",
            confused(Algorithm::HS512, pem.as_bytes(), &sound),
        ),
        (
            "HS256, PEM, own",
            confused(Algorithm::HS256, pem.as_bytes(), &own),
        ),
        (
            "HS256, JWK",
            confused(Algorithm::HS256, jwk.as_bytes(), &sound),
        ),
        ("HS256, empty", by_hs256(b"", &own)),
        (
            "HS512, own secret",
            confused(Algorithm::HS512, SECRET.as_bytes(), &own),
        ),
        ("own iss, provider's key", ed.sign(&own)),
        (
            "provider's iss, own key",
            by_hs256(SECRET.as_bytes(), &sound),
        ),
        ("a stranger's key", stranger.sign(&sound)),
        (
            "a key in the header",
            jsonwebtoken::encode(&own_key, &sound, &stranger.key)?,
        ),
        (
            "critical",
            jsonwebtoken::encode(&critical, &sound, &ed.key)?,
        ),
        (
            "truncated",
            format!("{message}.{}", &signature[..signature.len() - 4]),
        ),
        ("no signature", format!("{message}.")),
        ("no end", message.to_owned()),
        ("another payload", format!("{other_message}.{signature}")),
        ("expired", changed(json!({"exp": now - 31}))),
        ("expired long ago", changed(json!({"exp": 0}))),
        ("exp as text", changed(json!({"exp": "9999999999"}))),
        ("no exp", ed.sign(&without(sound.clone(), "", "exp"))),
        ("not yet", changed(json!({"nbf": now + 31}))),
        ("nbf as text", changed(json!({"nbf": "0"}))),
        (
            "another aud",
            changed(json!({"aud": "https://other.example"})),
        ),
        (
            "aud prefix",
            changed(json!({"aud": "https://caretaker.example/"})),
        ),
        ("no aud", ed.sign(&without(sound.clone(), "", "aud"))),
        (
            "another iss",
            changed(json!({"iss": "https://evil.example/"})),
        ),
        ("no iss", ed.sign(&without(sound.clone(), "", "iss"))),
        ("own, expired", own_changed(json!({"exp": now - 31}))),
        ("own, another aud", own_changed(json!({"aud": "other"}))),
        (
            "misspelt grant",
            own_changed(json!({"caretaker": {"al": true}})),
        ),
        ("a grant of text", own_changed(json!({"caretaker": "all"}))),
        (
            "no such id",
            own_changed(json!({"caretaker": {"buildings": ["x"]}})),
        ),
        ("words", "not-a-token".to_owned()),
        ("dots", "..".to_owned()),
        ("long", "a".repeat(17_000)),
        (
            "a display key's look",
            "ckd_00000000000000000000000000000000_x".to_owned(),
        ),
    ];
    for (name, token) in hostile {
        let answer = ask_as(&server, &token, &hello()).await?;
        assert_eq!(answer.status, 401, "{name}: {answer}");
        assert_eq!(code(&answer), "UNAUTHENTICATED", "{name}");
        let challenge = answer.header("www-authenticate");
        assert!(
            challenge.contains("error=\"invalid_token\""),
            "{name}: {challenge}"
        );
        assert!(answer.json()?.get("data").is_none(), "{name}");
        let mut live = Live::open(&server.base).await?;
        live.init(json!({ "token": token })).await?;
        let (closed, reason) = live.closed().await?;
        assert_eq!(closed, 4403, "{name}: {reason}");
    }
    server.stop().await
}

async fn a_token_that_grants_nothing_is_told_so(database: TestDatabase) -> anyhow::Result<()> {
    let clock = TestClock::new();
    let server = TestServer::start_at(&database, clock.clock(), |config| {
        config.readers.keys = vec![by_secret("own", SECRET)];
    })
    .await?;
    for grant in [Value::Null, json!({}), json!({"all": false, "tenants": []})] {
        let token = by_hs256(SECRET.as_bytes(), &own_claims(clock.now(), grant));
        let answer = ask_as(&server, &token, &hello()).await?;
        assert_eq!((answer.status, code(&answer).as_str()), (403, "FORBIDDEN"));
        let challenge = answer.header("www-authenticate");
        assert!(
            challenge.contains("error=\"insufficient_scope\""),
            "{challenge}"
        );
        let mut live = Live::open(&server.base).await?;
        live.init(json!({ "Authorization": format!("Bearer {token}") }))
            .await?;
        let (closed, reason) = live.closed().await?;
        assert_eq!(closed, 4403);
        assert!(reason.contains("grants nothing"), "{reason}");
    }
    server.stop().await
}

async fn a_call_without_a_token_is_told_how(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start_with(&database, |config| {
        config.readers.keys = vec![by_secret("own", SECRET)];
    })
    .await?;
    let answer = server.ask("{ __typename }", json!({})).await?;
    assert_eq!(
        answer.header("www-authenticate"),
        "Bearer realm=\"caretaker\""
    );
    let mut body = answer.json()?;
    let id = body["errors"][0]["extensions"]["requestId"].take();
    assert_eq!(id.as_str(), Some(answer.header("x-request-id")));
    snapshot!(format!("{} {body:#}", answer.status), @r#"
    401 {
      "errors": [
        {
          "extensions": {
            "code": "UNAUTHENTICATED",
            "requestId": null
          },
          "message": "a token is needed: `Authorization: Bearer …`. In GraphiQL, enter {\"Authorization\": \"Bearer …\"} under Headers, below the editor, and fetch the schema again; `caretaker token` makes one"
        }
      ]
    }
    "#);
    let basic = server
        .request(Method::POST, "/graphql")
        .basic_auth("matrix", Some("matrix's password"))
        .json(&hello());
    assert_eq!(basic.send().await?.status(), 401);
    let mut live = Live::open(&server.base).await?;
    live.init(json!({})).await?;
    assert_eq!(live.closed().await?.0, 4403);
    server.stop().await
}

async fn a_token_stands_in_the_header_only(database: TestDatabase) -> anyhow::Result<()> {
    let clock = TestClock::new();
    let server = TestServer::start_at(&database, clock.clock(), |config| {
        config.readers.keys = vec![by_secret("own", SECRET)];
    })
    .await?;
    let token = all(clock.now());
    for path in [
        format!("/graphql?query=%7B__typename%7D&access_token={token}"),
        format!("/graphql/ws?access_token={token}"),
    ] {
        let answer = Answer::of(
            server
                .request(Method::GET, &path)
                .header("connection", "upgrade")
                .header("upgrade", "websocket")
                .header("sec-websocket-version", "13")
                .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
                .send()
                .await?,
        )
        .await?;
        assert_eq!(answer.status, 400, "{path}: {answer}");
        let challenge = answer.header("www-authenticate");
        assert!(
            challenge.contains("error=\"invalid_request\""),
            "{challenge}"
        );
    }
    let twice = server
        .request(Method::POST, "/graphql")
        .header("authorization", format!("Bearer {token}"))
        .header("authorization", format!("Bearer {token}"))
        .json(&hello());
    assert_eq!(twice.send().await?.status(), 400);
    let in_form = server
        .request(Method::POST, "/graphql")
        .json(&json!({"query": "{ __typename }", "access_token": token}));
    assert_eq!(in_form.send().await?.status(), 401);
    server.stop().await
}

async fn clocks_may_differ_by_the_leeway(database: TestDatabase) -> anyhow::Result<()> {
    let clock = TestClock::new();
    let server = TestServer::start_at(&database, clock.clock(), |config| {
        config.readers.keys = vec![by_secret("own", SECRET)];
        config.readers.leeway_seconds = 5;
    })
    .await?;
    let mut claims = own_claims(clock.now(), json!({"all": true}));
    claims["nbf"] = json!(clock.now().timestamp() + 5);
    claims["exp"] = json!(clock.now().timestamp() + 10);
    let token = by_hs256(SECRET.as_bytes(), &claims);
    for (after, status) in [(0, 200), (14, 200), (1, 401)] {
        clock.advance(TimeDelta::seconds(after));
        let answer = ask_as(&server, &token, &hello()).await?;
        assert_eq!(answer.status, status, "{after}: {answer}");
    }
    server.stop().await
}
