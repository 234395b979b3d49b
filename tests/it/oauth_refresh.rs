//! Refresh tokens: a fixed one stays good; a rotated one is good until its replacement is used; used later it ends
//! everything that came of it. And tokens that are given back.

use serde_json::json;

use crate::support::case::on_each_engine;
use crate::support::look::acknowledged;
use crate::support::oauth::{OauthClient, add, member, oauth, refresh_token};
use crate::support::{Case, TestDatabase, TestServer};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        a_fixed_token_stays_good,
        a_rotated_token_is_good_until_its_replacement_is_used,
        a_replaced_token_used_again_ends_the_family_and_raises_an_alarm,
        answers_that_were_lost_do_not_lock_a_client_out,
        a_wrong_character_costs_nobody_anything,
        two_nodes_refresh_one_token_at_once_and_nobody_is_locked_out,
        a_refresh_token_is_good_for_its_own_client_only,
        a_refresh_token_given_back_ends_with_all_that_came_of_it,
        an_access_token_given_back_ends,
        nobody_gives_back_what_is_not_theirs,
    ]
}

const ROTATE: &[&str] = &["--rotate-refresh-tokens"];

async fn a_fixed_token_stays_good(database: TestDatabase) -> anyhow::Result<()> {
    let client = add(&database, "bus", &[]).await?;
    let token = refresh_token(&database, "bus").await?;
    let server = TestServer::start(&database).await?;
    for _ in 0..3 {
        let answer = server.refresh(&client, &token).await?;
        let access = member(&answer, "access_token")?;
        assert_eq!(answer.json()?.get("refresh_token"), None);
        acknowledged(&server.bearer(&access).await?)?;
    }
    // A second one does not end the first.
    let second = refresh_token(&database, "bus").await?;
    for token in [&second, &token] {
        assert_eq!(server.refresh(&client, token).await?.status, 200);
    }
    server.stop().await
}

async fn a_rotated_token_is_good_until_its_replacement_is_used(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let client = add(&database, "bus", ROTATE).await?;
    let first = refresh_token(&database, "bus").await?;
    let server = TestServer::start(&database).await?;
    let mut token = first;
    for _ in 0..4 {
        let answer = server.refresh(&client, &token).await?;
        let next = member(&answer, "refresh_token")?;
        assert_ne!(next, token);
        acknowledged(&server.bearer(&member(&answer, "access_token")?).await?)?;
        // The answer may have been lost: the one before is still good.
        assert_eq!(server.refresh(&client, &token).await?.status, 200);
        token = next;
    }
    let listed = oauth(&database, &["client", "list"]).await?;
    assert!(!listed.contains("ALARM"), "{listed}");
    server.stop().await
}

async fn a_replaced_token_used_again_ends_the_family_and_raises_an_alarm(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let client = add(&database, "bus", ROTATE).await?;
    let first = refresh_token(&database, "bus").await?;
    let untouched = refresh_token(&database, "bus").await?;
    let server = TestServer::start(&database).await?;
    let second = member(&server.refresh(&client, &first).await?, "refresh_token")?;
    let answer = server.refresh(&client, &second).await?;
    let (access, third) = (
        member(&answer, "access_token")?,
        member(&answer, "refresh_token")?,
    );

    acknowledged(&server.bearer(&access).await?)?;
    let replayed = server.refresh(&client, &first).await?;
    assert_eq!(
        (replayed.status, &replayed.json()?["error"]),
        (400, &json!("invalid_grant"))
    );
    for token in [&first, &second, &third] {
        assert_eq!(server.refresh(&client, token).await?.status, 400);
    }
    assert_eq!(server.bearer(&access).await?.status, 401);
    let listed = oauth(&database, &["client", "list"]).await?;
    let alarm = "ALARM: a replaced refresh token was used again at ";
    assert!(listed.contains(alarm), "{listed}");
    assert!(listed.contains("refresh tokens: 1"), "{listed}");
    // What did not come of it is good, and the client gets a new one.
    assert_eq!(server.refresh(&client, &untouched).await?.status, 200);
    assert_eq!(server.credentials(&client).await?.status, 200);
    let new = refresh_token(&database, "bus").await?;
    assert_eq!(server.refresh(&client, &new).await?.status, 200);
    // The operator has answered.
    let listed = oauth(&database, &["client", "list"]).await?;
    assert!(!listed.contains("ALARM"), "{listed}");
    server.stop().await
}

