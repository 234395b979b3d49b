//! What the settings say, in the words of the parts that they are for.

use std::time::Duration;

use anyhow::{Context, anyhow};
use chrono::TimeDelta;

use super::connection::Patience;
use crate::config::Config;
use crate::feed;
use crate::graphql::document::Documents;
use crate::graphql::{self, limits};
use crate::http::live::Terms;
use crate::operate::prune::Ages;

/// Whether the settings declare places or properties.
pub(super) fn names_places(config: &Config) -> bool {
    config.places.is_some() || !config.properties.is_empty()
}

pub(super) fn ages(config: &Config) -> Ages {
    let days = |days: Option<u32>| TimeDelta::try_days(days?.into());
    Ages {
        bodies: days(config.retention.bodies_days),
        deliveries: days(config.retention.deliveries_days),
        quarantined: days(config.retention.quarantined_days),
        activities: days(config.retention.activities_days),
    }
}

pub(super) fn feed_settings(config: &Config) -> feed::Settings {
    feed::Settings {
        poll: Duration::from_millis(config.feed.poll_milliseconds.into()),
        buffer: config.feed.buffer,
        heartbeat: Duration::from_millis(config.feed.heartbeat_milliseconds.into()),
    }
}

pub(super) fn terms(config: &Config) -> Terms {
    let live = &config.live;
    Terms {
        operations: live.max_operations,
        message_bytes: live.max_message_bytes,
        init: Duration::from_secs(live.init_seconds.into()),
        ping: Duration::from_secs(live.ping_seconds.into()),
        patience: Duration::from_secs(live.patience_seconds.into()),
    }
}

pub(super) fn graphql_limits(config: &Config) -> limits::Limits {
    limits::Limits {
        document_bytes: config.graphql.max_document_bytes,
        tokens: config.graphql.max_tokens,
        depth: config.graphql.max_depth,
        cost: config.graphql.max_cost,
        fields: config.graphql.max_fields,
        aliases: config.graphql.max_aliases,
        directives: config.graphql.max_directives,
        list: config.graphql.max_list,
        values: config.graphql.max_values,
        buckets: config.graphql.max_buckets,
        introspection: config.graphql.introspection,
        timeout: Duration::from_secs(config.graphql.timeout_seconds.into()),
        show_usage: config.graphql.show_usage,
    }
}

/// The documents that requests may name.
pub(super) async fn documents(config: &Config) -> anyhow::Result<Documents> {
    let Some(path) = &config.graphql.trusted_documents else {
        return Ok(Documents::registered(config.graphql.persisted_documents));
    };
    let shown = path.display().to_string();
    let manifest = std::fs::read_to_string(path).with_context(|| shown.clone())?;
    let limits = graphql_limits(config);
    let documents =
        Documents::trusted(&manifest, &limits).map_err(|why| anyhow!("{shown}: {why}"))?;
    let proven = graphql::prove(&documents).await;
    proven.map_err(|why| anyhow!("{shown}: {why}"))?;
    let count = documents.trusted_count();
    tracing::info!(manifest = shown, count, "only trusted documents are run");
    Ok(documents)
}

pub(super) fn patience(config: &Config) -> Patience {
    Patience {
        head: Duration::from_secs(config.head_seconds.into()),
        write: Duration::from_secs(config.write_seconds.into()),
        drain: Duration::from_secs(config.drain_seconds.into()),
        most: config.max_connections,
    }
}
