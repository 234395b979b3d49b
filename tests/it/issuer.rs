//! Access tokens of outside issuers: keys from an address that goes away and comes back, from files, and tokens that
//! prove nothing.

use std::time::Duration;

use caretaker::config::{Issuer, IssuerKeys};
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::support::case::on_each_engine;
use crate::support::clock::TestClock;
use crate::support::issuer::{IssuerServer, Signer, unsigned};
use crate::support::look::acknowledged;
use crate::support::payload::{with, without};
use crate::support::process::command;
use crate::support::{Case, TestDatabase, TestServer};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        tokens_of_an_issuer_are_taken,
        hostile_tokens_of_an_issuer_prove_nothing,
        an_unknown_key_is_fetched_but_not_at_every_call,
        the_last_good_keys_stay_while_the_issuer_is_away,
        an_issuer_never_seen_is_no_fault_of_the_sender,
        answers_that_are_no_keys_change_nothing,
        an_issuer_may_withdraw_all_its_keys,
        a_key_without_a_name_is_replaced_by_another,
        a_private_key_stops_the_start,
        keys_may_stand_in_files,
        a_scope_may_be_asked_for,
        a_file_without_keys_stops_the_start,
    ]
}

const ISSUER: &str = "https://login.example/";
const AUDIENCE: &str = "https://caretaker.example";

fn issuer(name: &str, keys: IssuerKeys) -> Issuer {
    Issuer {
        name: name.to_owned(),
        issuer: ISSUER.to_owned(),
        audience: AUDIENCE.to_owned(),
        scope: None,
        keys,
    }
}

async fn serve(
    database: &TestDatabase,
    clock: &TestClock,
    issuers: Vec<Issuer>,
) -> anyhow::Result<TestServer> {
    TestServer::start_at(database, clock.clock(), |config| {
        config.matrix.issuers = issuers;
    })
    .await
}

fn claims(now: DateTime<Utc>) -> Value {
    let now = now.timestamp();
    json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "bus", "iat": now, "nbf": now, "exp": now + 600})
}

async fn tokens_of_an_issuer_are_taken(database: TestDatabase) -> anyhow::Result<()> {
    let signers = [Signer::rsa("r"), Signer::ec("e"), Signer::ed("d", 1)];
    let published = IssuerServer::start(&signers.each_ref()).await?;
    let clock = TestClock::new();
    let keys = IssuerKeys::Url(published.url());
    let server = serve(&database, &clock, vec![issuer("provider", keys)]).await?;
    for signer in &signers {
        acknowledged(&server.bearer(&signer.sign(&claims(clock.now()))).await?)?;
        let several = with(claims(clock.now()), json!({"aud": ["other", AUDIENCE]}));
        acknowledged(&server.bearer(&signer.sign(&several)).await?)?;
        let nameless = Signer {
            kid: None,
            ..signer.clone()
        };
        acknowledged(&server.bearer(&nameless.sign(&claims(clock.now()))).await?)?;
    }
    assert_eq!(published.fetches(), 1);
    let deliveries = server.deliveries("credential").await?;
    assert_eq!(deliveries[0]["credential"], "provider");
    // The issuer's word is for Matrix only.
    let request = server
        .request(reqwest::Method::POST, "/webhooks/urgent/note-added")
        .bearer_auth(signers[0].sign(&claims(clock.now())))
        .body("{}");
    assert_eq!(request.send().await?.status(), 401);
    server.stop().await
}

