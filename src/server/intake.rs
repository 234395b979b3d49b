//! From the settings to the webhooks' gates and the operator's tables.

use anyhow::Context;
use chrono::Duration;
use secrecy::SecretString;

use crate::config::{Config, Secret};
use crate::domain::id::SiteKey;
use crate::domain::operator::Declared;
use crate::http::webhook::Gate;
use crate::ingest::proof::{Basic, Credential, Hmac, Proof};

/// Matrix's way in.
///
/// # Errors
/// A secret cannot be read.
pub(super) fn matrix(config: &Config) -> anyhow::Result<Gate> {
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
    Ok(Gate::new(proof, settings.max_body_bytes))
}

/// Urgent's way in.
///
/// # Errors
/// A secret cannot be read.
pub(super) fn urgent(config: &Config) -> anyhow::Result<Gate> {
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
    Ok(Gate::new(proof, settings.max_body_bytes))
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
