//! `caretaker token`: makes a reader's token, signed with a secret of the settings. Nothing is stored: a token is good
//! until it expires, or until its key is changed.

use anyhow::{Context, anyhow, bail};
use caretaker::config::{self, Config, Flags, ReaderKey, ReaderMaterial};
use caretaker::http::reader::Grant;
use chrono::{DateTime, TimeDelta, Utc};
use clap::Args;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::ExposeSecret;
use serde_json::json;

/// The longest life of a token, in days.
const LONGEST: i64 = 3_660;

/// What a token says.
#[derive(Args, Debug)]
pub(crate) struct TokenArgs {
    /// What its holder may see.
    #[command(flatten)]
    pub(crate) grant: GrantArgs,
    /// It also sees the raw calls, and may do what operators do.
    #[arg(long)]
    operator: bool,
    /// The holder's name, which the API and the log show.
    #[arg(long, default_value = "caretaker token")]
    name: String,
    /// How long it is good: 30m, 8h or 7d.
    #[arg(long, default_value = "8h", value_parser = life)]
    expires: TimeDelta,
    /// The key of the settings to sign with, by name [default: the first that is a secret].
    #[arg(long, value_name = "NAME")]
    key: Option<String>,
    /// The settings.
    #[command(flatten)]
    pub(crate) flags: Flags,
}

/// What the holder of a token or display key may see: the union of all that is given.
#[derive(Args, Clone, Debug)]
pub(crate) struct GrantArgs {
    /// The whole model.
    #[arg(long)]
    all: bool,
    /// A property with its buildings, by its `id` in GraphQL; may be given several times.
    #[arg(long, value_name = "ID")]
    property: Vec<String>,
    /// A building with all that is filed in it, by its `id` in GraphQL; may be given several times.
    #[arg(long, value_name = "ID")]
    building: Vec<String>,
    /// An Urgent tenant's tasks, by its name; may be given several times.
    #[arg(long, value_name = "NAME")]
    tenant: Vec<String>,
}

impl GrantArgs {
    /// The grant, checked.
    pub(crate) fn grant(&self, operator: bool) -> anyhow::Result<Grant> {
        let grant = Grant {
            all: self.all,
            operator,
            properties: self.property.clone(),
            buildings: self.building.clone(),
            tenants: self.tenant.clone(),
        };
        match grant.scope().map_err(|why| anyhow!(why))? {
            Some(_) => Ok(grant),
            None => bail!("say what it may see: --all, --property, --building or --tenant"),
        }
    }
}

/// The token.
///
/// # Errors
/// No key to sign with, or nothing to see.
pub(crate) fn run(config: &Config, args: &TokenArgs) -> anyhow::Result<String> {
    let grant = args.grant.grant(args.operator)?;
    let key = signing_key(config, args.key.as_deref())?;
    let ReaderMaterial::Secret(secret) = &key.material else {
        bail!(
            "the key `{}` is public: only its issuer can make tokens",
            key.name
        );
    };
    let secret = secret.read().map_err(anyhow::Error::msg)?;
    let secret = EncodingKey::from_secret(secret.expose_secret().as_bytes());
    let now = Utc::now();
    let claims = json!({
        "iss": key.issuer,
        "aud": key.audience,
        "sub": args.name,
        "name": args.name,
        "iat": now.timestamp(),
        "exp": (now + args.expires).timestamp(),
        (config.readers.claim.as_str()): grant,
    });
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some(key.name.clone());
    jsonwebtoken::encode(&header, &claims, &secret).context("the token")
}

fn signing_key(config: &Config, name: Option<&str>) -> anyhow::Result<ReaderKey> {
    let keys = config::reader_keys(config)?;
    let found = match name {
        Some(name) => keys.into_iter().find(|key| key.name == name),
        None => keys
            .into_iter()
            .find(|key| matches!(key.material, ReaderMaterial::Secret(_))),
    };
    found.ok_or_else(|| match name {
        Some(name) => anyhow!("`readers.keys` has no key `{name}`"),
        None if config.readers.is_open() => anyhow!(
            "no readers are configured, so whoever reaches this server needs no token. To ask for one, set \
             `own_key = true` under [readers] (or CARETAKER_READERS__OWN_KEY=true) for the server and for this command"
        ),
        None => anyhow!(
            "no key of `readers.keys` is a secret, so only the issuers can make tokens; `own_key = true` under \
             [readers] adds one of caretaker's own"
        ),
    })
}

fn life(text: &str) -> Result<TimeDelta, String> {
    type Unit = fn(i64) -> Option<TimeDelta>;
    let units: [(char, Unit); 3] = [
        ('m', TimeDelta::try_minutes),
        ('h', TimeDelta::try_hours),
        ('d', TimeDelta::try_days),
    ];
    let found = units.into_iter().find_map(|(unit, of)| {
        let number: u32 = text.strip_suffix(unit)?.parse().ok()?;
        of(number.into())
    });
    match found {
        Some(life) if life > TimeDelta::zero() && life <= TimeDelta::days(LONGEST) => Ok(life),
        _ => Err(format!("expected 30m, 8h or 7d, at most {LONGEST}d")),
    }
}

/// A moment as it is printed.
pub(crate) fn second(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    #![expect(
        clippy::unwrap_used,
        reason = "a test that cannot go on should say where"
    )]

    use super::*;

    #[test]
    fn a_life_is_a_number_and_a_unit() {
        assert_eq!(life("8h").unwrap(), TimeDelta::hours(8));
        assert_eq!(life("30m").unwrap(), TimeDelta::minutes(30));
        for wrong in ["", "h", "0h", "-1d", "1w", "4000d", "99999999999d"] {
            assert!(life(wrong).is_err(), "{wrong}");
        }
    }
}
