//! Clients of the authorization server: added as operators do it, used as senders do it.

use anyhow::{Context, ensure};
use reqwest::Method;
use serde_json::{Value, json};

use super::client::{Answer, Client};
use super::database::TestDatabase;
use super::payload::incident;
use super::process::{command, data_dir};

/// What a client was given.
#[derive(Clone, Debug)]
pub struct OauthClient {
    pub id: String,
    pub secret: String,
}

/// `caretaker oauth …`; what it printed.
pub async fn oauth(database: &TestDatabase, arguments: &[&str]) -> anyhow::Result<String> {
    let output = command(database.folder())
        .arg("oauth")
        .args(arguments)
        .args(["--database-url", database.url()])
        .arg("--data-dir")
        .arg(data_dir(database))
        .output()
        .await?;
    let said = String::from_utf8(output.stderr)?;
    ensure!(output.status.success(), "{said}");
    Ok(String::from_utf8(output.stdout)?)
}

/// The word after `name` in what was printed.
pub fn word(printed: &str, name: &str) -> anyhow::Result<String> {
    let mut lines = printed.lines();
    let found = lines.find_map(|line| line.strip_prefix(name));
    let found = found.with_context(|| format!("no {name} in {printed}"))?;
    Ok(found.trim().to_owned())
}

/// Adds a client; `more` are flags.
pub async fn add(
    database: &TestDatabase,
    name: &str,
    more: &[&str],
) -> anyhow::Result<OauthClient> {
    let arguments = [&["client", "add", name], more].concat();
    given(&oauth(database, &arguments).await?)
}

/// The client_id and client_secret that were printed.
pub fn given(printed: &str) -> anyhow::Result<OauthClient> {
    Ok(OauthClient {
        id: word(printed, "client_id ")?,
        secret: word(printed, "client_secret ")?,
    })
}

/// A first refresh token.
pub async fn refresh_token(database: &TestDatabase, name: &str) -> anyhow::Result<String> {
    let arguments = ["refresh-token", "issue", "--client", name];
    word(&oauth(database, &arguments).await?, "refresh_token ")
}

impl Client {
    /// Posts a form, the client proven by HTTP Basic.
    pub async fn form(
        &self,
        path: &str,
        client: &OauthClient,
        form: &[(&str, &str)],
    ) -> anyhow::Result<Answer> {
        let request = self
            .request(Method::POST, path)
            .basic_auth(&client.id, Some(&client.secret))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(encoded(form));
        Answer::of(request.send().await?).await
    }

    /// The answer to `client_credentials`.
    pub async fn credentials(&self, client: &OauthClient) -> anyhow::Result<Answer> {
        let form = [("grant_type", "client_credentials")];
        self.form("/oauth/token", client, &form).await
    }

    /// The answer to `refresh_token`.
    pub async fn refresh(&self, client: &OauthClient, token: &str) -> anyhow::Result<Answer> {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        self.form("/oauth/token", client, &form).await
    }

    /// Calls Matrix's webhook with an access token.
    pub async fn bearer(&self, token: &str) -> anyhow::Result<Answer> {
        self.authorized(&[&format!("Bearer {token}")]).await
    }

    /// Calls Matrix's webhook with these `Authorization` headers.
    pub async fn authorized(&self, headers: &[&str]) -> anyhow::Result<Answer> {
        let body = json!([incident("INCIDENT_CREATED_OPEN", 0)]);
        let mut request = self
            .request(Method::POST, "/webhooks/matrix")
            .body(body.to_string());
        for header in headers {
            request = request.header("authorization", *header);
        }
        Answer::of(request.send().await?).await
    }
}

/// A form as it travels.
pub fn encoded(form: &[(&str, &str)]) -> String {
    let mut text = form_urlencoded::Serializer::new(String::new());
    text.extend_pairs(form).finish()
}

/// A member of an answer that must be 200.
pub fn member(answer: &Answer, name: &str) -> anyhow::Result<String> {
    ensure!(answer.status == 200, "{answer}");
    let body: Value = answer.json()?;
    let member = body[name].as_str();
    Ok(member
        .with_context(|| format!("no {name}: {answer}"))?
        .to_owned())
}
