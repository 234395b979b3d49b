//! The servers that are broken: real processes, and the news of which of them is there.

use anyhow::{Context, ensure};
use fastrand::Rng;
use tokio::sync::watch;

use crate::support::client::Client;
use crate::support::{Nats, Process, TestDatabase};

/// The servers that are there; a subscriber or writer goes to any of them.
pub type Present = watch::Receiver<Vec<Option<Client>>>;

/// All servers on the database.
pub struct Nodes<'a> {
    database: &'a TestDatabase,
    nats: String,
    /// Whether NATS is there.
    pub has_nats: bool,
    processes: Vec<Option<Process>>,
    present: watch::Sender<Vec<Option<Client>>>,
}

impl<'a> Nodes<'a> {
    pub async fn start(
        database: &'a TestDatabase,
        nats: &Nats,
        count: usize,
    ) -> anyhow::Result<Self> {
        let mut nodes = Self {
            database,
            nats: nats.url(),
            has_nats: true,
            processes: (0..count).map(|_| None).collect(),
            present: watch::Sender::new(vec![None; count]),
        };
        for index in 0..count {
            nodes.start_again(index).await?;
        }
        Ok(nodes)
    }

    pub fn watch(&self) -> Present {
        self.present.subscribe()
    }

    pub fn all(&self) -> Vec<Client> {
        self.present.borrow().iter().flatten().cloned().collect()
    }

    pub fn any(&self) -> Client {
        self.all().swap_remove(0)
    }

    /// Kills one while everybody is at it; who it was.
    pub async fn kill(&mut self, random: &mut Rng) -> anyhow::Result<usize> {
        let index = random.usize(..self.processes.len());
        let process = self.processes[index].take().context("it is gone")?;
        process.kill().await?;
        self.present.send_modify(|present| present[index] = None);
        Ok(index)
    }

    pub async fn kill_one(&mut self, random: &mut Rng) -> anyhow::Result<()> {
        let index = self.kill(random).await?;
        self.start_again(index).await
    }

    /// Stops one as an init system does, and starts it again.
    pub async fn stop_one(&mut self, random: &mut Rng) -> anyhow::Result<()> {
        let index = random.usize(..self.processes.len());
        let process = self.processes[index].take().context("it is gone")?;
        let status = process.terminate().await?;
        ensure!(status.success(), "it ended with {status}");
        self.present.send_modify(|present| present[index] = None);
        self.start_again(index).await
    }

    pub async fn start_again(&mut self, index: usize) -> anyhow::Result<()> {
        let process = Process::start_with(self.database, &["--nats", &self.nats]).await?;
        let client = (*process).clone();
        self.processes[index] = Some(process);
        self.present
            .send_modify(|present| present[index] = Some(client));
        Ok(())
    }

    /// Ends all of them.
    pub async fn end(self) -> anyhow::Result<()> {
        for process in self.processes.into_iter().flatten() {
            process.kill().await?;
        }
        Ok(())
    }
}

/// One of the servers that are there, if any is.
pub fn one_of(present: &Present, random: &mut Rng) -> Option<Client> {
    let there: Vec<Client> = present.borrow().iter().flatten().cloned().collect();
    random.choice(there)
}
