//! Tokens over HTTP: of each algorithm, their grants, how often one may ask, and the command that makes them.

use std::os::unix::fs::PermissionsExt;

use caretaker::config::{Config, ReaderKey, ReaderMaterial};
use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::case::on_each_engine;
use crate::support::client::Answer;
use crate::support::clock::TestClock;
use crate::support::issuer::{IssuerServer, Signer};
use crate::support::process::{data_dir, run};
use crate::support::reader::{
    SECRET, all, ask_as, by_hs256, by_provider, by_secret, code, own_claims, provider_claims,
};
use crate::support::{Case, Process, TestDatabase, TestServer};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        tokens_of_each_algorithm_are_taken,
        a_key_is_changed_without_a_gap,
        with_readers_the_server_may_be_called_by_any_name,
        the_schema_and_the_page_need_no_token,
        what_a_token_grants_is_what_its_holder_may_do,
        a_reader_that_asks_too_often_waits_and_others_do_not,
        an_issuer_that_was_never_reached_is_no_fault_of_the_reader,
        the_command_makes_a_token_that_the_server_takes,
    ]
}

fn hello() -> Value {
    json!({"query": "{ __typename }"})
}

async fn serve(
    database: &TestDatabase,
    clock: &TestClock,
    keys: Vec<ReaderKey>,
) -> anyhow::Result<TestServer> {
    TestServer::start_at(database, clock.clock(), |config| {
        config.readers.keys = keys;
    })
    .await
}

async fn tokens_of_each_algorithm_are_taken(database: TestDatabase) -> anyhow::Result<()> {
    let fixture = |name: &str| -> std::path::PathBuf {
        [env!("CARGO_MANIFEST_DIR"), "tests/it/fixtures/oauth", name]
            .iter()
            .collect()
    };
    let signers = [Signer::rsa("r"), Signer::ec("e"), Signer::ed("d", 1)];
    let set = database.folder().join("keys.json");
    std::fs::write(&set, json!({"keys": [signers[2].jwk()]}).to_string())?;
    let inline = std::fs::read_to_string(fixture("rsa.pub.pem"))?;
    let clock = TestClock::new();
    let fixed = [
        ReaderMaterial::Pem(inline),
        ReaderMaterial::PemFile(fixture("ec.pub.pem")),
        ReaderMaterial::SetFile(set),
    ];
    let claims = provider_claims(clock.now());
    for (signer, material) in signers.iter().zip(fixed) {
        let keys = vec![by_provider("fixed", material), by_secret("own", SECRET)];
        let server = serve(&database, &clock, keys).await?;
        let answer = ask_as(&server, &signer.sign(&claims), &hello()).await?;
        assert_eq!(answer.status, 200, "{answer}");
        for other in signers.iter().filter(|other| other.kid != signer.kid) {
            let answer = ask_as(&server, &other.sign(&claims), &hello()).await?;
            assert_eq!(answer.status, 401, "{answer}");
        }
        let answer = ask_as(&server, &all(clock.now()), &hello()).await?;
        assert_eq!(answer.status, 200, "{answer}");
        server.stop().await?;
    }
    let published = IssuerServer::start(&signers.each_ref()).await?;
    let keys = vec![by_provider("set", ReaderMaterial::Url(published.url()))];
    let server = serve(&database, &clock, keys).await?;
    for signer in &signers {
        let mut several = claims.clone();
        several["aud"] = json!(["other", claims["aud"]]);
        for claims in [&claims, &several] {
            let answer = ask_as(&server, &signer.sign(claims), &hello()).await?;
            assert_eq!(answer.status, 200, "{answer}");
        }
    }
    assert_eq!(published.fetches(), 1);
    server.stop().await
}

async fn a_key_is_changed_without_a_gap(database: TestDatabase) -> anyhow::Result<()> {
    let clock = TestClock::new();
    let new = "the next secret of front ends, long";
    let sign = |secret: &str| {
        let claims = own_claims(clock.now(), json!({"all": true}));
        by_hs256(secret.as_bytes(), &claims)
    };
    let both = vec![by_secret("old", SECRET), by_secret("new", new)];
    let server = serve(&database, &clock, both).await?;
    for secret in [SECRET, new] {
        let answer = ask_as(&server, &sign(secret), &hello()).await?;
        assert_eq!(answer.status, 200, "{answer}");
    }
    // What is wrong with a token of either is told, not that the other one has not signed it.
    for secret in [SECRET, new] {
        let nothing = own_claims(clock.now(), json!({}));
        let nothing = by_hs256(secret.as_bytes(), &nothing);
        let answer = ask_as(&server, &nothing, &hello()).await?;
        assert_eq!(answer.status, 403, "{answer}");
    }
    server.stop().await?;
    let server = serve(&database, &clock, vec![by_secret("new", new)]).await?;
    assert_eq!(ask_as(&server, &sign(new), &hello()).await?.status, 200);
    assert_eq!(ask_as(&server, &sign(SECRET), &hello()).await?.status, 401);
    server.stop().await
}

