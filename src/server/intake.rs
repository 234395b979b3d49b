//! From the settings to the webhooks' gates and the operator's tables.

use std::sync::Arc;

use anyhow::{Context, anyhow};
use chrono::{DateTime, Duration, Utc};
use entity::Source;
use secrecy::SecretString;

use crate::config::{self, Config, IssuerKeys, Secret};
use crate::domain::id::SiteKey;
use crate::domain::oauth::token::Key;
use crate::domain::operator::Declared;
use crate::http::webhook::Gate;
use crate::ingest::proof::bearer::{self, Bearer, Own};
use crate::ingest::proof::keys::{Keys, Place};
use crate::ingest::proof::{Basic, Credential, Hmac, Proof};

/// The key of caretaker's own access tokens: given, kept in the data folder, or made there when it is first needed.
///
/// # Errors
/// The one that is kept cannot be used.
pub(super) fn signing_key(config: &Config) -> anyhow::Result<Arc<Key>> {
    config::signing_key(config, false)?;
    let config = config.clone();
    Ok(Arc::new(Key::new(move |make| {
        config::signing_key(&config, make).map_err(|error| error.to_string())
    })))
}

/// Who may show access tokens to a source. Keys in files must be there; an issuer that is away now is asked again.
///
/// # Errors
/// A file of keys cannot be used.
pub(super) async fn bearer(
    config: &Config,
    source: Source,
    own: Own,
    now: DateTime<Utc>,
) -> anyhow::Result<Bearer> {
    let (given, credentials) = match source {
        Source::Matrix => (&config.matrix.issuers, config.matrix.credentials.len()),
        Source::Urgent => (&config.urgent.issuers, config.urgent.credentials.len()),
    };
    let mut position = u32::try_from(credentials).unwrap_or(u32::MAX);
    let mut issuers = Vec::with_capacity(given.len());
    for given in given {
        let (place, is_file) = match &given.keys {
            IssuerKeys::Url(url) => (Place::Url(url.clone()), false),
            IssuerKeys::Set(path) => (Place::Set(path.clone()), true),
            IssuerKeys::Pem(path) => (Place::Pem(path.clone()), true),
        };
        let of_issuer = |why: String| anyhow!("settings: issuers: `{}`: {why}", given.name);
        let keys = Arc::new(Keys::new(place).map_err(of_issuer)?);
        if is_file {
            keys.fetch(now).await.map_err(of_issuer)?;
        }
        issuers.push(bearer::Issuer {
            name: given.name.clone(),
            position,
            issuer: given.issuer.clone(),
            audience: given.audience.clone(),
            scope: given.scope.clone(),
            keys,
        });
        position = position.saturating_add(1);
    }
    Ok(Bearer {
        source,
        own,
        issuers,
        position,
    })
}

/// Matrix's way in.
///
/// # Errors
/// A secret or a file of keys cannot be read.
pub(super) async fn matrix(config: &Config, own: Own, now: DateTime<Utc>) -> anyhow::Result<Gate> {
    let settings = &config.matrix;
    let given = settings.credentials.iter();
    let credentials =
        credentials(given.map(|given| (&given.name, &given.username, &given.password)))
            .context("settings: matrix.credentials")?;
    let proof = if settings.allow_unauthenticated {
        Proof::AllowUnauthenticated
    } else {
        Proof::Basic(Basic { credentials })
    };
    let bearer = bearer(config, Source::Matrix, own, now).await?;
    let gate = Gate::new(proof, settings.max_body_bytes);
    Ok(if settings.allow_unauthenticated {
        gate
    } else {
        gate.with_bearer(bearer)
    })
}

/// Urgent's way in.
///
/// # Errors
/// A secret or a file of keys cannot be read.
pub(super) async fn urgent(config: &Config, own: Own, now: DateTime<Utc>) -> anyhow::Result<Gate> {
    let settings = &config.urgent;
    let given = settings.credentials.iter();
    let credentials = credentials(given.map(|given| (&given.name, &given.token, &given.secret)))
        .context("settings: urgent.credentials")?;
    let proof = if settings.allow_unauthenticated {
        Proof::AllowUnauthenticated
    } else {
        Proof::Hmac(Hmac {
            credentials,
            marker: settings.marker.clone(),
            grace: Duration::seconds(i64::from(settings.grace_seconds)),
            path_prefix: settings.path_prefix.clone(),
        })
    };
    let bearer = bearer(config, Source::Urgent, own, now).await?;
    let gate = Gate::new(proof, settings.max_body_bytes);
    Ok(if settings.allow_unauthenticated {
        gate
    } else {
        gate.with_bearer(bearer)
    })
}

fn credentials<'a>(
    given: impl Iterator<Item = (&'a String, &'a String, &'a Secret)>,
) -> anyhow::Result<Vec<Credential>> {
    given
        .zip(0..)
        .map(|((name, login, secret), position)| {
            let secret: SecretString = secret
                .read()
                .map_err(anyhow::Error::msg)
                .with_context(|| format!("`{name}`"))?;
            Ok(Credential {
                name: name.clone(),
                position,
                login: login.clone(),
                secret,
            })
        })
        .collect()
}

/// The operator's word, as the tables want it: of each place the first Matrix building leads, else the first site.
pub(super) fn declared(config: &Config) -> Declared {
    let places = config.places.iter().map(|place| {
        let matrix = place.matrix.iter().map(|code| SiteKey::matrix(code));
        let urgent = place
            .urgent
            .iter()
            .map(|site| SiteKey::urgent(&site.tenant, &site.site));
        (place.name.clone(), matrix.chain(urgent).collect())
    });
    let properties = config
        .properties
        .iter()
        .map(|property| (property.matrix.clone(), property.name.clone()));
    let status_types = config
        .status_types
        .iter()
        .map(|map| (map.tenant.clone(), map.status.clone(), map.means));
    Declared {
        places: places.collect(),
        properties: properties.collect(),
        status_types: status_types.collect(),
    }
}
