//! Reading a token request: its form, and by which of the two ways the client proves itself. Pure but for the body.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};
use futures_util::StreamExt;
use secrecy::{ExposeSecret, SecretString};

use super::answer::{Fault, Named};
use super::is_form;
use crate::ingest::proof::user_and_password;

/// The parameters of a request.
#[derive(Debug, Default)]
pub struct Form(Vec<(String, SecretString)>);

impl Form {
    /// The parameters of `body`. One without a value counts as left out.
    pub fn of(body: &[u8]) -> Self {
        let pairs = form_urlencoded::parse(body);
        let given = pairs.filter(|(_, value)| !value.is_empty());
        Self(
            given
                .map(|(name, value)| (name.into_owned(), SecretString::from(value.into_owned())))
                .collect(),
        )
    }

    /// The value of a parameter.
    ///
    /// # Errors
    /// It is there twice.
    pub fn one(&self, name: &str) -> Result<Option<&str>, Fault> {
        let mut found = self.0.iter().filter(|(found, _)| found == name);
        match (found.next(), found.next()) {
            (_, Some(_)) => {
                let why = format!("{name} is there twice");
                Err(Fault::new(Named::InvalidRequest, why))
            }
            (found, None) => Ok(found.map(|(_, value)| value.expose_secret())),
        }
    }
}

/// Reads the form, never more of it than `longest` bytes.
pub(super) async fn read(
    body: Body,
    headers: &HeaderMap,
    longest: usize,
    patience: Duration,
) -> Result<Form, Fault> {
    let invalid = |why: &str| Fault::new(Named::InvalidRequest, why);
    if !is_form(headers) {
        let why = "the body must be a form: application/x-www-form-urlencoded";
        return Err(invalid(why));
    }
    let reading = async {
        let mut form = Vec::new();
        let mut chunks = body.into_data_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|_| invalid("the body broke off"))?;
            if form.len() + chunk.len() > longest {
                return Err(invalid("the body is too long").with(StatusCode::PAYLOAD_TOO_LARGE));
            }
            form.extend_from_slice(&chunk);
        }
        Ok(Form::of(&form))
    };
    let slow = |_| invalid("the body came too slowly").with(StatusCode::REQUEST_TIMEOUT);
    tokio::time::timeout(patience, reading)
        .await
        .map_err(slow)?
}

/// What a client says of itself.
#[derive(Debug)]
pub struct Given {
    /// The `client_id`.
    pub id: String,
    /// The `client_secret`.
    pub secret: SecretString,
}

impl Given {
    /// By HTTP Basic or in the form, not both (RFC 6749, section 2.3). `headers` are all of the name `Authorization`.
    ///
    /// # Errors
    /// The client says nothing of itself, or not in one of these ways.
    pub fn find<'a>(
        mut headers: impl Iterator<Item = &'a [u8]>,
        form: &Form,
    ) -> Result<Self, Fault> {
        let (id, secret) = (form.one("client_id")?, form.one("client_secret")?);
        let Some(header) = headers.next() else {
            return match (id, secret) {
                (Some(id), Some(secret)) => Ok(Self {
                    id: id.to_owned(),
                    secret: SecretString::from(secret),
                }),
                _ => Err(Fault::new(
                    Named::InvalidClient,
                    "the client does not prove itself",
                )),
            };
        };
        let invalid = |why: &str| Fault::new(Named::InvalidRequest, why);
        if headers.next().is_some() {
            return Err(invalid("there are two Authorization headers"));
        }
        if secret.is_some() {
            return Err(invalid("the client proves itself in two ways; use one"));
        }
        let given = of_basic(header);
        let given = given.ok_or_else(|| {
            Fault::new(
                Named::InvalidClient,
                "the Authorization header is not HTTP Basic",
            )
        })?;
        if id.is_some_and(|id| id != given.id) {
            return Err(invalid(
                "client_id is not the client of the Authorization header",
            ));
        }
        Ok(given)
    }
}

/// Both parts are form-encoded before they are put together (RFC 6749, section 2.3.1). Who forgets that is understood
/// as well: the ids and secrets that caretaker makes look the same either way.
fn of_basic(header: &[u8]) -> Option<Given> {
    let (id, secret) = user_and_password(std::str::from_utf8(header).ok()?)?;
    Some(Given {
        id: decoded(&id),
        secret: SecretString::from(decoded(secret.expose_secret())),
    })
}

fn decoded(part: &str) -> String {
    if part.contains(['&', '=']) {
        return part.to_owned();
    }
    let mut pairs = form_urlencoded::parse(part.as_bytes());
    pairs
        .next()
        .map(|(part, _)| part.into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;

    use super::*;

    fn find(header: Option<&str>, form: &str) -> Result<(String, String), String> {
        let headers = header.iter().map(|header| header.as_bytes());
        let given = Given::find(headers, &Form::of(form.as_bytes()));
        given
            .map(|given| (given.id, given.secret.expose_secret().to_owned()))
            .map_err(|fault| format!("{fault:?}"))
    }

    fn basic(pair: &str) -> String {
        format!("Basic {}", BASE64_STANDARD.encode(pair))
    }

    #[test]
    fn both_ways_are_understood_and_basic_is_form_decoded() {
        let pair = |id: &str, secret: &str| Ok((id.to_owned(), secret.to_owned()));
        assert_eq!(
            find(None, "client_id=a&client_secret=b+c%2B"),
            pair("a", "b c+")
        );
        assert_eq!(find(Some(&basic("a%3Ab:c+d%25")), ""), pair("a:b", "c d%"));
        assert_eq!(find(Some(&basic("a:b:c")), "client_id=a"), pair("a", "b:c"));
        assert_eq!(find(Some(&basic("a:b=&c")), ""), pair("a", "b=&c"));
    }

    #[test]
    fn two_ways_at_once_or_none_are_refused() {
        for (header, form, error) in [
            (None, "", "InvalidClient"),
            (None, "client_id=a", "InvalidClient"),
            (None, "client_id=a&client_secret=", "InvalidClient"),
            (Some(basic("a:b")), "client_secret=b", "InvalidRequest"),
            (Some(basic("a:b")), "client_id=c", "InvalidRequest"),
            (Some(basic("no colon")), "", "InvalidClient"),
            (Some("Bearer x".to_owned()), "", "InvalidClient"),
            (Some("Basic".to_owned()), "", "InvalidClient"),
            (
                None,
                "client_id=a&client_id=a&client_secret=b",
                "InvalidRequest",
            ),
        ] {
            let refused = find(header.as_deref(), form).unwrap_err();
            assert!(refused.contains(error), "{header:?} {form}: {refused}");
        }
    }
}
