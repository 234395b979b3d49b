//! The settings: one typed struct, read and checked once at the start.
//!
//! Sources, later ones first: flags, `CARETAKER_…` variables, `caretaker.toml`, the defaults here. An unknown setting
//! or a contradiction stops the start with a message that names it. `caretaker.example.toml` shows every setting.

mod check;
mod credential;
mod file;
mod first_start;
mod graphql;
mod issuer;
mod live;
mod load;
mod network;
mod password;
mod place;
mod reader;
mod signing_key;
mod sla;

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

pub use credential::{EventHub, IotTopic, MatrixCredential, Secret, UrgentCredential};
pub use first_start::{CREDENTIALS_FILE, Own, make_data_dir, own_credentials};
pub use graphql::{Graphql, Http};
pub use issuer::{Issuer, IssuerKeys};
pub use live::Live;
pub use load::{Flags, Loaded, Sources, load};
pub use network::{Network, ProxyHeader};
pub use password::Password;
pub use place::{PLACES_FILE, Place, Property, StatusType, UrgentSite, places_at};
pub use reader::{OWN_KEY, READERS_KEY_FILE, ReaderKey, ReaderMaterial, Readers, reader_keys};
pub use signing_key::{SIGNING_KEY_FILE, signing_key};
pub use sla::{Sla, StartWithin};

/// Enough for a platform that is set up anew and for a person who tries; few for a guesser.
const FAILURES_PER_MINUTE: NonZeroU32 = NonZeroU32::MIN.saturating_add(59);

/// A setting that stops the start.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file that cannot be read or written.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: String,
        /// What went wrong.
        reason: String,
    },
    /// A setting that cannot be understood.
    #[error("{origin}: {reason}")]
    Setting {
        /// The file, variable or flag that gives it.
        origin: String,
        /// The setting and what is wrong with it.
        reason: String,
    },
    /// Settings that cannot be meant together, or a value out of bounds.
    #[error("settings: {0}")]
    Contradiction(String),
}

/// All settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The address to listen on. Without configured readers the API is open, therefore loopback only.
    pub listen: SocketAddr,
    /// An address more, on which only the webhooks are taken: it may be one that other machines reach.
    pub webhook_listen: Option<SocketAddr>,
    /// TLS: spoken on `webhook_listen` where that is given, else on `listen`.
    pub tls: Option<Tls>,
    /// Where caretaker keeps what it makes itself: the SQLite file, its own credentials, the places file.
    pub data_dir: PathBuf,
    /// `sqlite://…` or `postgres://…`; when absent, the SQLite file `caretaker.db` in the data folder.
    pub database_url: Option<SecretString>,
    /// What is logged, in the words of `tracing`'s `EnvFilter`: a level for all, others by module.
    pub log: String,
    /// How long the head of a call may take to arrive, in seconds. Also how long a connection is kept between calls.
    pub head_seconds: u32,
    /// How long the body of a call of a webhook or of `/graphql` may take to arrive, in seconds.
    pub body_seconds: u32,
    /// How long a caller may take nothing at all of what is sent to it, in seconds; then its connection is cut off.
    pub write_seconds: u32,
    /// How many connections each address that is listened on takes at once; further ones wait until one has ended. Live
    /// subscriptions count. The process needs as many file descriptors (`ulimit -n`).
    pub max_connections: usize,
    /// How many bytes of the webhooks' bodies may be on their way in at once, half of them for senders who are not proven
    /// yet; beyond that calls are answered 503.
    pub incoming_bytes: usize,
    /// How long calls in flight may take to end once the server was told to stop, in seconds.
    pub drain_seconds: u32,
    /// The proxies before this server, as networks: only they may name another address of the caller than their own, in
    /// X-Forwarded-For or Forwarded. A proxy listed here has to set one of the two itself.
    pub trusted_proxies: Vec<Network>,
    /// Which of the two the proxies write, X-Forwarded-For or Forwarded; the other one is then the caller's own word and is
    /// left aside. Without it both are read, and a call in which they disagree comes from nobody.
    pub proxy_header: Option<ProxyHeader>,
    /// How many calls of webhooks, and requests for access tokens, may fail to prove their sender in a minute, from one
    /// address; further ones are answered 429. A call that proves its sender is never counted and never answered so.
    pub failures_per_minute: NonZeroU32,
    /// SmartClean Matrix's webhook.
    pub matrix: Matrix,
    /// Techniche Urgent's webhooks.
    pub urgent: Urgent,
    /// caretaker as the server that gives out access tokens.
    pub oauth: Oauth,
    /// Who may read.
    pub readers: Readers,
    /// The one writer.
    pub writer: Writer,
    /// The live feed.
    pub feed: Feed,
    /// The connections that it is read over.
    pub live: Live,
    /// Who may ask `/graphql` by a browser, and how it is answered.
    pub http: Http,
    /// The limits of `/graphql`.
    pub graphql: Graphql,
    /// How long what is kept.
    pub retention: Retention,
    /// The deadlines of incidents; when absent, what was imported before counts on.
    pub sla: Option<Sla>,
    /// The names of places, and which sites of the two platforms are one place. None declared: what was taken over before
    /// stays, since another server on the same database may declare it. Declared empty: it is taken back.
    pub places: Option<Vec<Place>>,
    /// The names of Matrix properties.
    pub properties: Vec<Property>,
    /// What the status names of Urgent's workflows mean. None declared and declared empty differ as with `places`.
    pub status_types: Option<Vec<StatusType>>,
    /// Where places are looked for while the server runs, when the settings name none. Not a setting of its own.
    #[serde(skip)]
    pub places_file: Option<PathBuf>,
}

