//! Readers: their keys in the settings, their tokens, their questions.

use caretaker::config::{ReaderKey, ReaderMaterial, Secret};
use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::client::{Answer, Client};

/// A secret that is long enough.
pub const SECRET: &str = "a secret of front ends, long enough";
/// Who issues tokens signed with public keys' private halves.
pub const PROVIDER: &str = "https://login.example/";
/// For whom they are.
pub const AUDIENCE: &str = "https://caretaker.example";

/// The key of tokens signed with a secret.
pub fn by_secret(name: &str, secret: &str) -> ReaderKey {
    ReaderKey {
        name: name.to_owned(),
        issuer: "caretaker".to_owned(),
        audience: "caretaker".to_owned(),
        material: ReaderMaterial::Secret(Secret::Here(SecretString::from(secret))),
    }
}

/// The key of tokens of the provider.
pub fn by_provider(name: &str, material: ReaderMaterial) -> ReaderKey {
    ReaderKey {
        name: name.to_owned(),
        issuer: PROVIDER.to_owned(),
        audience: AUDIENCE.to_owned(),
        material,
    }
}

/// What a token of caretaker's own kind says.
pub fn own_claims(now: DateTime<Utc>, grant: Value) -> Value {
    let now = now.timestamp();
    json!({
        "iss": "caretaker", "aud": "caretaker", "sub": "front end", "iat": now, "exp": now + 600,
        "caretaker": grant,
    })
}

/// What a token of the provider says.
pub fn provider_claims(now: DateTime<Utc>) -> Value {
    let now = now.timestamp();
    json!({
        "iss": PROVIDER, "aud": AUDIENCE, "sub": "front end", "nbf": now, "exp": now + 600,
        "caretaker": {"all": true},
    })
}

/// The token that says so.
pub fn by_hs256(secret: &[u8], claims: &Value) -> String {
    let key = EncodingKey::from_secret(secret);
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key).unwrap()
}

/// A token that may see all, signed with the secret.
pub fn all(now: DateTime<Utc>) -> String {
    by_hs256(SECRET.as_bytes(), &own_claims(now, json!({"all": true})))
}

/// Asks with a token.
pub async fn ask_as(client: &Client, token: &str, body: &Value) -> anyhow::Result<Answer> {
    let request = client
        .request(Method::POST, "/graphql")
        .bearer_auth(token)
        .json(body);
    Answer::of(request.send().await?).await
}

/// The code of the first error.
pub fn code(answer: &Answer) -> String {
    let body = answer.json().unwrap_or_default();
    let code = &body["errors"][0]["extensions"]["code"];
    code.as_str().unwrap_or_default().to_owned()
}
