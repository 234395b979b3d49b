//! caretaker gives out access tokens and takes them at its webhooks: the grants by a real client library, the errors,
//! and tokens that prove nothing.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use chrono::TimeDelta;
use oauth2::basic::BasicClient;
use oauth2::{AuthType, ClientId, ClientSecret, RefreshToken, Scope, TokenResponse, TokenUrl};
use reqwest::Method;
use serde_json::json;

use crate::support::case::{on_each_engine, once, snapshot};
use crate::support::client::Answer;
use crate::support::clock::TestClock;
use crate::support::look::acknowledged;
use crate::support::oauth::{OauthClient, add, encoded, given, member, oauth, refresh_token};
use crate::support::process::{command, data_dir};
use crate::support::{Case, TestDatabase, TestServer, rows};

pub fn tests() -> Vec<Case> {
    let mut tests = on_each_engine![
        both_grants_by_a_client_library_lead_to_a_call_that_is_taken,
        a_client_that_was_removed_ends_within_seconds,
        a_token_ends_with_its_time,
        a_token_of_another_platform_proves_nothing,
        a_secret_is_rotated_without_a_gap,
        errors_are_those_of_the_specification,
        what_is_no_form_is_refused,
        the_server_tells_what_it_offers,
        secrets_stand_in_the_database_as_hashes_only,
        the_key_is_made_when_first_needed_and_kept,
        a_key_that_cannot_be_read_is_no_fault_of_the_sender,
    ];
    tests.extend(once![a_command_that_cannot_be_done_says_why]);
    tests
}

/// The client library's way to our HTTP client.
async fn send(
    http: reqwest::Client,
    request: oauth2::HttpRequest,
) -> Result<oauth2::HttpResponse, reqwest::Error> {
    let response = http.execute(request.try_into()?).await?;
    let (status, headers) = (response.status(), response.headers().clone());
    let mut answer = oauth2::HttpResponse::new(response.bytes().await?.to_vec());
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    Ok(answer)
}

async fn both_grants_by_a_client_library_lead_to_a_call_that_is_taken(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let client = add(&database, "event bus", &[]).await?;
    let first = refresh_token(&database, "event bus").await?;
    let server = TestServer::start(&database).await?;
    for way in [AuthType::BasicAuth, AuthType::RequestBody] {
        let library = BasicClient::new(ClientId::new(client.id.clone()))
            .set_client_secret(ClientSecret::new(client.secret.clone()))
            .set_auth_type(way)
            .set_token_uri(TokenUrl::new(server.url("/oauth/token"))?);
        let http = |request| send(server.http.clone(), request);
        let asked = library.exchange_client_credentials();
        let token = asked
            .add_scope(Scope::new("webhooks".to_owned()))
            .request_async(&http)
            .await?;
        assert_eq!(token.expires_in(), Some(Duration::from_secs(900)));
        assert_eq!(
            token.scopes(),
            Some(&vec![Scope::new("webhooks".to_owned())])
        );
        assert!(token.refresh_token().is_none());
        acknowledged(&server.bearer(token.access_token().secret()).await?)?;

        let refresh = RefreshToken::new(first.clone());
        let token = library
            .exchange_refresh_token(&refresh)
            .request_async(&http)
            .await?;
        // Without rotation there is nothing to replace it with.
        assert!(token.refresh_token().is_none());
        acknowledged(&server.bearer(token.access_token().secret()).await?)?;
    }
    let deliveries = server.deliveries("credential").await?;
    assert_eq!(deliveries[0]["credential"], "event bus");
    server.stop().await
}

