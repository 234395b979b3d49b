//! Values out of bounds and settings that cannot be meant together. Each message names the setting.

use std::collections::BTreeSet;

use entity::StatusTypeName;
use secrecy::ExposeSecret;

use super::{Config, ConfigError, credential};

/// Checks what single fields cannot tell.
pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    let checks = [
        listen,
        webhook_listen,
        proxy_header,
        database,
        bounds,
        urgent,
        credential::names,
        credential::matrix,
        credential::urgent,
        super::graphql::check,
        super::issuer::check,
        super::reader::check,
        super::signing_key::check,
        super::sla::check,
    ];
    let checks = checks
        .iter()
        .chain(&[places as Check, properties, status_types]);
    for check in checks {
        check(config).map_err(ConfigError::Contradiction)?;
    }
    Ok(())
}

/// What is said of places only.
pub(super) fn check_places(config: &Config) -> Result<(), ConfigError> {
    places(config)
        .and_then(|()| properties(config))
        .map_err(ConfigError::Contradiction)
}

type Check = fn(&Config) -> Result<(), String>;

fn listen(config: &Config) -> Result<(), String> {
    if config.listen.ip().is_loopback() {
        return Ok(());
    }
    if !config.readers.is_open() {
        // Where the webhooks have an address of their own, TLS is spoken there.
        let has_tls = config.tls.is_some() && config.webhook_listen.is_none();
        if has_tls || !config.trusted_proxies.is_empty() {
            return Ok(());
        }
        return Err(format!(
            "`listen` is {}, which other machines can reach, and neither `tls` (without `webhook_listen`, where it is \
             spoken otherwise) nor `trusted_proxies` is given: readers' tokens would travel in the open. Give `tls`, or \
             name the proxy that speaks TLS for caretaker in `trusted_proxies`",
            config.listen
        ));
    }
    Err(format!(
        "`listen` is {}, which other machines can reach, and no readers are configured: anybody could read \
         everything. Configure readers (`readers.own_key = true` is the shortest way), or listen on loopback \
         (127.0.0.1 or ::1) and take the webhooks on `webhook_listen`",
        config.listen
    ))
}

/// Both platforms send secrets or what is as good as one for minutes: never in the open.
fn webhook_listen(config: &Config) -> Result<(), String> {
    let Some(address) = config.webhook_listen else {
        return Ok(());
    };
    let is_covered = config.tls.is_some() || !config.trusted_proxies.is_empty();
    if is_covered || address.ip().is_loopback() {
        return Ok(());
    }
    Err(format!(
        "`webhook_listen` is {address}, which other machines can reach, and neither `tls` nor `trusted_proxies` is \
         given: what proves the senders would travel in the open. Give `tls` (--tls-cert, --tls-key), or name the \
         proxy that speaks TLS for caretaker in `trusted_proxies`"
    ))
}

fn proxy_header(config: &Config) -> Result<(), String> {
    if config.proxy_header.is_some() && config.trusted_proxies.is_empty() {
        return Err(
            "`proxy_header` is given without `trusted_proxies`: nobody's is read".to_owned(),
        );
    }
    Ok(())
}

fn database(config: &Config) -> Result<(), String> {
    let url = config.database_url();
    let known = ["sqlite:", "postgres://", "postgresql://"];
    if known
        .iter()
        .any(|scheme| url.expose_secret().starts_with(scheme))
    {
        return Ok(());
    }
    Err("`database_url` must begin with sqlite:// or postgres://".to_owned())
}

