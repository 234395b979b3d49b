//! `caretaker oauth …`: the clients that may ask this server for access tokens. A secret is shown when it is made and
//! never again.

use std::fmt::Write;

use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};
use clap::{Args, Subcommand, ValueEnum};
use entity::Source;
use secrecy::ExposeSecret;

use caretaker::config::{self, Config, Flags};
use caretaker::domain::database::Database;
use caretaker::domain::migrate;
use caretaker::domain::oauth::read::{self, Listed};
use caretaker::domain::oauth::{OauthError, write};
use caretaker::ingest::proof;

use super::at;

/// What is to be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Oauth {
    /// Add, list, rotate and remove clients.
    Client {
        /// What.
        #[command(subcommand)]
        what: Client,
    },
    /// Give a client the first token of the refresh_token grant.
    RefreshToken {
        /// What.
        #[command(subcommand)]
        what: RefreshToken,
    },
}

/// What is to be done with clients.
#[derive(Debug, Subcommand)]
pub(crate) enum Client {
    /// Add a client; prints its client_id and client_secret, the secret only this once.
    Add {
        /// Its name, which deliveries record.
        name: String,
        /// The platform whose webhooks it may call.
        #[arg(long, value_enum, default_value_t = Platform::Matrix)]
        source: Platform,
        /// Replace its refresh token whenever it is used. Only for a sender that keeps the new one.
        #[arg(long)]
        rotate_refresh_tokens: bool,
        /// The settings.
        #[command(flatten)]
        flags: Flags,
    },
    /// List the clients, and whether a replaced refresh token of one was used again.
    List {
        /// The settings.
        #[command(flatten)]
        flags: Flags,
    },
    /// Give a client a new secret; the old one stays good beside it until it is dropped or its grace is over.
    Rotate {
        /// Its name or client_id.
        client: String,
        /// How to end the old secret.
        #[command(flatten)]
        old: Old,
        /// The settings.
        #[command(flatten)]
        flags: Flags,
    },
    /// Remove a client: its refresh tokens end now, its access tokens within seconds.
    Remove {
        /// Its name or client_id.
        client: String,
        /// The settings.
        #[command(flatten)]
        flags: Flags,
    },
}

/// How to end an old secret.
#[derive(Args, Debug)]
#[group(multiple = false)]
pub(crate) struct Old {
    /// End the old secret now, and make no new one.
    #[arg(long)]
    drop_old: bool,
    /// How long the old secret stays good, in hours; without it, until --drop-old.
    #[arg(long, value_name = "HOURS", value_parser = clap::value_parser!(u32).range(1..=87_600))]
    grace_hours: Option<u32>,
}

/// What is to be done with refresh tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum RefreshToken {
    /// Print a new refresh token of a client, only this once. Others that it has stay good.
    Issue {
        /// Its name or client_id.
        #[arg(long)]
        client: String,
        /// The settings.
        #[command(flatten)]
        flags: Flags,
    },
}

/// The platforms.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Platform {
    /// SmartClean Matrix.
    Matrix,
    /// Techniche Urgent.
    Urgent,
}

impl Oauth {
    /// The settings' flags.
    pub(crate) fn flags(&self) -> &Flags {
        match self {
            Self::Client { what } => match what {
                Client::Add { flags, .. }
                | Client::List { flags }
                | Client::Rotate { flags, .. }
                | Client::Remove { flags, .. } => flags,
            },
            Self::RefreshToken {
                what: RefreshToken::Issue { flags, .. },
            } => flags,
        }
    }
}

