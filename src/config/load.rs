//! Settings from their sources. Each source is decoded by itself first, so that a fault is told with its origin.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use toml::{Table, Value};

use super::{Config, ConfigError, check, file, place};

const DEFAULT_FILE: &str = "caretaker.toml";
const PREFIX: &str = "CARETAKER_";
/// Variables of ours that are no settings of the server.
const NOT_SETTINGS: [&str; 3] = ["CONFIG", "SKIP_WEB", "SIMULATE_"];
/// Settings that are text even where their value looks like a number.
const TEXTS: [&str; 15] = [
    "listen",
    "webhook_listen",
    "tls.cert",
    "tls.key",
    "data_dir",
    "database_url",
    "nats",
    "nats_subject",
    "log",
    "oauth.issuer",
    "oauth.signing_key",
    "oauth.signing_key_file",
    "readers.claim",
    "urgent.marker",
    "urgent.path_prefix",
];

/// The flags that `serve` and `migrate` take.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Flags {
    /// The settings file [default: caretaker.toml, if there is one; variable: CARETAKER_CONFIG].
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The address to listen on [default: 127.0.0.1:8080; variable: CARETAKER_LISTEN].
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// An address more, for the webhooks only; other machines may reach it [variable: CARETAKER_WEBHOOK_LISTEN].
    #[arg(long, value_name = "ADDR")]
    pub webhook_listen: Option<SocketAddr>,
    /// The certificate with its chain, in PEM: calls come over TLS [variable: CARETAKER_TLS__CERT].
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// The certificate's private key, in PEM [variable: CARETAKER_TLS__KEY].
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// sqlite://… or postgres://… [default: a file in the data folder; variable: CARETAKER_DATABASE_URL].
    #[arg(long, value_name = "URL")]
    pub database_url: Option<String>,
    /// nats://…, by which the servers on one database tell each other of commits [variable: CARETAKER_NATS].
    #[arg(long, value_name = "URL")]
    pub nats: Option<String>,
    /// Where caretaker keeps what it makes itself [default: ./data; variable: CARETAKER_DATA_DIR].
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

/// The settings and where they came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The settings, checked.
    pub config: Config,
    /// What gave them.
    pub sources: Sources,
    /// Whether places and properties came from the file in the data folder.
    pub places_from_data_dir: bool,
}

/// What gave the settings; `Display` names it, the last word last.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The settings file that was read, if any.
    pub file: Option<PathBuf>,
    /// The variables that gave a setting.
    pub variables: Vec<String>,
    /// The flags that gave a setting.
    pub flags: Vec<String>,
}

impl fmt::Display for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(file) => write!(f, "{}", file.display())?,
            None => f.write_str("defaults (see caretaker.example.toml)")?,
        }
        for (words, names) in [
            ("the environment", &self.variables),
            ("the command line", &self.flags),
        ] {
            if !names.is_empty() {
                write!(f, ", {words} ({})", names.join(", "))?;
            }
        }
        Ok(())
    }
}

