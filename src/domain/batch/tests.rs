//! P2 with a real database between the batches: what `load` brings back must be enough for the fold.

use std::collections::BTreeMap;

use entity::{Operation, Source};
use migration::MigratorTrait as _;
use proptest::prelude::*;

use sea_orm::{ConnectionTrait as _, DbBackend, Statement};

use super::*;
use crate::domain::delivery::Content;
use crate::domain::fold::tests::history::{Saying, Step, histories};
use crate::domain::id;
use crate::domain::operator::{self, Declared, Operator, Undecided};
use crate::domain::wake::Wake;

const TABLES: [&str; 12] = [
    "property",
    "building",
    "site",
    "level",
    "zone",
    "incident",
    "task",
    "status_change",
    "note",
    "chase",
    "search",
    "place_link",
];
/// What P2 promises of the activities.
const TOLD: &str = "SELECT quote(id) || kind || occurred_at || quote(subject_id) FROM activity
    WHERE kind NOT IN ('LINKED', 'CORRECTED') ORDER BY 1";

fn delivery(number: (usize, usize), facts: &[Fact]) -> Delivery {
    let body_hash = format!("{number:?}");
    Delivery {
        id: id::delivery(Source::Matrix, Operation::Events, None, &body_hash),
        source: Source::Matrix,
        operation: Operation::Events,
        credential: "test".to_owned(),
        credential_position: 0,
        signed_at: None,
        body_hash,
        body: b"[]".to_vec(),
        received_at: DateTime::UNIX_EPOCH,
        content: Content {
            facts: facts.iter().cloned().map(Arc::new).enumerate().collect(),
            ..Content::default()
        },
    }
}

/// Zones whose number of open incidents is not that of their rows.
const MISCOUNTED: &str =
    "SELECT code || ' has ' || open_incident_count FROM zone WHERE open_incident_count <>
    (SELECT count(*) FROM incident WHERE incident.zone_id = zone.id AND incident.is_open)";

async fn rows(database: &Database) -> BTreeMap<String, Vec<String>> {
    let mut tables = BTreeMap::new();
    for table in TABLES {
        let columns = Statement::from_string(
            DbBackend::Sqlite,
            // Numbers are given in the order of arrival.
            format!("SELECT name FROM pragma_table_info('{table}') WHERE name <> 'seq'"),
        );
        let columns: Vec<String> = database
            .readers
            .query_all_raw(columns)
            .await
            .unwrap()
            .iter()
            .map(|row| format!("quote({})", row.try_get_by_index::<String>(0).unwrap()))
            .collect();
        let all = format!(
            "SELECT {} FROM {table} ORDER BY 1",
            columns.join(" || ' ' || ")
        );
        tables.insert(table.to_owned(), texts(database, &all).await);
    }
    tables.insert("activity".to_owned(), texts(database, TOLD).await);
    tables
}

async fn texts(database: &Database, sql: &str) -> Vec<String> {
    let statement = Statement::from_string(DbBackend::Sqlite, sql);
    let rows = database.readers.query_all_raw(statement).await.unwrap();
    rows.iter()
        .map(|row| row.try_get_by_index(0).unwrap())
        .collect()
}

/// A database of its own, in which a history is played.
pub(crate) struct Played {
    pub(crate) database: Database,
    _folder: tempfile::TempDir,
}

impl Played {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!(
            "sqlite://{}?mode=rwc",
            folder.path().join("test.db").display()
        );
        let database = Database::open(&url, 1).await.unwrap();
        migration::Migrator::up(&database.writer, None)
            .await
            .unwrap();
        Self {
            database,
            _folder: folder,
        }
    }

    /// Plays some steps at one time.
    pub(crate) async fn batch(&self, number: usize, steps: &[Step], now: DateTime<Utc>) {
        let database = &self.database;
        let mut facts = Vec::new();
        for (part, step) in steps.iter().enumerate() {
            let said = match step {
                Step::Fact(fact) => {
                    facts.push(Fact::clone(fact));
                    continue;
                }
                Step::Said(said) => said.clone(),
            };
            // The operator's word is a transaction of its own: what came before it is written before it.
            let before = delivery((number, part), &std::mem::take(&mut facts));
            write(database, &[before], now).await.unwrap();
            say(database, said, now).await;
        }
        let rest = delivery((number, steps.len()), &facts);
        write(database, &[rest], now).await.unwrap();
    }

    pub(crate) async fn close(self) {
        self.database.close().await;
    }
}

async fn play(steps: &[Step], per_batch: usize) -> BTreeMap<String, Vec<String>> {
    let played = Played::new().await;
    for (number, steps) in steps.chunks(per_batch).enumerate() {
        played.batch(number, steps, DateTime::UNIX_EPOCH).await;
    }
    let miscounted = texts(&played.database, MISCOUNTED).await;
    assert!(miscounted.is_empty(), "{miscounted:?}");
    let rows = rows(&played.database).await;
    played.close().await;
    rows
}

async fn say(database: &Database, said: Saying, now: DateTime<Utc>) {
    let operator = Operator {
        database: database.clone(),
        clock: Arc::new(move || now),
        wake: Wake::new().0,
    };
    let decided = match said {
        Saying::Settings(places) => {
            let declared = Declared {
                places: Some(places),
                ..Declared::default()
            };
            operator::import(database, &declared, now).await.unwrap();
            return;
        }
        Saying::Linked(sites, name) => operator.link_places(sites, name).await.map(drop),
        Saying::Unlinked(sites) => operator.unlink_places(sites).await,
    };
    // What contradicts the settings is refused, in whichever order the platforms speak.
    match decided {
        Ok(()) | Err(Undecided::Contradicted(_)) => {}
        Err(Undecided::Database(error)) => panic!("{error}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn what_is_loaded_is_enough_for_the_fold((steps, other) in histories(), per_batch in 1..6_usize) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            prop_assert_eq!(play(&steps, steps.len()).await, play(&other, per_batch).await);
            Ok(())
        })?;
    }
}
