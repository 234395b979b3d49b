//! The commands: parse, call, exit.

mod command;

use std::io::{IsTerminal, Read};
use std::process::ExitCode;

use anyhow::{Context, anyhow, bail};
use caretaker::config::{self, Flags, Loaded};
use caretaker::domain::database::Database;
use caretaker::domain::migrate;
use caretaker::ingest::proof;
use caretaker::server::{
    self,
    greeting::{Greeting, Reading},
};
use caretaker::simulate::{self, SimulateArgs};
use clap::{Parser, Subcommand};
use secrecy::{ExposeSecret, SecretString};
use tracing_subscriber::EnvFilter;

/// Answers are many small pieces for a short time, which it serves with a third of the work of the system's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// One live GraphQL API over what happens in buildings, fed by the webhooks of SmartClean Matrix and Techniche Urgent.
#[derive(Parser)]
#[command(name = "caretaker", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    flags: Flags,
}

#[derive(Subcommand)]
enum Command {
    /// Take the webhooks in and answer GraphQL (what `caretaker` alone does).
    Serve {
        #[command(flatten)]
        flags: Flags,
    },
    /// Print the GraphQL schema in its definition language.
    Schema,
    /// Bring the database's schema up, take it back, or show where it stands.
    Migrate {
        #[command(subcommand)]
        step: Step,
    },
    /// Make a `password_hash` for the settings from the password on standard input.
    HashPassword,
    /// Make a token for somebody who reads; prints it. Nothing is stored.
    Token(Box<command::token::TokenArgs>),
    /// Keys of screens, each bound to one stored operation.
    DisplayKey {
        #[command(subcommand)]
        what: command::display_key::DisplayKey,
    },
    /// Give senders access by OAuth 2.0: the clients that may ask this server for access tokens.
    Oauth {
        #[command(subcommand)]
        what: command::oauth::Oauth,
    },
    /// Look at the calls that arrived, and drive them again.
    Deliveries {
        #[command(subcommand)]
        step: command::deliveries::Step,
    },
    /// Take away what is older than its age, as the settings say ([retention]) or the flags. A server may run meanwhile.
    Prune(command::prune::PruneArgs),
    /// Fold the kept calls into an empty model beside the present one and tell the difference: exit code 0 when there
    /// is none, 2 when there is one. A server may run meanwhile.
    Rebuild(command::rebuild::RebuildArgs),
    /// Play both platforms against a running caretaker.
    Simulate(SimulateArgs),
}

