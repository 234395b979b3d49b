//! The report as people read it.

use super::report::Report;
use std::fmt;

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{:<16}{:>8}{:>10}", "sent", "calls", "events")?;
        for (operation, sent) in &self.sent {
            writeln!(out, "  {operation:<14}{:>8}{:>10}", sent.calls, sent.events)?;
        }
        writeln!(
            out,
            "  of them {} repeated, {} out of order",
            self.repeats, self.moved
        )?;
        writeln!(out, "answered")?;
        for (status, count) in &self.answers {
            writeln!(out, "  {status:<14}{count:>8}")?;
        }
        writeln!(
            out,
            "  acknowledged  {:>8}{:>10}  ({} broken elements among them)",
            self.acknowledged.calls, self.acknowledged.events, self.broken_elements
        )?;
        writeln!(
            out,
            "  refused, as broken calls should be  {}",
            self.expected_rejections
        )?;
        writeln!(
            out,
            "  attempts repeated (503, connection) {}",
            self.retries
        )?;
        writeln!(
            out,
            "  unexplained answers                 {}",
            self.unexplained
        )?;
        for odd in &self.unexplained_answers {
            let body = if odd.body.is_empty() {
                "(empty body)"
            } else {
                &odd.body
            };
            writeln!(
                out,
                "    {}: expected {}, got {}: {body}",
                odd.operation, odd.expected, odd.status
            )?;
        }
        writeln!(out, "  never answered                      {}", self.failed)?;
        if let Some(reason) = &self.first_failure {
            writeln!(out, "    first: {reason}")?;
        }
        if self.not_sent > 0 {
            writeln!(
                out,
                "  not sent                            {}",
                self.not_sent
            )?;
        }
        write!(
            out,
            "{:.0} events/s over {:.2} s, latency p50 {:.1} ms, p99 {:.1} ms",
            self.events_per_second, self.seconds, self.p50_milliseconds, self.p99_milliseconds
        )?;
        match &self.heard {
            Some(heard) => write!(out, "\n{heard}"),
            None => Ok(()),
        }
    }
}
