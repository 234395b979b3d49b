//! Who may call a webhook. A secret stands in the settings, in a variable or in a file of its own; it is never printed.

mod check;

use std::path::{Path, PathBuf};

use entity::Source;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

pub(super) use check::{matrix, names, urgent};

use super::{Config, Password};

/// A name and password for HTTP Basic, of either platform.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "MatrixForm")]
pub struct MatrixCredential {
    /// What deliveries record of who sent them; unique within the source.
    pub name: String,
    /// The user name; no colon.
    pub username: String,
    /// `password`, `password_env`, `password_file` or `password_hash`.
    pub password: Password,
}

/// A hub and a key for it, as the bus knows them of Azure Event Hubs.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "HubForm")]
pub struct EventHub {
    /// What deliveries record of who sent them; unique within the source.
    pub name: String,
    /// The hub: the first part of the path. Upper and lower case are one.
    pub hub: String,
    /// The host that the signed resource must name; any if not given. Give it if the key is used elsewhere too. Its port
    /// counts only if it is given here.
    pub host: Option<String>,
    /// The name of the shared access key.
    pub key_name: String,
    /// `key`, `key_env` or `key_file`: the key as it is shown, which is used as text and not decoded.
    pub key: Secret,
}

/// A topic and an access key for it, as the bus knows them of AWS IoT.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "IotForm")]
pub struct IotTopic {
    /// What deliveries record of who sent them; unique within the source.
    pub name: String,
    /// The topic, such as `buildings/events`: the rest of the path.
    pub topic: String,
    /// The region that is signed for, such as `eu-west-1`.
    pub region: String,
    /// The access key's id.
    pub access_key_id: String,
    /// `secret_access_key`, `secret_access_key_env` or `secret_access_key_file`.
    pub secret_access_key: Secret,
    /// `session_token`, `session_token_env` or `session_token_file`: what goes with a temporary access key.
    pub session_token: Option<Secret>,
}

/// A token and secret for Urgent's HMAC.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "UrgentForm")]
pub struct UrgentCredential {
    /// What deliveries record of who sent them; unique within the source.
    pub name: String,
    /// The token, which the call names in the open.
    pub token: String,
    /// `secret`, `secret_env` or `secret_file`.
    pub secret: Secret,
}

/// Where a secret is.
#[derive(Clone, Debug)]
pub enum Secret {
    /// In the settings.
    Here(SecretString),
    /// In this environment variable.
    Variable(String),
    /// In this file; line ends at its end do not count.
    File(PathBuf),
}

impl Secret {
    /// Reads it.
    ///
    /// # Errors
    /// In plain words, when it is missing or empty.
    pub fn read(&self) -> Result<SecretString, String> {
        let secret = match self {
            Self::Here(secret) => secret.clone(),
            Self::Variable(name) => std::env::var(name)
                .map(SecretString::from)
                .map_err(|_| format!("the variable {name} is not set or not text"))?,
            Self::File(path) => from_file(path)?,
        };
        if secret.expose_secret().is_empty() {
            return Err("it is empty".to_owned());
        }
        Ok(secret)
    }
}

impl Config {
    /// What the settings call those who may call a platform's webhooks: one list, whatever the scheme. Deliveries record
    /// the name only, and failures are counted by it.
    pub fn credential_names(&self, source: Source) -> Vec<&String> {
        let (matrix, urgent) = (&self.matrix, &self.urgent);
        match source {
            Source::Matrix => {
                let names = matrix.credentials.iter().map(|given| &given.name);
                let names = names.chain(matrix.event_hubs.iter().map(|given| &given.name));
                let names = names.chain(matrix.iot.iter().map(|given| &given.name));
                names
                    .chain(matrix.issuers.iter().map(|given| &given.name))
                    .collect()
            }
            Source::Urgent => {
                let names = urgent.credentials.iter().map(|given| &given.name);
                let names = names.chain(urgent.basic.iter().map(|given| &given.name));
                names
                    .chain(urgent.issuers.iter().map(|given| &given.name))
                    .collect()
            }
        }
    }
}

