//! The operators' commands: arguments, and what is printed. What they do stands in the library.

pub(crate) mod deliveries;
pub(crate) mod display_key;
pub(crate) mod oauth;
pub(crate) mod prune;
pub(crate) mod rebuild;
mod replay;
mod rows;
pub(crate) mod token;

use std::process::ExitCode;

use anyhow::{Context, bail};
use caretaker::config::Config;
use caretaker::domain::database::Database;
use caretaker::domain::migrate;
use chrono::{DateTime, NaiveDate, SecondsFormat, TimeDelta, Utc};
use secrecy::ExposeSecret;

/// Opens the database that the settings name; a server may run beside it. The schema has to be this release's.
async fn open(config: &Config) -> anyhow::Result<Database> {
    let database = Database::open(config.database_url().expose_secret(), 2)
        .await
        .context("the database")?;
    let migrations = migrate::status(&database).await.context("the migrations")?;
    if migrations.iter().any(|migration| !migration.is_applied) {
        bail!(
            "the database is not on the schema of this release: run `caretaker migrate up` first"
        );
    }
    Ok(database)
}

/// Whoever read the output went away, `head` for instance: that ends a command, and is no fault.
fn unless_unread(done: anyhow::Result<ExitCode>) -> anyhow::Result<ExitCode> {
    let is_unread = |error: &anyhow::Error| {
        let mut causes = error
            .chain()
            .filter_map(|cause| cause.downcast_ref::<std::io::Error>());
        causes.any(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe)
    };
    match done {
        Err(error) if is_unread(&error) => Ok(ExitCode::SUCCESS),
        done => done,
    }
}

/// A time as it is printed.
fn at(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A moment: RFC 3339, a day (its beginning, UTC), or an age such as `90m`, `12h` or `7d`.
fn moment(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.to_utc());
    }
    if let Ok(day) = text.parse::<NaiveDate>() {
        return Ok(day.and_time(chrono::NaiveTime::MIN).and_utc());
    }
    type Age = fn(i64) -> Option<TimeDelta>;
    let ages: [(char, Age); 3] = [
        ('m', TimeDelta::try_minutes),
        ('h', TimeDelta::try_hours),
        ('d', TimeDelta::try_days),
    ];
    let age = ages.into_iter().find_map(|(unit, age)| {
        let number: u32 = text.strip_suffix(unit)?.parse().ok()?;
        Utc::now().checked_sub_signed(age(number.into())?)
    });
    age.ok_or_else(|| {
        "expected a time such as 2026-11-22T07:00:00Z, a day such as 2026-11-22, or an age such as 12h or 7d"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    #![expect(
        clippy::unwrap_used,
        reason = "a test that cannot go on should say where"
    )]

    use super::*;

    #[test]
    fn a_moment_is_a_time_a_day_or_an_age() {
        let day = moment("2026-11-22").unwrap();
        assert_eq!(day.to_rfc3339(), "2026-11-22T00:00:00+00:00");
        assert_eq!(moment("2026-11-22T02:00:00+02:00").unwrap(), day);
        let week = || Utc::now() - TimeDelta::days(7);
        let (before, found) = (week(), moment("7d").unwrap());
        assert!(before <= found && found <= week(), "{found}");
        for wrong in ["", "d", "-1d", "1w", "yesterday", "99999999999h"] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
    }
}
