//! Media types of GraphQL over HTTP: which one the caller wants, which one it sends, and what a URL says.

use axum::http::{HeaderMap, header};

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// `application/graphql-response+json`: the status says whether the request was run.
    GraphqlResponse,
    /// `application/json`: the status says only that this is an answer of GraphQL.
    Json,
}

impl Answer {
    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
        }
    }
}

/// The form that the caller likes best; null when it takes neither. Without a word of it: the proper one.
pub(super) fn negotiate(headers: &HeaderMap) -> Option<Answer> {
    let accepted: Vec<&str> = ranges(headers).collect();
    if accepted.is_empty() {
        return Some(Answer::GraphqlResponse);
    }
    let liked = |kind: &str| {
        // The most specific range that fits says how much it is liked.
        let fits = accepted.iter().filter_map(|range| {
            let (name, parameters) = range.split_once(';').unwrap_or((range, ""));
            let rank = match name.trim().to_ascii_lowercase().as_str() {
                name if name == kind => 2,
                "application/*" => 1,
                "*/*" => 0,
                _ => return None,
            };
            Some((rank, quality(parameters)))
        });
        fits.max_by_key(|(rank, _)| *rank)
            .map_or(0, |(_, quality)| quality)
    };
    let proper = liked("application/graphql-response+json");
    let plain = liked("application/json");
    match (proper, plain) {
        (0, 0) => None,
        (proper, plain) if proper >= plain => Some(Answer::GraphqlResponse),
        _ => Some(Answer::Json),
    }
}

/// What the caller says that it takes.
pub(super) fn ranges(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|range| !range.is_empty())
}

/// Whether the caller names this type among those that it takes.
pub(super) fn takes(headers: &HeaderMap, kind: &str) -> bool {
    ranges(headers).any(|range| {
        let (name, parameters) = range.split_once(';').unwrap_or((range, ""));
        name.trim().eq_ignore_ascii_case(kind) && quality(parameters) > 0
    })
}

/// Thousandths.
fn quality(parameters: &str) -> u32 {
    let q = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then(|| value.trim())
    });
    let Some(q) = q else {
        return 1000;
    };
    match q.parse::<f32>() {
        Ok(q) if (0.0..=1.0).contains(&q) => (q * 1000.0) as u32,
        _ => 0,
    }
}

/// Whether the body is said to be JSON in UTF-8.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let Some(kind) = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
    else {
        return false;
    };
    let mut parts = kind.split(';').map(str::trim);
    let is_json = parts
        .next()
        .is_some_and(|name| name.eq_ignore_ascii_case("application/json"));
    is_json
        && parts.all(|parameter| match parameter.split_once('=') {
            Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
                value.trim_matches('"').eq_ignore_ascii_case("utf-8")
            }
            _ => true,
        })
}

/// The pairs of a query string, decoded; bytes that are no UTF-8 are replaced.
pub(super) fn form(query: &str) -> impl Iterator<Item = (String, String)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(value))
        })
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let hex = |byte: Option<u8>| char::from(byte?).to_digit(16);
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let mut ahead = rest.clone();
                if let (Some(high), Some(low)) = (hex(ahead.next()), hex(ahead.next())) {
                    bytes.push((high * 16 + low) as u8);
                    rest = ahead;
                } else {
                    bytes.push(byte);
                }
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(accept: &str) -> Option<Answer> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().unwrap());
        negotiate(&headers)
    }

    #[test]
    fn the_caller_gets_the_form_it_likes_best() {
        assert_eq!(negotiate(&HeaderMap::new()), Some(Answer::GraphqlResponse));
        assert_eq!(wanted("*/*"), Some(Answer::GraphqlResponse));
        assert_eq!(wanted("application/json"), Some(Answer::Json));
        assert_eq!(
            wanted("application/json;q=0.5, application/graphql-response+json"),
            Some(Answer::GraphqlResponse)
        );
        assert_eq!(
            wanted("application/json, application/*;q=0.1"),
            Some(Answer::Json)
        );
        assert_eq!(
            wanted("text/html, */*;q=0.8"),
            Some(Answer::GraphqlResponse)
        );
        assert_eq!(wanted("text/html"), None);
    }

    #[test]
    fn only_json_is_json() {
        let is = |kind: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, kind.parse().unwrap());
            is_json(&headers)
        };
        assert!(is("application/json"));
        assert!(is("Application/JSON; charset=UTF-8"));
        for kind in [
            "text/plain",
            "application/jsonp",
            "application/json; charset=latin1",
        ] {
            assert!(!is(kind), "{kind}");
        }
    }

    #[test]
    fn a_url_is_decoded() {
        let pairs: Vec<_> = form("query=%7Ba+b%7D&x&y=%zz%").collect();
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(
            pairs,
            [pair("query", "{a b}"), pair("x", ""), pair("y", "%zz%")]
        );
    }
}
