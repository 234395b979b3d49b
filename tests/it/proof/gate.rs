//! Who is asked for a proof at all, and what becomes of those who guess.

use caretaker::config::{MatrixCredential, Password};
use caretaker::ingest::proof::hash;
use chrono::TimeDelta;
use reqwest::Method;
use secrecy::SecretString;
use serde_json::json;

use crate::support::client::{Answer, Call, Client};
use crate::support::clock::TestClock;
use crate::support::look::acknowledged;
use crate::support::oauth::{add, member};
use crate::support::payload::{description, incident};
use crate::support::{Case, TestDatabase, TestServer, case::on_each_engine};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        who_guesses_is_told_to_wait_and_who_is_right_never_is,
        a_source_with_a_list_of_networks_takes_calls_from_nowhere_else,
        the_open_door_of_a_webhook_opens_no_hub_and_no_topic,
        a_token_that_is_signed_but_not_good_is_answered_401_even_over_the_limit,
        a_flood_of_guesses_keeps_nobody_else_from_the_hash,
    ]
}

async fn who_guesses_is_told_to_wait_and_who_is_right_never_is(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start_with(&database, |config| {
        config.failures_per_minute = 3.try_into().unwrap();
    })
    .await?;
    let mut guesser: Client = (*server).clone();
    guesser.matrix.secret = "guess".to_owned();
    guesser.urgent.name = "nobody".to_owned();
    for _ in 0..2 {
        assert_eq!(guesser.matrix("[]").await?.status, 401);
    }
    // The address counts, whatever is guessed.
    let told = description();
    assert_eq!(guesser.urgent(Call::TaskCreated, &told).await?.status, 401);
    for _ in 0..2 {
        let answer = guesser.matrix("[]").await?;
        assert_eq!(answer.status, 429, "{answer}");
        let wait: u64 = answer.header("retry-after").parse()?;
        assert!((1..=21).contains(&wait), "{wait}");
        assert_eq!(
            answer.json()?["type"],
            "urn:caretaker:problem:too-many-failures"
        );
        let answer = guesser.urgent(Call::TaskCreated, &told).await?;
        assert_eq!(answer.status, 429);
        // From the same address, all the while.
        acknowledged(
            &server
                .matrix(json!([incident("INCIDENT_CREATED_OPEN", 0)]))
                .await?,
        )?;
        acknowledged(&server.urgent(Call::TaskCreated, &told).await?)?;
    }
    // Operators see whose name was tried.
    let data = server
        .shows("{ server { refusedCalls { source credential count lastAt } } }")
        .await?;
    let counts = data["server"]["refusedCalls"].as_array().unwrap();
    let counts: Vec<_> = counts
        .iter()
        .map(|one| {
            let is_dated = one["lastAt"].is_string();
            json!([one["source"], one["credential"], one["count"], is_dated])
        })
        .collect();
    let expected = [
        json!(["MATRIX", null, 0, false]),
        json!(["MATRIX", "bus", 4, true]),
        json!(["URGENT", null, 3, true]),
        json!(["URGENT", "urgent", 0, false]),
    ];
    assert_eq!(counts, expected);
    server.stop().await
}

async fn a_source_with_a_list_of_networks_takes_calls_from_nowhere_else(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let network = |text: &str| text.to_owned().try_into().unwrap();
    let server = TestServer::start_with(&database, |config| {
        config.matrix.allow_from = vec![network("192.0.2.0/24")];
    })
    .await?;
    let answer = server.matrix("[]").await?;
    assert_eq!(answer.status, 403, "{answer}");
    assert_eq!(answer.json()?["type"], "urn:caretaker:problem:elsewhere");
    // Nobody is believed who says to be somebody else.
    let request = server
        .request(Method::POST, "/webhooks/matrix")
        .basic_auth(&server.matrix.name, Some(&server.matrix.secret))
        .header("x-forwarded-for", "192.0.2.1");
    let answer = Answer::of(request.body("[]").send().await?).await?;
    assert_eq!(answer.status, 403);
    for path in ["/hub/messages", "/topics/topic"] {
        let answer = server.request(Method::POST, path).send().await?;
        assert_eq!(answer.status(), 403, "{path}");
    }
    // The other source has its own list, which is empty.
    acknowledged(&server.urgent(Call::TaskCreated, description()).await?)?;
    server.stop().await
}

async fn the_open_door_of_a_webhook_opens_no_hub_and_no_topic(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start_with(&database, |config| {
        config.matrix.credentials.clear();
        config.matrix.allow_unauthenticated = true;
    })
    .await?;
    for (path, status) in [
        ("/webhooks/matrix", 200),
        ("/hub/messages", 401),
        ("/topics/topic", 401),
    ] {
        let answer = server.request(Method::POST, path).body("[]").send().await?;
        assert_eq!(answer.status(), status, "{path}");
    }
    server.stop().await
}

