//! `caretaker deliveries`: what arrived, one call whole, and calls driven again.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use caretaker::config::{Config, Flags};
use caretaker::domain::database::Database;
use caretaker::domain::delivery::read::{self, Which};
use caretaker::domain::table::ActiveEnum;
use caretaker::graphql::id::{self, Kind};
use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use entity::{DeliveryId, Operation, Outcome, Source, delivery};
use uuid::Uuid;

use super::{at, moment, open, replay, unless_unread};

/// What to do with kept calls.
#[derive(Subcommand)]
pub(crate) enum Step {
    /// List what arrived, the latest first.
    List {
        #[command(flatten)]
        which: WhichArgs,
        /// How many at most.
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: u64,
        #[command(flatten)]
        flags: Flags,
    },
    /// Show one call: who sent it, what became of it, what is in quarantine.
    Show {
        /// Its id: as `list` prints it, or the global id of the API.
        #[arg(value_parser = delivery_id)]
        id: DeliveryId,
        /// Only its body, byte for byte as received.
        #[arg(long)]
        body: bool,
        #[command(flatten)]
        flags: Flags,
    },
    /// Drive kept calls again, as this release reads them. What is known stays as it is. A server may run beside it.
    ///
    /// A dry run takes ten calls (or 1 MiB) at a time and makes the writer wait for as long; each sees what those before
    /// it among the ten would change.
    Replay {
        /// Ids: as `list` prints them, or global ids of the API.
        #[arg(value_parser = delivery_id)]
        ids: Vec<DeliveryId>,
        #[command(flatten)]
        which: WhichArgs,
        /// Only print what would change, row by row, field by field.
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        flags: Flags,
    },
}

/// Which deliveries are meant: those for which all of this holds.
#[derive(Args)]
pub(crate) struct WhichArgs {
    /// Only this platform: matrix or urgent.
    #[arg(long, value_parser = word::<Source>)]
    source: Option<Source>,
    /// Only this call: events, task_created, task_changed, status_changed, note_added or task_chased.
    #[arg(long, value_parser = word::<Operation>)]
    operation: Option<Operation>,
    /// Only this outcome: applied, partly_quarantined, duplicate, conflict or rejected.
    #[arg(long, value_parser = word::<Outcome>)]
    outcome: Option<Outcome>,
    /// Only what came under the credential of this name.
    #[arg(long, value_name = "NAME")]
    credential: Option<String>,
    /// Only what has elements in quarantine.
    #[arg(long)]
    quarantined: bool,
    /// Only what came first at this time or later: 2026-11-22T07:00:00Z, 2026-11-22, or an age such as 12h or 7d.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<DateTime<Utc>>,
    /// Only what came first before this time.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<DateTime<Utc>>,
}

impl WhichArgs {
    fn which(self) -> Which {
        Which {
            source: self.source,
            operation: self.operation,
            outcome: self.outcome,
            credential: self.credential,
            is_quarantined: self.quarantined,
            since: self.since,
            until: self.until,
        }
    }

    fn is_none(&self) -> bool {
        self.source.is_none()
            && self.operation.is_none()
            && self.outcome.is_none()
            && self.credential.is_none()
            && !self.quarantined
            && self.since.is_none()
            && self.until.is_none()
    }
}

impl Step {
    /// What gives the settings.
    pub(crate) fn flags(&self) -> &Flags {
        let (Self::List { flags, .. } | Self::Show { flags, .. } | Self::Replay { flags, .. }) =
            self;
        flags
    }

    /// Does it.
    ///
    /// # Errors
    /// The database cannot be reached, there is no such delivery, or what was asked makes no sense.
    pub(crate) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let database = open(config).await?;
        let done = match self {
            Self::List { which, limit, .. } => list(&database, &which.which(), limit).await,
            Self::Show { id, body, .. } => show(&database, id, body).await,
            Self::Replay {
                ids,
                which,
                dry_run,
                ..
            } => {
                let which = (!which.is_none()).then(|| which.which());
                replay::run(&database, &ids, which, dry_run).await
            }
        };
        database.close().await;
        unless_unread(done)
    }
}

async fn list(database: &Database, which: &Which, limit: u64) -> anyhow::Result<ExitCode> {
    let found = read::latest(&database.readers, which, limit).await?;
    let mut out = std::io::stdout().lock();
    for row in found {
        writeln!(out, "{}", line(&row))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn line(row: &delivery::Model) -> String {
    let mut line = format!(
        "{}  {}  {:<14}  {:<18}  {} of {} events",
        row.id.0,
        at(row.received_at),
        row.operation.to_value(),
        row.outcome.to_value(),
        row.events - row.quarantined,
        row.events,
    );
    if row.quarantined > 0 {
        line.push_str(&format!(", {} in quarantine", row.quarantined));
    }
    if row.received_count > 1 {
        line.push_str(&format!(", came {} times", row.received_count));
    }
    line
}

async fn show(database: &Database, id: DeliveryId, body: bool) -> anyhow::Result<ExitCode> {
    let row = read::by_id(&database.readers, id).await?;
    let row = row.with_context(|| format!("there is no delivery {}", id.0))?;
    let kept = read::bodies(&database.readers, &[id]).await?.pop();
    let mut out = std::io::stdout().lock();
    if body {
        let kept = kept.context("its body is no longer kept")?;
        out.write_all(&kept.body)?;
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(out, "delivery    {}", row.id.0)?;
    writeln!(
        out,
        "source      {}, {}",
        row.source.to_value(),
        row.operation.to_value()
    )?;
    writeln!(out, "credential  {}", row.credential)?;
    if let Some(signed_at) = &row.signed_at {
        writeln!(out, "signed      {signed_at}")?;
    }
    writeln!(
        out,
        "received    {}, {} time(s), last {}",
        at(row.received_at),
        row.received_count,
        at(row.last_received_at)
    )?;
    let is_kept = if kept.is_some() {
        ""
    } else {
        ", no longer kept"
    };
    writeln!(
        out,
        "body        {} bytes{is_kept}, SHA-256 {}",
        row.size, row.body_hash
    )?;
    writeln!(out, "outcome     {}", row.outcome.to_value())?;
    writeln!(
        out,
        "events      {}, {} known already, {} in quarantine",
        row.events, row.duplicates, row.quarantined
    )?;
    if let Some(problem) = &row.problem {
        writeln!(out, "problem     {problem}")?;
    }
    for flag in &row.flags.0 {
        writeln!(out, "odd         {flag}")?;
    }
    for element in read::quarantined(&database.readers, id).await? {
        let state = match element.resolved_at {
            Some(resolved_at) => format!("went through {}", at(resolved_at)),
            None => format!("in quarantine since {}", at(element.quarantined_at)),
        };
        writeln!(out, "element {}   {state}", element.element)?;
        writeln!(out, "  {}: {}", element.path, element.reason)?;
        writeln!(out, "  {}", element.content)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A stored word, in any case, with `-` or `_`.
fn word<T: ActiveEnum<Value = String>>(text: &str) -> Result<T, String> {
    let stored = text.to_uppercase().replace('-', "_");
    T::try_from_value(&stored).map_err(|_| format!("`{text}` is none of the words"))
}

fn delivery_id(text: &str) -> Result<DeliveryId, String> {
    if let Ok(id) = Uuid::try_parse(text) {
        return Ok(DeliveryId(id));
    }
    let id = id::decode_as(Kind::Delivery, text).map_err(|fault| fault.message)?;
    Ok(DeliveryId(id))
}
