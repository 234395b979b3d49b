//! Who may read: the keys that readers' tokens are signed with. Without any the API is open, on loopback only.

use std::num::NonZeroU32;
use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::check::once;
use super::credential::one_of;
use super::first_start::{random, read_private, write_once};
use super::issuer::is_safe;
use super::{Config, ConfigError, Secret, make_data_dir};

/// In the data folder: the secret of the tokens that `caretaker token` makes.
pub const READERS_KEY_FILE: &str = "readers.key";
/// The name of that key.
pub const OWN_KEY: &str = "readers.key";
/// The `iss` and the `aud` of tokens that caretaker makes itself.
const OWN: &str = "caretaker";
/// The fewest bytes of a secret.
const SHORTEST: usize = 32;
/// The longest leeway, in seconds: beyond it an expiry means little.
const LONGEST_LEEWAY: u32 = 300;

/// Who may read.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Readers {
    /// Take the tokens that `caretaker token` makes with a secret of caretaker's own, kept in the data folder.
    pub own_key: bool,
    /// The keys that tokens are signed with; several are valid at once, so that one can be changed without a gap.
    pub keys: Vec<ReaderKey>,
    /// The claim that says what a token's holder may see.
    pub claim: String,
    /// How far the clock of who made a token may lie from ours, in seconds.
    pub leeway_seconds: u32,
    /// How many operations one reader may ask for in a minute, and at once; further ones are answered 429.
    pub requests_per_minute: NonZeroU32,
}

impl Default for Readers {
    fn default() -> Self {
        Self {
            own_key: false,
            keys: Vec::new(),
            claim: "caretaker".to_owned(),
            leeway_seconds: 30,
            requests_per_minute: NonZeroU32::MIN.saturating_add(2_999),
        }
    }
}

impl Readers {
    /// Whether nobody needs a token.
    pub fn is_open(&self) -> bool {
        !self.own_key && self.keys.is_empty()
    }
}

/// A key that readers' tokens are signed with.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Form")]
pub struct ReaderKey {
    /// The operator's name for it; unique.
    pub name: String,
    /// The tokens' `iss`, letter by letter.
    pub issuer: String,
    /// What the tokens' `aud` must name.
    pub audience: String,
    /// The key itself, which alone decides the algorithm.
    pub material: ReaderMaterial,
}

/// The key of a reader's tokens.
#[derive(Clone, Debug)]
pub enum ReaderMaterial {
    /// A secret: HS256.
    Secret(Secret),
    /// One public key in PEM: RS256, ES256 or EdDSA, as it is of RSA, P-256 or Ed25519.
    Pem(String),
    /// The same in a file.
    PemFile(PathBuf),
    /// A key set in a file.
    SetFile(PathBuf),
    /// A key set at an address.
    Url(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    name: String,
    issuer: Option<String>,
    audience: Option<String>,
    secret: Option<SecretString>,
    secret_env: Option<String>,
    secret_file: Option<PathBuf>,
    public_key: Option<String>,
    public_key_file: Option<PathBuf>,
    jwks_file: Option<PathBuf>,
    jwks_url: Option<String>,
}

impl TryFrom<Form> for ReaderKey {
    type Error = String;

