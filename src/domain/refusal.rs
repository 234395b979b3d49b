//! How many calls were turned away since the start, by platform and credential. In memory only: a flood of them must cost
//! the database nothing.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use entity::Source;

/// The counts of this process. Names are those of credentials that there are: strangers add none.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<BTreeMap<Whose, Count>>);

/// The platform as its column has it, and the credential.
type Whose = (Option<Source>, Option<String>);

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    count: u64,
    last_at: Option<DateTime<Utc>>,
}

/// The calls that named one credential and were turned away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The platform whose webhooks were called; `None` for requests for access tokens of a client that is not known.
    pub source: Option<Source>,
    /// The name of the credential; `None` where no known one was named.
    pub credential: Option<String>,
    /// How many.
    pub count: u64,
    /// When the last one came.
    pub last_at: Option<DateTime<Utc>>,
}

impl Refusals {
    /// Shows a platform and its credentials before anything was refused.
    pub fn expect<'a>(&self, source: Source, credentials: impl IntoIterator<Item = &'a str>) {
        let mut counts = self.lock();
        let names = credentials.into_iter().map(|name| Some(name.to_owned()));
        for name in std::iter::once(None).chain(names) {
            counts.entry((Some(source), name)).or_default();
        }
    }

    /// Counts one; how many there are now.
    pub fn count(
        &self,
        source: Option<Source>,
        credential: Option<&str>,
        at: DateTime<Utc>,
    ) -> u64 {
        let mut counts = self.lock();
        let whose = (source, credential.map(str::to_owned));
        let found = counts.entry(whose).or_default();
        found.count += 1;
        found.last_at = Some(at);
        found.count
    }

    /// All of them, by platform and name.
    pub fn all(&self) -> Vec<Refusal> {
        let counts = self.lock();
        let refusal = |((source, credential), found): (&Whose, &Count)| Refusal {
            source: *source,
            credential: credential.clone(),
            count: found.count,
            last_at: found.last_at,
        };
        counts.iter().map(refusal).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Whose, Count>> {
        // What a panic left behind is a whole map all the same.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_credential_has_its_count_and_those_never_refused_stand_there_too() {
        let refusals = Refusals::default();
        refusals.expect(Source::Matrix, ["bus"]);
        let at = DateTime::UNIX_EPOCH;
        refusals.count(Some(Source::Matrix), None, at);
        assert_eq!(refusals.count(Some(Source::Matrix), None, at), 2);
        assert_eq!(refusals.count(Some(Source::Urgent), Some("own"), at), 1);
        let all = refusals.all();
        let told: Vec<_> = all
            .iter()
            .map(|one| (one.source, one.credential.as_deref(), one.count))
            .collect();
        let expected = [
            (Some(Source::Matrix), None, 2),
            (Some(Source::Matrix), Some("bus"), 0),
            (Some(Source::Urgent), Some("own"), 1),
        ];
        assert_eq!(told, expected);
        assert_eq!((all[0].last_at, all[1].last_at), (Some(at), None));
    }
}