async fn answers_that_were_lost_do_not_lock_a_client_out(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let client = add(&database, "bus", ROTATE).await?;
    let first = refresh_token(&database, "bus").await?;
    let server = TestServer::start(&database).await?;
    let mut answers = Vec::new();
    for _ in 0..20 {
        answers.push(member(
            &server.refresh(&client, &first).await?,
            "refresh_token",
        )?);
    }
    // Two at once, as a client with two threads asks.
    let (one, other) = tokio::join!(
        server.refresh(&client, &first),
        server.refresh(&client, &first)
    );
    let (one, other) = (
        member(&one?, "refresh_token")?,
        member(&other?, "refresh_token")?,
    );
    let latest = member(&server.refresh(&client, &one).await?, "refresh_token")?;
    // The replacements that were not chosen, and those of the first that gave way to later ones, were never used: they
    // are good no more, and nobody is robbed.
    for unused in [&other, &answers[0], &answers[19]] {
        let answer = server.refresh(&client, unused).await?;
        assert_eq!(
            (answer.status, &answer.json()?["error"]),
            (400, &json!("invalid_grant"))
        );
    }
    assert_eq!(server.refresh(&client, &latest).await?.status, 200);
    quiet(&database).await?;
    server.stop().await
}

/// No alarm stands in the list of clients.
async fn quiet(database: &TestDatabase) -> anyhow::Result<()> {
    let listed = oauth(database, &["client", "list"]).await?;
    anyhow::ensure!(
        !listed.contains("ALARM") && listed.contains("refresh tokens: 1"),
        "{listed}"
    );
    Ok(())
}

async fn a_wrong_character_costs_nobody_anything(database: TestDatabase) -> anyhow::Result<()> {
    for (name, more) in [("fixed", &[][..]), ("rotating", ROTATE)] {
        let client = add(&database, name, more).await?;
        let token = refresh_token(&database, name).await?;
        let server = TestServer::start(&database).await?;
        let good = server.refresh(&client, &token).await?;
        let access = member(&good, "access_token")?;
        // The beginning, which names the family, is right.
        let mut wrong = token.clone();
        let last = if wrong.pop() == Some('A') { 'B' } else { 'A' };
        wrong.push(last);
        assert_eq!(server.refresh(&client, &wrong).await?.status, 400, "{name}");
        assert_eq!(server.refresh(&client, &token).await?.status, 200, "{name}");
        acknowledged(&server.bearer(&access).await?)?;
        quiet(&database).await?;
        oauth(&database, &["client", "remove", name]).await?;
        server.stop().await?;
    }
    Ok(())
}

async fn two_nodes_refresh_one_token_at_once_and_nobody_is_locked_out(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let client = add(&database, "bus", ROTATE).await?;
    let mut token = refresh_token(&database, "bus").await?;
    let nodes = [
        TestServer::start(&database).await?,
        TestServer::start(&database).await?,
    ];
    for round in 0..5 {
        let [one, other] = &nodes;
        let (here, there, again) = tokio::join!(
            one.refresh(&client, &token),
            other.refresh(&client, &token),
            other.refresh(&client, &token)
        );
        let mut next = Vec::new();
        for answer in [here?, there?, again?] {
            next.push(member(&answer, "refresh_token")?);
        }
        // Both threads go on with what they got; one of them is first.
        let (chosen, late) = (&next[round % 2], &next[(round + 1) % 2]);
        let answer = nodes[round % 2].refresh(&client, chosen).await?;
        let access = member(&answer, "access_token")?;
        for node in &nodes {
            assert_eq!(node.refresh(&client, late).await?.status, 400);
            acknowledged(&node.bearer(&access).await?)?;
        }
        token.clone_from(chosen);
    }
    quiet(&database).await?;
    for node in nodes {
        node.stop().await?;
    }
    Ok(())
}

