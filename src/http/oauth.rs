//! caretaker as its own authorization server: tokens (RFC 6749), revocation (RFC 7009) and what clients may know of it
//! (RFC 8414). Gives out nothing but short-lived access to the webhooks of the client's platform.

pub mod answer;
pub mod form;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use chrono::{DateTime, TimeDelta, Utc};
use entity::oauth_client;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use answer::{Fault, Named, granted, metadata};
use form::{Form, Given};

use super::problem::Problem;
use super::webhook::Intake;
use crate::domain::database::Database;
use crate::domain::oauth::standing::Standing;
use crate::domain::oauth::token::{Claims, Key};
use crate::domain::oauth::write::{self, Refreshed};
use crate::domain::oauth::{self, SCOPE, read};
use crate::domain::writer::Clock;

/// The longest body, in bytes.
const LONGEST: usize = 16 * 1024;
/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// What the server of access tokens needs.
pub struct Issuer {
    /// Where the clients are.
    pub database: Database,
    /// What its tokens are signed with.
    pub key: Arc<Key>,
    /// What is remembered of tokens here.
    pub standing: Arc<Standing>,
    /// Its address as the settings say it; without one, the address that a call names.
    pub address: Option<String>,
    /// Where it takes the webhooks, `https://192.0.2.1:8443`: its address for a call that names none.
    pub base: String,
    /// How long an access token is good.
    pub lifetime: TimeDelta,
    /// The time.
    pub clock: Clock,
    /// The webhooks: their callers are ours, and so are their lists of networks.
    pub intake: Arc<Intake>,
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let address = &self.address;
        formatter
            .debug_struct("Issuer")
            .field("address", address)
            .finish()
    }
}

/// What a client gets.
#[derive(Serialize)]
struct Token<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_in: i64,
    scope: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
}

/// The routes.
pub fn router(issuer: Arc<Issuer>) -> Router {
    let other = |allowed: &'static str| async move { Problem::method_not_allowed(allowed) };
    Router::new()
        .route("/oauth/token", post(token).fallback(move || other("POST")))
        .route(
            "/oauth/revoke",
            post(revoke).fallback(move || other("POST")),
        )
        .route(
            "/.well-known/oauth-authorization-server",
            get(about).fallback(move || other("GET")),
        )
        .with_state(issuer)
}

async fn token(State(issuer): State<Arc<Issuer>>, request: Request) -> Result<Response, Fault> {
    let (head, body) = request.into_parts();
    let form = form::read(body, &head.headers, LONGEST, BODY_TIMEOUT).await?;
    let caller = issuer.intake.callers().address(&head);
    issuer.token(&head.headers, &form, caller).await
}

async fn revoke(State(issuer): State<Arc<Issuer>>, request: Request) -> Result<Response, Fault> {
    let (head, body) = request.into_parts();
    let form = form::read(body, &head.headers, LONGEST, BODY_TIMEOUT).await?;
    let caller = issuer.intake.callers().address(&head);
    issuer.revoke(&head.headers, &form, caller).await
}

async fn about(State(issuer): State<Arc<Issuer>>, headers: HeaderMap) -> Response {
    metadata(&issuer.address(&headers), issuer.address.is_none())
}

impl Issuer {
    async fn token(
        &self,
        headers: &HeaderMap,
        form: &Form,
        caller: Option<IpAddr>,
    ) -> Result<Response, Fault> {
        let now = (self.clock)();
        let client = self.client(headers, form, caller, now).await?;
        let grant = form
            .one("grant_type")?
            .ok_or_else(|| Fault::missing("grant_type"))?;
        if let Some(scope) = form.one("scope")?
            && !scope.split(' ').all(|scope| scope == SCOPE)
        {
            return Err(Fault::new(
                Named::InvalidScope,
                "the one scope here is webhooks",
            ));
        }
        let (family, next) = match grant {
            "client_credentials" => (None, None),
            "refresh_token" => self.refresh(&client, form, now).await?,
            _ => {
                let known = "grant_type is client_credentials or refresh_token here";
                return Err(Fault::new(Named::UnsupportedGrantType, known));
            }
        };
        let address = self.address(headers);
        let claims = Claims::new(&address, &client.id, family, now, self.lifetime);
        let token = self
            .key
            .sign(&claims)
            .map_err(|error| Fault::internal(&error))?;
        tracing::debug!(client = client.name, grant, "an access token was issued");
        Ok(granted(&Token {
            access_token: token.expose_secret(),
            token_type: "Bearer",
            expires_in: self.lifetime.num_seconds(),
            scope: SCOPE,
            refresh_token: next.as_ref().map(ExposeSecret::expose_secret),
        }))
    }

