//! `caretaker display-key …`: keys of screens, each bound to one stored operation. A key is shown when it is made and
//! never again.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::{Context, anyhow, bail};
use caretaker::config::{self, Config, Flags};
use caretaker::domain::database::Database;
use caretaker::domain::display_key::{Binding, read, write};
use caretaker::domain::migrate;
use caretaker::domain::scope::Viewer;
use caretaker::graphql::limits::Limits;
use caretaker::graphql::{Schema, request};
use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use secrecy::ExposeSecret;
use serde_json::Value;

use super::token::{GrantArgs, second};

/// What is to be done.
#[derive(Debug, Subcommand)]
pub(crate) enum DisplayKey {
    /// Make a key for a screen; prints it, only this once.
    Add(Box<Add>),
    /// List the keys with their operations, revoked ones too.
    List {
        /// The settings.
        #[command(flatten)]
        flags: Flags,
    },
    /// Revoke a key: what it shows ends within seconds, on every server.
    Revoke {
        /// Its name or id.
        key: String,
        /// The settings.
        #[command(flatten)]
        flags: Flags,
    },
}

/// A new key.
#[derive(Args, Debug)]
pub(crate) struct Add {
    /// Its name, such as `lobby`.
    name: String,
    /// The file with the operation: one query or subscription.
    #[arg(long, value_name = "FILE")]
    operation: PathBuf,
    /// The variables of the operation, as JSON.
    #[arg(long, value_name = "JSON", default_value = "{}")]
    variables: String,
    /// A variable that the screen may give itself, such as a cursor; may be given several times.
    #[arg(long, value_name = "VARIABLE")]
    free: Vec<String>,
    /// What it may see.
    #[command(flatten)]
    grant: GrantArgs,
    /// The settings.
    #[command(flatten)]
    flags: Flags,
}

impl DisplayKey {
    /// The settings' flags.
    pub(crate) fn flags(&self) -> &Flags {
        match self {
            Self::Add(add) => &add.flags,
            Self::List { flags } | Self::Revoke { flags, .. } => flags,
        }
    }
}

/// Does it and gives what to print.
///
/// # Errors
/// In plain words, when it cannot be done.
pub(crate) async fn run(config: &Config, what: &DisplayKey) -> anyhow::Result<String> {
    config::make_data_dir(config)?;
    let database = Database::open(config.database_url().expose_secret(), 1)
        .await
        .context("the database")?;
    // A key may be made before the server ran for the first time.
    migrate::up(&database).await.context("the migrations")?;
    let now = Utc::now();
    let said = match what {
        DisplayKey::Add(what) => add(&database, what, now).await,
        DisplayKey::List { .. } => table(&database).await,
        DisplayKey::Revoke { key, .. } => write::revoke(&database, key, now)
            .await
            .map(|row| format!("revoked {} ({})\n", row.name, row.id))
            .map_err(Into::into),
    };
    database.close().await;
    said
}

async fn add(database: &Database, what: &Add, now: DateTime<Utc>) -> anyhow::Result<String> {
    let grant = what.grant.grant(false)?;
    let scope = grant.scope().map_err(|why| anyhow!(why))?;
    let scope = scope.context("it grants nothing")?;
    let operation = std::fs::read_to_string(&what.operation)
        .with_context(|| what.operation.display().to_string())?;
    let variables: Value = serde_json::from_str(&what.variables).context("--variables")?;
    if !variables.is_object() {
        bail!("--variables: it is not a JSON object");
    }
    let viewer = Viewer {
        name: what.name.clone(),
        scope,
        expires_at: None,
    };
    let limits = Limits::default();
    let schema = Schema::new(database.readers.clone(), None, None, None, None, limits);
    let asked = request(operation.clone(), None, variables.clone());
    let rehearsed = schema.rehearse(asked, viewer).await;
    let rehearsed = rehearsed.map_err(|why| anyhow!("{}: {why}", what.operation.display()))?;
    let given = variables.as_object().into_iter().flat_map(|map| map.keys());
    for name in what.free.iter().chain(given) {
        if !rehearsed.variables.contains(name) {
            bail!("the operation has no variable `{name}`");
        }
    }
    let binding = Binding {
        name: what.name.clone(),
        operation,
        variables: variables.to_string(),
        free_variables: serde_json::to_string(&what.free)?,
        claims: serde_json::to_string(&grant)?,
    };
    let made = write::add(database, binding, now).await?;
    let mut said = format!("id   {}\nkey  {}\n", made.row.id, made.key.expose_secret());
    for null in rehearsed.nulls {
        // Writing into a String cannot fail.
        let _ = writeln!(
            said,
            "note `{null}` is null now: there is none with these variables, or none that this key may see"
        );
    }
    Ok(said)
}

async fn table(database: &Database) -> anyhow::Result<String> {
    let rows = read::all(&database.readers).await?;
    if rows.is_empty() {
        return Ok("no display keys; make one with `caretaker display-key add`\n".to_owned());
    }
    let widest = rows.iter().map(|row| row.name.chars().count()).max();
    let width = widest.unwrap_or_default();
    let mut text = String::new();
    for row in rows {
        let used = row.last_used_at.map_or_else(|| "never".to_owned(), second);
        let state = match row.revoked_at {
            Some(at) => format!("revoked {}", second(at)),
            None => "good".to_owned(),
        };
        let operation: Vec<&str> = row.operation.split_whitespace().collect();
        let operation: String = operation.join(" ").chars().take(60).collect();
        // Writing into a String cannot fail.
        let _ = writeln!(
            text,
            "{:width$}  {}  {state}  made {}  used {used}  {}  {operation}",
            row.name,
            row.id,
            second(row.created_at),
            row.claims,
        );
    }
    Ok(text)
}