#[derive(Subcommand)]
enum Step {
    /// Apply what is pending; `serve` does so itself.
    Up {
        #[command(flatten)]
        flags: Flags,
    },
    /// Take back the last migrations, with all that is stored in the tables they made.
    Down {
        /// How many to take back.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        steps: u32,
        #[command(flatten)]
        flags: Flags,
    },
    /// List the migrations and whether they are applied.
    Status {
        #[command(flatten)]
        flags: Flags,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("caretaker: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime")?;
    match cli.command.unwrap_or(Command::Serve { flags: cli.flags }) {
        Command::Serve { flags } => runtime.block_on(serve(load(&flags)?)),
        Command::Schema => {
            print!("{}", caretaker::graphql::sdl());
            Ok(ExitCode::SUCCESS)
        }
        Command::Migrate { step } => runtime.block_on(migrate(step)),
        Command::HashPassword => hash_password(),
        Command::Token(args) => {
            let config = load(&args.flags)?.config;
            println!("{}", command::token::run(&config, &args)?);
            Ok(ExitCode::SUCCESS)
        }
        Command::DisplayKey { what } => {
            let config = load(what.flags())?.config;
            let said = runtime.block_on(command::display_key::run(&config, &what))?;
            print!("{said}");
            Ok(ExitCode::SUCCESS)
        }
        Command::Oauth { what } => {
            let config = load(what.flags())?.config;
            print!("{}", runtime.block_on(command::oauth::run(&config, &what))?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Deliveries { step } => {
            let config = load(step.flags())?.config;
            runtime.block_on(step.run(&config))
        }
        Command::Prune(args) => {
            let config = load(&args.flags)?.config;
            runtime.block_on(command::prune::run(&args, &config))
        }
        Command::Rebuild(args) => {
            let config = load(&args.flags)?.config;
            runtime.block_on(command::rebuild::run(&args, &config))
        }
        Command::Simulate(args) => runtime.block_on(simulate::run(args)),
    }
}

fn hash_password() -> anyhow::Result<ExitCode> {
    let mut input = std::io::stdin();
    if input.is_terminal() {
        eprintln!("The password, then Enter and Ctrl-D (it is shown as you type):");
    }
    let mut password = String::new();
    input
        .read_to_string(&mut password)
        .context("standard input")?;
    // As in a file that holds a password: line ends at its end do not count.
    let password = SecretString::from(password.trim_end_matches(['\r', '\n']));
    if password.expose_secret().is_empty() {
        bail!("standard input: no password came");
    }
    let hash = proof::hash(&password).map_err(anyhow::Error::msg)?;
    println!("{hash}");
    Ok(ExitCode::SUCCESS)
}

/// Reads the settings and starts the log as they say.
fn load(flags: &Flags) -> anyhow::Result<Loaded> {
    let mut variables = Vec::new();
    for (name, value) in std::env::vars_os() {
        match (name.into_string(), value.into_string()) {
            (Ok(name), Ok(value)) => variables.push((name, value)),
            (Ok(name), Err(_)) if name.starts_with("CARETAKER_") => bail!("{name}: it is not text"),
            _ => {}
        }
    }
    let loaded = config::load(flags, variables)?;
    // Not as a source: the error's own words hold those of its cause.
    let filter = EnvFilter::try_new(&loaded.config.log)
        .map_err(|error| anyhow!("settings: `log` is `{}`: {error}", loaded.config.log))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    Ok(loaded)
}

async fn serve(loaded: Loaded) -> anyhow::Result<ExitCode> {
    let mut config = loaded.config;
    let own_credentials = config::own_credentials(&mut config)?;
    let mut open_sources = Vec::new();
    if config.matrix.allow_unauthenticated {
        open_sources.push("Matrix");
    }
    if config.urgent.allow_unauthenticated {
        open_sources.push("Urgent");
    }
    let mut greeting = Greeting {
        base: String::new(),
        webhooks: String::new(),
        matrix_paths: Greeting::matrix_paths(&config),
        program: std::env::args()
            .next()
            .unwrap_or_else(|| "caretaker".to_owned()),
        settings: loaded.sources,
        data_dir: config.data_dir.clone(),
        database: config.database(),
        own_credentials,
        places_from_data_dir: loaded.places_from_data_dir,
        open_sources,
        readers: reading(&config),
    };
    server::serve(config, |running| {
        greeting.base = running.base().to_owned();
        greeting.webhooks = running.webhook_base().to_owned();
        println!("{greeting}");
    })
    .await?;
    Ok(ExitCode::SUCCESS)
}

/// Who may read, as the greeting says it.
fn reading(config: &config::Config) -> Reading {
    if config.readers.is_open() {
        return Reading::Open;
    }
    Reading::ByToken
}

async fn migrate(step: Step) -> anyhow::Result<ExitCode> {
    let (Step::Up { flags } | Step::Down { flags, .. } | Step::Status { flags }) = &step;
    let config = load(flags)?.config;
    config::make_data_dir(&config)?;
    let database = Database::open(config.database_url().expose_secret(), 1)
        .await
        .context("the database")?;
    match step {
        Step::Up { .. } => {
            for name in migrate::up(&database).await.context("the migrations")? {
                println!("applied {name}");
            }
        }
        Step::Down { steps, .. } => {
            migrate::down(&database, steps)
                .await
                .context("the migrations")?;
        }
        Step::Status { .. } => {}
    }
    for migration in migrate::status(&database).await.context("the migrations")? {
        let state = if migration.is_applied {
            "applied"
        } else {
            "pending"
        };
        println!("{state}  {}", migration.name);
    }
    database.close().await;
    Ok(ExitCode::SUCCESS)
}
