//! caretaker beside its peers: the same questions and the same writes, on the same tables, in the same run.
//! README.md says how to read what comes out.

mod agree;
mod call;
mod caretaker;
mod cpu;
mod estate;
mod fill;
mod growth;
mod guard;
mod intake;
mod limit;
mod live;
mod load;
mod place;
mod plot;
mod postgraphile;
mod postgres;
mod question;
mod reads;
mod report;
mod wire;
mod workspace;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::estate::Size;
use crate::place::{Engine, Place};
use crate::reads::{Asking, Peers};

/// The same as caretaker's, since the limit is served by this program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
    /// Ask the questions of larger and larger estates, on PostgreSQL.
    Growth {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        asking: Asking,
        #[command(flatten)]
        growing: growth::Growing,
    },
    /// Take events in, beside pgbench with the same statements and COPY of the same rows.
    Intake {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        taking: intake::Taking,
        /// On one of the databases only.
        #[arg(long, value_enum)]
        on: Option<Engine>,
    },
    /// Follow the live feed, beside the driver that comes with the library.
    Live {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        listening: live::Listening,
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

    /// A folder for what is filled, and whether it is kept.
    fn folder(&self, name: &str) -> (PathBuf, bool) {
        match &self.keep {
            Some(folder) => (folder.join(name), true),
            None => {
                let own = format!("caretaker-peers-{}-{name}", std::process::id());
                (std::env::temp_dir().join(own), false)
            }
        }
    }

    async fn place(&self) -> anyhow::Result<Place> {
        let name = format!("{:?}-{}", self.engine, self.share).to_lowercase();
        let (folder, is_kept) = self.folder(&name);
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
        What::Intake { common, taking, on } => {
            let program = caretaker::program(common.caretaker.as_deref())?;
            let folder = common.folder("intake");
            let taken = intake::measure(&program, &folder.0, &taking, on).await;
            if !folder.1 {
                std::fs::remove_dir_all(&folder.0)?;
            }
            report::intake(&common.out(), &taken?)?;
        }
        What::Live { common, listening } => {
            let program = caretaker::program(common.caretaker.as_deref())?;
            let (folder, is_kept) = common.folder("live");
            let told = live::measure(&program, &folder, common.engine, &listening).await;
            if !is_kept {
                std::fs::remove_dir_all(&folder)?;
            }
            report::live(&common.out(), &told?)?;
        }
        What::Growth {
            common,
            asking,
            growing,
        } => {
            let small = Common {
                share: common.share / 10.0,
                ..common.clone()
            };
            let small = small.place().await?;
            let mut full = common.place().await?;
            let steps = growth::measure(small, &mut full, &growing, &asking).await?;
            report::growth(&common.out(), &steps)?;
        }
    }
    Ok(())
}