async fn with_readers_the_server_may_be_called_by_any_name(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let clock = TestClock::new();
    let any = |config: &mut Config| {
        config.listen = "0.0.0.0:0".parse().unwrap();
        config.readers.keys = vec![by_secret("own", SECRET)];
    };
    let server = TestServer::start_at(&database, clock.clock(), any).await?;
    let ask = async |token: Option<&str>| -> anyhow::Result<Answer> {
        let mut request = server
            .request(Method::POST, "/graphql")
            .header("host", "caretaker.example")
            .header("x-forwarded-for", "192.0.2.1")
            .json(&hello());
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        Answer::of(request.send().await?).await
    };
    assert_eq!(ask(Some(&all(clock.now()))).await?.status, 200);
    assert_eq!(ask(None).await?.status, 401);
    server.stop().await
}

async fn the_schema_and_the_page_need_no_token(database: TestDatabase) -> anyhow::Result<()> {
    let clock = TestClock::new();
    let server = serve(&database, &clock, vec![by_secret("own", SECRET)]).await?;
    assert_eq!(server.get("/schema.graphql").await?.status, 200);
    assert!(server.get("/graphiql").await?.status != 401);
    assert_eq!(server.get("/healthz").await?.status, 200);
    let refused = server.get("/graphql?query=%7B__typename%7D").await?;
    assert_eq!(refused.status, 401);
    assert!(refused.body.contains("Headers"), "{refused}");
    server.stop().await
}

async fn what_a_token_grants_is_what_its_holder_may_do(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let clock = TestClock::new();
    let server = serve(&database, &clock, vec![by_secret("own", SECRET)]).await?;
    let ask = async |grant: Value| {
        let token = by_hs256(SECRET.as_bytes(), &own_claims(clock.now(), grant));
        let mutation =
            "mutation { unlinkPlaces(places: [{source: MATRIX, code: \"b\"}]) { __typename } }";
        ask_as(&server, &token, &json!({ "query": mutation })).await
    };
    let operator = ask(json!({"operator": true})).await?;
    assert_ne!(code(&operator), "FORBIDDEN", "{operator}");
    for grant in [json!({"all": true}), json!({"tenants": ["t"]})] {
        let answer = ask(grant).await?;
        assert_eq!(code(&answer), "FORBIDDEN", "{answer}");
    }
    server.stop().await
}

async fn a_reader_that_asks_too_often_waits_and_others_do_not(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let clock = TestClock::new();
    let server = TestServer::start_at(&database, clock.clock(), |config| {
        config.readers.keys = vec![by_secret("own", SECRET)];
        config.readers.requests_per_minute = 3.try_into().unwrap();
    })
    .await?;
    let token = all(clock.now());
    for _ in 0..3 {
        assert_eq!(ask_as(&server, &token, &hello()).await?.status, 200);
    }
    // Another token of the same reader is the same reader.
    clock.advance(TimeDelta::seconds(1));
    for token in [&token, &all(clock.now())] {
        let answer = ask_as(&server, token, &hello()).await?;
        assert_eq!(
            (answer.status, code(&answer).as_str()),
            (429, "RATE_LIMITED")
        );
        let wait: u64 = answer.header("retry-after").parse()?;
        assert!((1..=61).contains(&wait), "{wait}");
    }
    let mut other = own_claims(clock.now(), json!({"all": true}));
    other["sub"] = json!("another");
    let other = by_hs256(SECRET.as_bytes(), &other);
    assert_eq!(ask_as(&server, &other, &hello()).await?.status, 200);
    server.stop().await
}

async fn an_issuer_that_was_never_reached_is_no_fault_of_the_reader(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let signer = Signer::ed("d", 1);
    let mut published = IssuerServer::start(&[&signer]).await?;
    published.go_away().await;
    let clock = TestClock::new();
    let keys = vec![by_provider("away", ReaderMaterial::Url(published.url()))];
    let server = serve(&database, &clock, keys).await?;
    let token = signer.sign(&provider_claims(clock.now()));
    let answer = ask_as(&server, &token, &hello()).await?;
    assert_eq!(answer.status, 503, "{answer}");
    assert_eq!(answer.header("retry-after"), "5");
    published.come_back()?;
    clock.advance(TimeDelta::seconds(10));
    let answer = ask_as(&server, &token, &hello()).await?;
    assert_eq!(answer.status, 200, "{answer}");
    server.stop().await
}

async fn the_command_makes_a_token_that_the_server_takes(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let (status, _, said) = run(&database, &["token", "--all"]).await?;
    assert_eq!(status, Some(1));
    assert!(said.contains("no readers are configured"), "{said}");
    std::fs::write(
        database.folder().join("caretaker.toml"),
        "[readers]\nown_key = true\n",
    )?;
    let (status, _, said) = run(&database, &["token"]).await?;
    assert_eq!(status, Some(1));
    assert!(said.contains("say what it may see"), "{said}");
    let (status, _, said) = run(&database, &["token", "--building", "x"]).await?;
    assert_eq!(status, Some(1), "{said}");
    let (status, token, said) = run(&database, &["token", "--all", "--expires", "5m"]).await?;
    assert_eq!(status, Some(0), "{said}");
    let key = data_dir(&database).join("readers.key");
    let mode = std::fs::metadata(&key)?.permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let server = Process::start(&database).await?;
    let greeting = &server.greeting;
    assert!(greeting.contains("reading takes a token"), "{greeting}");
    let answer = ask_as(&server, token.trim(), &hello()).await?;
    assert_eq!(answer.status, 200, "{answer}");
    assert_eq!(server.ask("{ __typename }", json!({})).await?.status, 401);
    server.kill().await
}
