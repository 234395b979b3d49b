//! What goes on beside the calls: hints of other nodes, settings that change, pruning, notices, upkeep.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use sea_orm::DbBackend;
use secrecy::ExposeSecret;
use tokio::task::JoinSet;

use super::{nats, places, settings};
use crate::config::Config;
use crate::domain::database::Database;
use crate::domain::notice::Mark;
use crate::domain::wake::Wake;
use crate::domain::writer::Clock;
use crate::feed;
use crate::operate::{notices, prune, upkeep};

/// Starts all of it. It ends when what is returned is dropped.
pub(super) async fn start(
    config: &Config,
    database: &Database,
    clock: &Clock,
    wake: &Wake,
) -> anyhow::Result<JoinSet<()>> {
    let mut tasks = JoinSet::new();
    let exchange = nats::exchange(config, database);
    if let Some((exchange, login)) = exchange.await.context("the subject of NATS")? {
        tasks.spawn(feed::exchange(exchange, login, wake.clone()));
    }
    if database.backend() == DbBackend::Postgres {
        let url = config.database_url().expose_secret().to_owned();
        tasks.spawn(feed::listen(url, wake.clone()));
    }
    if let Some(path) = config.places_file.clone() {
        tasks.spawn(places::watch(path, database.clone(), wake.clone()));
    }
    let ages = settings::ages(config);
    if !ages.keep_all() {
        let every = Duration::from_secs(config.retention.every_seconds.into());
        let clock = Arc::clone(clock);
        tasks.spawn(prune::keep_at_it(database.clone(), ages, every, clock));
    }
    if config.feed.notices {
        let mark = Mark::load(database, clock()).await.context("the notices")?;
        let (database, clock) = (database.clone(), Arc::clone(clock));
        tasks.spawn(notices::keep_at_it(database, clock, mark, wake.clone()));
    }
    let (database, clock) = (database.clone(), Arc::clone(clock));
    tasks.spawn(upkeep::keep_at_it(database, clock, wake.clone()));
    Ok(tasks)
}
