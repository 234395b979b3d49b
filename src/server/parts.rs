//! The parts that the server cannot do without, and how it ends: asked, or because one of them did.

use anyhow::{Context, anyhow};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle};

use super::told;

/// What runs while the server does.
pub(super) struct Parts {
    pub(super) serving: JoinHandle<()>,
    pub(super) writing: JoinHandle<()>,
    pub(super) tailing: JoinHandle<()>,
    pub(super) stopping: watch::Receiver<bool>,
    /// Tells the sockets to say goodbye.
    pub(super) goodbye: watch::Sender<bool>,
}

impl Parts {
    /// Until the server was told to stop and everything taken is stored, or until a part of it has ended unasked.
    pub(super) async fn run(mut self) -> anyhow::Result<()> {
        let (mut served, mut is_written, mut failure) = (None, false, None);
        tokio::select! {
            biased;
            () = told(self.stopping.clone()) => {}
            ended = &mut self.serving => served = Some(ended),
            ended = &mut self.writing => {
                is_written = true;
                failure = Some(unasked("writer", ended));
            }
            ended = &mut self.tailing => failure = Some(unasked("feed", ended)),
        }
        self.goodbye.send_replace(true);
        // Told to stop, all parts end soon: one of them may be seen to end before the word itself is.
        let is_asked = *self.stopping.borrow() || self.stopping.has_changed().is_err();
        if !is_asked {
            self.serving.abort();
            return Err(failure.unwrap_or_else(|| anyhow!("the listener ended unasked")));
        }
        let served = match served {
            Some(served) => served,
            None => self.serving.await,
        };
        served.context("the listener's task")?;
        if is_written {
            return Ok(());
        }
        // The router is gone and with it every way to the writer: it ends when its queue is empty.
        self.writing.await.context("the writer's task")
    }
}

fn unasked(part: &str, ended: Result<(), JoinError>) -> anyhow::Error {
    match ended {
        Ok(()) => anyhow!("the {part}'s task ended unasked"),
        Err(error) => anyhow!(error).context(format!("the {part}'s task failed")),
    }
}