async fn a_client_that_was_removed_ends_within_seconds(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let client = add(&database, "bus", &[]).await?;
    let clock = TestClock::new();
    let server = TestServer::start_at(&database, clock.clock(), |_| ()).await?;
    let token = member(&server.credentials(&client).await?, "access_token")?;
    acknowledged(&server.bearer(&token).await?)?;
    oauth(&database, &["client", "remove", "bus"]).await?;
    acknowledged(&server.bearer(&token).await?)?;
    clock.advance(TimeDelta::seconds(3));
    assert_eq!(server.bearer(&token).await?.status, 401);
    assert_eq!(server.credentials(&client).await?.status, 401);
    // Another one of the same name does not bring it back.
    add(&database, "bus", &[]).await?;
    assert_eq!(server.bearer(&token).await?.status, 401);
    server.stop().await
}

async fn a_token_ends_with_its_time(database: TestDatabase) -> anyhow::Result<()> {
    let client = add(&database, "bus", &[]).await?;
    let clock = TestClock::new();
    let change = |config: &mut caretaker::config::Config| config.oauth.access_token_seconds = 60;
    let server = TestServer::start_at(&database, clock.clock(), change).await?;
    let answer = server.credentials(&client).await?;
    assert_eq!(answer.json()?["expires_in"], 60);
    let token = member(&answer, "access_token")?;
    clock.advance(TimeDelta::seconds(59));
    acknowledged(&server.bearer(&token).await?)?;
    clock.advance(TimeDelta::seconds(12));
    let answer = server.bearer(&token).await?;
    assert_eq!(answer.status, 401);
    assert_eq!(
        answer.header("www-authenticate"),
        "Bearer realm=\"caretaker\", error=\"invalid_token\", \
         error_description=\"expired, revoked, or not for this server\""
    );
    let mut body = answer.json()?;
    body["requestId"].take();
    snapshot!(format!("{body:#}"), @r#"
    {
      "detail": "The access token is expired, revoked or not for this server.",
      "requestId": null,
      "status": 401,
      "title": "The sender is not known",
      "type": "urn:caretaker:problem:unauthenticated"
    }
    "#);
    server.stop().await
}

async fn a_token_of_another_platform_proves_nothing(database: TestDatabase) -> anyhow::Result<()> {
    let urgent = add(&database, "tasks", &["--source", "urgent"]).await?;
    let server = TestServer::start(&database).await?;
    let token = member(&server.credentials(&urgent).await?, "access_token")?;
    assert_eq!(server.bearer(&token).await?.status, 401);
    let body = crate::support::payload::note(1, "2020-05-29T10:47:34Z").to_string();
    let request = server
        .request(Method::POST, "/webhooks/urgent/note-added")
        .bearer_auth(&token)
        .body(body);
    acknowledged(&Answer::of(request.send().await?).await?)?;
    server.stop().await
}

async fn a_secret_is_rotated_without_a_gap(database: TestDatabase) -> anyhow::Result<()> {
    let old = add(&database, "bus", &[]).await?;
    let clock = TestClock::new();
    let server = TestServer::start_at(&database, clock.clock(), |_| ()).await?;
    let status = async |client: &OauthClient| -> anyhow::Result<u16> {
        Ok(server.credentials(client).await?.status)
    };

    let new = given(&oauth(&database, &["client", "rotate", "bus"]).await?)?;
    assert_eq!((&new.id, status(&old).await?), (&old.id, 200));
    assert_eq!(status(&new).await?, 200);
    let again = oauth(&database, &["client", "rotate", "bus"])
        .await
        .unwrap_err();
    assert!(again.to_string().contains("--drop-old"), "{again}");
    let listed = oauth(&database, &["client", "list"]).await?;
    assert!(listed.contains("old secret good until dropped"), "{listed}");
    oauth(&database, &["client", "rotate", "bus", "--drop-old"]).await?;
    assert_eq!((status(&old).await?, status(&new).await?), (401, 200));

    let rotated = oauth(
        &database,
        &["client", "rotate", &old.id, "--grace-hours", "1"],
    )
    .await?;
    let newest = given(&rotated)?;
    assert_eq!((status(&new).await?, status(&newest).await?), (200, 200));
    clock.advance(TimeDelta::minutes(61));
    assert_eq!((status(&new).await?, status(&newest).await?), (401, 200));
    server.stop().await
}

async fn errors_are_those_of_the_specification(database: TestDatabase) -> anyhow::Result<()> {
    let client = add(&database, "bus", &[]).await?;
    let server = TestServer::start(&database).await?;
    let wrong = OauthClient {
        secret: "wrong".to_owned(),
        ..client.clone()
    };
    let stranger = OauthClient {
        id: "stranger".to_owned(),
        ..client.clone()
    };
    // PostgreSQL would not take it.
    let nul = OauthClient {
        id: "\0".to_owned(),
        ..client.clone()
    };
    let nobody = OauthClient {
        id: "0123456789abcdef0123456789abcdef".to_owned(),
        ..client.clone()
    };
    let grant = ("grant_type", "client_credentials");
    let refresh = ("grant_type", "refresh_token");
    let other = "A".repeat(64);
    type Form<'a> = &'a [(&'a str, &'a str)];
    let cases: [(&OauthClient, Form<'_>, u16, &str); 16] = [
        (&wrong, &[grant], 401, "invalid_client"),
        (&stranger, &[grant], 401, "invalid_client"),
        (&nul, &[grant], 401, "invalid_client"),
        (&nobody, &[grant], 401, "invalid_client"),
        (&client, &[], 400, "invalid_request"),
        (&client, &[("grant_type", "")], 400, "invalid_request"),
        (&client, &[grant, grant], 400, "invalid_request"),
        (
            &client,
            &[("grant_type", "password")],
            400,
            "unsupported_grant_type",
        ),
        (
            &client,
            &[("grant_type", "authorization_code")],
            400,
            "unsupported_grant_type",
        ),
        (
            &client,
            &[grant, ("scope", "everything")],
            400,
            "invalid_scope",
        ),
        (
            &client,
            &[grant, ("scope", "webhooks everything")],
            400,
            "invalid_scope",
        ),
        (&client, &[refresh], 400, "invalid_request"),
        (
            &client,
            &[refresh, ("refresh_token", "x")],
            400,
            "invalid_grant",
        ),
        (
            &client,
            &[refresh, ("refresh_token", &other)],
            400,
            "invalid_grant",
        ),
        (
            &client,
            &[grant, ("client_secret", "x")],
            400,
            "invalid_request",
        ),
        (
            &client,
            &[grant, ("client_id", "x")],
            400,
            "invalid_request",
        ),
    ];
    for (client, form, status, error) in cases {
        let answer = server.form("/oauth/token", client, form).await?;
        assert_eq!(answer.status, status, "{form:?}: {answer}");
        assert_eq!(answer.json()?["error"], error, "{form:?}");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("content-type"), "application/json");
        let challenged = answer
            .header("www-authenticate")
            .starts_with("Basic realm=");
        assert_eq!(challenged, status == 401);
    }
    let unknown = server.form("/oauth/token", &stranger, &[grant]).await?;
    let wrong = server.form("/oauth/token", &wrong, &[grant]).await?;
    assert_eq!(unknown.body, wrong.body);
    // What is unknown is passed over.
    let more = [
        grant,
        ("scope", "webhooks"),
        ("resource", "x"),
        ("audience", "y"),
    ];
    let answer = server.form("/oauth/token", &client, &more).await?;
    assert_eq!(answer.header("cache-control"), "no-store");
    let mut body = answer.json()?;
    body["access_token"].take();
    snapshot!(format!("{} {body:#}", answer.status), @r#"
    200 {
      "access_token": null,
      "expires_in": 900,
      "scope": "webhooks",
      "token_type": "Bearer"
    }
    "#);
    server.stop().await
}

async fn what_is_no_form_is_refused(database: TestDatabase) -> anyhow::Result<()> {
    let client = add(&database, "bus", &[]).await?;
    let server = TestServer::start(&database).await?;
    let form = encoded(&[("grant_type", "client_credentials")]);
    let post = async |kind: &str, body: String| -> anyhow::Result<Answer> {
        let request = server
            .request(Method::POST, "/oauth/token")
            .basic_auth(&client.id, Some(&client.secret))
            .header("content-type", kind)
            .body(body);
        Answer::of(request.send().await?).await
    };
    let kind = "application/x-www-form-urlencoded";
    assert_eq!(post(kind, form.clone()).await?.status, 200);
    let parameter = format!("{kind}; charset=UTF-8");
    assert_eq!(post(&parameter, form.clone()).await?.status, 200);
    for kind in ["application/json", "text/plain", ""] {
        let answer = post(kind, form.clone()).await?;
        assert_eq!(answer.status, 400, "{kind}");
        assert_eq!(answer.json()?["error"], "invalid_request");
    }
    let long = format!("{form}&more={}", "x".repeat(20_000));
    let answer = post(kind, long).await?;
    assert_eq!(
        (answer.status, answer.header("cache-control")),
        (413, "no-store")
    );
    // Credentials in the address count for nothing.
    let query = format!(
        "/oauth/token?{form}&client_id={}&client_secret={}",
        client.id, client.secret
    );
    let request = server
        .request(Method::POST, &query)
        .header("content-type", kind);
    assert_eq!(Answer::of(request.send().await?).await?.status, 401);
    for path in ["/oauth/token", "/oauth/revoke"] {
        let answer = server.get(path).await?;
        assert_eq!(
            (answer.status, answer.header("allow")),
            (405, "POST"),
            "{path}"
        );
    }
    let twice = server
        .request(Method::POST, "/oauth/token")
        .basic_auth(&client.id, Some(&client.secret))
        .header("authorization", "Basic eDp5")
        .header("content-type", kind)
        .body(form);
    let answer = Answer::of(twice.send().await?).await?;
    assert_eq!(
        (answer.status, &answer.json()?["error"]),
        (400, &json!("invalid_request"))
    );
    server.stop().await
}

async fn the_server_tells_what_it_offers(database: TestDatabase) -> anyhow::Result<()> {
    let address = "https://caretaker.example";
    let server = TestServer::start_with(&database, |config| {
        config.oauth.issuer = address.to_owned();
    })
    .await?;
    let answer = server
        .get("/.well-known/oauth-authorization-server")
        .await?;
    snapshot!(answer, @r#"
    200 application/json
    {
      "grant_types_supported": [
        "client_credentials",
        "refresh_token"
      ],
      "issuer": "https://caretaker.example",
      "response_types_supported": [],
      "revocation_endpoint": "https://caretaker.example/oauth/revoke",
      "revocation_endpoint_auth_methods_supported": [
        "client_secret_basic",
        "client_secret_post"
      ],
      "scopes_supported": [
        "webhooks"
      ],
      "token_endpoint": "https://caretaker.example/oauth/token",
      "token_endpoint_auth_methods_supported": [
        "client_secret_basic",
        "client_secret_post"
      ]
    }
    "#);
    server.stop().await?;

    let server = TestServer::start(&database).await?;
    let path = "/.well-known/oauth-authorization-server";
    let answer = server.get(path).await?;
    // It says what this caller named: not to be kept for others.
    assert_eq!(answer.header("cache-control"), "no-store");
    let offered = answer.json()?;
    assert_eq!(offered["issuer"], server.base);
    assert_eq!(offered["token_endpoint"], server.url("/oauth/token"));
    let named = server
        .request(Method::GET, path)
        .header("host", "bus.example:81");
    let offered = Answer::of(named.send().await?).await?.json()?;
    assert_eq!(offered["issuer"], "http://bus.example:81");
    server.stop().await
}

async fn secrets_stand_in_the_database_as_hashes_only(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let client = add(&database, "bus", &["--rotate-refresh-tokens"]).await?;
    let refresh = refresh_token(&database, "bus").await?;
    let server = TestServer::start(&database).await?;
    let answer = server.refresh(&client, &refresh).await?;
    let (access, next) = (
        member(&answer, "access_token")?,
        member(&answer, "refresh_token")?,
    );
    let open = caretaker::domain::database::Database::open(database.url(), 1).await?;
    for table in ["oauth_client", "oauth_refresh_token"] {
        let rows = rows::of(&open, table).await?.join("\n");
        assert!(!rows.is_empty());
        for secret in [&client.secret, &refresh, &next, &access] {
            assert!(!rows.contains(secret.as_str()), "{table}: {rows}");
        }
    }
    open.close().await;
    server.stop().await
}

async fn the_key_is_made_when_first_needed_and_kept(database: TestDatabase) -> anyhow::Result<()> {
    let client = add(&database, "bus", &[]).await?;
    let path = data_dir(&database).join("oauth.key");
    let server = TestServer::start(&database).await?;
    assert_eq!(
        server.bearer("eyJhbGciOiJIUzI1NiJ9.e30.x").await?.status,
        401
    );
    assert!(!path.exists());
    let token = member(&server.credentials(&client).await?, "access_token")?;
    assert_eq!(
        std::fs::metadata(&path)?.permissions().mode() & 0o777,
        0o600
    );
    server.stop().await?;
    let server = TestServer::start(&database).await?;
    acknowledged(&server.bearer(&token).await?)?;
    server.stop().await?;
    std::fs::remove_file(&path)?;
    let server = TestServer::start(&database).await?;
    assert_eq!(server.bearer(&token).await?.status, 401);
    server.stop().await
}

async fn a_key_that_cannot_be_read_is_no_fault_of_the_sender(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let client = add(&database, "bus", &[]).await?;
    let server = TestServer::start(&database).await?;
    let token = member(&server.credentials(&client).await?, "access_token")?;
    server.stop().await?;
    let path = data_dir(&database).join("oauth.key");
    let key = std::fs::read(&path)?;
    std::fs::remove_file(&path)?;
    let server = TestServer::start(&database).await?;
    // It comes back while the server runs, and others can read it.
    std::fs::write(&path, key)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644))?;
    let answer = server.bearer(&token).await?;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "5"));
    let answer = server
        .form("/oauth/revoke", &client, &[("token", &token)])
        .await?;
    assert_eq!(
        (answer.status, &answer.json()?["error"]),
        (500, &json!("server_error"))
    );
    server.stop().await
}

