//! Answers: a request → JSON, over an estate that came in by the writer.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, ensure};
use caretaker::domain::database::Database;
use caretaker::domain::delivery::Occasion;
use caretaker::domain::migrate;
use caretaker::domain::scope::Viewer;
use caretaker::domain::writer::{self, Clock};
use caretaker::graphql::limits::Limits;
use caretaker::graphql::{self, Schema};
use entity::Operation;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use uuid::Uuid;

use super::body;

/// What is measured beside the peers, too.
const TASK: &str = include_str!("../peers/src/question/caretaker/q1.graphql");
const INCIDENTS: &str = include_str!("../peers/src/question/caretaker/q3.graphql");
const TIMELINE: &str = include_str!("../peers/src/question/caretaker/q4.graphql");
/// Which task is asked for.
const TASKS: &str = "{ tasks(first: 50) { nodes { id reference } } }";

/// One thread: what is counted does not depend on who is fastest.
pub(super) fn runtime() -> anyhow::Result<Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?)
}

fn url(estate: &Path) -> String {
    format!("sqlite://{}?mode=rwc", estate.display())
}

/// Makes the estate: 200 open incidents, 20 tasks, the first of them with a long story.
pub(super) fn fill(estate: &Path) -> anyhow::Result<()> {
    runtime()?.block_on(async {
        let database = Database::open(&url(estate), 1).await?;
        migrate::up(&database).await?;
        let mut calls = vec![body::delivery(
            Operation::Events,
            body::matrix((0..600).step_by(3)),
        )];
        calls.extend((0..20).map(|task| body::delivery(Operation::TaskCreated, body::task(task))));
        calls.extend(
            (0..60).map(|change| body::delivery(Operation::StatusChanged, body::status(0, change))),
        );
        let clock: Clock = Arc::new(|| body::at(2_000_000));
        for taken in writer::drive(&database, &calls, &clock, Occasion::Arrival).await {
            taken.context("the estate is not taken")?;
        }
        database.close().await;
        Ok(())
    })
}

/// A page with what its rows belong to.
pub(super) fn incidents(estate: &Path, rounds: usize) -> anyhow::Result<()> {
    ask(estate, rounds, INCIDENTS, |answer| {
        answer["incidents"]["nodes"].as_array().map(Vec::len) == Some(100)
    })
}

/// One row.
pub(super) fn task(estate: &Path, rounds: usize) -> anyhow::Result<()> {
    ask(estate, rounds, TASK, |answer| {
        answer["task"]["chaseCount"] == 0
    })
}

/// What happened to a task.
pub(super) fn timeline(estate: &Path, rounds: usize) -> anyhow::Result<()> {
    ask(estate, rounds, TIMELINE, |answer| {
        answer["task"]["timeline"]["nodes"].as_array().map(Vec::len) == Some(50)
    })
}

fn ask(
    estate: &Path,
    rounds: usize,
    query: &str,
    is_whole: impl Fn(&Value) -> bool,
) -> anyhow::Result<()> {
    runtime()?.block_on(async {
        let database = Database::open(&url(estate), 1).await?;
        let limits = Limits::default();
        let schema = Schema::new(database.readers.clone(), None, None, None, None, limits);
        let answer = async |query: &str, variables: &Value| {
            let body = json!({"query": query, "variables": variables});
            let request = graphql::request_of(body).map_err(anyhow::Error::msg)?;
            let response = schema.execute(request, Viewer::open(), Uuid::nil()).await;
            anyhow::Ok(graphql::to_json(&response))
        };
        let tasks: Value = serde_json::from_str(&answer(TASKS, &json!({})).await?)?;
        let tasks = tasks["data"]["tasks"]["nodes"].as_array();
        let first = tasks.and_then(|tasks| tasks.iter().find(|task| task["reference"] == "80000"));
        let variables = json!({"id": first.context("the first task")?["id"]});
        let whole = answer(query, &variables).await?;
        let told: Value = serde_json::from_str(&whole)?;
        ensure!(is_whole(&told["data"]), "{whole}");
        for _ in 0..rounds {
            ensure!(answer(query, &variables).await? == whole);
        }
        Ok(())
    })
}
