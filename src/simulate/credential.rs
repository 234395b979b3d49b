//! The credentials the two platforms were given: from flags, from the environment, or from the file that the server
//! makes in its data folder. Read only.

use anyhow::{Context, bail};
use secrecy::SecretString;
use serde::Deserialize;
use std::path::Path;

/// What the webhooks ask for.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Credentials {
    pub(super) matrix: Login,
    pub(super) urgent: Pair,
}

/// HTTP Basic.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Login {
    pub(super) username: String,
    pub(super) password: SecretString,
}

/// HMAC.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Pair {
    pub(super) token: String,
    pub(super) secret: SecretString,
}

/// Credentials and where they are from.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) credentials: Credentials,
    /// In words, to be read after "with".
    pub(super) origin: String,
}

/// Credentials given by hand; each half takes precedence over the file.
#[derive(Debug, Default)]
pub(super) struct Given {
    pub(super) matrix_username: Option<String>,
    pub(super) matrix_password: Option<SecretString>,
    pub(super) urgent_token: Option<String>,
    pub(super) urgent_secret: Option<SecretString>,
}

impl Given {
    /// Fills what is missing from `CARETAKER_SIMULATE_…`.
    pub(super) fn or_environment(self, variable: impl Fn(&str) -> Option<String>) -> Self {
        let of = |name: &str| variable(&format!("CARETAKER_SIMULATE_{name}"));
        Self {
            matrix_username: self.matrix_username.or_else(|| of("MATRIX_USERNAME")),
            matrix_password: self
                .matrix_password
                .or_else(|| of("MATRIX_PASSWORD").map(SecretString::from)),
            urgent_token: self.urgent_token.or_else(|| of("URGENT_TOKEN")),
            urgent_secret: self
                .urgent_secret
                .or_else(|| of("URGENT_SECRET").map(SecretString::from)),
        }
    }
}

/// Credentials for both platforms. The file is read only for what was not given.
pub(super) fn find(given: Given, data_dir: &Path) -> anyhow::Result<Found> {
    let matrix = match (given.matrix_username, given.matrix_password) {
        (Some(username), Some(password)) => Some(Login { username, password }),
        (None, None) => None,
        _ => {
            bail!("--matrix-username and --matrix-password belong together: one of them is missing")
        }
    };
    let urgent = match (given.urgent_token, given.urgent_secret) {
        (Some(token), Some(secret)) => Some(Pair { token, secret }),
        (None, None) => None,
        _ => bail!("--urgent-token and --urgent-secret belong together: one of them is missing"),
    };
    if let (Some(matrix), Some(urgent)) = (&matrix, &urgent) {
        return Ok(Found {
            credentials: Credentials {
                matrix: matrix.clone(),
                urgent: urgent.clone(),
            },
            origin: "the credentials given by hand".to_owned(),
        });
    }
    let path = data_dir.join("credentials.toml");
    let text = std::fs::read_to_string(&path).with_context(|| {
        format!(
            "no credentials: cannot read {} (start the server once in this folder, name its folder with --data-dir, \
             or give --matrix-username, --matrix-password, --urgent-token and --urgent-secret)",
            path.display()
        )
    })?;
    // The parser's own message would show the line, secret and all.
    let file: Credentials = toml::from_str(&text).map_err(|error| {
        anyhow::anyhow!(
            "{} is not the server's credentials file: {}",
            path.display(),
            error.message()
        )
    })?;
    let by_hand = match (&matrix, &urgent) {
        (Some(_), _) => ", but Matrix's given by hand",
        (_, Some(_)) => ", but Urgent's given by hand",
        _ => "",
    };
    Ok(Found {
        credentials: Credentials {
            matrix: matrix.unwrap_or(file.matrix),
            urgent: urgent.unwrap_or(file.urgent),
        },
        origin: format!("the credentials in {}{by_hand}", path.display()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    const FILE: &str = "[matrix]\nusername = \"matrix\"\npassword = \"p\"\n\n[urgent]\ntoken = \"t\"\nsecret = \"s\"\n";

    #[test]
    fn the_servers_file_is_found_and_what_is_given_by_hand_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("credentials.toml"), FILE).unwrap();
        let found = find(Given::default(), folder.path()).unwrap().credentials;
        assert_eq!(
            (
                found.matrix.username.as_str(),
                found.urgent.secret.expose_secret()
            ),
            ("matrix", "s")
        );
        let given = Given {
            urgent_token: Some("mine".into()),
            ..Given::default()
        };
        let given = given.or_environment(|name| {
            (name == "CARETAKER_SIMULATE_URGENT_SECRET").then(|| "hidden".to_owned())
        });
        let found = find(given, folder.path()).unwrap();
        let shown = folder.path().join("credentials.toml").display().to_string();
        assert_eq!(
            found.origin,
            format!("the credentials in {shown}, but Urgent's given by hand")
        );
        let found = found.credentials;
        assert_eq!(
            (
                found.urgent.token.as_str(),
                found.urgent.secret.expose_secret()
            ),
            ("mine", "hidden")
        );
        assert_eq!(found.matrix.password.expose_secret(), "p");
    }

    #[test]
    fn half_a_credential_and_a_missing_file_say_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let half = Given {
            matrix_username: Some("m".into()),
            ..Given::default()
        };
        assert!(
            find(half, folder.path())
                .unwrap_err()
                .to_string()
                .contains("--matrix-password")
        );
        assert!(
            find(Given::default(), folder.path())
                .unwrap_err()
                .to_string()
                .contains("start the server once")
        );
    }
}