fn bounds(config: &Config) -> Result<(), String> {
    let counts = [
        ("head_seconds", config.head_seconds as usize),
        ("write_seconds", config.write_seconds as usize),
        ("body_seconds", config.body_seconds as usize),
        ("max_connections", config.max_connections),
        ("matrix.max_body_bytes", config.matrix.max_body_bytes),
        ("urgent.max_body_bytes", config.urgent.max_body_bytes),
        (
            "oauth.access_token_seconds",
            config.oauth.access_token_seconds as usize,
        ),
        ("writer.queue", config.writer.queue),
        ("writer.queue_bytes", config.writer.queue_bytes),
        ("writer.batch", config.writer.batch),
        (
            "feed.poll_milliseconds",
            config.feed.poll_milliseconds as usize,
        ),
        ("feed.buffer", config.feed.buffer),
        (
            "feed.heartbeat_milliseconds",
            config.feed.heartbeat_milliseconds as usize,
        ),
    ];
    let ages = [
        ("retention.bodies_days", config.retention.bodies_days),
        (
            "retention.deliveries_days",
            config.retention.deliveries_days,
        ),
        (
            "retention.quarantined_days",
            config.retention.quarantined_days,
        ),
        (
            "retention.activities_days",
            config.retention.activities_days,
        ),
        (
            "retention.every_seconds",
            Some(config.retention.every_seconds),
        ),
    ];
    let ages = ages
        .iter()
        .filter_map(|(name, age)| Some((*name, (*age)? as usize)));
    let counts = counts.into_iter().chain(super::graphql::counts(config));
    let counts = counts.chain(super::live::counts(config));
    let counts: Vec<(&str, usize)> = counts.chain(ages).collect();
    if let Some((name, _)) = counts.iter().find(|(_, value)| *value == 0) {
        return Err(format!("`{name}` is 0 and must be at least 1"));
    }
    let largest = config
        .matrix
        .max_body_bytes
        .max(config.urgent.max_body_bytes);
    if config.writer.queue_bytes < largest {
        return Err(format!(
            "`writer.queue_bytes` ({}) is smaller than the longest body allowed ({largest}): it could never be taken",
            config.writer.queue_bytes
        ));
    }
    if config.incoming_bytes / 2 < largest {
        return Err(format!(
            "`incoming_bytes` ({}) is less than twice the longest body allowed ({largest}): one of that length \
             could not be read before its sender is proven",
            config.incoming_bytes
        ));
    }
    if config.writer.batch > config.writer.queue {
        return Err(format!(
            "`writer.batch` ({}) is larger than `writer.queue` ({}): a batch is taken from the queue",
            config.writer.batch, config.writer.queue
        ));
    }
    Ok(())
}

/// The words that open the header of the other schemes.
const OTHER_WORDS: [&str; 4] = [
    "Basic",
    "Bearer",
    "SharedAccessSignature",
    "AWS4-HMAC-SHA256",
];

fn urgent(config: &Config) -> Result<(), String> {
    let marker = &config.urgent.marker;
    if let Some(word) = OTHER_WORDS
        .iter()
        .find(|word| marker.eq_ignore_ascii_case(word))
    {
        return Err(format!(
            "`urgent.marker` is `{marker}`: that word opens another kind of proof ({word})"
        ));
    }
    if marker.is_empty() || !marker.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("`urgent.marker` must be one word of visible ASCII".to_owned());
    }
    let prefix = &config.urgent.path_prefix;
    if !prefix.is_empty() && (!prefix.starts_with('/') || prefix.ends_with('/')) {
        return Err(format!(
            "`urgent.path_prefix` is `{prefix}`; it must begin with `/` and not end with it"
        ));
    }
    Ok(())
}

fn places(config: &Config) -> Result<(), String> {
    let nowhere = |place: &&super::Place| place.matrix.is_empty() && place.urgent.is_empty();
    if let Some(place) = config.places.iter().flatten().find(nowhere) {
        return Err(format!(
            "`places`: `{}` names neither a `matrix` building nor an `urgent` site",
            place.name
        ));
    }
    once(
        "places",
        "matrix",
        config
            .places
            .iter()
            .flatten()
            .flat_map(|place| &place.matrix),
    )?;
    let sites: Vec<String> = config
        .places
        .iter()
        .flatten()
        .flat_map(|place| &place.urgent)
        .map(|urgent| format!("{} of {}", urgent.site, urgent.tenant))
        .collect();
    once("places", "urgent", &sites)
}

fn properties(config: &Config) -> Result<(), String> {
    once(
        "properties",
        "matrix",
        config.properties.iter().map(|property| &property.matrix),
    )
}

fn status_types(config: &Config) -> Result<(), String> {
    let unknown = |status: &&super::StatusType| status.means == StatusTypeName::Unknown;
    if let Some(status) = config.status_types.iter().flatten().find(unknown) {
        return Err(format!(
            "`status_types`: `{}` has the type UNKNOWN; leave it out instead",
            status.status
        ));
    }
    let names: Vec<String> = config
        .status_types
        .iter()
        .flatten()
        .map(|status| format!("{} of {}", status.status.to_lowercase(), status.tenant))
        .collect();
    once("status_types", "status", &names)
}

pub(super) fn once<'a>(
    list: &str,
    field: &str,
    values: impl IntoIterator<Item = &'a String>,
) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for value in values {
        if value.is_empty() {
            return Err(format!("`{list}` has an entry whose `{field}` is empty"));
        }
        if !seen.insert(value) {
            return Err(format!("`{list}` has `{field}` = `{value}` twice"));
        }
    }
    Ok(())
}
