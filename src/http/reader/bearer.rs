//! Where a token stands: in the `Authorization` header, or in the payload of a socket's `connection_init`. Never in the
//! address: that is logged and remembered everywhere.

use axum::http::{HeaderMap, header};
use serde_json::Value;

use super::Refused;
use crate::http::media;

const WORD: &str = "Bearer";
/// RFC 6750 names it so; some clients put their token there.
const IN_ADDRESS: &str = "access_token";
const ADDRESS: &str =
    "a token in the address is not taken, since addresses are logged: use the Authorization header";

/// The token of a request, if it shows one. Where the API `is_open`, only what can be a token is one.
pub(crate) fn in_headers<'a>(
    headers: &'a HeaderMap,
    query: Option<&str>,
    is_open: bool,
) -> Result<Option<&'a str>, Refused> {
    let found = shown(headers);
    if is_open {
        return Ok(found.unwrap_or_default());
    }
    if media::form(query.unwrap_or_default()).any(|(name, _)| name == IN_ADDRESS) {
        return Err(Refused::Malformed(ADDRESS));
    }
    found
}

fn shown(headers: &HeaderMap) -> Result<Option<&str>, Refused> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let Some(first) = all.next() else {
        return Ok(None);
    };
    if all.next().is_some() {
        return Err(Refused::Malformed("there are two Authorization headers"));
    }
    let unreadable = Refused::Malformed("the Authorization header cannot be read");
    after_word(first.to_str().map_err(|_| unreadable)?)
}

/// The token of a `connection_init`: `{"Authorization": "Bearer …"}`, in any case, or `{"token": "…"}`.
pub(crate) fn in_payload(payload: &Value) -> Result<Option<&str>, Refused> {
    let Value::Object(members) = payload else {
        return Ok(None);
    };
    let mut shown = None;
    for (name, value) in members {
        let is_header = name.eq_ignore_ascii_case("authorization");
        if !is_header && name != "token" || value.is_null() {
            continue;
        }
        let text = value
            .as_str()
            .ok_or(Refused::Malformed("the token in the payload is no text"))?;
        let token = if is_header {
            after_word(text)?
        } else {
            Some(text)
        };
        if shown.is_some() && token.is_some() {
            return Err(Refused::Malformed("the payload holds two tokens"));
        }
        shown = shown.or(token);
    }
    Ok(shown)
}

/// Another scheme than ours shows nothing that we know.
fn after_word(header: &str) -> Result<Option<&str>, Refused> {
    let (word, token) = header.split_once(' ').unwrap_or((header, ""));
    if !word.eq_ignore_ascii_case(WORD) {
        return Ok(None);
    }
    let token = token.trim();
    if token.is_empty() || token.contains(char::is_whitespace) {
        return Err(Refused::Malformed(
            "the Authorization header holds no token after `Bearer`",
        ));
    }
    Ok(Some(token))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_token_stands_once_in_the_header_and_never_in_the_address() {
        let read = |values: &[&str], query| {
            let headers = headers(values);
            in_headers(&headers, query, false).map(|token| token.map(str::to_owned))
        };
        let token = Ok(Some("t.o.k".to_owned()));
        assert_eq!(read(&["Bearer t.o.k"], None), token);
        assert_eq!(read(&["bearer  t.o.k "], Some("query=x")), token);
        assert_eq!(read(&[], None), Ok(None));
        assert_eq!(read(&["Basic dTpw"], None), Ok(None));
        assert!(read(&["Bearer a", "Bearer a"], None).is_err());
        assert!(read(&["Bearer"], None).is_err());
        assert!(read(&["Bearer a b"], None).is_err());
        for query in ["access_token=t.o.k", "query=x&access%5Ftoken="] {
            assert!(read(&["Bearer t.o.k"], Some(query)).is_err(), "{query}");
        }
        let empty = headers(&["Bearer"]);
        assert_eq!(in_headers(&empty, Some("access_token=x"), true), Ok(None));
    }

    #[test]
    fn a_payload_holds_one_token_in_either_form() {
        let read = |payload: Value| in_payload(&payload).map(|token| token.map(str::to_owned));
        let token = Ok(Some("t.o.k".to_owned()));
        assert_eq!(read(json!({"Authorization": "Bearer t.o.k"})), token);
        assert_eq!(read(json!({"authorization": "bearer t.o.k"})), token);
        assert_eq!(
            read(json!({"token": "t.o.k", "Authorization": null})),
            token
        );
        for nothing in [
            json!(null),
            json!({}),
            json!({"token": null}),
            json!([]),
            json!("t"),
        ] {
            assert_eq!(read(nothing), Ok(None));
        }
        assert!(read(json!({"token": 7})).is_err());
        assert!(read(json!({"token": "a", "Authorization": "Bearer b"})).is_err());
        assert!(read(json!({"Authorization": "Bearer"})).is_err());
    }
}
