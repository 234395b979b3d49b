//! From the settings to those who may read.

use std::sync::Arc;

use anyhow::{Context, anyhow};
use chrono::TimeDelta;
use jsonwebtoken::DecodingKey;
use secrecy::ExposeSecret;

use crate::config::{self, Config, ReaderKey, ReaderMaterial};
use crate::domain::writer::Clock;
use crate::http::reader::Readers;
use crate::http::reader::display::Displays;
use crate::http::reader::token::{Material, TokenKey, Tokens};
use crate::jwt::jwk;
use crate::jwt::keys::{Keys, Place};

/// Who may read. Keys in files must be there; an issuer that is away now is asked again.
///
/// # Errors
/// A secret or a file of keys cannot be used.
pub(super) async fn readers(
    config: &Config,
    displays: Arc<Displays>,
    clock: Clock,
) -> anyhow::Result<Readers> {
    let settings = &config.readers;
    let tokens = if settings.is_open() {
        None
    } else {
        let mut keys = Vec::new();
        for key in config::reader_keys(config)? {
            let name = key.name.clone();
            let read = token_key(key, &clock).await;
            keys.push(read.with_context(|| format!("settings: readers.keys, `{name}`"))?);
        }
        Some(Tokens {
            keys,
            claim: settings.claim.clone(),
            leeway: TimeDelta::seconds(settings.leeway_seconds.into()),
        })
    };
    let a_minute = settings.requests_per_minute;
    let connections = config.live.max_per_viewer;
    Ok(Readers::new(tokens, displays, a_minute, connections, clock))
}

async fn token_key(key: ReaderKey, clock: &Clock) -> anyhow::Result<TokenKey> {
    let material = match key.material {
        ReaderMaterial::Secret(secret) => {
            let secret = secret.read().map_err(anyhow::Error::msg)?;
            Material::Secret(DecodingKey::from_secret(secret.expose_secret().as_bytes()))
        }
        ReaderMaterial::Pem(text) => {
            let key = jwk::of_pem(text.as_bytes());
            Material::Fixed(key.map_err(|why| anyhow!("`public_key`: {why}"))?)
        }
        ReaderMaterial::PemFile(path) => fetched(Place::Pem(path), clock).await?,
        ReaderMaterial::SetFile(path) => fetched(Place::Set(path), clock).await?,
        ReaderMaterial::Url(url) => {
            let keys = Keys::new(Place::Url(url)).map_err(anyhow::Error::msg)?;
            Material::Keys(Arc::new(keys))
        }
    };
    Ok(TokenKey {
        name: key.name,
        issuer: key.issuer,
        audience: key.audience,
        material,
    })
}

async fn fetched(place: Place, clock: &Clock) -> anyhow::Result<Material> {
    let keys = Keys::new(place).map_err(anyhow::Error::msg)?;
    keys.first(clock()).await.map_err(anyhow::Error::msg)?;
    Ok(Material::Keys(Arc::new(keys)))
}
