//! The batch form of Event Hubs' REST interface, `[{"Body": "…", "UserProperties": {…}}, …]`: each `Body` holds what would
//! otherwise be an element, or a whole batch. Told by its shape and not by the content type, so that a kept body says
//! the same when it is read again.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::ingest::body;
use crate::ingest::member::Wrong;

/// One element of a batch as text, and where it stands.
#[derive(Debug)]
pub(super) struct Element<'a> {
    pub(super) path: String,
    pub(super) text: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Wrapper<'a> {
    #[serde(rename = "Body", borrow)]
    body: Option<&'a RawValue>,
    /// An event of the bus, whatever else it holds.
    #[serde(rename = "Event")]
    event: Option<IgnoredAny>,
}

/// What an element of a batch holds: itself, or what its wrapper holds.
pub(super) fn unwrap(text: &str, path: String) -> Result<Vec<Element<'_>>, Wrong> {
    let Some(wrapped) = wrapped(text) else {
        let text = Cow::Borrowed(text);
        return Ok(vec![Element { path, text }]);
    };
    let path = format!("{path}.Body");
    let wrong = |reason: String| Wrong {
        path: path.clone(),
        reason: format!("Expected an event, a batch of events, or a text that holds one. {reason}"),
    };
    let text: Cow<'_, str> = if wrapped.get().starts_with('"') {
        let text = body::mend(wrapped.get(), false).0;
        let text: String = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        Cow::Owned(text)
    } else {
        Cow::Borrowed(wrapped.get())
    };
    let batch = body::well_formed(text.as_bytes())
        .map_err(|unusable| wrong(unusable.misfit.reason.replace("The body", "The text")))?;
    if !batch.get().starts_with('[') {
        let text = Cow::Owned(batch.get().to_owned());
        return Ok(vec![Element { path, text }]);
    }
    let elements: Vec<&RawValue> =
        serde_json::from_str(batch.get()).map_err(|error| wrong(error.to_string()))?;
    let elements = elements.into_iter().enumerate();
    Ok(elements
        .map(|(at, element)| Element {
            path: format!("{path}[{at}]"),
            text: Cow::Owned(element.get().to_owned()),
        })
        .collect())
}

fn wrapped(text: &str) -> Option<&RawValue> {
    // A quick look spares the elements of all other batches a second reading.
    if !text.starts_with('{') || !text.contains("\"Body\"") {
        return None;
    }
    let wrapper: Wrapper<'_> = serde_json::from_str(text).ok()?;
    wrapper.body.filter(|_| wrapper.event.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> Vec<(String, String)> {
        let elements = unwrap(text, "$[4]".to_owned()).unwrap();
        elements
            .into_iter()
            .map(|element| (element.path, element.text.into_owned()))
            .collect()
    }

    fn pair(path: &str, text: &str) -> (String, String) {
        (path.to_owned(), text.to_owned())
    }

    #[test]
    fn an_element_that_is_no_wrapper_is_itself() {
        for text in [
            "5",
            "\"{}\"",
            "{}",
            r#"{"Event":"E","Body":"{}"}"#,
            r#"{"Meta":{"Body":"{}"}}"#,
            r#"{"body":"{}"}"#,
            r#"{"Name":"\"Body\""}"#,
        ] {
            assert_eq!(paths(text), [pair("$[4]", text)]);
        }
    }

    #[test]
    fn a_wrapper_holds_an_event_or_a_batch_as_text_or_as_it_is() {
        for text in [
            r#"{"Body":"{\"Event\":\"E\"}","UserProperties":{"Alert":true}}"#,
            r#"{"Body":" {\"Event\":\"E\"} "}"#,
            r#"{"BrokerProperties":{},"Body":{"Event":"E"}}"#,
        ] {
            assert_eq!(paths(text), [pair("$[4].Body", r#"{"Event":"E"}"#)]);
        }
        for text in [
            r#"{"Body":"[{\"Event\":1},2]"}"#,
            r#"{"Body":[{"Event":1},2]}"#,
        ] {
            let expected = [
                pair("$[4].Body[0]", r#"{"Event":1}"#),
                pair("$[4].Body[1]", "2"),
            ];
            assert_eq!(paths(text), expected);
        }
        assert_eq!(paths(r#"{"Body":"[]"}"#), []);
    }

    #[test]
    fn a_wrapper_of_nonsense_names_its_place() {
        for text in [
            r#"{"Body":"hello"}"#,
            r#"{"Body":""}"#,
            r#"{"Body":"[1,"}"#,
            r#"{"Body":"\ud800"}"#,
        ] {
            let wrong = unwrap(text, "$[4]".to_owned()).unwrap_err();
            assert_eq!(wrong.path, "$[4].Body", "{text}");
        }
        // A null is no body.
        assert_eq!(
            paths(r#"{"Body":null}"#),
            [pair("$[4]", r#"{"Body":null}"#)]
        );
    }
}