/// TLS. The files are taken over again when they change.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The certificate with its chain, in PEM, the server's own first.
    pub cert: PathBuf,
    /// Its private key, in PEM.
    pub key: PathBuf,
}

/// SmartClean Matrix's webhook.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Matrix {
    /// Who may call /webhooks/matrix, by HTTP Basic; several are valid at once, so that a password can be changed without
    /// a gap.
    pub credentials: Vec<MatrixCredential>,
    /// The hubs for which the bus signs as towards Azure Event Hubs, POST /{hub}/messages. Several entries may name one
    /// hub, so that a key can be changed without a gap.
    pub event_hubs: Vec<EventHub>,
    /// The topics for which the bus signs as towards AWS IoT, POST /topics/{topic}. Several entries may name one topic.
    pub iot: Vec<IotTopic>,
    /// How far the signed time of a topic's message may lie from our clock, in seconds, either side.
    pub iot_skew_seconds: u32,
    /// The networks that calls may come from; with none, all. Others are answered 403 before anything is read.
    pub allow_from: Vec<Network>,
    /// Whose access tokens are taken besides caretaker's own.
    pub issuers: Vec<Issuer>,
    /// Take calls from anybody. Only for a network that nobody else can reach.
    pub allow_unauthenticated: bool,
    /// The longest body, in bytes. A batch that is longer is answered 413.
    pub max_body_bytes: usize,
}

/// Techniche Urgent's webhooks.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Urgent {
    /// Who may call; several are valid at once. Of one act told in several languages, the version that came under the
    /// credential listed first is shown.
    pub credentials: Vec<UrgentCredential>,
    /// Who may call by HTTP Basic instead, where Urgent does not sign. They come after `credentials` in that order.
    pub basic: Vec<MatrixCredential>,
    /// Whose access tokens are taken besides caretaker's own.
    pub issuers: Vec<Issuer>,
    /// Take calls from anybody. Only for a network that nobody else can reach.
    pub allow_unauthenticated: bool,
    /// The word before the token in the Authorization header.
    pub marker: String,
    /// How far the signed time may lie from our clock, in seconds, either side. The digest covers method, path and time
    /// but not the body: whoever sees one call can send another body under its digest for so long. TLS has to keep calls
    /// from being seen.
    pub grace_seconds: u32,
    /// What a proxy takes off the path before the call reaches caretaker: the digest was made over the whole path.
    pub path_prefix: String,
    /// The networks that calls may come from; with none, all. Others are answered 403 before anything is read.
    pub allow_from: Vec<Network>,
    /// The longest body, in bytes. A longer one is answered 413.
    pub max_body_bytes: usize,
}

/// caretaker as the server that gives out access tokens.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Oauth {
    /// Its address as clients see it, such as `https://caretaker.example`; empty: the address that a call names.
    pub issuer: String,
    /// How long an access token is good, in seconds.
    pub access_token_seconds: u32,
    /// The key that signs access tokens, at least 32 bytes of random text. Servers that share a database need the same
    /// one. Empty: caretaker makes one and keeps it in the data folder.
    pub signing_key: SecretString,
    /// The same in a file of its own.
    pub signing_key_file: PathBuf,
}

/// The one writer.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Writer {
    /// How many deliveries may wait for the writer; the next one is answered 503.
    pub queue: usize,
    /// How many bytes of bodies may wait for the writer; beyond that calls are answered 503 too.
    pub queue_bytes: usize,
    /// How many deliveries one transaction takes at most.
    pub batch: usize,
}

/// The live feed.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Feed {
    /// How often to look for activities that no signal announced, in milliseconds: other processes' commits on SQLite.
    pub poll_milliseconds: u32,
    /// How many activities a slow subscriber may lag behind before it reads from the database again.
    pub buffer: usize,
    /// How often a quiet subscription gets a heartbeat that carries the cursor, in milliseconds.
    pub heartbeat_milliseconds: u32,
    /// Whether this server tells by itself when a deadline comes near or is missed. Of several servers on a database one
    /// is enough; more of them tell nothing twice.
    pub notices: bool,
}

