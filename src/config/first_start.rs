//! Credentials that caretaker makes for itself when none are configured, kept in the data folder with mode 0600.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use uuid::Uuid;

use super::{Config, ConfigError, MatrixCredential, Secret, UrgentCredential, file};

/// In the data folder: what the two platforms have to be given.
pub const CREDENTIALS_FILE: &str = "credentials.toml";
/// What deliveries record for calls proven with the file's credentials.
const NAME: &str = "credentials.toml";

/// Where caretaker's own credentials are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Own {
    /// The file.
    pub path: PathBuf,
    /// Whether this start made it.
    pub is_new: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CredentialsFile {
    matrix: Basic,
    urgent: Pair,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Basic {
    username: String,
    password: SecretString,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pair {
    token: String,
    secret: SecretString,
}

/// Gives each source that has no credential, and is not open, the one of the file; makes the folder and the file when
/// they are missing. `None` when every source has credentials of its own.
///
/// # Errors
/// When the file cannot be made or read, or others could read it.
pub fn own_credentials(config: &mut Config) -> Result<Option<Own>, ConfigError> {
    make_data_dir(config)?;
    let matrix = config.matrix.has_no_credential() && !config.matrix.allow_unauthenticated;
    let urgent = config.urgent.has_no_credential() && !config.urgent.allow_unauthenticated;
    if !matrix && !urgent {
        return Ok(None);
    }
    let path = config.data_dir.join(CREDENTIALS_FILE);
    let is_new = !path.exists() && make(&path)?;
    let found = read(&path)?;
    if matrix {
        config.matrix.credentials.push(MatrixCredential {
            name: NAME.to_owned(),
            username: found.matrix.username,
            password: Secret::Here(found.matrix.password).into(),
        });
    }
    if urgent {
        config.urgent.credentials.push(UrgentCredential {
            name: NAME.to_owned(),
            token: found.urgent.token,
            secret: Secret::Here(found.urgent.secret),
        });
    }
    Ok(Some(Own { path, is_new }))
}

/// Makes the data folder if it is not there.
///
/// # Errors
/// What the system says.
pub fn make_data_dir(config: &Config) -> Result<(), ConfigError> {
    // What arrives speaks of people and buildings: the folder is the operator's alone.
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&config.data_dir)
        .map_err(|error| file::fault(&config.data_dir, error))
}

/// Whether the file was made; another server that starts at the same moment may have been first.
fn make(path: &Path) -> Result<bool, ConfigError> {
    let text = format!(
        "# Made by caretaker on its first start: give these to the two platforms. Keep the mode at 0600.\n\n\
         [matrix]\nusername = \"matrix\"\npassword = \"{}\"\n\n[urgent]\ntoken = \"urgent\"\nsecret = \"{}\"\n",
        random()?,
        random()?
    );
    write_once(path, &text)
}

/// Writes a file for the operator alone, unless there is one; gives whether it did.
pub(super) fn write_once(path: &Path, text: &str) -> Result<bool, ConfigError> {
    let fault = |error| file::fault(path, error);
    // Written whole under another name and then linked: nobody ever reads half of it, nobody's is written over. The name
    // is nobody else's: containers that share a folder may all be process 1, and one server may be asked twice at once.
    let draft = path.with_extension(format!("{}.draft", Uuid::new_v4().simple()));
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
    let linked = written.and_then(|()| std::fs::hard_link(&draft, path));
    let removed = std::fs::remove_file(&draft);
    match linked {
        Ok(()) => {
            removed.map_err(fault)?;
            if let Some(folder) = path.parent() {
                let folder = std::fs::File::open(folder).map_err(fault)?;
                folder.sync_all().map_err(fault)?;
            }
            Ok(true)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.exists() => Ok(false),
        Err(error) => Err(fault(error)),
    }
}

/// 32 random bytes as text.
pub(super) fn random() -> Result<String, ConfigError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| ConfigError::Contradiction(format!("no random numbers: {error}")))?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

/// The text of a file that nobody but the operator may read.
pub(super) fn read_private(path: &Path) -> Result<String, ConfigError> {
    let fault = |error| file::fault(path, error);
    let mode = std::fs::metadata(path).map_err(fault)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(ConfigError::File {
            path: path.display().to_string(),
            reason: format!(
                "its mode is {mode:o}, so that others on this machine may use the secrets in it: change them and \
                 `chmod 600` it, or remove it to get new ones"
            ),
        });
    }
    std::fs::read_to_string(path).map_err(fault)
}

fn read(path: &Path) -> Result<CredentialsFile, ConfigError> {
    let text = read_private(path)?;
    let found: CredentialsFile = file::parse(path, &text)?;
    let empty = [
        ("matrix.username", found.matrix.username.is_empty()),
        (
            "matrix.password",
            found.matrix.password.expose_secret().is_empty(),
        ),
        ("urgent.token", found.urgent.token.is_empty()),
        (
            "urgent.secret",
            found.urgent.secret.expose_secret().is_empty(),
        ),
    ];
    if let Some((name, _)) = empty.iter().find(|(_, empty)| *empty) {
        return Err(ConfigError::Setting {
            origin: path.display().to_string(),
            reason: format!("`{name}` is empty"),
        });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Password;

    fn fresh(folder: &Path) -> Config {
        Config {
            data_dir: folder.join("data"),
            ..Config::default()
        }
    }

    fn password(config: &Config) -> String {
        let Password::Plain(secret) = &config.matrix.credentials[0].password else {
            panic!("a hash");
        };
        let secret = secret.read().unwrap();
        secret.expose_secret().to_owned()
    }

    #[test]
    fn the_first_start_makes_secrets_and_the_next_ones_use_them() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = fresh(folder.path());
        let own = own_credentials(&mut first).unwrap().unwrap();
        assert!(own.is_new);
        assert_eq!(
            std::fs::metadata(&own.path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(password(&first).len(), 43);
        assert_eq!(first.urgent.credentials[0].token, "urgent");

        let mut second = fresh(folder.path());
        assert!(!own_credentials(&mut second).unwrap().unwrap().is_new);
        assert_eq!(password(&first), password(&second));
        // Only the file itself: no draft is left.
        assert_eq!(
            std::fs::read_dir(folder.path().join("data"))
                .unwrap()
                .count(),
            1
        );

        let elsewhere = tempfile::tempdir().unwrap();
        let mut other = fresh(elsewhere.path());
        own_credentials(&mut other).unwrap();
        assert_ne!(password(&first), password(&other));
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let own = own_credentials(&mut fresh(folder.path())).unwrap().unwrap();
        std::fs::set_permissions(&own.path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let refused = own_credentials(&mut fresh(folder.path())).unwrap_err();
        assert!(refused.to_string().contains("its mode is 640"), "{refused}");
    }

    #[test]
    fn a_source_with_credentials_of_its_own_keeps_them_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = fresh(folder.path());
        config.urgent.allow_unauthenticated = true;
        config.matrix.credentials.push(MatrixCredential {
            name: "bus".to_owned(),
            username: "bus".to_owned(),
            password: Secret::Here(SecretString::from("secret")).into(),
        });
        assert_eq!(own_credentials(&mut config).unwrap(), None);
        assert_eq!(config.matrix.credentials.len(), 1);
        assert!(config.urgent.credentials.is_empty());
    }
}
