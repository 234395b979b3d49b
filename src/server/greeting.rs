//! What a newcomer reads when the server is up: where everything is and one command to try. Never a secret.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use crate::config::{Config, Own, PLACES_FILE, Sources};

const DEFAULT_BASE: &str = "http://127.0.0.1:8080";
const DEFAULT_DATA_DIR: &str = "./data";

/// What there is to say; `Display` says it.
#[derive(Clone, Debug)]
pub struct Greeting {
    /// Where the server listens: `http://127.0.0.1:8080`.
    pub base: String,
    /// Where it takes the webhooks; the same unless they have an address of their own.
    pub webhooks: String,
    /// The hubs and topics of the settings, as paths: `/telemetry/messages`, `/topics/a/b`.
    pub matrix_paths: Vec<String>,
    /// How this program was called, for the command to try.
    pub program: String,
    /// What gave the settings.
    pub settings: Sources,
    /// The data folder.
    pub data_dir: PathBuf,
    /// The engine and where it is, without a password.
    pub database: String,
    /// The credentials that caretaker made itself, if any are used.
    pub own_credentials: Option<Own>,
    /// Whether places were read from the data folder.
    pub places_from_data_dir: bool,
    /// The sources that take calls from anybody.
    pub open_sources: Vec<&'static str>,
    /// Who may read.
    pub readers: Reading,
}

/// Who may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Everybody on this machine.
    Open,
    /// Who shows a token.
    ByToken,
}

impl Greeting {
    /// The paths of the hubs and topics that the settings name, each once.
    pub fn matrix_paths(config: &Config) -> Vec<String> {
        let hubs = config.matrix.event_hubs.iter();
        let hubs = hubs.map(|given| format!("/{}/messages", given.hub));
        let topics = config.matrix.iot.iter();
        let topics = topics.map(|given| format!("/topics/{}", given.topic));
        let paths: BTreeSet<String> = hubs.chain(topics).collect();
        paths.into_iter().collect()
    }

    fn command(&self) -> String {
        let mut command = format!("{} simulate", self.program);
        if self.base != DEFAULT_BASE {
            command.push_str(&format!(" --against {}", self.base));
        }
        let data_dir = self.data_dir.display().to_string();
        if data_dir != DEFAULT_DATA_DIR {
            let quoted = data_dir.replace('\'', r"'\''");
            command.push_str(&format!(" --data-dir '{quoted}'"));
        }
        command
    }
}

impl fmt::Display for Greeting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (base, webhooks) = (&self.base, &self.webhooks);
        let socket = base.replacen("http", "ws", 1);
        writeln!(f, "caretaker is up\n")?;
        writeln!(f, "  GraphiQL   {base}/graphiql")?;
        writeln!(
            f,
            "  GraphQL    {base}/graphql   (live: {socket}/graphql/ws)"
        )?;
        writeln!(f, "  Schema     {base}/schema.graphql")?;
        writeln!(f, "  Matrix     POST {webhooks}/webhooks/matrix")?;
        for path in &self.matrix_paths {
            writeln!(f, "             POST {webhooks}{path}")?;
        }
        writeln!(
            f,
            "  Urgent     POST {webhooks}/webhooks/urgent/task-created, task-changed, note-added"
        )?;
        writeln!(
            f,
            "             PUT  {webhooks}/webhooks/urgent/status-changed, task-chased"
        )?;
        writeln!(f)?;
        writeln!(f, "  Settings   {}", self.settings)?;
        writeln!(f, "  Database   {}", self.database)?;
        if let Some(own) = &self.own_credentials {
            let made = if own.is_new { "made just now, " } else { "" };
            writeln!(
                f,
                "  Webhook credentials   {}   ({made}only you can read it)\n    \
                 good, beside OAuth clients too, until the settings name some",
                own.path.display()
            )?;
        }
        if self.places_from_data_dir {
            let places = self.data_dir.join(PLACES_FILE);
            writeln!(f, "  Places     {}", places.display())?;
        }
        writeln!(f)?;
        for source in &self.open_sources {
            writeln!(
                f,
                "  WARNING: anybody who reaches the {source} webhook can write: allow_unauthenticated is on"
            )?;
        }
        match self.readers {
            Reading::Open => writeln!(
                f,
                "  NOTE: reading is open to everybody on this machine; nobody else can connect to {base}"
            )?,
            Reading::ByToken => writeln!(
                f,
                "  NOTE: reading takes a token; `{} token --all` makes one where [readers] holds a secret",
                self.program
            )?,
        }
        writeln!(f)?;
        writeln!(
            f,
            "  To see it live, open GraphiQL and run in another terminal:\n    {}",
            self.command()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greeting() -> Greeting {
        Greeting {
            base: DEFAULT_BASE.to_owned(),
            webhooks: DEFAULT_BASE.to_owned(),
            matrix_paths: Vec::new(),
            program: "target/debug/caretaker".to_owned(),
            settings: Sources::default(),
            data_dir: PathBuf::from("./data"),
            database: "SQLite, ./data/caretaker.db".to_owned(),
            own_credentials: Some(Own {
                path: PathBuf::from("./data/credentials.toml"),
                is_new: true,
            }),
            places_from_data_dir: false,
            open_sources: Vec::new(),
            readers: Reading::Open,
        }
    }

    #[test]
    fn the_first_start_tells_all_that_a_newcomer_needs() {
        insta::assert_snapshot!(greeting().to_string(), @r#"
    caretaker is up

      GraphiQL   http://127.0.0.1:8080/graphiql
      GraphQL    http://127.0.0.1:8080/graphql   (live: ws://127.0.0.1:8080/graphql/ws)
      Schema     http://127.0.0.1:8080/schema.graphql
      Matrix     POST http://127.0.0.1:8080/webhooks/matrix
      Urgent     POST http://127.0.0.1:8080/webhooks/urgent/task-created, task-changed, note-added
                 PUT  http://127.0.0.1:8080/webhooks/urgent/status-changed, task-chased

      Settings   defaults (see caretaker.example.toml)
      Database   SQLite, ./data/caretaker.db
      Webhook credentials   ./data/credentials.toml   (made just now, only you can read it)
        good, beside OAuth clients too, until the settings name some

      NOTE: reading is open to everybody on this machine; nobody else can connect to http://127.0.0.1:8080

      To see it live, open GraphiQL and run in another terminal:
        target/debug/caretaker simulate
    "#);
    }

    #[test]
    fn the_command_reaches_a_server_that_is_elsewhere() {
        let greeting = Greeting {
            base: "http://127.0.0.1:9000".to_owned(),
            webhooks: "https://192.0.2.1:8443".to_owned(),
            matrix_paths: vec!["/telemetry/messages".to_owned()],
            data_dir: PathBuf::from("/var/lib/it's here"),
            open_sources: vec!["Matrix"],
            own_credentials: None,
            readers: Reading::ByToken,
            ..greeting()
        };
        let command = r"target/debug/caretaker simulate --against http://127.0.0.1:9000 --data-dir '/var/lib/it'\''s here'";
        assert_eq!(greeting.command(), command);
        let text = greeting.to_string();
        assert!(
            text.contains("WARNING: anybody who reaches the Matrix webhook"),
            "{text}"
        );
        assert!(!text.contains("Webhook credentials"), "{text}");
        let of_matrix = "  Matrix     POST https://192.0.2.1:8443/webhooks/matrix\n             \
                         POST https://192.0.2.1:8443/telemetry/messages\n  Urgent";
        assert!(text.contains(of_matrix), "{text}");
        assert!(!text.contains("reading is open"), "{text}");
        assert!(text.contains("reading takes a token"), "{text}");
    }
}
