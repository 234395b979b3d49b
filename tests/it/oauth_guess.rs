//! Where tokens are given out, secrets can be guessed too: the same limit, and the same lists of networks.

use reqwest::Method;

use crate::support::client::{Answer, Client};
use crate::support::oauth::{OauthClient, add, encoded, member};
use crate::support::{Case, TestDatabase, TestServer, case::on_each_engine};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        who_guesses_clients_is_told_to_wait_and_who_is_right_never_is,
        tokens_are_given_only_where_the_platform_may_call_from,
    ]
}

async fn who_guesses_clients_is_told_to_wait_and_who_is_right_never_is(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let bus = add(&database, "bus", &[]).await?;
    let server = TestServer::start_with(&database, |config| {
        config.failures_per_minute = 3.try_into().unwrap();
    })
    .await?;
    let wrong = OauthClient {
        secret: "guess".to_owned(),
        ..bus.clone()
    };
    let unknown = OauthClient {
        id: "nobody".to_owned(),
        ..bus.clone()
    };
    let revoke = async |client: &OauthClient| {
        let form = [("token", "any")];
        server.form("/oauth/revoke", client, &form).await
    };
    assert_eq!(server.credentials(&wrong).await?.status, 401);
    assert_eq!(server.credentials(&unknown).await?.status, 401);
    assert_eq!(revoke(&wrong).await?.status, 401);
    for answer in [
        server.credentials(&wrong).await?,
        server.credentials(&unknown).await?,
        revoke(&unknown).await?,
    ] {
        assert_eq!(answer.status, 429, "{answer}");
        let wait: u64 = answer.header("retry-after").parse()?;
        assert!((1..=21).contains(&wait), "{wait}");
        assert_eq!(answer.json()?["error"], "slow_down");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    // It is one count for the whole server, and the right secret never meets it.
    let mut guesser: Client = (*server).clone();
    guesser.matrix.secret = "guess".to_owned();
    assert_eq!(guesser.matrix("[]").await?.status, 429);
    member(&server.credentials(&bus).await?, "access_token")?;
    assert_eq!(revoke(&bus).await?.status, 200);
    // Who gives nothing guesses nothing.
    let request = server
        .request(Method::POST, "/oauth/token")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(encoded(&[("grant_type", "client_credentials")]));
    let answer = Answer::of(request.send().await?).await?;
    assert_eq!(answer.status, 401, "{answer}");
    server.stop().await
}

async fn tokens_are_given_only_where_the_platform_may_call_from(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let bus = add(&database, "bus", &[]).await?;
    let tasks = add(&database, "tasks", &["--source", "urgent"]).await?;
    let network = |text: &str| text.to_owned().try_into().unwrap();
    let server = TestServer::start_with(&database, |config| {
        config.matrix.allow_from = vec![network("192.0.2.0/24")];
        config.trusted_proxies = vec![network("127.0.0.1")];
    })
    .await?;
    for path in ["/oauth/token", "/oauth/revoke"] {
        let form = [("grant_type", "client_credentials"), ("token", "any")];
        let answer = server.form(path, &bus, &form).await?;
        assert_eq!(answer.status, 403, "{path} {answer}");
        assert_eq!(answer.json()?["error"], "access_denied");
        assert_eq!(server.form(path, &tasks, &form).await?.status, 200);
        let request = server
            .request(Method::POST, path)
            .basic_auth(&bus.id, Some(&bus.secret))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("x-forwarded-for", "192.0.2.7")
            .body(encoded(&form));
        assert_eq!(request.send().await?.status(), 200, "{path}");
    }
    server.stop().await
}