async fn hostile_tokens_of_an_issuer_prove_nothing(database: TestDatabase) -> anyhow::Result<()> {
    let (rsa, ec, ed) = (Signer::rsa("r"), Signer::ec("e"), Signer::ed("d", 1));
    let published = IssuerServer::start(&[&rsa, &ec, &ed]).await?;
    let clock = TestClock::new();
    let keys = IssuerKeys::Url(published.url());
    let server = serve(&database, &clock, vec![issuer("provider", keys)]).await?;
    let sound = claims(clock.now());
    let now = clock.now().timestamp();
    let changed = |changes: Value| ed.sign(&with(sound.clone(), changes));
    let lacking = |member: &str| ed.sign(&without(sound.clone(), "", member));
    let (good, other) = (ed.sign(&sound), changed(json!({"sub": "x"})));
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (other_message, _) = other.rsplit_once('.').unwrap();
    let as_kid = |signer: Signer, kid: &str| Signer {
        kid: Some(kid.to_owned()),
        ..signer
    };
    // A public key is no secret: nothing signed with it as if it were one counts.
    let confused = |algorithm: Algorithm, secret: &[u8], kid: &str| {
        let mut header = Header::new(algorithm);
        header.kid = Some(kid.to_owned());
        jsonwebtoken::encode(&header, &sound, &EncodingKey::from_secret(secret)).unwrap()
    };
    let pem = include_bytes!("fixtures/oauth/rsa.pub.pem");
    let jwk = rsa.jwk().to_string();
    let mut critical = Header::new(Algorithm::EdDSA);
    critical.kid.clone_from(&ed.kid);
    critical.crit = Some(vec!["exp".to_owned()]);
    let mut own_key = Header::new(Algorithm::EdDSA);
    let stranger = Signer::ed("d", 9);
    own_key.jwk = Some(serde_json::from_value(stranger.jwk())?);
    let rs512 = Signer {
        algorithm: Algorithm::RS512,
        ..rsa.clone()
    };
    let hostile = [
        ("expired", changed(json!({"exp": now - 31}))),
        ("no end", lacking("exp")),
        (
            "an end that is text",
            changed(json!({"exp": (now + 600).to_string()})),
        ),
        ("not yet good", changed(json!({"nbf": now + 60}))),
        (
            "wrong audience",
            changed(json!({"aud": "https://other.example"})),
        ),
        ("wrong audiences", changed(json!({"aud": ["a", "b"]}))),
        ("no audience", lacking("aud")),
        ("empty audience", changed(json!({"aud": []}))),
        (
            "wrong issuer",
            changed(json!({"iss": "https://login.example"})),
        ),
        ("several issuers", changed(json!({"iss": [ISSUER]}))),
        ("no issuer", lacking("iss")),
        (
            "alg none",
            unsigned(&json!({"alg": "none", "kid": "d"}), &sound),
        ),
        ("no alg", unsigned(&json!({"kid": "d"}), &sound)),
        (
            "EdDSA without signature",
            unsigned(&json!({"alg": "EdDSA", "kid": "d"}), &sound),
        ),
        ("HS256 with the PEM", confused(Algorithm::HS256, pem, "r")),
        (
            "HS256 with the JWK",
            confused(Algorithm::HS256, jwk.as_bytes(), "r"),
        ),
        ("HS512 with the PEM", confused(Algorithm::HS512, pem, "r")),
        ("RS512", rs512.sign(&sound)),
        (
            "another's key",
            as_kid(Signer::ed("d", 2), "d").sign(&sound),
        ),
        (
            "RS256 by the kid of EdDSA",
            as_kid(rsa.clone(), "d").sign(&sound),
        ),
        ("unknown kid", as_kid(ed.clone(), "other").sign(&sound)),
        (
            "critical header",
            jsonwebtoken::encode(&critical, &sound, &ed.key)?,
        ),
        (
            "a key of its own",
            jsonwebtoken::encode(&own_key, &sound, &stranger.key)?,
        ),
        ("truncated signature", good[..good.len() - 1].to_owned()),
        (
            "half a signature",
            format!("{message}.{}", &signature[..signature.len() / 2]),
        ),
        ("no signature", format!("{message}.")),
        ("another payload", format!("{other_message}.{signature}")),
    ];
    for (what, token) in &hostile {
        let answer = server.bearer(token).await?;
        assert_eq!(answer.status, 401, "{what}: {answer}");
    }
    let header = format!("Bearer {good}");
    assert_eq!(server.authorized(&[&header, &header]).await?.status, 401);
    acknowledged(&server.bearer(&good).await?)?;
    clock.advance(TimeDelta::seconds(629));
    acknowledged(&server.bearer(&good).await?)?;
    clock.advance(TimeDelta::seconds(2));
    assert_eq!(server.bearer(&good).await?.status, 401);
    server.stop().await
}

