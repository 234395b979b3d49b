//! A platform at full speed: each call is sent again, to any server, until one acknowledges it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{bail, ensure};
use fastrand::Rng;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::Counts;
use super::nodes::{Present, one_of};
use crate::support::client::{Answer, Call, Client};
use crate::support::event::{completed, incident, note, task_created};

/// The pause before a call that was not taken is sent again; shorter than a platform's, as the case is.
const AGAIN: Duration = Duration::from_millis(20);

/// How many numbers a call may use up: batches may be long, so that slow subscribers have something to be slow at.
const MOST: usize = 16;

/// One writer, with numbers of its own.
pub struct Writer {
    number: usize,
    random: Rng,
    counts: Arc<Counts>,
}

enum Said {
    Matrix(String),
    Urgent(Call, String),
}

impl Writer {
    pub fn new(number: usize, random: Rng, counts: Arc<Counts>) -> Self {
        Self {
            number,
            random,
            counts,
        }
    }

    /// Sends until told to stop; the bodies of what was acknowledged.
    pub async fn run(
        mut self,
        present: Present,
        stopping: watch::Receiver<bool>,
    ) -> anyhow::Result<Vec<String>> {
        let mut acknowledged: Vec<String> = Vec::new();
        let mut next = self.number * 100_000_000;
        while !*stopping.borrow() {
            let said = self.say(&mut next, &acknowledged);
            self.insist(&present, &said).await?;
            self.counts.acknowledged.fetch_add(1, Ordering::Relaxed);
            let (Said::Matrix(body) | Said::Urgent(_, body)) = said;
            acknowledged.push(body);
        }
        Ok(acknowledged)
    }

    fn say(&mut self, next: &mut usize, acknowledged: &[String]) -> Said {
        let first = *next;
        *next += MOST;
        let building = format!("b{}", first % 3);
        let events: Vec<Value> = match self.random.u8(..8) {
            0 => return Said::Urgent(Call::TaskCreated, task_created(first).to_string()),
            1 => return Said::Urgent(Call::NoteAdded, note(first, first).to_string()),
            2 => vec![completed(&building, first.saturating_sub(MOST), first)],
            3 => {
                // A repeat of what is known.
                let told = self.random.choice(acknowledged);
                match told.filter(|body| body.starts_with('[')) {
                    Some(body) => return Said::Matrix(body.clone()),
                    None => vec![incident(&building, first, first)],
                }
            }
            _ => (0..self.random.usize(1..MOST))
                .map(|number| incident(&building, first + number, first + number))
                .collect(),
        };
        Said::Matrix(json!(events).to_string())
    }

    async fn insist(&mut self, present: &Present, said: &Said) -> anyhow::Result<()> {
        loop {
            if let Some(node) = one_of(present, &mut self.random) {
                match send(&node, said).await {
                    Ok(answer) if answer.status == 200 => return Ok(()),
                    Ok(answer) if answer.status == 503 => {
                        ensure!(!answer.header("retry-after").is_empty(), "{answer}");
                    }
                    Ok(answer) => bail!("{answer}"),
                    // Broken off: whether it is stored nobody knows.
                    Err(_) => {}
                }
                self.counts.refused.fetch_add(1, Ordering::Relaxed);
            }
            tokio::time::sleep(AGAIN).await;
        }
    }
}

async fn send(node: &Client, said: &Said) -> anyhow::Result<Answer> {
    match said {
        Said::Matrix(body) => node.matrix(body).await,
        Said::Urgent(call, body) => node.urgent(*call, body).await,
    }
}