/// Reads and checks the settings; `variables` is the environment.
///
/// # Errors
/// With the setting and its origin, when one is unknown, misshapen or contradictory.
pub fn load(
    flags: &Flags,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<Loaded, ConfigError> {
    let variables: Vec<_> = variables
        .into_iter()
        .filter_map(|(name, value)| Some((name.strip_prefix(PREFIX)?.to_owned(), value)))
        .collect();
    let from_variable = variables
        .iter()
        .find(|(name, _)| name == "CONFIG")
        .map(|(_, value)| PathBuf::from(value));
    let (file, table) = settings_file(flags.config.clone().or(from_variable))?;

    let mut sources = Sources {
        file,
        ..Sources::default()
    };
    let mut merged = table;
    // A variable may be ours because a credential names it as the place of its secret.
    let secrets = variables_of_secrets(&merged);
    for (name, value) in &variables {
        let of_secret = secrets
            .iter()
            .any(|secret| secret.strip_prefix(PREFIX) == Some(name));
        let other = NOT_SETTINGS
            .iter()
            .any(|other| name == other || other.ends_with('_') && name.starts_with(other));
        if !of_secret && !other {
            merge(&mut merged, variable(name, value)?);
            sources.variables.push(format!("{PREFIX}{name}"));
        }
    }
    sources.variables.sort_unstable();
    let given = flag_table(flags);
    sources.flags = flag_names(&given);
    merge(&mut merged, given);

    let mut config = decode(merged, "settings")?;
    let places_from_data_dir = place::from_data_dir(&mut config)?;
    check::check(&config)?;
    Ok(Loaded {
        config,
        sources,
        places_from_data_dir,
    })
}

fn settings_file(named: Option<PathBuf>) -> Result<(Option<PathBuf>, Table), ConfigError> {
    let path = named.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
    match (file::read_if_there(&path)?, named) {
        (Some(text), _) => {
            file::parse::<Config>(&path, &text)?;
            let table = file::parse(&path, &text)?;
            Ok((Some(path), table))
        }
        (None, None) => Ok((None, Table::new())),
        (None, Some(path)) => Err(ConfigError::File {
            path: path.display().to_string(),
            reason: "the settings file is not there".to_owned(),
        }),
    }
}

/// `MATRIX__MAX_BODY_BYTES=1` as `{matrix: {max_body_bytes: 1}}`.
fn variable(name: &str, value: &str) -> Result<Table, ConfigError> {
    let setting = name.to_ascii_lowercase().replace("__", ".");
    let value = if TEXTS.contains(&setting.as_str()) {
        Value::String(value.to_owned())
    } else {
        // Numbers, booleans and lists are written as in the file.
        let read = format!("value = {value}").parse::<Table>().ok();
        read.and_then(|mut table| table.remove("value"))
            .unwrap_or_else(|| Value::String(value.to_owned()))
    };
    let value = setting.rsplit('.').fold(value, |value, key| {
        Value::Table(Table::from_iter([(key.to_owned(), value)]))
    });
    let Value::Table(table) = value else {
        return Ok(Table::new());
    };
    decode(table.clone(), &format!("{PREFIX}{name}"))?;
    Ok(table)
}

fn flag_table(flags: &Flags) -> Table {
    let path = |path: &Option<PathBuf>| Some(path.as_ref()?.display().to_string());
    let address = |address: Option<SocketAddr>| address.map(|address| address.to_string());
    let texts = |fields: Vec<(&str, Option<String>)>| -> Table {
        let given = fields.into_iter();
        let text = |(name, value): (&str, _)| Some((name.to_owned(), Value::String(value?)));
        given.filter_map(text).collect()
    };
    let mut table = texts(vec![
        ("listen", address(flags.listen)),
        ("webhook_listen", address(flags.webhook_listen)),
        ("database_url", flags.database_url.clone()),
        ("nats", flags.nats.clone()),
        ("data_dir", path(&flags.data_dir)),
    ]);
    let tls = texts(vec![
        ("cert", path(&flags.tls_cert)),
        ("key", path(&flags.tls_key)),
    ]);
    if !tls.is_empty() {
        table.insert("tls".to_owned(), Value::Table(tls));
    }
    table
}

/// The flags that gave these settings: `--tls-cert` for `{tls: {cert: …}}`.
fn flag_names(given: &Table) -> Vec<String> {
    let flag = |words: &str| format!("--{}", words.replace('_', "-"));
    let names = given.iter().flat_map(|(name, value)| match value {
        Value::Table(inner) => inner
            .keys()
            .map(|key| flag(&format!("{name}_{key}")))
            .collect(),
        _ => vec![flag(name)],
    });
    names.collect()
}

fn decode(table: Table, origin: &str) -> Result<Config, ConfigError> {
    serde_path_to_error::deserialize(table).map_err(|error| ConfigError::Setting {
        origin: origin.to_owned(),
        reason: file::told(&error),
    })
}

/// Tables are merged, everything else is replaced.
fn merge(into: &mut Table, from: Table) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Table(into)), Value::Table(from)) => merge(into, from),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

fn variables_of_secrets(table: &Table) -> Vec<String> {
    let mut found = Vec::new();
    let mut left: Vec<&Value> = table.values().collect();
    while let Some(value) = left.pop() {
        match value {
            Value::Array(values) => left.extend(values),
            Value::Table(table) => {
                for (key, value) in table {
                    match value {
                        Value::String(name) if key.ends_with("_env") => found.push(name.clone()),
                        value => left.push(value),
                    }
                }
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests;
