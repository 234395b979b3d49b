//! What subscribers were told, held against what the feed says: gaps, repeats, order, and how long it took.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::time::Instant;

use serde::Serialize;

use super::Transport;
use super::feed::Rows;
use super::record::Told;
use crate::simulate::sent::Sent;

/// What was heard, of all subscribers together.
#[derive(Debug, Default, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::simulate) struct Heard {
    subscribers: usize,
    /// By transport.
    subscribed: BTreeMap<&'static str, usize>,
    opened_in_seconds: f64,
    /// Activities that came to any of them.
    frames: usize,
    /// Of the time in which they came.
    frames_per_second: f64,
    /// Connections that ended and were opened anew.
    reconnects: usize,
    /// Why the first of them ended.
    first_break: Option<String>,
    /// What was found; null where nobody asked.
    verified: Option<Verified>,
    /// The server's memory for each subscriber before anything was sent; null where it is not known.
    idle_bytes: Option<f64>,
    #[serde(skip)]
    found: Verified,
    /// When the first and the last frame came.
    #[serde(skip)]
    span: Option<(Instant, Instant)>,
}

/// What was found, of all subscribers together.
#[derive(Debug, Default, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Verified {
    /// What should have come.
    expected: usize,
    /// Of that, what did not.
    missing: usize,
    /// What came once more.
    repeated: usize,
    /// What came after something that stands behind it.
    disordered: usize,
    /// What the feed does not hold.
    unknown: usize,
    /// Frames whose call is known; without any the times below are null.
    timed: usize,
    /// From the moment the call was sent to the frame's arrival.
    p50_milliseconds: Option<f64>,
    p99_milliseconds: Option<f64>,
    longest_milliseconds: Option<f64>,
}

impl Heard {
    /// Nothing yet, of so many.
    pub(super) fn of(subscribers: usize, opened_in_seconds: f64, idle_bytes: Option<f64>) -> Self {
        Self {
            subscribers,
            opened_in_seconds,
            idle_bytes,
            ..Self::default()
        }
    }

    /// Counts what one subscriber was told.
    pub(super) fn count(&mut self, transport: Transport, told: &Told, begun: Instant) {
        let name = match transport {
            Transport::Ws => "ws",
            Transport::Sse => "sse",
            Transport::Multipart => "multipart",
        };
        *self.subscribed.entry(name).or_default() += 1;
        self.frames += told.seen.len();
        self.reconnects += told.breaks;
        if self.first_break.is_none() {
            self.first_break.clone_from(&told.first_break);
        }
        for at in [told.seen.first(), told.seen.last()].into_iter().flatten() {
            let at = at.at(begun);
            let (first, last) = self.span.unwrap_or((at, at));
            self.span = Some((first.min(at), last.max(at)));
        }
    }

    /// Holds what one subscriber was told against the feed; the first `due` rows must have come, later ones may have.
    pub(super) fn judge(&mut self, feed: &[u32], due: usize, told: &Told) {
        let seen: Vec<u32> = told.seen.iter().map(|seen| seen.cursor).collect();
        let found = &mut self.found;
        found.expected += due;
        if seen.len() >= due && feed.starts_with(&seen) {
            return;
        }
        let places: HashMap<u32, usize> = feed
            .iter()
            .enumerate()
            .map(|(place, cursor)| (*cursor, place))
            .collect();
        let (mut once, mut furthest) = (HashSet::new(), 0);
        for cursor in seen {
            let Some(place) = places.get(&cursor).copied() else {
                found.unknown += 1;
                continue;
            };
            if !once.insert(cursor) {
                found.repeated += 1;
            } else if place < furthest {
                found.disordered += 1;
            }
            furthest = furthest.max(place);
        }
        let due = feed.iter().take(due);
        found.missing += due.filter(|cursor| !once.contains(cursor)).count();
    }

    /// Closes the count.
    pub(super) fn finish(&mut self, is_verified: bool, mut latency: Latency) {
        if let Some((first, last)) = self.span {
            let seconds = last.duration_since(first).as_secs_f64();
            self.frames_per_second = self.frames as f64 / seconds.max(0.001);
        }
        if !is_verified {
            return;
        }
        latency.took.sort_unstable();
        self.found.timed = latency.took.len();
        self.found.p50_milliseconds = latency.percentile(500);
        self.found.p99_milliseconds = latency.percentile(990);
        self.found.longest_milliseconds = latency.percentile(1_000);
        self.verified = Some(self.found.clone());
    }

    /// Nobody missed anything, got anything twice or in another order.
    pub(in crate::simulate) fn is_clean(&self) -> bool {
        let faults =
            |found: &Verified| found.missing + found.repeated + found.disordered + found.unknown;
        self.verified
            .as_ref()
            .is_none_or(|found| faults(found) == 0)
    }
}

