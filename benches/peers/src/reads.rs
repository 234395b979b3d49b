//! The questions, asked of caretaker and its peers in turn.

use std::time::Duration;

use anyhow::Context;

use crate::agree;
use crate::caretaker::{Caretaker, free_port};
use crate::guard::{Guarded, Start};
use crate::load::{self, Run, Target};
use crate::place::{Engine, Place};
use crate::postgraphile::{self, PostGraphile};
use crate::question::subject::Subjects;
use crate::question::{Peer, QUESTIONS};

/// How the questions are asked.
#[derive(clap::Args, Clone)]
pub struct Asking {
    /// How often each is asked in turn.
    #[arg(long, default_value = "5")]
    pub rounds: usize,
    /// Over how many connections.
    #[arg(long, value_delimiter = ',', default_value = "1,16,64")]
    pub connections: Vec<usize>,
    /// For how many seconds each time.
    #[arg(long, default_value = "5")]
    pub seconds: f64,
    /// Only these questions, such as Q1,Q3.
    #[arg(long, value_delimiter = ',')]
    pub only: Vec<String>,
}

/// One measured run.
#[derive(Clone, serde::Serialize)]
pub struct Measured {
    /// Which question.
    pub question: &'static str,
    /// Over how many connections.
    pub connections: usize,
    /// Who was asked.
    pub peer: Peer,
    /// In which round.
    pub round: usize,
    /// What it came to.
    #[serde(flatten)]
    pub run: Run,
}

/// Everybody who is asked, running.
pub struct Peers {
    caretaker: Caretaker,
    postgraphile: Option<PostGraphile>,
    limit: (Guarded, u16),
    /// What they are asked for.
    pub subjects: Subjects,
    database: Option<u32>,
}

impl Peers {
    /// Starts all of them on one estate, and checks that they agree.
    ///
    /// # Errors
    /// When one does not come up, or answers something else.
    pub async fn start(place: &Place) -> anyhow::Result<Self> {
        let caretaker = place.caretaker()?;
        let mut known = vec![(Peer::Caretaker, caretaker.port)];
        let postgraphile = match (&place.postgres, place.url()) {
            (Some(postgres), Some(url)) => {
                let client = postgres.connect(&place.database).await?;
                client.batch_execute(postgraphile::PREPARE).await?;
                let peer = PostGraphile::start(&url, place.folder())?;
                known.push((Peer::PostGraphile, peer.port));
                Some(peer)
            }
            _ => None,
        };
        let subjects = Subjects::find(place, &known).await?;
        let limit = start_limit(place, &subjects.mark)?;
        known.push((Peer::Limit, limit.1));
        agree::check(&known, &subjects).await?;
        eprintln!("reads: all agree");
        Ok(Self {
            caretaker,
            postgraphile,
            limit,
            subjects,
            database: place.postgres.as_ref().map(|postgres| postgres.pid()),
        })
    }

    fn targets(&self) -> Vec<(Peer, Target)> {
        let target = |port, pid| Target {
            port,
            pid,
            database: self.database,
        };
        let mut targets = vec![(
            Peer::Caretaker,
            target(self.caretaker.port, self.caretaker.pid()),
        )];
        if let Some(peer) = &self.postgraphile {
            targets.push((Peer::PostGraphile, target(peer.port, peer.pid())));
        }
        targets.push((Peer::Limit, target(self.limit.1, self.limit.0.pid)));
        targets
    }

    /// Asks everybody everything, in turn.
    ///
    /// # Errors
    /// When an answer is not a good one.
    pub async fn ask(&self, asking: &Asking) -> anyhow::Result<Vec<Measured>> {
        let mut measured = Vec::new();
        for round in 0..=asking.rounds {
            for question in QUESTIONS {
                if !asking.only.is_empty() && !asking.only.iter().any(|name| name == question.name)
                {
                    continue;
                }
                for connections in &asking.connections {
                    for (peer, target) in self.targets() {
                        let requests = question.requests(peer, target.port, &self.subjects);
                        if requests.is_empty() {
                            continue;
                        }
                        // What comes before the first round warms everybody up.
                        let seconds = if round == 0 { 0.5 } else { asking.seconds };
                        let length = Duration::from_secs_f64(seconds);
                        let run = load::run(target, requests, *connections, length)
                            .await
                            .with_context(|| format!("{} {peer:?}", question.name))?;
                        if round == 0 {
                            continue;
                        }
                        eprintln!(
                            "round {round} {} c={connections} {peer:?}: {:.0}/s p99 {:.2} ms, {:.3} + {:.3} ms of CPU",
                            question.name,
                            run.per_second,
                            run.p99_ms,
                            run.server_cpu_ms,
                            run.database_cpu_ms
                        );
                        measured.push(Measured {
                            question: question.name,
                            connections: *connections,
                            peer,
                            round,
                            run,
                        });
                    }
                }
            }
        }
        Ok(measured)
    }
}

fn start_limit(place: &Place, mark: &str) -> anyhow::Result<(Guarded, u16)> {
    let port = free_port()?;
    let database = match place.engine {
        Engine::Postgres => place.url().context("no server")?,
        Engine::Sqlite => place.file().display().to_string(),
    };
    let log = place.folder().join("limit.log");
    let command = [
        std::env::current_exe()?.display().to_string(),
        "limit".into(),
        "--database".into(),
        database,
        "--port".into(),
        port.to_string(),
        format!("--mark={mark}"),
    ];
    let server = Guarded::start(&Start {
        command: &command,
        variables: &[],
        log: &log,
        signal: "TERM",
        user: None,
    })?;
    server.until(&log, Duration::from_secs(30), || {
        std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
    })?;
    Ok((server, port))
}