async fn an_unknown_key_is_fetched_but_not_at_every_call(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let (old, new) = (Signer::ed("old", 1), Signer::ed("new", 2));
    let published = IssuerServer::start(&[&old]).await?;
    let clock = TestClock::new();
    let keys = IssuerKeys::Url(published.url());
    let server = serve(&database, &clock, vec![issuer("provider", keys)]).await?;
    acknowledged(&server.bearer(&old.sign(&claims(clock.now()))).await?)?;
    assert_eq!(published.fetches(), 1);
    // A flood of tokens with keys nobody has is no flood at the issuer's.
    for number in 3..30 {
        let stranger = Signer::ed(&number.to_string(), number);
        let answer = server.bearer(&stranger.sign(&claims(clock.now()))).await?;
        assert_eq!(answer.status, 401);
    }
    assert_eq!(published.fetches(), 1);
    // The issuer takes a new key: its first token brings it here.
    published.publish(&[&old, &new]);
    clock.advance(TimeDelta::seconds(11));
    let token = new.sign(&claims(clock.now()));
    let both = tokio::join!(server.bearer(&token), server.bearer(&token));
    acknowledged(&both.0?)?;
    acknowledged(&both.1?)?;
    assert_eq!(published.fetches(), 2);
    acknowledged(&server.bearer(&old.sign(&claims(clock.now()))).await?)?;
    // It withdraws the old one: seen without anybody missing a key.
    published.publish(&[&new]);
    clock.advance(TimeDelta::minutes(6));
    let token = old.sign(&claims(clock.now()));
    for _ in 0..500 {
        if server.bearer(&token).await?.status == 401 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(server.bearer(&token).await?.status, 401);
    assert_eq!(published.fetches(), 3);
    acknowledged(&server.bearer(&new.sign(&claims(clock.now()))).await?)?;
    server.stop().await
}

async fn the_last_good_keys_stay_while_the_issuer_is_away(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let (old, new) = (Signer::ec("old"), Signer::ed("new", 2));
    let mut published = IssuerServer::start(&[&old]).await?;
    let clock = TestClock::new();
    let keys = IssuerKeys::Url(published.url());
    let server = serve(&database, &clock, vec![issuer("provider", keys)]).await?;
    acknowledged(&server.bearer(&old.sign(&claims(clock.now()))).await?)?;
    published.go_away().await;
    for _ in 0..4 {
        clock.advance(TimeDelta::hours(1));
        acknowledged(&server.bearer(&old.sign(&claims(clock.now()))).await?)?;
    }
    clock.advance(TimeDelta::seconds(11));
    let token = new.sign(&claims(clock.now()));
    // It may have taken a new key meanwhile: nobody can tell, whether it was just asked or not, and nobody is to blame.
    for _ in 0..3 {
        let answer = server.bearer(&token).await?;
        assert_eq!((answer.status, answer.header("retry-after")), (503, "5"));
    }
    published.publish(&[&new]);
    published.come_back()?;
    clock.advance(TimeDelta::seconds(11));
    acknowledged(&server.bearer(&token).await?)?;
    assert_eq!(
        server.bearer(&old.sign(&claims(clock.now()))).await?.status,
        401
    );
    server.stop().await
}

async fn an_issuer_never_seen_is_no_fault_of_the_sender(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let signer = Signer::ed("d", 1);
    let mut published = IssuerServer::start(&[&signer]).await?;
    published.go_away().await;
    let clock = TestClock::new();
    let keys = IssuerKeys::Url(published.url());
    let server = serve(&database, &clock, vec![issuer("provider", keys)]).await?;
    let token = signer.sign(&claims(clock.now()));
    let answer = server.bearer(&token).await?;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "5"));
    published.come_back()?;
    clock.advance(TimeDelta::seconds(11));
    acknowledged(&server.bearer(&token).await?)?;
    server.stop().await
}