    fn try_from(form: Form) -> Result<Self, String> {
        let has_secret =
            form.secret.is_some() || form.secret_env.is_some() || form.secret_file.is_some();
        let public = [
            form.public_key.map(ReaderMaterial::Pem),
            form.public_key_file.map(ReaderMaterial::PemFile),
            form.jwks_file.map(ReaderMaterial::SetFile),
            form.jwks_url.map(ReaderMaterial::Url),
        ];
        let mut public = public.into_iter().flatten();
        let material = match (has_secret, public.next(), public.next()) {
            (true, None, None) => {
                let secret = one_of("secret", form.secret, form.secret_env, form.secret_file)?;
                ReaderMaterial::Secret(secret)
            }
            (false, Some(material), None) => material,
            (false, None, _) => {
                return Err(
                    "one of `secret`, `public_key`, `public_key_file`, `jwks_file` and `jwks_url` is needed"
                        .to_owned(),
                );
            }
            _ => {
                return Err(
                    "`secret`, `public_key`, `public_key_file`, `jwks_file` and `jwks_url` exclude each other"
                        .to_owned(),
                );
            }
        };
        // With a secret caretaker may be the issuer itself; who else issues has a name of its own.
        let own = has_secret.then(|| OWN.to_owned());
        let needed = |name: &str, given: Option<String>| {
            let given = given.or_else(|| own.clone());
            given.ok_or_else(|| format!("`{name}` is needed beside a public key"))
        };
        Ok(Self {
            issuer: needed("issuer", form.issuer)?,
            audience: needed("audience", form.audience)?,
            name: form.name,
            material,
        })
    }
}

/// The keys with caretaker's own where that is asked for: made in the data folder where it is not there.
///
/// # Errors
/// A file that cannot be read or made, or that others could read.
pub fn reader_keys(config: &Config) -> Result<Vec<ReaderKey>, ConfigError> {
    let mut keys = Vec::new();
    if config.readers.own_key {
        keys.push(ReaderKey {
            name: OWN_KEY.to_owned(),
            issuer: OWN.to_owned(),
            audience: OWN.to_owned(),
            material: ReaderMaterial::Secret(Secret::Here(own_secret(config)?)),
        });
    }
    keys.extend(config.readers.keys.iter().cloned());
    Ok(keys)
}

fn own_secret(config: &Config) -> Result<SecretString, ConfigError> {
    let path = config.data_dir.join(READERS_KEY_FILE);
    if !path.exists() {
        make_data_dir(config)?;
        // Another server may have been first; then its secret is read.
        write_once(&path, &format!("{}\n", random()?))?;
    }
    let text = read_private(&path)?;
    let secret = text.trim_end();
    if secret.len() < SHORTEST {
        return Err(ConfigError::Setting {
            origin: path.display().to_string(),
            reason: format!("it is shorter than {SHORTEST} bytes: remove it to get a new one"),
        });
    }
    Ok(SecretString::from(secret))
}

/// Checks what the settings say of readers.
pub(super) fn check(config: &Config) -> Result<(), String> {
    let readers = &config.readers;
    if readers.claim.is_empty() {
        return Err("`readers.claim` is empty".to_owned());
    }
    if readers.leeway_seconds > LONGEST_LEEWAY {
        return Err(format!(
            "`readers.leeway_seconds` is {}; more than {LONGEST_LEEWAY} would make an expiry mean little",
            readers.leeway_seconds
        ));
    }
    once(
        "readers.keys",
        "name",
        readers.keys.iter().map(|key| &key.name),
    )?;
    for key in &readers.keys {
        let told = |why: &str| Err(format!("`readers.keys`, `{}`: {why}", key.name));
        if key.name == OWN_KEY {
            return told("this name is that of the key in the data folder");
        }
        if key.issuer.is_empty() || key.audience.is_empty() {
            return told("`issuer` and `audience` must not be empty");
        }
        match &key.material {
            ReaderMaterial::Secret(secret) => match secret.read() {
                Ok(secret) if secret.expose_secret().len() < SHORTEST => {
                    return told(&format!(
                        "`secret` is shorter than {SHORTEST} bytes: take random text, such as `openssl rand -base64 48`"
                    ));
                }
                Ok(_) => {}
                Err(why) => return told(&format!("`secret`: {why}")),
            },
            ReaderMaterial::Url(url) if !is_safe(url) => {
                return told(
                    "`jwks_url` must begin with https:// (http:// only on this machine): whoever can change the keys \
                     on their way can read everything",
                );
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ReaderKey, String> {
        toml::from_str(&format!("name = 'a'\n{text}")).map_err(|error| error.to_string())
    }

    #[test]
    fn a_key_is_one_thing() {
        let secret = read("secret = 's'").unwrap();
        assert_eq!(
            (secret.issuer.as_str(), secret.audience.as_str()),
            (OWN, OWN)
        );
        assert!(matches!(secret.material, ReaderMaterial::Secret(_)));
        let public = "issuer = 'i'\naudience = 'u'\n";
        let url = read(&format!("{public}jwks_url = 'https://i/keys'")).unwrap();
        assert!(matches!(url.material, ReaderMaterial::Url(_)));
        assert!(read("").unwrap_err().contains("is needed"));
        let both = read(&format!("{public}secret = 's'\njwks_url = 'https://i'"));
        assert!(both.unwrap_err().contains("exclude each other"));
        let both = read(&format!("{public}public_key = 'k'\npublic_key_file = 'f'"));
        assert!(both.unwrap_err().contains("exclude each other"));
        let nameless = read("jwks_url = 'https://i/keys'").unwrap_err();
        assert!(nameless.contains("`issuer` is needed"), "{nameless}");
    }

    #[test]
    fn a_secret_is_long_and_a_leeway_short() {
        let with = |text: &str| {
            let config = Config {
                readers: toml::from_str(text).unwrap(),
                ..Config::default()
            };
            check(&config)
        };
        let long = "l".repeat(SHORTEST);
        with(&format!("[[keys]]\nname = 'a'\nsecret = '{long}'")).unwrap();
        let short = with("[[keys]]\nname = 'a'\nsecret = 'short'");
        assert!(short.unwrap_err().contains("shorter than 32"));
        assert!(with("leeway_seconds = 301").is_err());
        assert!(with("claim = ''").is_err());
        let url = "[[keys]]\nname = 'a'\nissuer = 'i'\naudience = 'u'\njwks_url = 'http://i/keys'";
        assert!(with(url).unwrap_err().contains("https://"));
    }

    #[test]
    fn the_own_key_is_made_once_and_only_where_it_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config {
            data_dir: folder.path().join("data"),
            ..Config::default()
        };
        assert!(config.readers.is_open());
        assert!(reader_keys(&config).unwrap().is_empty());
        assert!(!config.data_dir.exists());
        config.readers.own_key = true;
        assert!(!config.readers.is_open());
        let secret = |keys: Vec<ReaderKey>| match &keys[0].material {
            ReaderMaterial::Secret(secret) => secret.read().unwrap().expose_secret().to_owned(),
            other => panic!("{other:?}"),
        };
        let made = secret(reader_keys(&config).unwrap());
        assert!(made.len() >= SHORTEST);
        assert_eq!(secret(reader_keys(&config).unwrap()), made);
    }
}