async fn a_command_that_cannot_be_done_says_why() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let said = async |arguments: &[&str]| -> anyhow::Result<String> {
        let output = command(folder.path())
            .arg("oauth")
            .args(arguments)
            .output()
            .await?;
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(output.stdout.is_empty());
        Ok(String::from_utf8(output.stderr)?)
    };
    let done = command(folder.path())
        .args(["oauth", "client", "add", "bus"])
        .output()
        .await?;
    assert!(done.status.success());
    insta::assert_snapshot!(said(&["client", "add", "bus"]).await?, @"caretaker: there is a client `bus` already");
    insta::assert_snapshot!(said(&["client", "add", " "]).await?, @"caretaker: a client's name is neither empty nor begins or ends with a space");
    let reserved = "caretaker: deliveries already record `unauthenticated` of other senders: give the client another name";
    let given = said(&["client", "add", "unauthenticated"]).await?;
    assert_eq!(given.trim(), reserved);
    assert!(
        said(&["client", "add", "credentials.toml"])
            .await?
            .contains("already record")
    );
    insta::assert_snapshot!(said(&["client", "remove", "other"]).await?, @"caretaker: there is no client `other`");
    insta::assert_snapshot!(said(&["refresh-token", "issue", "--client", "other"]).await?, @"caretaker: there is no client `other`");
    Ok(())
}