async fn answers_that_are_no_keys_change_nothing(database: TestDatabase) -> anyhow::Result<()> {
    let (signer, other) = (Signer::ed("d", 1), Signer::ed("o", 2));
    let published = IssuerServer::start(&[&signer]).await?;
    let clock = TestClock::new();
    let keys = IssuerKeys::Url(published.url());
    let server = serve(&database, &clock, vec![issuer("provider", keys)]).await?;
    acknowledged(&server.bearer(&signer.sign(&claims(clock.now()))).await?)?;
    let fine = json!({"keys": [other.jwk()]}).to_string();
    let padded = format!("{fine}{}", " ".repeat(300_000));
    for (status, body) in [
        (500, fine.clone()),
        (302, fine.clone()),
        (200, String::new()),
        (200, "<html>".to_owned()),
        (200, "{\"keys\": [{\"kty\": \"oct\"}]}".to_owned()),
        (200, padded),
    ] {
        let asked = published.fetches();
        published.say(status, body);
        clock.advance(TimeDelta::seconds(11));
        let answer = server.bearer(&other.sign(&claims(clock.now()))).await?;
        assert_eq!(answer.status, 503, "{status}");
        assert_eq!(published.fetches(), asked + 1);
        acknowledged(&server.bearer(&signer.sign(&claims(clock.now()))).await?)?;
    }
    // Whose keys are known does not wait for an issuer that dawdles.
    published.say(200, fine);
    published.dawdle(Duration::from_secs(60));
    clock.advance(TimeDelta::minutes(6));
    let token = signer.sign(&claims(clock.now()));
    let soon = server.bearer(&token);
    acknowledged(&tokio::time::timeout(Duration::from_secs(3), soon).await??)?;
    server.stop().await
}

async fn an_issuer_may_withdraw_all_its_keys(database: TestDatabase) -> anyhow::Result<()> {
    let (signer, other) = (Signer::ed("d", 1), Signer::ed("o", 2));
    let published = IssuerServer::start(&[&signer]).await?;
    let clock = TestClock::new();
    let keys = IssuerKeys::Url(published.url());
    let server = serve(&database, &clock, vec![issuer("provider", keys)]).await?;
    acknowledged(&server.bearer(&signer.sign(&claims(clock.now()))).await?)?;
    published.publish(&[]);
    clock.advance(TimeDelta::seconds(11));
    for signer in [&other, &signer] {
        let answer = server.bearer(&signer.sign(&claims(clock.now()))).await?;
        assert_eq!(answer.status, 401);
    }
    server.stop().await
}

async fn a_key_without_a_name_is_replaced_by_another(database: TestDatabase) -> anyhow::Result<()> {
    let nameless = |number| Signer {
        kid: None,
        ..Signer::ed("", number)
    };
    let (old, new, stranger) = (nameless(1), nameless(2), nameless(3));
    let mut published = IssuerServer::start(&[&old]).await?;
    let clock = TestClock::new();
    let keys = IssuerKeys::Url(published.url());
    let server = serve(&database, &clock, vec![issuer("provider", keys)]).await?;
    acknowledged(&server.bearer(&old.sign(&claims(clock.now()))).await?)?;
    published.publish(&[&new]);
    clock.advance(TimeDelta::seconds(11));
    acknowledged(&server.bearer(&new.sign(&claims(clock.now()))).await?)?;
    assert_eq!(published.fetches(), 2);
    for _ in 0..5 {
        let answer = server.bearer(&stranger.sign(&claims(clock.now()))).await?;
        assert_eq!(answer.status, 401);
    }
    assert_eq!(published.fetches(), 2);
    published.go_away().await;
    clock.advance(TimeDelta::seconds(11));
    let answer = server.bearer(&stranger.sign(&claims(clock.now()))).await?;
    assert_eq!(answer.status, 503);
    acknowledged(&server.bearer(&new.sign(&claims(clock.now()))).await?)?;
    server.stop().await
}

