//! From the settings to the webhooks' gates and the operator's tables.

use anyhow::Context;
use chrono::Duration;
use entity::Source;
use ipnet::IpNet;
use secrecy::SecretString;

use crate::config::{self, Config, MatrixCredential, Network, Secret};
use crate::domain::id::SiteKey;
use crate::domain::operator::Declared;
use crate::http::webhook::{Callers, Gate};
use crate::ingest::proof::{
    Basic, Hmac, HubKey, Login, Password, Proof, Sas, Scheme, SigV4, Token, TopicKey,
};

/// Matrix's way in.
///
/// # Errors
/// A secret cannot be read.
pub(super) fn matrix(config: &Config) -> anyhow::Result<Gate> {
    let settings = &config.matrix;
    let mut positions = 0..;
    let basic = Scheme::Basic(Basic::new(logins(
        "matrix.credentials",
        &settings.credentials,
        &mut positions,
    )?));
    let signed = vec![
        Scheme::Sas(Sas {
            keys: hub_keys(config, &mut positions)?,
        }),
        Scheme::SigV4(SigV4 {
            keys: topic_keys(config, &mut positions)?,
            skew: Duration::seconds(settings.iot_skew_seconds.into()),
        }),
    ];
    let proof = if settings.allow_unauthenticated {
        Proof::open(signed)
    } else {
        Proof::by(std::iter::once(basic).chain(signed).collect())
    };
    Ok(Gate::new(
        Source::Matrix,
        proof,
        settings.max_body_bytes,
        networks(&settings.allow_from),
    ))
}

/// Urgent's way in.
///
/// # Errors
/// A secret cannot be read.
pub(super) fn urgent(config: &Config) -> anyhow::Result<Gate> {
    let settings = &config.urgent;
    let mut positions = 0..;
    let tokens = settings.credentials.iter().zip(&mut positions);
    let tokens = tokens.map(|(given, position)| {
        Ok(Token {
            name: given.name.clone(),
            position,
            token: given.token.clone(),
            secret: secret("urgent.credentials", &given.name, &given.secret)?,
        })
    });
    let hmac = Hmac {
        tokens: tokens.collect::<anyhow::Result<_>>()?,
        marker: settings.marker.clone(),
        grace: Duration::seconds(settings.grace_seconds.into()),
        path_prefix: settings.path_prefix.clone(),
    };
    let proof = if settings.allow_unauthenticated {
        Proof::open(Vec::new())
    } else {
        let mut schemes = vec![Scheme::Hmac(hmac)];
        if !settings.basic.is_empty() {
            let logins = logins("urgent.basic", &settings.basic, &mut positions)?;
            schemes.push(Scheme::Basic(Basic::new(logins)));
        }
        Proof::by(schemes)
    };
    Ok(Gate::new(
        Source::Urgent,
        proof.timed(),
        settings.max_body_bytes,
        networks(&settings.allow_from),
    ))
}

/// Who may name another address than its own, and how many failures one address has.
pub(super) fn callers(config: &Config) -> Callers {
    Callers::new(
        networks(&config.trusted_proxies),
        config.failures_per_minute,
    )
}

/// The positions of a source's credentials run through all of its lists.
type Positions = std::ops::RangeFrom<u32>;

fn logins(
    list: &str,
    given: &[MatrixCredential],
    positions: &mut Positions,
) -> anyhow::Result<Vec<Login>> {
    let given = given.iter().zip(positions);
    given
        .map(|(given, position)| {
            let password = match &given.password {
                config::Password::Plain(plain) => {
                    Password::Plain(secret(list, &given.name, plain)?)
                }
                config::Password::Hash(hash) => Password::Hash(hash.clone()),
            };
            Ok(Login {
                name: given.name.clone(),
                position,
                username: given.username.clone(),
                password,
            })
        })
        .collect()
}

fn hub_keys(config: &Config, positions: &mut Positions) -> anyhow::Result<Vec<HubKey>> {
    let given = config.matrix.event_hubs.iter().zip(positions);
    given
        .map(|(given, position)| {
            Ok(HubKey {
                name: given.name.clone(),
                position,
                hub: given.hub.clone(),
                host: given.host.clone(),
                key_name: given.key_name.clone(),
                key: secret("matrix.event_hubs", &given.name, &given.key)?,
            })
        })
        .collect()
}

fn topic_keys(config: &Config, positions: &mut Positions) -> anyhow::Result<Vec<TopicKey>> {
    let given = config.matrix.iot.iter().zip(positions);
    given
        .map(|(given, position)| {
            Ok(TopicKey {
                name: given.name.clone(),
                position,
                topic: given.topic.clone(),
                region: given.region.clone(),
                access_key_id: given.access_key_id.clone(),
                secret_access_key: secret("matrix.iot", &given.name, &given.secret_access_key)?,
                session_token: given.session_token.clone(),
            })
        })
        .collect()
}

fn secret(list: &str, name: &str, secret: &Secret) -> anyhow::Result<SecretString> {
    secret
        .read()
        .map_err(anyhow::Error::msg)
        .with_context(|| format!("settings: {list}, `{name}`"))
}

fn networks(given: &[Network]) -> Vec<IpNet> {
    given.iter().map(|network| network.0).collect()
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
