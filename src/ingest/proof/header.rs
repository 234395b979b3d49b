//! Reading the headers that a proof stands in.

use super::Reason;

/// The one header of a name, as text.
pub(super) fn single<'a>(headers: &[&'a [u8]]) -> Result<&'a str, Reason> {
    match headers {
        [] => Err(Reason::Missing),
        [header] => std::str::from_utf8(header).map_err(|_| Reason::Malformed),
        _ => Err(Reason::Malformed),
    }
}

/// What follows the scheme in an `Authorization` header.
pub(super) fn after_scheme<'a>(header: &'a str, scheme: &str) -> Option<&'a str> {
    let (found, rest) = header.trim().split_once(' ')?;
    found.eq_ignore_ascii_case(scheme).then(|| rest.trim())
}

/// All headers of a name.
pub(super) fn all<'a>(headers: &[(&str, &'a [u8])], name: &str) -> Vec<&'a [u8]> {
    let named = headers.iter().filter(|(found, _)| *found == name);
    named.map(|(_, value)| *value).collect()
}

/// Without its percent-escapes, if that is text. A plus sign stays one.
pub(super) fn unescaped(text: &str) -> Option<String> {
    let bytes = percent_encoding::percent_decode_str(text);
    bytes.decode_utf8().ok().map(|text| text.into_owned())
}