async fn a_private_key_stops_the_start(database: TestDatabase) -> anyhow::Result<()> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = root.join("tests/it/fixtures/oauth/ec.pem");
    let keys = vec![issuer("provider", IssuerKeys::Pem(path))];
    let refused = serve(&database, &TestClock::new(), keys).await;
    let why = format!("{:#}", refused.err().unwrap());
    assert!(why.contains("it holds a private key"), "{why}");
    Ok(())
}

async fn keys_may_stand_in_files(database: TestDatabase) -> anyhow::Result<()> {
    let set = database.folder().join("keys.json");
    let (first, second) = (Signer::ed("first", 1), Signer::ed("second", 2));
    std::fs::write(&set, json!({"keys": [first.jwk()]}).to_string())?;
    let mut issuers = vec![issuer("set", IssuerKeys::Set(set.clone()))];
    for name in ["rsa", "ec", "ed"] {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let path = root.join(format!("tests/it/fixtures/oauth/{name}.pub.pem"));
        issuers.push(issuer(name, IssuerKeys::Pem(path)));
    }
    let clock = TestClock::new();
    let server = serve(&database, &clock, issuers).await?;
    let pem = include_bytes!("fixtures/oauth/ed.pem");
    let ed = Signer {
        key: EncodingKey::from_ed_pem(pem)?,
        ..Signer::ed("any", 0)
    };
    for signer in [&first, &Signer::rsa("any"), &Signer::ec("any"), &ed] {
        acknowledged(&server.bearer(&signer.sign(&claims(clock.now()))).await?)?;
    }
    assert_eq!(
        server
            .bearer(&second.sign(&claims(clock.now())))
            .await?
            .status,
        401
    );
    // The file is looked at again for a key that is missed.
    std::fs::write(&set, json!({"keys": [second.jwk()]}).to_string())?;
    clock.advance(TimeDelta::seconds(11));
    acknowledged(&server.bearer(&second.sign(&claims(clock.now()))).await?)?;
    server.stop().await
}

async fn a_scope_may_be_asked_for(database: TestDatabase) -> anyhow::Result<()> {
    let signer = Signer::ed("d", 1);
    let published = IssuerServer::start(&[&signer]).await?;
    let clock = TestClock::new();
    let asking = Issuer {
        scope: Some("send".to_owned()),
        ..issuer("provider", IssuerKeys::Url(published.url()))
    };
    let server = serve(&database, &clock, vec![asking]).await?;
    let token = |more: Value| signer.sign(&with(claims(clock.now()), more));
    for more in [
        json!({"scope": "send"}),
        json!({"scope": "read send"}),
        json!({"scp": "read send"}),
        json!({"scp": ["send"]}),
        json!({"roles": ["read", "send"]}),
    ] {
        acknowledged(&server.bearer(&token(more)).await?)?;
    }
    for more in [
        json!({}),
        json!({"scope": "sender"}),
        json!({"scope": "SEND"}),
        json!({"scp": ["send read"]}),
        json!({"roles": {"send": true}}),
    ] {
        let answer = server.bearer(&token(more.clone())).await?;
        assert_eq!(answer.status, 403, "{more}");
        assert_eq!(
            answer.header("www-authenticate"),
            "Bearer realm=\"caretaker\", error=\"insufficient_scope\", scope=\"send\""
        );
    }
    server.stop().await
}

async fn a_file_without_keys_stops_the_start(database: TestDatabase) -> anyhow::Result<()> {
    let folder = database.folder();
    std::fs::write(folder.join("keys.json"), "{\"keys\": []}")?;
    let settings = format!(
        "[[matrix.issuers]]\nname = 'provider'\nissuer = '{ISSUER}'\naudience = '{AUDIENCE}'\n\
         jwks_file = 'keys.json'\n"
    );
    std::fs::write(folder.join("caretaker.toml"), settings)?;
    let output = command(folder)
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--database-url",
            database.url(),
        ])
        .output()
        .await?;
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr)?;
    let why = "settings: issuers: `provider`: it has no key for RS256, ES256 or EdDSA";
    assert!(said.contains(why), "{said}");
    Ok(())
}
