//! Subscriptions as the parts of one answer, for clients of Apollo: `multipart/mixed;subscriptionSpec=1.0` at `/graphql`.
//! The protocol: <https://www.apollographql.com/docs/graphos/routing/operations/subscriptions/multipart-protocol>.

use async_graphql::Request;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::Face;
use crate::graphql::error::ErrorCode;
use crate::http::answer::Refusal;
use crate::http::header::{RequestId, name, vary};
use crate::http::live::End;
use crate::http::live::body::{self, Happening};
use crate::http::media;
use crate::http::reader::Reader;

/// The media type of what is answered.
const KIND: &str = "multipart/mixed;boundary=\"graphql\";subscriptionSpec=1.0";

/// What stands before the first part.
const OPENING: &str = "\r\n--graphql";
/// What follows the line after the last one.
const END: &str = "--\r\n";

/// Whether the caller takes a subscription in parts.
pub(super) fn is_taken(headers: &HeaderMap) -> bool {
    media::ranges(headers).any(|range| {
        let mut parameters = range.split(';').map(str::trim);
        let is_mixed = parameters
            .next()
            .is_some_and(|kind| kind.eq_ignore_ascii_case("multipart/mixed"));
        is_mixed
            && parameters.any(|parameter| match parameter.split_once('=') {
                Some((name, version)) => {
                    name.trim().eq_ignore_ascii_case("subscriptionSpec")
                        && version.trim().trim_matches('"') == "1.0"
                }
                None => false,
            })
    })
}

/// The answer to a subscription.
pub(super) fn answer(
    face: &Face,
    reader: Reader,
    request: Request,
    id: RequestId,
) -> Result<Response, Refusal> {
    let place = face.place(&reader)?;
    let steps = face.live.run(request, reader.viewer.clone(), None);
    let body = body::of(face.live.clone(), reader, place, steps, OPENING, words);
    let mut response = body.into_response();
    let headers = response.headers_mut();
    let fixed = HeaderValue::from_static;
    headers.insert(header::CONTENT_TYPE, fixed(KIND));
    headers.insert(header::CACHE_CONTROL, fixed("no-store"));
    headers.insert("x-accel-buffering", fixed("no"));
    vary(headers, "accept");
    name(headers, id.0);
    Ok(response)
}

/// A part and the line after it: with that the client has it whole.
fn part(body: &str) -> String {
    format!("\r\nContent-Type: application/json\r\n\r\n{body}\r\n--graphql")
}

fn words(happening: &Happening) -> String {
    match happening {
        Happening::Step(step) => {
            let results = step.results().into_iter();
            results
                .map(|shown| part(&format!("{{\"payload\":{}}}", shown.payload)))
                .collect()
        }
        Happening::Quiet => part("{}"),
        Happening::Complete => END.to_owned(),
        // Errors beside the payload are those of the connection: a client comes back for the operation.
        Happening::End(end) => {
            let error = match end {
                End::Stopping => json!({"message": "Service restart"}),
                End::Reader(why) => {
                    let code = ErrorCode::Unauthenticated.name();
                    json!({"message": why, "extensions": {"code": code}})
                }
            };
            let told = json!({"payload": null, "errors": [error]});
            format!("{}{END}", part(&told.to_string()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::live::Step;

    #[test]
    fn what_is_told_together_is_a_part_each() {
        let step = Step::together(&[("1", "a"), ("2", "b")]);
        assert_eq!(
            words(&Happening::Step(Box::new(step))),
            [part("{\"payload\":1}"), part("{\"payload\":2}")].concat()
        );
    }
}
