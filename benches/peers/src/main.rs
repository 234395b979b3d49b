//! caretaker beside its peers: the same questions and the same writes, on the same tables, in the same run.
//! README.md says how to read what comes out.

mod agree;
mod call;
mod caretaker;
mod cpu;
mod estate;
mod fill;
mod guard;
mod limit;
mod load;
mod place;
mod postgraphile;
mod postgres;
mod question;
mod reads;
mod report;
mod wire;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::estate::Size;
use crate::place::{Engine, Place};
use crate::reads::{Asking, Peers};

/// Measures caretaker beside its peers.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Fill an estate and keep it.
    Fill(Common),
    /// Ask six questions of caretaker and its peers.
    Reads {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        asking: Asking,
    },
    /// The process of the limit; started by the others.
    #[command(hide = true)]
    Limit(limit::LimitArgs),
}

/// What every measurement is told.
#[derive(Args, Clone)]
pub struct Common {
    /// The database.
    #[arg(long, value_enum, default_value = "postgres")]
    engine: Engine,
    /// The folder in which filled estates are kept and found again; a temporary one when not given.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// The release program; built when not given.
    #[arg(long, value_name = "PATH")]
    caretaker: Option<PathBuf>,
    /// The share of the estate's incidents and tasks that is filled.
    #[arg(long, default_value = "1.0")]
    share: f64,
    /// Where the tables and plots go; `target/peers` of the repository when not given.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Common {
    fn out(&self) -> PathBuf {
        let own = || caretaker::root().join("target/peers");
        self.out.clone().unwrap_or_else(own)
    }

    async fn place(&self) -> anyhow::Result<Place> {
        let name = format!("{:?}-{}", self.engine, self.share).to_lowercase();
        let (folder, is_kept) = match &self.keep {
            Some(folder) => (folder.join(name), true),
            None => {
                let own = format!("caretaker-peers-{}-{name}", std::process::id());
                (std::env::temp_dir().join(own), false)
            }
        };
        let program = caretaker::program(self.caretaker.as_deref())?;
        let size = Size::FULL.by(self.share);
        Place::open(self.engine, &folder, is_kept, &program, size).await
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Cli::parse().what {
        What::Limit(args) => limit::serve(args).await?,
        What::Fill(common) => {
            let place = common.place().await?;
            println!("{:#?}", place.filled);
        }
        What::Reads { common, asking } => {
            let place = common.place().await?;
            let peers = Peers::start(&place).await?;
            let measured = peers.ask(&asking).await?;
            report::reads(&common.out(), &place, &measured)?;
        }
    }
    Ok(())
}