fn from_file(path: &Path) -> Result<SecretString, String> {
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(SecretString::from(text.trim_end_matches(['\r', '\n'])))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MatrixForm {
    name: String,
    username: String,
    password: Option<SecretString>,
    password_env: Option<String>,
    password_file: Option<PathBuf>,
    password_hash: Option<SecretString>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HubForm {
    name: String,
    hub: String,
    host: Option<String>,
    key_name: String,
    key: Option<SecretString>,
    key_env: Option<String>,
    key_file: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IotForm {
    name: String,
    topic: String,
    region: String,
    access_key_id: String,
    secret_access_key: Option<SecretString>,
    secret_access_key_env: Option<String>,
    secret_access_key_file: Option<PathBuf>,
    session_token: Option<SecretString>,
    session_token_env: Option<String>,
    session_token_file: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UrgentForm {
    name: String,
    token: String,
    secret: Option<SecretString>,
    secret_env: Option<String>,
    secret_file: Option<PathBuf>,
}

impl TryFrom<MatrixForm> for MatrixCredential {
    type Error = String;

    fn try_from(form: MatrixForm) -> Result<Self, String> {
        let plain = (form.password, form.password_env, form.password_file);
        let password = match (plain, form.password_hash) {
            ((None, None, None), Some(hash)) => Password::Hash(hash),
            ((here, variable, file), None) => one_of("password", here, variable, file)?.into(),
            (_, Some(_)) => {
                return Err("`password_hash` excludes `password` in any form".to_owned());
            }
        };
        Ok(Self {
            name: form.name,
            username: form.username,
            password,
        })
    }
}

impl TryFrom<HubForm> for EventHub {
    type Error = String;

    fn try_from(form: HubForm) -> Result<Self, String> {
        Ok(Self {
            key: one_of("key", form.key, form.key_env, form.key_file)?,
            name: form.name,
            hub: form.hub,
            host: form.host,
            key_name: form.key_name,
        })
    }
}

impl TryFrom<IotForm> for IotTopic {
    type Error = String;

    fn try_from(form: IotForm) -> Result<Self, String> {
        let secret_access_key = one_of(
            "secret_access_key",
            form.secret_access_key,
            form.secret_access_key_env,
            form.secret_access_key_file,
        )?;
        let token = (
            form.session_token,
            form.session_token_env,
            form.session_token_file,
        );
        let session_token = match token {
            (None, None, None) => None,
            (here, variable, file) => Some(one_of("session_token", here, variable, file)?),
        };
        Ok(Self {
            name: form.name,
            topic: form.topic,
            region: form.region,
            access_key_id: form.access_key_id,
            secret_access_key,
            session_token,
        })
    }
}

impl TryFrom<UrgentForm> for UrgentCredential {
    type Error = String;

    fn try_from(form: UrgentForm) -> Result<Self, String> {
        let secret = one_of("secret", form.secret, form.secret_env, form.secret_file)?;
        Ok(Self {
            name: form.name,
            token: form.token,
            secret,
        })
    }
}

pub(super) fn one_of(
    name: &str,
    here: Option<SecretString>,
    variable: Option<String>,
    file: Option<PathBuf>,
) -> Result<Secret, String> {
    match (here, variable, file) {
        (Some(secret), None, None) => Ok(Secret::Here(secret)),
        (None, Some(variable), None) => Ok(Secret::Variable(variable)),
        (None, None, Some(file)) => Ok(Secret::File(file)),
        (None, None, None) => Err(format!(
            "one of `{name}`, `{name}_env` and `{name}_file` is needed"
        )),
        _ => Err(format!(
            "`{name}`, `{name}_env` and `{name}_file` exclude each other"
        )),
    }
}

#[cfg(test)]
mod tests;