/// Does it and gives what to print.
///
/// # Errors
/// In plain words, when it cannot be done.
pub(crate) async fn run(config: &Config, what: &Oauth) -> anyhow::Result<String> {
    config::make_data_dir(config)?;
    let database = Database::open(config.database_url().expose_secret(), 1)
        .await
        .context("the database")?;
    // A client may be added before the server ran for the first time.
    migrate::up(&database).await.context("the migrations")?;
    let now = Utc::now();
    let said = match what {
        Oauth::Client { what } => client(&database, config, what, now).await,
        Oauth::RefreshToken {
            what: RefreshToken::Issue { client, .. },
        } => write::issue_refresh_token(&database, client, now)
            .await
            .map(|minted| format!("refresh_token  {}\n", minted.secret.expose_secret())),
    };
    database.close().await;
    Ok(said?)
}

async fn client(
    database: &Database,
    config: &Config,
    what: &Client,
    now: DateTime<Utc>,
) -> Result<String, OauthError> {
    match what {
        Client::Add {
            name,
            source,
            rotate_refresh_tokens,
            ..
        } => {
            let source = match source {
                Platform::Matrix => Source::Matrix,
                Platform::Urgent => Source::Urgent,
            };
            let mut reserved = vec![proof::UNAUTHENTICATED, config::CREDENTIALS_FILE];
            let given = config.credential_names(source);
            reserved.extend(given.into_iter().map(String::as_str));
            if reserved.contains(&name.as_str()) {
                return Err(OauthError::Refused(format!(
                    "deliveries already record `{name}` of other senders: give the client another name"
                )));
            }
            let made = write::add(database, name, source, *rotate_refresh_tokens, now).await?;
            Ok(shown(&made))
        }
        Client::List { .. } => {
            let clients = read::all(&database.readers).await?;
            Ok(table(&clients, now))
        }
        Client::Rotate { client, old, .. } if old.drop_old => {
            let was_there = write::drop_old(database, client).await?;
            let said = if was_there {
                "the old secret has ended"
            } else {
                "there was no old secret"
            };
            Ok(format!("{said}\n"))
        }
        Client::Rotate { client, old, .. } => {
            let grace = old.grace_hours.map(|hours| TimeDelta::hours(hours.into()));
            let made = write::rotate(database, client, grace, now).await?;
            let until = made.client.previous_secret_until.map(at);
            let until = until.unwrap_or_else(|| "--drop-old is given".to_owned());
            Ok(format!(
                "{}the old secret is good until {until}\n",
                shown(&made)
            ))
        }
        Client::Remove { client, .. } => {
            let removed = write::remove(database, client).await?;
            Ok(format!("removed {} ({})\n", removed.name, removed.id))
        }
    }
}

fn shown(made: &caretaker::domain::oauth::Minted) -> String {
    format!(
        "client_id      {}\nclient_secret  {}\n",
        made.client.id,
        made.secret.expose_secret()
    )
}

fn table(clients: &[Listed], now: DateTime<Utc>) -> String {
    if clients.is_empty() {
        return "no clients; add one with `caretaker oauth client add NAME`\n".to_owned();
    }
    let widest = clients
        .iter()
        .map(|listed| listed.client.name.chars().count());
    let width = widest.max().unwrap_or_default();
    let mut text = String::new();
    for Listed {
        client,
        refresh_tokens,
    } in clients
    {
        let source = match client.source {
            Source::Matrix => "matrix",
            Source::Urgent => "urgent",
        };
        let mut notes = vec![format!("refresh tokens: {refresh_tokens}")];
        if client.rotates {
            notes.push("rotates".to_owned());
        }
        let until = client.previous_secret_until;
        if client.previous_secret_hash.is_some() && until.is_none_or(|until| until > now) {
            let until = until.map_or_else(|| "dropped".to_owned(), at);
            notes.push(format!("old secret good until {until}"));
        }
        if let Some(replayed_at) = client.replayed_at {
            notes.push(format!(
                "ALARM: a replaced refresh token was used again at {}; it may be stolen",
                at(replayed_at)
            ));
        }
        // Writing into a String cannot fail.
        let _ = writeln!(
            text,
            "{:width$}  {}  {source}  added {}  {}",
            client.name,
            client.id,
            at(client.created_at),
            notes.join(", ")
        );
    }
    text
}
