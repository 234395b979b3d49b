//! Whose access tokens are taken besides our own: who issues them, for whom, and where the keys are.

use std::path::PathBuf;

use serde::Deserialize;

use super::Config;

/// An outside issuer of access tokens.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Form")]
pub struct Issuer {
    /// What deliveries record of who sent them; unique within the source, credentials included.
    pub name: String,
    /// The tokens' `iss`, letter by letter.
    pub issuer: String,
    /// What the tokens' `aud` must name.
    pub audience: String,
    /// What the tokens' `scope`, `scp` or `roles` must name, if anything.
    pub scope: Option<String>,
    /// `jwks_url`, `jwks_file` or `key_file`.
    pub keys: IssuerKeys,
}

/// Where an issuer's keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IssuerKeys {
    /// A key set at an address.
    Url(String),
    /// A key set in a file.
    Set(PathBuf),
    /// One public key in a file, PEM.
    Pem(PathBuf),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    name: String,
    issuer: String,
    audience: String,
    scope: Option<String>,
    jwks_url: Option<String>,
    jwks_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
}

impl TryFrom<Form> for Issuer {
    type Error = String;

    fn try_from(form: Form) -> Result<Self, String> {
        let keys = match (form.jwks_url, form.jwks_file, form.key_file) {
            (Some(url), None, None) => IssuerKeys::Url(url),
            (None, Some(file), None) => IssuerKeys::Set(file),
            (None, None, Some(file)) => IssuerKeys::Pem(file),
            (None, None, None) => {
                return Err("one of `jwks_url`, `jwks_file` and `key_file` is needed".to_owned());
            }
            _ => {
                return Err("`jwks_url`, `jwks_file` and `key_file` exclude each other".to_owned());
            }
        };
        Ok(Self {
            name: form.name,
            issuer: form.issuer,
            audience: form.audience,
            scope: form.scope,
            keys,
        })
    }
}

/// Checks the issuers of both sources.
pub(super) fn check(config: &Config) -> Result<(), String> {
    let (matrix, urgent) = (&config.matrix, &config.urgent);
    of_source("matrix", &matrix.issuers, matrix.allow_unauthenticated)?;
    of_source("urgent", &urgent.issuers, urgent.allow_unauthenticated)
}

fn of_source(source: &str, issuers: &[Issuer], open: bool) -> Result<(), String> {
    let list = format!("{source}.issuers");
    if open && !issuers.is_empty() {
        return Err(format!(
            "`{source}.allow_unauthenticated` is true although `{list}` are given: take one of the two away"
        ));
    }
    for issuer in issuers {
        let problem = match issuer {
            Issuer { issuer, .. } if issuer.is_empty() => "`issuer` is empty",
            Issuer { audience, .. } if audience.is_empty() => "`audience` is empty",
            Issuer { scope, .. } if scope.as_ref().is_some_and(|scope| !is_word(scope)) => {
                "`scope` must be one word; leave it out to ask for none"
            }
            Issuer {
                keys: IssuerKeys::Url(url),
                ..
            } if !is_safe(url) => {
                "`jwks_url` must begin with https:// (http:// only on this machine) and hold no user name or password: \
                 whoever can change the keys on their way can send anything"
            }
            _ => continue,
        };
        return Err(format!("`{list}`, `{}`: {problem}", issuer.name));
    }
    Ok(())
}

fn is_word(scope: &str) -> bool {
    !scope.is_empty() && scope.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether what is fetched from or sent to an address can be trusted on its way: HTTPS, or this machine. A user name or
/// password in it would be shown wherever the address is.
pub(super) fn is_safe(url: &str) -> bool {
    let (rest, is_https) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) => (rest, true),
        (None, Some(rest)) => (rest, false),
        (None, None) => return false,
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if is_https {
        return !authority.is_empty() && !authority.contains('@');
    }
    let host = match authority.strip_prefix("[::1]") {
        Some(port) => port.is_empty() || port.starts_with(':'),
        None => {
            let host = authority.split(':').next().unwrap_or_default();
            matches!(host, "localhost" | "127.0.0.1")
        }
    };
    host && !authority.contains('@')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_from_one_place() {
        let read = |text: &str| {
            let head = "name = 'a'\nissuer = 'i'\naudience = 'u'\n";
            toml::from_str::<Issuer>(&format!("{head}{text}")).map_err(|error| error.to_string())
        };
        let url = read("jwks_url = 'https://i/keys'").unwrap();
        assert_eq!(url.keys, IssuerKeys::Url("https://i/keys".to_owned()));
        assert!(read("").unwrap_err().contains("is needed"));
        let both = read("jwks_url = 'https://i'\nkey_file = 'f'");
        assert!(both.unwrap_err().contains("exclude each other"));
    }

    #[test]
    fn keys_do_not_travel_in_the_open() {
        for url in [
            "https://login.example/keys",
            "http://127.0.0.1:8080/keys",
            "http://localhost/keys",
            "http://[::1]:9/keys",
        ] {
            assert!(is_safe(url), "{url}");
        }
        for url in [
            "http://login.example/keys",
            "http://127.0.0.1.evil.example/keys",
            "http://127.0.0.1@evil.example/keys",
            "http://127.0.0.1:1@evil.example/keys",
            "http://[::1]evil.example/keys",
            "ftp://localhost/keys",
            "/keys",
            "https://",
            "https:///keys",
            "https://user:secret@login.example/keys",
        ] {
            assert!(!is_safe(url), "{url}");
        }
    }
}