/// How long what is kept. Without an age it is kept for ever.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// For how many days the bytes of calls are kept. Replay and rebuild need them. Those of a call that has something in
    /// quarantine stay until all of it went through.
    pub bodies_days: Option<u32>,
    /// For how many days calls are kept, with their outcome and their bytes. A repeat of an older one is still known as
    /// one. A call that has something in quarantine stays until all of it went through.
    pub deliveries_days: Option<u32>,
    /// For how many days calls are kept that have something in quarantine, with their bytes; without it, until all of it
    /// went through.
    pub quarantined_days: Option<u32>,
    /// For how many days activities are kept: timelines and the feed begin there. A repeat of an older one is still
    /// known as one.
    pub activities_days: Option<u32>,
    /// How often the server looks for what is too old, in seconds.
    pub every_seconds: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            webhook_listen: None,
            tls: None,
            data_dir: PathBuf::from("./data"),
            database_url: None,
            log: "warn,caretaker=info".to_owned(),
            head_seconds: 30,
            body_seconds: 30,
            write_seconds: 60,
            max_connections: 500,
            incoming_bytes: 64 * 1024 * 1024,
            drain_seconds: 10,
            trusted_proxies: Vec::new(),
            proxy_header: None,
            failures_per_minute: FAILURES_PER_MINUTE,
            matrix: Matrix::default(),
            urgent: Urgent::default(),
            oauth: Oauth::default(),
            readers: Readers::default(),
            writer: Writer::default(),
            feed: Feed::default(),
            live: Live::default(),
            http: Http::default(),
            graphql: Graphql::default(),
            retention: Retention::default(),
            sla: None,
            places: None,
            properties: Vec::new(),
            status_types: None,
            places_file: None,
        }
    }
}

impl Default for Matrix {
    fn default() -> Self {
        Self {
            credentials: Vec::new(),
            event_hubs: Vec::new(),
            iot: Vec::new(),
            iot_skew_seconds: 300,
            allow_from: Vec::new(),
            issuers: Vec::new(),
            allow_unauthenticated: false,
            max_body_bytes: 16 * 1024 * 1024,
        }
    }
}

impl Default for Urgent {
    fn default() -> Self {
        Self {
            credentials: Vec::new(),
            basic: Vec::new(),
            issuers: Vec::new(),
            allow_unauthenticated: false,
            marker: "TCN".to_owned(),
            grace_seconds: 300,
            path_prefix: String::new(),
            allow_from: Vec::new(),
            max_body_bytes: 1024 * 1024,
        }
    }
}

impl Default for Oauth {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            access_token_seconds: 900,
            signing_key: SecretString::from(""),
            signing_key_file: PathBuf::new(),
        }
    }
}

impl Default for Writer {
    fn default() -> Self {
        Self {
            queue: 1024,
            queue_bytes: 256 * 1024 * 1024,
            batch: 256,
        }
    }
}

impl Default for Feed {
    fn default() -> Self {
        Self {
            poll_milliseconds: 2_000,
            buffer: 4096,
            heartbeat_milliseconds: 20_000,
            notices: true,
        }
    }
}

impl Matrix {
    /// Whether nobody can prove to be the bus.
    pub fn has_no_credential(&self) -> bool {
        self.credentials.is_empty()
            && self.issuers.is_empty()
            && self.event_hubs.is_empty()
            && self.iot.is_empty()
    }
}

impl Urgent {
    /// Whether nobody can prove to be Urgent.
    pub fn has_no_credential(&self) -> bool {
        self.credentials.is_empty() && self.issuers.is_empty() && self.basic.is_empty()
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            bodies_days: None,
            deliveries_days: None,
            quarantined_days: None,
            activities_days: None,
            every_seconds: 3_600,
        }
    }
}

impl Config {
    /// Where the database is: what was set, else the SQLite file in the data folder.
    pub fn database_url(&self) -> SecretString {
        self.database_url.clone().unwrap_or_else(|| {
            let file = self.data_dir.join("caretaker.db");
            SecretString::from(format!("sqlite://{}?mode=rwc", in_url(&file)))
        })
    }

    /// The engine and where it is, fit for showing: no user, no password.
    pub fn database(&self) -> String {
        let url = self.database_url();
        let url = url.expose_secret();
        let place = url.split_once(':').map_or("", |(_, place)| place);
        let place = place.trim_start_matches("//");
        let place = place.split('?').next().unwrap_or_default();
        if url.starts_with("sqlite") {
            return format!("SQLite, {place}");
        }
        // Only what follows the last `@`: a password may hold one unescaped.
        let place = place.rsplit('@').next().unwrap_or_default();
        format!("PostgreSQL, {place}")
    }
}

/// A path as it stands in a URL: `%`, `?` and `#` would be read as something else.
fn in_url(path: &std::path::Path) -> String {
    path.display()
        .to_string()
        .replace('%', "%25")
        .replace('?', "%3F")
        .replace('#', "%23")
}