async fn a_refresh_token_is_good_for_its_own_client_only(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let bus = add(&database, "bus", ROTATE).await?;
    let other = add(&database, "other", ROTATE).await?;
    let token = refresh_token(&database, "bus").await?;
    let server = TestServer::start(&database).await?;
    assert_eq!(server.refresh(&other, &token).await?.status, 400);
    let wrong = OauthClient {
        secret: other.secret,
        ..bus.clone()
    };
    assert_eq!(server.refresh(&wrong, &token).await?.status, 401);
    // Neither attempt cost its owner anything.
    assert_eq!(server.refresh(&bus, &token).await?.status, 200);
    server.stop().await
}

async fn a_refresh_token_given_back_ends_with_all_that_came_of_it(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let client = add(&database, "bus", ROTATE).await?;
    let first = refresh_token(&database, "bus").await?;
    let server = TestServer::start(&database).await?;
    let answer = server.refresh(&client, &first).await?;
    let (access, second) = (
        member(&answer, "access_token")?,
        member(&answer, "refresh_token")?,
    );
    acknowledged(&server.bearer(&access).await?)?;
    let form = [
        ("token", second.as_str()),
        ("token_type_hint", "refresh_token"),
    ];
    let answer = server.form("/oauth/revoke", &client, &form).await?;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    for token in [&first, &second] {
        assert_eq!(server.refresh(&client, token).await?.status, 400);
    }
    assert_eq!(server.bearer(&access).await?.status, 401);
    // Again, and whatever else is no token of anybody: nothing is left to do.
    for token in [second.as_str(), "nonsense", &"A".repeat(64)] {
        let answer = server
            .form("/oauth/revoke", &client, &[("token", token)])
            .await?;
        assert_eq!(answer.status, 200, "{token}");
    }
    let listed = oauth(&database, &["client", "list"]).await?;
    assert!(
        !listed.contains("ALARM") && listed.contains("refresh tokens: 0"),
        "{listed}"
    );
    server.stop().await
}

async fn an_access_token_given_back_ends(database: TestDatabase) -> anyhow::Result<()> {
    let client = add(&database, "bus", &[]).await?;
    let server = TestServer::start(&database).await?;
    let token = member(&server.credentials(&client).await?, "access_token")?;
    let other = member(&server.credentials(&client).await?, "access_token")?;
    acknowledged(&server.bearer(&token).await?)?;
    for _ in 0..2 {
        // The hint may be wrong: RFC 7009.
        let form = [
            ("token", token.as_str()),
            ("token_type_hint", "refresh_token"),
        ];
        let answer = server.form("/oauth/revoke", &client, &form).await?;
        assert_eq!(answer.status, 200, "{answer}");
    }
    assert_eq!(server.bearer(&token).await?.status, 401);
    acknowledged(&server.bearer(&other).await?)?;
    server.stop().await
}

async fn nobody_gives_back_what_is_not_theirs(database: TestDatabase) -> anyhow::Result<()> {
    let bus = add(&database, "bus", &[]).await?;
    let other = add(&database, "other", &[]).await?;
    let refresh = refresh_token(&database, "bus").await?;
    let server = TestServer::start(&database).await?;
    let access = member(&server.credentials(&bus).await?, "access_token")?;
    let answer = server
        .form("/oauth/revoke", &other, &[("token", &access)])
        .await?;
    assert_eq!(
        (answer.status, &answer.json()?["error"]),
        (400, &json!("invalid_grant"))
    );
    server
        .form("/oauth/revoke", &other, &[("token", &refresh)])
        .await?;
    let stranger = OauthClient {
        secret: "wrong".to_owned(),
        ..bus.clone()
    };
    let answer = server
        .form("/oauth/revoke", &stranger, &[("token", &refresh)])
        .await?;
    assert_eq!(
        (answer.status, &answer.json()?["error"]),
        (401, &json!("invalid_client"))
    );
    let answer = server.form("/oauth/revoke", &bus, &[]).await?;
    assert_eq!(
        (answer.status, &answer.json()?["error"]),
        (400, &json!("invalid_request"))
    );
    acknowledged(&server.bearer(&access).await?)?;
    assert_eq!(server.refresh(&bus, &refresh).await?.status, 200);
    server.stop().await
}
