//! Who is asked for a proof at all, and what becomes of those who guess.

use reqwest::Method;
use serde_json::json;

use crate::support::client::{Answer, Call, Client};
use crate::support::look::acknowledged;
use crate::support::payload::{description, incident};
use crate::support::{Case, TestDatabase, TestServer, case::on_each_engine};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        who_guesses_is_told_to_wait_and_who_is_right_never_is,
        a_source_with_a_list_of_networks_takes_calls_from_nowhere_else,
        the_open_door_of_a_webhook_opens_no_hub_and_no_topic,
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