/// How long frames took.
#[derive(Debug, Default)]
pub(super) struct Latency {
    /// When the call behind an event was sent.
    calls: HashMap<u32, Instant>,
    /// In units of ten microseconds.
    took: Vec<u32>,
}

impl Latency {
    /// That of events whose calls are among those `sent`.
    pub(super) fn of(rows: &[Rows], sent: &Sent) -> Self {
        let rows = rows.iter().flat_map(|rows| &rows.rows);
        let calls = rows.filter_map(|(cursor, hash)| Some((*cursor, sent.first(hash.as_ref()?)?)));
        Self {
            calls: calls.collect(),
            took: Vec::new(),
        }
    }

    /// Adds what one subscriber was told.
    pub(super) fn add(&mut self, told: &Told, begun: Instant) {
        for seen in &told.seen {
            if let Some(call) = self.calls.get(&seen.cursor) {
                let took = seen.at(begun).saturating_duration_since(*call);
                self.took
                    .push(u32::try_from(took.as_micros() / 10).unwrap_or(u32::MAX));
            }
        }
    }

    /// Nearest rank, of a thousand.
    fn percentile(&self, rank: usize) -> Option<f64> {
        let rank = (self.took.len() * rank).div_ceil(1_000);
        let took = self.took.get(rank.saturating_sub(1))?;
        Some(f64::from(*took) / 100.0)
    }
}

impl fmt::Display for Heard {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ways: Vec<String> = self
            .subscribed
            .iter()
            .map(|(name, count)| format!("{count} {name}"))
            .collect();
        writeln!(
            out,
            "subscribers       {:>6}  ({})",
            self.subscribers,
            ways.join(", ")
        )?;
        writeln!(out, "  opened in       {:>6.1} s", self.opened_in_seconds)?;
        match self.idle_bytes {
            Some(bytes) => writeln!(
                out,
                "  idle, each      {:>6.1} kB of the server's memory",
                bytes / 1_000.0
            )?,
            None => writeln!(
                out,
                "  idle memory     not measured: --server-pid names a server's process on this machine"
            )?,
        }
        writeln!(
            out,
            "  frames          {:>6}  ({:.0} a second)",
            self.frames, self.frames_per_second
        )?;
        writeln!(out, "  reconnects      {:>6}", self.reconnects)?;
        if let Some(why) = &self.first_break {
            writeln!(out, "    first: {why}")?;
        }
        let Some(found) = &self.verified else {
            return write!(out, "  not verified: --verify holds them against the feed");
        };
        writeln!(
            out,
            "  of {} expected: {} missing, {} repeated, {} out of order, {} unknown",
            found.expected, found.missing, found.repeated, found.disordered, found.unknown
        )?;
        let milliseconds =
            |time: Option<f64>| time.map_or_else(|| "?".to_owned(), |time| format!("{time:.1} ms"));
        match found.timed {
            0 => write!(
                out,
                "  call to frame   not known: only operators are told which call is behind an event"
            ),
            timed => write!(
                out,
                "  call to frame   p50 {}, p99 {}, longest {} ({timed} frames)",
                milliseconds(found.p50_milliseconds),
                milliseconds(found.p99_milliseconds),
                milliseconds(found.longest_milliseconds),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::audience::record::Seen;

    fn judged(seen: &[u32]) -> (bool, [usize; 4]) {
        let seen = seen.iter().map(|cursor| Seen::now(*cursor, Instant::now()));
        let told = Told {
            seen: seen.collect(),
            ..Told::default()
        };
        let mut heard = Heard::default();
        // Five stand in the feed; the last of them came when nobody was waiting any more.
        heard.judge(&[10, 11, 12, 13, 14], 4, &told);
        heard.finish(true, Latency::default());
        let found = heard.verified.clone().unwrap();
        assert_eq!(found.expected, 4);
        let faults = [
            found.missing,
            found.repeated,
            found.disordered,
            found.unknown,
        ];
        (heard.is_clean(), faults)
    }

    #[test]
    fn gaps_repeats_another_order_and_strangers_are_told() {
        assert_eq!(judged(&[10, 11, 12, 13]), (true, [0, 0, 0, 0]));
        assert_eq!(judged(&[10, 11, 12, 13, 14]), (true, [0, 0, 0, 0]));
        assert_eq!(judged(&[10, 12, 13]), (false, [1, 0, 0, 0]));
        assert_eq!(judged(&[10, 11]), (false, [2, 0, 0, 0]));
        assert_eq!(judged(&[10, 11, 11, 12, 13]), (false, [0, 1, 0, 0]));
        assert_eq!(judged(&[10, 12, 11, 13]), (false, [0, 0, 1, 0]));
        assert_eq!(judged(&[10, 11, 99, 12, 13]), (false, [0, 0, 0, 1]));
        assert_eq!(judged(&[]), (false, [4, 0, 0, 0]));
    }
}