    async fn refresh(
        &self,
        client: &oauth_client::Model,
        form: &Form,
        now: DateTime<Utc>,
    ) -> Result<(Option<String>, Option<SecretString>), Fault> {
        let token = form
            .one("refresh_token")?
            .ok_or_else(|| Fault::missing("refresh_token"))?;
        let used = write::use_refresh_token(&self.database, &client.id, token, now).await;
        match used.map_err(|error| Fault::internal(&error))? {
            Refreshed::Good { family, next } => Ok((Some(family), next)),
            unknown => {
                if matches!(unknown, Refreshed::Replayed) {
                    self.standing.forget();
                }
                let why = "the refresh token is not one of this client's that are good";
                Err(Fault::new(Named::InvalidGrant, why))
            }
        }
    }

    async fn revoke(
        &self,
        headers: &HeaderMap,
        form: &Form,
        caller: Option<IpAddr>,
    ) -> Result<Response, Fault> {
        let now = (self.clock)();
        let client = self.client(headers, form, caller, now).await?;
        let token = form.one("token")?.ok_or_else(|| Fault::missing("token"))?;
        form.one("token_type_hint")?;
        let read = self.key.read(token);
        let done = match read.map_err(|error| Fault::internal(&error))? {
            Some(claims) if claims.sub != client.id => {
                let why = "the token was issued to another client";
                return Err(Fault::new(Named::InvalidGrant, why));
            }
            Some(claims) => {
                let (jti, ends) = (&claims.jti, claims.expires_at());
                write::revoke_access_token(&self.database, jti, ends, now).await
            }
            // A token that means nothing here is as good as revoked: RFC 7009.
            None => write::revoke_refresh_token(&self.database, &client.id, token)
                .await
                .map(|_| ()),
        };
        done.map_err(|error| Fault::internal(&error))?;
        self.standing.forget();
        tracing::info!(client = client.name, "a token was given back");
        let mut response = StatusCode::OK.into_response();
        answer::never_store(response.headers_mut());
        Ok(response)
    }

    /// The client that a request proves to come from, and that may ask from there.
    async fn client(
        &self,
        headers: &HeaderMap,
        form: &Form,
        caller: Option<IpAddr>,
        now: DateTime<Utc>,
    ) -> Result<oauth_client::Model, Fault> {
        let Given { id, secret } = Given::find(
            headers
                .get_all(AUTHORIZATION)
                .iter()
                .map(HeaderValue::as_bytes),
            form,
        )?;
        let readers = &self.database.readers;
        let client = read::by_id(readers, &id).await;
        let client = client.map_err(|error| Fault::internal(&error))?;
        let is_proven = oauth::is_secret_of(client.as_ref(), secret.expose_secret(), now);
        match client {
            Some(client) if !is_proven => Err(self.refuse(Some(&client), caller, now)),
            Some(client) if !self.intake.gate(client.source).admits(caller) => {
                let why = "tokens are not given to this client at the address that it asks from";
                Err(Fault::new(Named::AccessDenied, why))
            }
            Some(client) => Ok(client),
            None => Err(self.refuse(None, caller, now)),
        }
    }

    /// Counts a client that did not prove itself. Warns at the 1st, 2nd, 4th, 8th… refusal, and names only clients that
    /// there are: what strangers write must not fill the log.
    fn refuse(
        &self,
        client: Option<&oauth_client::Model>,
        caller: Option<IpAddr>,
        now: DateTime<Utc>,
    ) -> Fault {
        let callers = self.intake.callers();
        let source = client.map(|client| client.source);
        let client = client.map(|client| client.name.as_str());
        let count = callers.refusals.count(source, client, now);
        if count.is_power_of_two() {
            tracing::warn!(
                client,
                ?caller,
                count,
                "an OAuth client did not prove itself"
            );
        } else {
            tracing::debug!(
                client,
                ?caller,
                count,
                "an OAuth client did not prove itself"
            );
        }
        if let Err(wait) = callers.failed(caller) {
            return Fault::too_many(wait);
        }
        let why = "the client or its secret is not one of those that are valid here";
        Fault::new(Named::InvalidClient, why)
    }

    /// The issuer's address: what the settings say, else what the call names.
    fn address(&self, headers: &HeaderMap) -> String {
        if let Some(address) = &self.address {
            return address.clone();
        }
        let named = headers.get(HOST).and_then(|host| host.to_str().ok());
        let named = named.and_then(|host| host.parse::<Authority>().ok());
        let scheme = self.base.split(':').next().unwrap_or("http");
        match named.filter(|host| !host.as_str().contains('@')) {
            Some(host) => format!("{scheme}://{host}"),
            None => self.base.clone(),
        }
    }
}

/// Whether a body says of itself that it is a form.
fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let kind = kind
        .and_then(|kind| kind.split(';').next())
        .unwrap_or_default();
    kind.trim()
        .eq_ignore_ascii_case("application/x-www-form-urlencoded")
}
