//! Cases and how they are run: from one list, on both engines, each in a runtime of its own and under a deadline.

use std::future::Future;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};

use super::database::{Engine, TestDatabase};
use super::nats::Nats;
use super::postgres::Cluster;

/// A case that takes longer hangs: it fails by name instead of holding up the run.
const DEADLINE: Duration = Duration::from_secs(180);

type Running = Pin<Box<dyn Future<Output = anyhow::Result<()>>>>;

/// One behaviour.
#[derive(Clone, Copy)]
pub struct Case {
    name: &'static str,
    body: Body,
    needs_nats: bool,
    deadline: Duration,
}

#[derive(Clone, Copy)]
enum Body {
    Once(fn() -> Running),
    On(&'static [Engine], fn(TestDatabase) -> Running),
}

impl Case {
    /// A behaviour that needs no database.
    pub fn once(name: &'static str, body: fn() -> Running) -> Self {
        Self::of(name, Body::Once(body))
    }

    /// A behaviour shown on SQLite and on PostgreSQL, each time on a fresh, empty database.
    pub fn on_each_engine(name: &'static str, body: fn(TestDatabase) -> Running) -> Self {
        Self::of(name, Body::On(&[Engine::Sqlite, Engine::Postgres], body))
    }

    /// A behaviour that only SQLite shows: there no notification of the database's own stands in for another's.
    pub fn on_sqlite(name: &'static str, body: fn(TestDatabase) -> Running) -> Self {
        Self::of(name, Body::On(&[Engine::Sqlite], body))
    }

    /// A behaviour that only PostgreSQL has, such as several servers on one database.
    pub fn on_postgres(name: &'static str, body: fn(TestDatabase) -> Running) -> Self {
        Self::of(name, Body::On(&[Engine::Postgres], body))
    }

    /// One that starts a NATS server: ignored, by its name, where there is none to start.
    pub fn with_nats(self) -> Self {
        Self {
            needs_nats: true,
            ..self
        }
    }

    /// One that may take longer than others.
    pub fn within(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    fn of(name: &'static str, body: Body) -> Self {
        Self {
            name,
            body,
            needs_nats: false,
            deadline: DEADLINE,
        }
    }
}

/// `once![a, b]`: the cases `async fn a() -> anyhow::Result<()>`, run once each.
macro_rules! once {
    ($($name:ident),+ $(,)?) => {
        vec![$($crate::support::Case::once(stringify!($name), || Box::pin($name()))),+]
    };
}
pub(crate) use once;

/// `on_each_engine![a, b]`: the cases `async fn a(database: TestDatabase) -> anyhow::Result<()>`, run on both engines.
macro_rules! on_each_engine {
    ($($name:ident),+ $(,)?) => {
        vec![$($crate::support::Case::on_each_engine(stringify!($name), |database| Box::pin($name(database)))),+]
    };
}
pub(crate) use on_each_engine;

/// `on_sqlite![a, b]`: the cases `async fn a(database: TestDatabase) -> anyhow::Result<()>`, run on SQLite only.
macro_rules! on_sqlite {
    ($($name:ident),+ $(,)?) => {
        vec![$($crate::support::Case::on_sqlite(stringify!($name), |database| Box::pin($name(database)))),+]
    };
}
pub(crate) use on_sqlite;

/// `on_postgres![a, b]`: the cases `async fn a(database: TestDatabase) -> anyhow::Result<()>`, run on PostgreSQL only.
macro_rules! on_postgres {
    ($($name:ident),+ $(,)?) => {
        vec![$($crate::support::Case::on_postgres(stringify!($name), |database| Box::pin($name(database)))),+]
    };
}
pub(crate) use on_postgres;

/// `snapshot!(answer, @"200")`: an inline snapshot that holds for both engines.
macro_rules! snapshot {
    ($value:expr, @$expected:literal) => {{
        let value = ($value).to_string();
        insta::allow_duplicates! { insta::assert_snapshot!(value, @$expected) }
    }};
}
pub(crate) use snapshot;

/// Runs what the command line selects.
pub fn run(groups: Vec<(&'static str, Vec<Case>)>) -> ExitCode {
    let arguments = Arguments::from_args();
    // Continuous integration may not skip: there a missing server fails each test that needs it.
    let must_run = std::env::var("CI").is_ok_and(|value| value == "true");
    let cluster = Arc::new(Cluster::find());
    let missing = Missing {
        postgres: cluster.is_missing() && !must_run,
        nats: Nats::is_missing() && !must_run,
    };

    let trials = groups
        .into_iter()
        .flat_map(|(group, cases)| cases.into_iter().map(move |case| (group, case)))
        .flat_map(|(group, case)| trials(group, case, &cluster, missing))
        .collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    cluster.stop();

    if must_run && conclusion.num_ignored > 0 {
        eprintln!("CI=true and {} tests were ignored", conclusion.num_ignored);
        return ExitCode::FAILURE;
    }
    conclusion.exit_code()
}

/// The servers that are not installed and need not be.
#[derive(Clone, Copy)]
struct Missing {
    postgres: bool,
    nats: bool,
}

fn trials(group: &'static str, case: Case, cluster: &Arc<Cluster>, missing: Missing) -> Vec<Trial> {
    let (name, deadline) = (case.name, case.deadline);
    let lacks_nats = case.needs_nats && missing.nats;
    let (engines, body) = match case.body {
        Body::Once(body) => {
            let run = move || block_on(deadline, body);
            return vec![
                Trial::test(format!("{group}::{name}"), run).with_ignored_flag(lacks_nats),
            ];
        }
        Body::On(engines, body) => (engines, body),
    };
    engines
        .iter()
        .map(|&engine| {
            let cluster = Arc::clone(cluster);
            let run = move || {
                block_on(deadline, || async move {
                    let database = TestDatabase::create(engine, &cluster).await?;
                    let cleanup = database.cleanup(&cluster);
                    let outcome = body(database).await;
                    cleanup.await?;
                    outcome
                })
            };
            Trial::test(format!("{engine}::{group}::{name}"), run)
                .with_ignored_flag(lacks_nats || engine == Engine::Postgres && missing.postgres)
        })
        .collect()
}

fn block_on<F>(deadline: Duration, body: impl FnOnce() -> F) -> Result<(), Failed>
where
    F: Future<Output = anyhow::Result<()>>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match tokio::time::timeout(deadline, body()).await {
            Ok(outcome) => outcome.map_err(|error| Failed::from(format!("{error:#}"))),
            Err(_) => Err(Failed::from(format!("not done within {deadline:?}"))),
        }
    })
}
