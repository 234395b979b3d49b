//! The NATS servers that carry hints between nodes. What stands in their addresses to log in is kept apart: addresses are
//! shown and logged, secrets are not.

use async_nats::ServerAddr;
use percent_encoding::percent_decode_str;
use secrecy::SecretString;
use serde::Deserialize;

use super::Config;

/// Servers that know each other: `nats://host:4222`, several separated by commas.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Nats {
    /// Where they are; no user, no password.
    pub servers: Vec<ServerAddr>,
    /// How to log in, at each of them.
    pub login: Option<NatsLogin>,
}

/// How to log in.
#[derive(Clone, Debug)]
pub enum NatsLogin {
    /// `nats://token@host`
    Token(SecretString),
    /// `nats://user:password@host`
    Password {
        /// The user.
        user: String,
        /// The password.
        password: SecretString,
    },
}

impl TryFrom<String> for Nats {
    type Error = String;

    /// The complaints quote nothing: all of it may be secret.
    fn try_from(text: String) -> Result<Self, String> {
        let (mut servers, mut login) = (Vec::new(), None);
        for address in text.split(',') {
            let (server, its_login) = server(address.trim()).ok_or(
                "an address must be nats://host:4222 or tls://host:4222, with token@ or user:password@ before the host \
                 where the server asks for it; several are separated by commas",
            )?;
            servers.push(server);
            login = login.or(its_login);
        }
        Ok(Self { servers, login })
    }
}

fn server(address: &str) -> Option<(ServerAddr, Option<NatsLogin>)> {
    if !address.starts_with("nats://") && !address.starts_with("tls://") {
        return None;
    }
    let mut url = address.parse::<ServerAddr>().ok()?.into_inner();
    let decoded = |text: &str| Some(percent_decode_str(text).decode_utf8().ok()?.into_owned());
    let login = match (decoded(url.username())?, url.password()) {
        (user, None) if user.is_empty() => None,
        (user, Some(_)) if user.is_empty() => return None,
        (token, None) => Some(NatsLogin::Token(token.into())),
        (user, Some(password)) => Some(NatsLogin::Password {
            user,
            password: decoded(password)?.into(),
        }),
    };
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    let has_host = url.host_str().is_some_and(|host| !host.is_empty());
    let is_bare = matches!(url.path(), "" | "/") && url.query().is_none();
    let server = ServerAddr::from_url(url).ok()?;
    (has_host && is_bare).then_some((server, login))
}

/// Checks what the fields alone cannot tell.
pub(super) fn check(config: &Config) -> Result<(), String> {
    let Some(subject) = &config.nats_subject else {
        return Ok(());
    };
    if config.nats.is_none() {
        return Err("`nats_subject` is given without `nats`".to_owned());
    }
    let is_word = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !b"*>".contains(&byte))
    };
    if !subject.split('.').all(is_word) {
        return Err(format!(
            "`nats_subject` is `{subject}`; it must be words of visible ASCII with dots between them, without * and >"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        let read = |text: &str| Nats::try_from(text.to_owned());
        let plain = read("nats://one:4222, tls://two").unwrap();
        let hosts: Vec<_> = plain.servers.iter().map(ServerAddr::host).collect();
        assert_eq!(hosts, ["one", "two"]);
        assert!(plain.login.is_none());

        let told = read("nats://one,nats://u%40x:p%2C%2Fw@two").unwrap();
        assert!(!format!("{told:?}").contains("p%2C") && !format!("{told:?}").contains("p,/w"));
        let Some(NatsLogin::Password { user, password }) = told.login else {
            panic!("no login")
        };
        assert_eq!((user.as_str(), password.expose_secret()), ("u@x", "p,/w"));
        assert_eq!(told.servers[1].username(), None);

        let Some(NatsLogin::Token(token)) = read("nats://hidden@one").unwrap().login else {
            panic!("no token")
        };
        assert_eq!(token.expose_secret(), "hidden");

        for odd in [
            "",
            "one:4222",
            "ws://hidden@one",
            "nats://",
            "nats://one,,",
            "nats://one/hidden",
            "nats://u:hidden@one:x",
            "nats://:hidden@one",
        ] {
            assert!(!read(odd).unwrap_err().contains("hidden"), "{odd}");
        }
    }
}
