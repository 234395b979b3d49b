//! Reading TOML files, with errors that name the file, the line and the setting.

use std::io::ErrorKind;
use std::path::Path;

use serde::de::DeserializeOwned;

use super::ConfigError;

/// The text of a file, if there is one.
pub(super) fn read_if_there(path: &Path) -> Result<Option<String>, ConfigError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(fault(path, error)),
    }
}

/// Decodes the text of `path`.
pub(super) fn parse<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, ConfigError> {
    let at = |error: &toml::de::Error, reason: String| {
        let line = error.span().map_or(1, |span| {
            text.get(..span.start)
                .unwrap_or_default()
                .matches('\n')
                .count()
                + 1
        });
        // The parser's own rendering quotes the line, which may hold a secret.
        ConfigError::Setting {
            origin: format!("{}, line {line}", path.display()),
            reason,
        }
    };
    let document =
        toml::Deserializer::parse(text).map_err(|error| at(&error, error.message().to_owned()))?;
    serde_path_to_error::deserialize(document).map_err(|error| at(error.inner(), told(&error)))
}

/// `matrix.max_body_bytes: ` and what is wrong with it.
pub(super) fn told(error: &serde_path_to_error::Error<toml::de::Error>) -> String {
    let path = error.path().to_string();
    let message = error.inner().message();
    // serde quotes the value that does not fit.
    let quotes = message.starts_with("invalid");
    let secret = [
        "credentials",
        "basic",
        "event_hubs",
        "iot",
        "issuers",
        "password",
        "secret",
        "signing_key",
        "database_url",
        "nats",
        "readers.keys",
    ];
    // A section that is given whole, in a variable, holds what its parts would.
    let whole = [".", "matrix", "urgent", "oauth", "tls"];
    let is_secret = whole.contains(&path.as_str()) || secret.iter().any(|word| path.contains(word));
    let message = if quotes && is_secret {
        "of another type than expected (not shown: it may be secret)"
    } else {
        message
    };
    match path.as_str() {
        "." => message.to_owned(),
        path => format!("{path}: {message}"),
    }
}

/// What the system says of a file.
pub(super) fn fault(path: &Path, error: std::io::Error) -> ConfigError {
    ConfigError::File {
        path: path.display().to_string(),
        reason: error.to_string(),
    }
}
