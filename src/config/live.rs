//! The connections that live subscriptions are read over.

use serde::Deserialize;

use super::Config;

/// The connections that live subscriptions are read over.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Live {
    /// How many operations may run at once on one socket; a further one is refused by itself.
    pub max_operations: usize,
    /// How many live connections one reader may hold at once, told apart by token or display key; a further one is
    /// refused (1013, or 429 over HTTP), and its client tries again. Without readers only `max_connections` counts.
    pub max_per_viewer: usize,
    /// The longest message that is taken from a client, in bytes. A socket that sends a longer one is closed with 1009.
    pub max_message_bytes: usize,
    /// How long a client may take to say who it is, in seconds; then the socket is closed with 4408.
    pub init_seconds: u32,
    /// How often a connection is shown a sign of life, in seconds. A socket that answers none of two is given up.
    pub ping_seconds: u32,
    /// How long a client may take to receive what is sent to it, in seconds; then it is dropped with 1013.
    pub patience_seconds: u32,
    /// Whether subscriptions that ask the same, of readers who may see the same, are run once for all of them.
    pub shared: bool,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            max_operations: 100,
            max_per_viewer: 200,
            max_message_bytes: 256 * 1024,
            init_seconds: 10,
            ping_seconds: 25,
            patience_seconds: 30,
            shared: true,
        }
    }
}

/// Counts that must not be 0, with their settings.
pub(super) fn counts(config: &Config) -> [(&'static str, usize); 6] {
    let live = &config.live;
    [
        ("live.max_operations", live.max_operations),
        ("live.max_per_viewer", live.max_per_viewer),
        ("live.max_message_bytes", live.max_message_bytes),
        ("live.init_seconds", live.init_seconds as usize),
        ("live.ping_seconds", live.ping_seconds as usize),
        ("live.patience_seconds", live.patience_seconds as usize),
    ]
}
