//! What comes out: JSON with every run, and tables of medians with the least and the greatest.

use std::fmt::Write;
use std::path::Path;

use anyhow::Context;

use crate::growth::Step;
use crate::intake::Taken;
use crate::live::{SCENARIOS, Teller, Told};
use crate::load::Run;
use crate::place::Place;
use crate::plot;
use crate::question::{Peer, QUESTIONS};
use crate::reads::Measured;

/// The middle of several values, with the least and the greatest.
#[derive(Clone, Copy)]
pub struct Spread {
    /// The median.
    pub middle: f64,
    /// The least.
    pub least: f64,
    /// The greatest.
    pub greatest: f64,
}

impl Spread {
    /// Of these values; none of no value.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let upper = *values.get(middle)?;
        let lower = *values.get(values.len().saturating_sub(1) / 2)?;
        Some(Self {
            middle: f64::midpoint(lower, upper),
            least: *values.first()?,
            greatest: *values.last()?,
        })
    }

    /// `median (least–greatest)`.
    pub fn text(self, digits: usize) -> String {
        format!(
            "{:.digits$} ({:.digits$}–{:.digits$})",
            self.middle, self.least, self.greatest
        )
    }
}

/// Writes a file into the folder of what comes out.
///
/// # Errors
/// When it cannot be written.
pub fn write(out: &Path, name: &str, content: &str) -> anyhow::Result<()> {
    std::fs::create_dir_all(out)?;
    let path = out.join(name);
    std::fs::write(&path, content).with_context(|| path.display().to_string())?;
    eprintln!("wrote {}", path.display());
    Ok(())
}

/// The tables and the JSON of the questions.
///
/// # Errors
/// When they cannot be written.
pub fn reads(out: &Path, place: &Place, measured: &[Measured]) -> anyhow::Result<()> {
    let name = format!("reads-{:?}", place.engine).to_lowercase();
    let table = table(measured)?;
    print!("{table}");
    let all = serde_json::json!({ "estate": place.size, "filled": place.filled, "runs": measured });
    write(
        out,
        &format!("{name}.json"),
        &serde_json::to_string_pretty(&all)?,
    )?;
    write(out, &format!("{name}.md"), &table)?;
    let connections = measured.iter().map(|one| one.connections);
    let Some(connections) = connections.min_by_key(|count| count.abs_diff(16)) else {
        return Ok(());
    };
    let bars =
        [Peer::PostGraphile, Peer::Limit].map(|peer| (peer, faster(measured, connections, peer)));
    plot::ratios(&out.join(format!("{name}.png")), connections, &bars)
}

/// The table, the JSON and the plot of growth.
///
/// # Errors
/// When they cannot be written.
pub fn growth(out: &Path, steps: &[Step]) -> anyhow::Result<()> {
    let mut text = String::from("| | | connections |");
    for (incidents, _) in steps {
        write!(text, " {incidents} |")?;
    }
    text.push_str(" last : whole estate |\n|---|---|---|");
    text.push_str(&"---|".repeat(steps.len() + 1));
    let mut lines = Vec::new();
    let keys = steps.first().map(|(_, measured)| keys(measured));
    for (question, connections, peer) in keys.into_iter().flatten() {
        let costs: Vec<(f64, f64)> = steps
            .iter()
            .filter_map(|(incidents, measured)| {
                let runs = runs(measured, question, connections, peer);
                let spread = Spread::of(runs.iter().map(cpu))?;
                Some((*incidents as f64, spread.middle))
            })
            .collect();
        write!(text, "\n| {question} | {peer:?} | {connections} |")?;
        for (_, cost) in &costs {
            write!(text, " {cost:.3} |")?;
        }
        if let (Some((_, last)), Some((_, base))) = (costs.last(), costs.get(1)) {
            write!(text, " {:.2} |", last / base)?;
        }
        if peer == Peer::Caretaker {
            lines.push((format!("{question}, {connections} connections"), costs));
        }
    }
    text.push_str(
        "\n\nCPU ms per request, server and database together: the median of the rounds.\n",
    );
    print!("{text}");
    write(out, "growth.json", &serde_json::to_string_pretty(steps)?)?;
    write(out, "growth.md", &text)?;
    plot::growth(&out.join("growth.png"), &lines)
}

/// The table and the JSON of the intake.
///
/// # Errors
/// When they cannot be written.
pub fn intake(out: &Path, taken: &[Taken]) -> anyhow::Result<()> {
    let mut text = String::from(
        "| | events per call | events/s | p99 ms | CPU ms per event |\n|---|---|---|---|---|\n",
    );
    let mut keys: Vec<_> = taken.iter().map(|one| (one.per_call, one.taker)).collect();
    keys.sort_unstable();
    keys.dedup();
    for (per_call, taker) in keys {
        let runs = || {
            let of = move |one: &&Taken| one.per_call == per_call && one.taker == taker;
            taken.iter().filter(of)
        };
        let told = |spread: Option<Spread>, digits| {
            spread.map_or_else(|| "–".to_owned(), |spread| spread.text(digits))
        };
        writeln!(
            text,
            "| {taker:?} | {per_call} | {} | {} | {} |",
            told(Spread::of(runs().map(|one| one.per_second)), 0),
            told(Spread::of(runs().filter_map(|one| one.p99_ms)), 1),
            told(Spread::of(runs().map(|one| one.cpu_ms)), 3),
        )?;
    }
    text.push_str(
        "\nMedian (least–greatest) of the rounds. CPU is of server and database together.\n",
    );
    print!("{text}");
    write(out, "intake.json", &serde_json::to_string_pretty(taken)?)?;
    write(out, "intake.md", &text)
}