async fn a_token_that_is_signed_but_not_good_is_answered_401_even_over_the_limit(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let bus = add(&database, "bus", &[]).await?;
    let tasks = add(&database, "tasks", &["--source", "urgent"]).await?;
    let clock = TestClock::new();
    let server = TestServer::start_at(&database, clock.clock(), |config| {
        config.failures_per_minute = 1.try_into().unwrap();
        config.oauth.access_token_seconds = 60;
    })
    .await?;
    let expired = member(&server.credentials(&bus).await?, "access_token")?;
    clock.advance(TimeDelta::seconds(120));
    let foreign = member(&server.credentials(&tasks).await?, "access_token")?;
    let good = member(&server.credentials(&bus).await?, "access_token")?;
    let revoked = member(&server.credentials(&bus).await?, "access_token")?;
    let form = [("token", revoked.as_str())];
    let given_back = server.form("/oauth/revoke", &bus, &form).await?;
    assert_eq!(given_back.status, 200);
    let (unsigned, _) = good.rsplit_once('.').unwrap();
    let guess = format!("{unsigned}.AAAA");
    let guessed = [server.bearer(&guess).await?, server.bearer(&guess).await?];
    assert_eq!(guessed.map(|answer| answer.status), [401, 429]);
    for token in [&expired, &foreign, &revoked] {
        for _ in 0..3 {
            let answer = server.bearer(token).await?;
            assert_eq!(answer.status, 401, "{answer}");
            let challenge = answer.header("www-authenticate");
            assert!(challenge.contains("invalid_token"), "{challenge}");
        }
    }
    acknowledged(&server.bearer(&good).await?)?;
    assert_eq!(server.bearer(&guess).await?.status, 429);
    // Once the signature is right, it is known whose token it was.
    let data = server
        .shows("{ server { refusedCalls { source credential count } } }")
        .await?;
    let counts = data["server"]["refusedCalls"].as_array().unwrap();
    for (name, count) in [(json!("bus"), 6), (json!("tasks"), 3), (json!(null), 3)] {
        let told = json!({"source": "MATRIX", "credential": name, "count": count});
        assert!(counts.contains(&told), "{told} {counts:?}");
    }
    server.stop().await
}

async fn a_flood_of_guesses_keeps_nobody_else_from_the_hash(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let hashed =
        |password: &str| Password::Hash(hash(&SecretString::from(password)).unwrap().into());
    let server = TestServer::start_with(&database, |config| {
        let first = &mut config.matrix.credentials[0];
        first.password = hashed("good");
        let second = MatrixCredential {
            name: "second".to_owned(),
            password: hashed("good too"),
            ..first.clone()
        };
        config.matrix.credentials.push(second);
        config.trusted_proxies = vec!["127.0.0.1".to_owned().try_into().unwrap()];
        config.failures_per_minute = 2.try_into().unwrap();
    })
    .await?;
    let call = async |from: &str, password: &str| -> anyhow::Result<Answer> {
        let request = server
            .request(Method::POST, "/webhooks/matrix")
            .basic_auth(&server.matrix.name, Some(password))
            .header("x-forwarded-for", from);
        Answer::of(request.body("[]").send().await?).await
    };
    let (guesser, bus) = ("198.51.100.7", "198.51.100.8");
    let guesses: Vec<String> = (0..100).map(|number| format!("guess {number}")).collect();
    let flood = guesses.iter().map(|guess| call(guesser, guess));
    let flood = futures_util::future::try_join_all(flood);
    let genuine = call(bus, "good");
    let (flood, genuine) = futures_util::future::try_join(flood, genuine).await?;
    acknowledged(&genuine)?;
    let told = |status| {
        flood
            .iter()
            .filter(move |answer| answer.status == status)
            .count()
    };
    // A few were computed and counted; the others did not wait.
    assert!(told(429) > 0, "{flood:?}");
    assert!(told(503) > 20, "{flood:?}");
    assert_eq!(told(401) + told(429) + told(503), flood.len());
    for answer in flood.iter().filter(|answer| answer.status == 503) {
        assert_eq!(answer.header("retry-after"), "5");
    }
    // Another right one from the guesser's own address, while that guesses on: never 429, and at last it is known.
    let more: Vec<String> = (0..40).map(|number| format!("more {number}")).collect();
    let flood = more.iter().map(|guess| call(guesser, guess));
    let flood = futures_util::future::try_join_all(flood);
    let first = async {
        loop {
            let answer = call(guesser, "good too").await?;
            assert!([200, 503].contains(&answer.status), "{answer}");
            if answer.status == 200 {
                return anyhow::Ok(());
            }
        }
    };
    let (flood, ()) = futures_util::future::try_join(flood, first).await?;
    let is_refused = |answer: &Answer| [401, 429, 503].contains(&answer.status);
    assert!(flood.iter().all(is_refused), "{flood:?}");
    server.stop().await
}
