//! The two proofs: HTTP Basic as Matrix sends it, and Urgent's HMAC digest.

use super::credential::{Login, Pair};
use anyhow::Context;
use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::{DateTime, SecondsFormat, Utc};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::ExposeSecret;
use sha2::Sha256;

/// The `Authorization` of the Matrix Event Bus.
pub(super) fn basic(login: &Login) -> String {
    let pair = format!("{}:{}", login.username, login.password.expose_secret());
    format!("Basic {}", BASE64_STANDARD.encode(pair))
}

/// The `Authorization` of an Urgent call; `path` is without scheme, host and query.
pub(super) fn hmac(
    pair: &Pair,
    method: &str,
    path: &str,
    timestamp: &str,
) -> anyhow::Result<String> {
    let message = format!(
        "{}+{}+{timestamp}",
        method.to_uppercase(),
        path.to_lowercase()
    );
    let mut mac = Hmac::<Sha256>::new_from_slice(pair.secret.expose_secret().as_bytes())
        .context("the secret is no HMAC key")?;
    mac.update(message.as_bytes());
    Ok(format!(
        "TCN {}:{}",
        pair.token,
        BASE64_STANDARD.encode(mac.finalize().into_bytes())
    ))
}

/// An `X-Timestamp`, with or without milliseconds: clients send both.
pub(super) fn timestamp(now: DateTime<Utc>, millis: bool) -> String {
    now.to_rfc3339_opts(
        if millis {
            SecondsFormat::Millis
        } else {
            SecondsFormat::Secs
        },
        true,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_known_answer_comes_out() {
        let pair = Pair {
            token: "token".into(),
            secret: "JKQby5i3bC4vr8PS0Rp7gk52vV6IBa".into(),
        };
        let header = hmac(
            &pair,
            "get",
            "/rest/sites/workinghours/Urgent%20SI",
            "2021-03-10T14:23:23Z",
        )
        .unwrap();
        assert_eq!(
            header,
            "TCN token:MYqMQ+PYgB4PafuHAopEhPMCNuOjKPKVHpc9zHj2O60="
        );
    }

    #[test]
    fn basic_and_timestamps_have_their_documented_form() {
        let login = Login {
            username: "Aladdin".into(),
            password: "open sesame".into(),
        };
        assert_eq!(basic(&login), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        let at = DateTime::from_timestamp_millis(1_615_386_203_123).unwrap();
        assert_eq!(
            (timestamp(at, false), timestamp(at, true)),
            (
                "2021-03-10T14:23:23Z".into(),
                "2021-03-10T14:23:23.123Z".into()
            )
        );
    }
}