/// The table and the JSON of the live feed.
///
/// # Errors
/// When they cannot be written.
pub fn live(out: &Path, told: &[Told]) -> anyhow::Result<()> {
    let mut text = String::from(
        "| | | events/s | frames/s | missing | p50 ms | p99 ms | longest ms | µs of CPU per frame | idle kB | peak MB |\n|---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for scenario in SCENARIOS {
        for teller in [Teller::Caretaker, Teller::Driver] {
            let of = |one: &&Told| one.scenario.name == scenario.name && one.teller == teller;
            let runs: Vec<&Told> = told.iter().filter(of).collect();
            let spread = |value: fn(&Told) -> f64, digits| {
                let spread = Spread::of(runs.iter().map(|run| value(run)));
                spread.map_or_else(String::new, |spread| spread.text(digits))
            };
            if runs.is_empty() {
                continue;
            }
            writeln!(
                text,
                "| {} | {teller:?} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
                scenario.name,
                spread(|run| run.events_per_second, 0),
                spread(|run| run.frames_per_second, 0),
                spread(|run| run.missing as f64, 0),
                spread(|run| run.p50_ms, 1),
                spread(|run| run.p99_ms, 1),
                spread(|run| run.longest_ms, 0),
                spread(|run| run.cpu_us, 2),
                spread(|run| run.idle_kb, 1),
                spread(|run| run.peak_mb, 0),
            )?;
        }
    }
    text.push_str("\nMedian (least–greatest) of the rounds. Times are from when an event was due to its frame.\n\n");
    for scenario in SCENARIOS {
        writeln!(
            text,
            "- {}: {} subscribers, {} event(s) a second, {} question(s), {} of them take nothing",
            scenario.name,
            scenario.subscribers,
            scenario.rate,
            scenario.questions,
            scenario.stalled,
        )?;
    }
    print!("{text}");
    write(out, "live.json", &serde_json::to_string_pretty(told)?)?;
    write(out, "live.md", &text)
}

fn keys(measured: &[Measured]) -> Vec<(&'static str, usize, Peer)> {
    let mut keys: Vec<_> = measured
        .iter()
        .map(|one| (one.question, one.connections, one.peer))
        .collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// By how much more requests a second caretaker answers than each peer, question by question.
fn faster(measured: &[Measured], connections: usize, peer: Peer) -> Vec<(&'static str, f64)> {
    let ratio = |question: &'static str| {
        let own = runs(measured, question, connections, Peer::Caretaker);
        let theirs = runs(measured, question, connections, peer);
        let rounds =
            std::iter::zip(&own, &theirs).map(|(own, run)| own.per_second / run.per_second);
        Some((question, Spread::of(rounds)?.middle))
    };
    QUESTIONS
        .iter()
        .filter_map(|question| ratio(question.name))
        .collect()
}

fn table(measured: &[Measured]) -> anyhow::Result<String> {
    let mut text = String::new();
    let mut connections: Vec<usize> = measured.iter().map(|one| one.connections).collect();
    connections.sort_unstable();
    connections.dedup();
    for count in connections {
        writeln!(text, "\n## {count} connection(s)\n")?;
        writeln!(
            text,
            "| | | requests/s | p50 ms | p99 ms | server CPU ms | database CPU ms | kB | × requests/s | × CPU |"
        )?;
        writeln!(text, "|---|---|---|---|---|---|---|---|---|---|")?;
        for question in QUESTIONS {
            for peer in [Peer::Caretaker, Peer::PostGraphile, Peer::Limit] {
                let runs = runs(measured, question.name, count, peer);
                let own = self::runs(measured, question.name, count, Peer::Caretaker);
                let spread = |value: fn(&Run) -> f64, digits| {
                    let spread = Spread::of(runs.iter().map(value));
                    spread.map_or_else(String::new, |spread| spread.text(digits))
                };
                if runs.is_empty() {
                    continue;
                }
                // Within a round, so that what slows both does not count.
                let rounds = || std::iter::zip(&own, &runs);
                let faster = rounds().map(|(own, run)| own.per_second / run.per_second);
                let leaner = rounds().map(|(own, run)| cpu(run) / cpu(own));
                let times = |ratios: Option<Spread>| match (peer, ratios) {
                    (Peer::Caretaker, _) | (_, None) => String::new(),
                    (_, Some(ratios)) => ratios.text(2),
                };
                writeln!(
                    text,
                    "| {} | {peer:?} | {} | {} | {} | {} | {} | {:.1} | {} | {} |",
                    question.name,
                    spread(|run| run.per_second, 0),
                    spread(|run| run.p50_ms, 2),
                    spread(|run| run.p99_ms, 2),
                    spread(|run| run.server_cpu_ms, 3),
                    spread(|run| run.database_cpu_ms, 3),
                    runs.first().map_or(0.0, |run| run.bytes / 1_000.0),
                    times(Spread::of(faster)),
                    times(Spread::of(leaner)),
                )?;
            }
        }
    }
    writeln!(
        text,
        "\nMedian (least–greatest) of the rounds. CPU is per request. × is caretaker's requests/s by the peer's in the same round, and the peer's CPU by caretaker's, server and database together: more is better for caretaker.\n"
    )?;
    for question in QUESTIONS {
        writeln!(text, "- {}: {}", question.name, question.says)?;
    }
    Ok(text)
}

fn cpu(run: &Run) -> f64 {
    run.server_cpu_ms + run.database_cpu_ms
}

fn runs(measured: &[Measured], question: &str, connections: usize, peer: Peer) -> Vec<Run> {
    let asked = |one: &&Measured| {
        one.question == question && one.connections == connections && one.peer == peer
    };
    measured.iter().filter(asked).map(|one| one.run).collect()
}
