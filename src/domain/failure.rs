//! What a database error means for the writer: whose fault it is decides who is told what.

use sea_orm::{DbErr, RuntimeErr};
use sqlx::error::DatabaseError;
use sqlx::sqlite::SqliteError;

/// Kinds of database errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The data of some delivery is at fault: it can be found and set apart.
    Data,
    /// Another transaction was in the way: trying again helps.
    Contention,
    /// The database answered, but neither data nor contention explains its refusal: perhaps one delivery is the cause,
    /// perhaps the statement. Nothing is quarantined for it.
    Unclear,
    /// Anything else, an unknown outcome of COMMIT too: nobody is told that anything is stored.
    Away,
}

/// Classifies by SQLSTATE (classes 22, 23 and 54; 40001 and 40P01) and by SQLite's primary result codes.
pub fn classify(error: &DbErr) -> Failure {
    if matches!(
        error,
        DbErr::Type(_) | DbErr::Json(_) | DbErr::TryIntoErr { .. }
    ) {
        return Failure::Unclear;
    }
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) =
        error
    else {
        return Failure::Away;
    };
    let Some(error) = error.as_database_error() else {
        return Failure::Away;
    };
    let Some(code) = error.code() else {
        return Failure::Away;
    };
    if error
        .try_downcast_ref::<sqlx::postgres::PgDatabaseError>()
        .is_some()
    {
        match code.as_ref() {
            "40001" | "40P01" => Failure::Contention,
            // Class 54: a value too long for an index is the fault of that value.
            code if ["22", "23", "54"]
                .iter()
                .any(|class| code.starts_with(class)) =>
            {
                Failure::Data
            }
            _ => Failure::Away,
        }
    } else {
        // Extended result codes keep the primary code in their low byte: TOOBIG 18, CONSTRAINT 19, MISMATCH 20.
        match code.parse::<u32>().map(|code| code & 0xff) {
            Ok(18..=20) => Failure::Data,
            _ => Failure::Away,
        }
    }
}

/// Whether a read failed because the database cannot be asked now, not because of what was asked.
pub fn is_away(error: &DbErr) -> bool {
    use sqlx::Error;
    match error {
        DbErr::Conn(_) | DbErr::ConnectionAcquire(_) => true,
        DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)) => {
            match error.as_ref() {
                Error::Io(_) | Error::Tls(_) | Error::Protocol(_) => true,
                Error::PoolTimedOut | Error::PoolClosed | Error::WorkerCrashed => true,
                // Connection exceptions, a lack of resources, shutdown and start; SQLITE_BUSY.
                Error::Database(error) => error.code().is_some_and(|code| {
                    let away = ["08", "53", "57P"];
                    away.iter().any(|class| code.starts_with(class)) || code == "5"
                }),
                _ => false,
            }
        }
        _ => false,
    }
}

/// Whether a connection failed because another one has the SQLite file to itself: BUSY 5.
pub fn is_busy(error: &DbErr) -> bool {
    let DbErr::Conn(RuntimeErr::SqlxError(error)) = error else {
        return false;
    };
    let error = error.as_database_error();
    error
        .and_then(|error| error.try_downcast_ref::<SqliteError>()?.code())
        .and_then(|code| code.parse::<u32>().ok())
        .is_some_and(|code| code & 0xff == 5)
}

/// Whether the database gave a read up because it took too long: `query_canceled`, `SQLITE_INTERRUPT`.
pub fn is_cancelled(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) =
        error
    else {
        return false;
    };
    let error = error.as_database_error();
    error.is_some_and(|error| matches!(error.code().as_deref(), Some("57014" | "9")))
}
