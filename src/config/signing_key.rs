//! The key that signs access tokens: given in the settings, else made once and kept in the data folder, mode 0600.

use secrecy::{ExposeSecret, SecretString};

use super::first_start::{random, read_private, write_once};
use super::issuer::is_safe;
use super::{Config, ConfigError, make_data_dir};

/// In the data folder: the key that signs access tokens.
pub const SIGNING_KEY_FILE: &str = "oauth.key";
/// The fewest bytes of a key that is given.
const SHORTEST: usize = 32;
/// The longest life of an access token: a day. Whoever gets hold of one has it for so long.
const LONGEST_SECONDS: u32 = 86_400;

/// The key: the one that is given, else the one in the data folder, made where `make` says so.
///
/// # Errors
/// A file that cannot be read or made, or that others could read.
pub fn signing_key(config: &Config, make: bool) -> Result<Option<SecretString>, ConfigError> {
    if let Some(given) = given(config)? {
        return Ok(Some(given));
    }
    let path = config.data_dir.join(SIGNING_KEY_FILE);
    if !path.exists() {
        if !make {
            return Ok(None);
        }
        make_data_dir(config)?;
        // Another server may have been first; then its key is read.
        write_once(&path, &format!("{}\n", random()?))?;
    }
    let text = read_private(&path)?;
    Ok(Some(SecretString::from(text.trim_end())))
}

fn given(config: &Config) -> Result<Option<SecretString>, ConfigError> {
    let oauth = &config.oauth;
    if !oauth.signing_key.expose_secret().is_empty() {
        return Ok(Some(oauth.signing_key.clone()));
    }
    if oauth.signing_key_file.as_os_str().is_empty() {
        return Ok(None);
    }
    let text = read_private(&oauth.signing_key_file)?;
    Ok(Some(SecretString::from(text.trim_end())))
}

/// Whether an address is safe to give secrets to, and names a host only: we serve nothing below a path.
fn is_bare(url: &str) -> bool {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    is_safe(url) && !rest.contains(['/', '?', '#'])
}

/// Checks what the settings say of the issuer and the key.
pub(super) fn check(config: &Config) -> Result<(), String> {
    let oauth = &config.oauth;
    let issuer = &oauth.issuer;
    if !issuer.is_empty() && !is_bare(issuer) {
        return Err(format!(
            "`oauth.issuer` is `{issuer}`; it must be an address such as https://caretaker.example (http:// only on \
             this machine), without path, query or `/` at its end: what it offers stands at its root"
        ));
    }
    if oauth.access_token_seconds > LONGEST_SECONDS {
        return Err(format!(
            "`oauth.access_token_seconds` is {}; an access token is good for a day ({LONGEST_SECONDS}) at most",
            oauth.access_token_seconds
        ));
    }
    let has_file = !oauth.signing_key_file.as_os_str().is_empty();
    if has_file && !oauth.signing_key.expose_secret().is_empty() {
        return Err(
            "`oauth.signing_key` and `oauth.signing_key_file` exclude each other".to_owned(),
        );
    }
    match given(config).map_err(|error| format!("`oauth.signing_key_file`: {error}"))? {
        Some(key) if key.expose_secret().len() < SHORTEST => Err(format!(
            "`oauth.signing_key` is shorter than {SHORTEST} bytes: take random text, such as `openssl rand -base64 48`"
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_key_is_made_when_it_is_needed_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config {
            data_dir: folder.path().join("data"),
            ..Config::default()
        };
        assert!(signing_key(&config, false).unwrap().is_none());
        assert!(!config.data_dir.exists());
        let made = signing_key(&config, true).unwrap().unwrap();
        let path = config.data_dir.join(SIGNING_KEY_FILE);
        let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert!(made.expose_secret().len() >= SHORTEST);
        let kept = signing_key(&config, false).unwrap().unwrap();
        assert_eq!(kept.expose_secret(), made.expose_secret());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(signing_key(&config, false).is_err());
    }

    #[test]
    fn of_many_who_need_the_key_at_once_one_makes_it_and_all_get_it() {
        for _ in 0..20 {
            let folder = tempfile::tempdir().unwrap();
            let config = Config {
                data_dir: folder.path().to_owned(),
                ..Config::default()
            };
            let all_at_once = std::sync::Barrier::new(8);
            let get = || {
                all_at_once.wait();
                let key = signing_key(&config, true).unwrap().unwrap();
                key.expose_secret().to_owned()
            };
            let keys = std::thread::scope(|threads| {
                let threads: Vec<_> = (0..8).map(|_| threads.spawn(get)).collect();
                let keys = threads.into_iter().map(|thread| thread.join().unwrap());
                keys.collect::<std::collections::HashSet<_>>()
            });
            assert_eq!(keys.len(), 1);
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn a_given_key_is_used_and_must_be_long() {
        let mut config = Config::default();
        config.oauth.signing_key = SecretString::from("g".repeat(SHORTEST));
        check(&config).unwrap();
        let key = signing_key(&config, true).unwrap().unwrap();
        assert_eq!(key.expose_secret(), "g".repeat(SHORTEST));
        config.oauth.signing_key = SecretString::from("short");
        assert!(check(&config).unwrap_err().contains("shorter than 32"));
        config.oauth.signing_key_file = "some".into();
        assert!(check(&config).unwrap_err().contains("exclude"));
    }

    #[test]
    fn the_issuer_is_a_host_that_secrets_may_be_sent_to() {
        let checked = |issuer: &str| {
            let mut config = Config::default();
            config.oauth.issuer = issuer.to_owned();
            check(&config)
        };
        for issuer in [
            "",
            "https://caretaker.example",
            "https://caretaker.example:8443",
            "http://127.0.0.1:8080",
            "http://localhost",
        ] {
            assert_eq!(checked(issuer), Ok(()), "{issuer}");
        }
        for issuer in [
            "caretaker.example",
            "http://caretaker.example",
            "https://caretaker.example/",
            "https://caretaker.example/oauth",
            "https://caretaker.example?x",
            "https://user@caretaker.example",
            "https://",
        ] {
            assert!(checked(issuer).is_err(), "{issuer}");
        }
    }

    #[test]
    fn an_access_token_is_good_for_a_day_at_most() {
        let mut config = Config::default();
        config.oauth.access_token_seconds = LONGEST_SECONDS;
        check(&config).unwrap();
        config.oauth.access_token_seconds += 1;
        assert!(check(&config).unwrap_err().contains("a day (86400)"));
    }
}
