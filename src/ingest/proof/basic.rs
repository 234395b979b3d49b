//! HTTP Basic (RFC 7617): user name and password in UTF-8, the password may hold colons.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret;

use super::{Credential, Presented, Proven, Reason, Refused, after_scheme, same, search, single};

/// The credentials of a source that uses HTTP Basic.
#[derive(Clone, Debug)]
pub struct Basic {
    /// All that are valid.
    pub credentials: Vec<Credential>,
}

impl Basic {
    /// Asks for the proof.
    pub(super) fn prove(&self, call: &Presented<'_>) -> Result<Proven, Refused> {
        let refused = |reason, claimed| Refused {
            challenge: "Basic realm=\"caretaker\", charset=\"UTF-8\"".to_owned(),
            reason,
            claimed,
        };
        let header = single(&call.authorization).map_err(|reason| refused(reason, None))?;
        let (user, password) = read(header).ok_or_else(|| refused(Reason::Malformed, None))?;
        let (proven, claimed) = search(&self.credentials, &user, |credential| {
            let expected = credential.secret.expose_secret();
            same(expected.as_bytes(), password.as_bytes())
        });
        match proven {
            Some(credential) => Ok(Proven {
                credential: credential.name.clone(),
                position: credential.position,
                signed_at: None,
                signed_time: None,
            }),
            None => Err(refused(Reason::Unknown, claimed)),
        }
    }
}

fn read(header: &str) -> Option<(String, String)> {
    let pair = STANDARD.decode(after_scheme(header, "Basic")?).ok()?;
    let pair = String::from_utf8(pair).ok()?;
    let (user, password) = pair.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic() -> Basic {
        let credential = |name: &str, position, login: &str, secret: &str| Credential {
            name: name.to_owned(),
            position,
            login: login.to_owned(),
            secret: secret.to_owned().into(),
        };
        Basic {
            credentials: vec![
                credential("new", 0, "matrix", "s3cret:with:colons"),
                credential("old", 1, "matrix", "pässwörd"),
                credential("other", 2, "mätrix", ""),
            ],
        }
    }

    fn prove(headers: &[String]) -> Result<Proven, Refused> {
        basic().prove(&Presented {
            authorization: headers.iter().map(String::as_bytes).collect(),
            ..Presented::default()
        })
    }

    fn header(scheme: &str, pair: &str) -> String {
        format!("{scheme} {}", STANDARD.encode(pair))
    }

    #[test]
    fn any_of_the_credentials_proves_the_sender() {
        for (pair, name, position) in [
            ("matrix:s3cret:with:colons", "new", 0),
            ("matrix:pässwörd", "old", 1),
            ("mätrix:", "other", 2),
        ] {
            for scheme in ["Basic", "basic", "BASIC "] {
                let proven = prove(&[header(scheme, pair)]).unwrap();
                assert_eq!(
                    (proven.credential.as_str(), proven.position),
                    (name, position)
                );
                assert_eq!(proven.signed_at, None);
            }
        }
    }

    #[test]
    fn wrong_secrets_and_unknown_names_are_refused_alike() {
        let wrong = prove(&[header("Basic", "matrix:nope")]).unwrap_err();
        let unknown = prove(&[header("Basic", "nobody:s3cret:with:colons")]).unwrap_err();
        assert_eq!(
            (wrong.reason, unknown.reason),
            (Reason::Unknown, Reason::Unknown)
        );
        assert_eq!(wrong.challenge, unknown.challenge);
        assert_eq!(wrong.claimed.as_deref(), Some("new"));
        assert_eq!(unknown.claimed, None);
        for pair in ["mätrix:pässwörd", "matrix:", "matrix:s3cret", ":"] {
            assert_eq!(
                prove(&[header("Basic", pair)]).unwrap_err().reason,
                Reason::Unknown
            );
        }
    }

    #[test]
    fn missing_double_and_broken_headers_are_refused() {
        let good = header("Basic", "matrix:pässwörd");
        assert_eq!(prove(&[]).unwrap_err().reason, Reason::Missing);
        for headers in [
            vec![good.clone(), good.clone()],
            vec!["Basic".to_owned()],
            vec!["Basic ***".to_owned()],
            vec![header("Basic", "no colon")],
            vec![header("Bearer", "matrix:pässwörd")],
            vec![String::new()],
        ] {
            assert_eq!(prove(&headers).unwrap_err().reason, Reason::Malformed);
        }
    }

    #[test]
    fn without_credentials_nobody_passes() {
        let none = Basic {
            credentials: Vec::new(),
        };
        let header = header("Basic", ":");
        let call = Presented {
            authorization: vec![header.as_bytes()],
            ..Presented::default()
        };
        assert!(none.prove(&call).is_err());
    }
}
