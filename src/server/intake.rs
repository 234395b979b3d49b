//! From the settings to the webhooks' gates and the operator's tables.

use std::sync::Arc;

use anyhow::{Context, anyhow};
use chrono::{DateTime, Duration, Utc};
use entity::{Priority, Source};
use ipnet::IpNet;
use secrecy::SecretString;

use crate::config::{self, Config, IssuerKeys, MatrixCredential, Network, Secret};
use crate::domain::id::SiteKey;
use crate::domain::oauth::token::Key;
use crate::domain::operator::Declared;
use crate::domain::sla::Rule;
use crate::http::webhook::{Bodies, Callers, Gate, ProxyHeader};
use crate::ingest::proof::bearer::{self, Bearer, Own};
use crate::ingest::proof::{
    Basic, Hmac, HubKey, Login, Password, Proof, Sas, Scheme, SigV4, Token, TopicKey,
};
use crate::jwt::keys::{Keys, Place};

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
async fn bearer(
    given: &[config::Issuer],
    source: Source,
    own: Own,
    positions: &mut Positions,
    now: DateTime<Utc>,
) -> anyhow::Result<Scheme> {
    let mut issuers = Vec::with_capacity(given.len());
    for (given, position) in given.iter().zip(&mut *positions) {
        let (place, is_file) = match &given.keys {
            IssuerKeys::Url(url) => (Place::Url(url.clone()), false),
            IssuerKeys::Set(path) => (Place::Set(path.clone()), true),
            IssuerKeys::Pem(path) => (Place::Pem(path.clone()), true),
        };
        let of_issuer = |why: String| anyhow!("settings: issuers: `{}`: {why}", given.name);
        let keys = Arc::new(Keys::new(place).map_err(of_issuer)?);
        if is_file {
            keys.first(now).await.map_err(of_issuer)?;
        }
        issuers.push(bearer::Issuer {
            name: given.name.clone(),
            position,
            issuer: given.issuer.clone(),
            audience: given.audience.clone(),
            scope: given.scope.clone(),
            keys,
        });
    }
    Ok(Scheme::Bearer(Bearer {
        source,
        own: Some(own),
        issuers,
        position: positions.start,
    }))
}

/// Matrix's way in.
///
/// # Errors
/// A secret or a file of keys cannot be read.
pub(super) async fn matrix(config: &Config, own: Own, now: DateTime<Utc>) -> anyhow::Result<Gate> {
    let settings = &config.matrix;
    warn_of_namesakes(config, Source::Matrix, &own).await?;
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
        let bearer = bearer(&settings.issuers, Source::Matrix, own, &mut positions, now);
        Proof::by([basic, bearer.await?].into_iter().chain(signed).collect())
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
/// A secret or a file of keys cannot be read.
pub(super) async fn urgent(config: &Config, own: Own, now: DateTime<Utc>) -> anyhow::Result<Gate> {
    let settings = &config.urgent;
    warn_of_namesakes(config, Source::Urgent, &own).await?;
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
        let bearer = bearer(&settings.issuers, Source::Urgent, own, &mut positions, now);
        schemes.push(bearer.await?);
        Proof::by(schemes)
    };
    Ok(Gate::new(
        Source::Urgent,
        proof.timed(),
        settings.max_body_bytes,
        networks(&settings.allow_from),
    ))
}

/// Warns of OAuth clients that are called as somebody in the settings: deliveries would not tell the two apart.
async fn warn_of_namesakes(config: &Config, source: Source, own: &Own) -> anyhow::Result<()> {
    let clients = own.standing.names(source).await;
    let clients = clients.context("the OAuth clients")?;
    for name in namesakes(&config.credential_names(source), &clients) {
        tracing::warn!(
            ?source,
            name,
            "an OAuth client and a credential of the settings have one name: deliveries do not tell them apart"
        );
    }
    Ok(())
}

fn namesakes<'a>(given: &[&String], clients: &'a [String]) -> Vec<&'a String> {
    let clients = clients.iter();
    clients.filter(|client| given.contains(client)).collect()
}

/// Who may name another address than its own, and how many failures one address has.
pub(super) fn callers(config: &Config) -> Callers {
    let proxy_header = match config.proxy_header {
        None => ProxyHeader::Either,
        Some(config::ProxyHeader::XForwardedFor) => ProxyHeader::XForwardedFor,
        Some(config::ProxyHeader::Forwarded) => ProxyHeader::Forwarded,
    };
    Callers::new(
        networks(&config.trusted_proxies),
        proxy_header,
        config.failures_per_minute,
    )
}

/// How long bodies may take, and how much of them there may be at once.
pub(super) fn bodies(config: &Config) -> Bodies {
    let patience = std::time::Duration::from_secs(config.body_seconds.into());
    Bodies::new(patience, config.incoming_bytes)
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
                session_token: given
                    .session_token
                    .as_ref()
                    .map(|token| secret("matrix.iot", &given.name, token))
                    .transpose()?,
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
    let place = |place: &config::Place| {
        let matrix = place.matrix.iter().map(|code| SiteKey::matrix(code));
        let urgent = place
            .urgent
            .iter()
            .map(|site| SiteKey::urgent(&site.tenant, &site.site));
        (place.name.clone(), matrix.chain(urgent).collect())
    };
    let properties = config
        .properties
        .iter()
        .map(|property| (property.matrix.clone(), property.name.clone()));
    let meaning = |map: &config::StatusType| (map.tenant.clone(), map.status.clone(), map.means);
    let (places, maps) = (config.places.as_ref(), config.status_types.as_ref());
    Declared {
        places: places.map(|places| places.iter().map(place).collect()),
        properties: properties.collect(),
        status_types: maps.map(|maps| maps.iter().map(meaning).collect()),
        sla: config.sla.as_ref().map(sla_rule),
    }
}

fn sla_rule(sla: &config::Sla) -> Rule {
    let within = sla.start_within;
    let clocks = [
        (Priority::High, within.high),
        (Priority::Medium, within.medium),
        (Priority::Normal, within.normal),
        (Priority::Low, within.low),
    ];
    Rule {
        at_risk_percent: sla.at_risk,
        start_within_seconds: clocks
            .into_iter()
            .filter_map(|(of, seconds)| Some((of, seconds?.get())))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_called_as_a_credential_of_the_settings_is_found() {
        let text = "[[matrix.event_hubs]]\nname = 'bus'\nhub = 'h'\nkey_name = 'k'\nkey = 's'";
        let config: Config = toml::from_str(text).unwrap();
        let clients = ["bus".to_owned(), "other".to_owned()];
        let found = |source| namesakes(&config.credential_names(source), &clients).len();
        assert_eq!((found(Source::Matrix), found(Source::Urgent)), (1, 0));
    }
}
