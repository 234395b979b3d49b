//! Who may call a webhook. A secret stands in the settings, in a variable or in a file of its own; it is never printed.

use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// A name and password for HTTP Basic.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "MatrixForm")]
pub struct MatrixCredential {
    /// What deliveries record of who sent them; unique within the source.
    pub name: String,
    /// The user name; no colon.
    pub username: String,
    /// `password`, `password_env` or `password_file`.
    pub password: Secret,
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
        let password = one_of(
            "password",
            form.password,
            form.password_env,
            form.password_file,
        )?;
        Ok(Self {
            name: form.name,
            username: form.username,
            password,
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

fn one_of(
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
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_secret_is_read_from_a_file_without_its_line_end() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b" of spaces \r\n").unwrap();
        let secret = Secret::File(file.path().to_owned()).read().unwrap();
        assert_eq!(secret.expose_secret(), " of spaces ");
    }

    #[test]
    fn an_empty_or_missing_secret_is_refused() {
        assert!(Secret::Here(SecretString::from("")).read().is_err());
        let missing = Secret::Variable("CARETAKER_NO_SUCH_VARIABLE".to_owned());
        assert_eq!(
            missing.read().unwrap_err(),
            "the variable CARETAKER_NO_SUCH_VARIABLE is not set or not text"
        );
    }

    #[test]
    fn a_credential_says_once_where_its_secret_is() {
        let read = |text: &str| toml::from_str::<MatrixCredential>(text).map_err(|e| e.to_string());
        let both = read("name = 'a'\nusername = 'b'\npassword = 'c'\npassword_env = 'D'");
        assert!(both.unwrap_err().contains("exclude each other"));
        let none = read("name = 'a'\nusername = 'b'");
        assert!(none.unwrap_err().contains("is needed"));
    }

    #[test]
    fn debug_does_not_show_a_secret() {
        let text = "name = 'a'\ntoken = 'b'\nsecret = 'hidden'";
        let credential: UrgentCredential = toml::from_str(text).unwrap();
        let shown = format!("{credential:?}");
        assert!(
            shown.contains("REDACTED") && !shown.contains("hidden"),
            "{shown}"
        );
    }
}
