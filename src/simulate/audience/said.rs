//! What a result of the subscription says: as much as has to be known of it.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;

/// What all subscribers ask: what a wall of news shows. Each event reads its neighbours.
pub(super) const DOCUMENT: &str = "subscription Wall($after: String) {
  told: activity(after: $after) {
    cursor
    activity {
      id
      kind
      occurredAt
      building { name }
      zone { name }
      incident { name state dueAt }
      task { description status }
    }
  }
}";

/// A result.
#[derive(Debug, Deserialize)]
pub(super) struct Payload<'a> {
    #[serde(borrow)]
    data: Option<Data<'a>>,
    errors: Option<Vec<Error<'a>>>,
}

#[derive(Debug, Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    told: Event<'a>,
}

#[derive(Debug, Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    cursor: Cow<'a, str>,
    activity: Option<IgnoredAny>,
}

/// An error, as far as it is shown.
#[derive(Debug, Deserialize)]
pub(super) struct Error<'a> {
    #[serde(borrow)]
    message: Cow<'a, str>,
}

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// Something happened.
    News(String),
    /// Nothing did up to here.
    Beat(String),
    /// A sign of life.
    Nothing,
    /// Something is wrong.
    Fault(String),
}

impl Payload<'_> {
    pub(super) fn said(self) -> Said {
        if let Some(errors) = &self.errors {
            return fault(errors);
        }
        match self.data {
            Some(Data { told }) if told.activity.is_some() => Said::News(told.cursor.into_owned()),
            Some(Data { told }) => Said::Beat(told.cursor.into_owned()),
            None => Said::Fault("a result without data".to_owned()),
        }
    }
}

/// The first of several errors.
pub(super) fn fault(errors: &[Error<'_>]) -> Said {
    let message = errors.first().map(|error| error.message.to_string());
    Said::Fault(message.unwrap_or_else(|| "an error without words".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Said {
        serde_json::from_str::<Payload<'_>>(text).unwrap().said()
    }

    #[test]
    fn a_result_is_news_a_heartbeat_or_a_fault() {
        let news = r#"{"data":{"told":{"cursor":"a","activity":{"id":"x","building":null}}}}"#;
        assert_eq!(said(news), Said::News("a".to_owned()));
        let beat = r#"{"data":{"told":{"cursor":"b","activity":null}}}"#;
        assert_eq!(said(beat), Said::Beat("b".to_owned()));
        let fault = r#"{"data":null,"errors":[{"message":"no \"way\"","path":["told"]}]}"#;
        assert_eq!(said(fault), Said::Fault("no \"way\"".to_owned()));
        assert!(matches!(said("{}"), Said::Fault(_)));
    }
}
