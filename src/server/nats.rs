//! Where this server exchanges hints by NATS.

use async_nats::ConnectOptions;
use secrecy::ExposeSecret;

use crate::config::{Config, NatsLogin};
use crate::domain::database::Database;
use crate::domain::installation;
use crate::feed::Exchange;

/// The servers, the subject and how to log in; nothing when no NATS is set.
pub(super) async fn exchange(
    config: &Config,
    database: &Database,
) -> anyhow::Result<Option<(Exchange, ConnectOptions)>> {
    let Some(nats) = &config.nats else {
        return Ok(None);
    };
    let subject = match &config.nats_subject {
        Some(subject) => subject.clone(),
        None => format!("caretaker.{}", installation::id(database).await?.simple()),
    };
    tracing::info!(
        subject,
        "commits are to be told and heard of by NATS, once it is there"
    );
    let login = match &nats.login {
        None => ConnectOptions::new(),
        Some(NatsLogin::Token(token)) => {
            ConnectOptions::with_token(token.expose_secret().to_owned())
        }
        Some(NatsLogin::Password { user, password }) => ConnectOptions::with_user_and_password(
            user.clone(),
            password.expose_secret().to_owned(),
        ),
    };
    let servers = nats.servers.clone();
    Ok(Some((Exchange { servers, subject }, login)))
}
