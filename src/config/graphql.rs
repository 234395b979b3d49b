//! What the API may be asked for, and by whom from a browser.

use std::path::PathBuf;

use serde::Deserialize;

use super::Config;

/// Who may ask `/graphql` by a browser, and how it is answered.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// The origins of other sites whose pages may read the API, such as `https://board.example`, each spelled out.
    pub cors_origins: Vec<String>,
    /// Whether long answers are compressed (gzip) for those who take it.
    pub compression: bool,
}

/// The limits of `/graphql`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Graphql {
    /// The longest request, in bytes: a body, the query of an URL.
    pub max_body_bytes: usize,
    /// The longest document, in bytes.
    pub max_document_bytes: usize,
    /// How many tokens a document may have: words, numbers, strings, signs.
    pub max_tokens: usize,
    /// How deep fields may nest.
    pub max_depth: usize,
    /// How many fields and fragments one operation may select once its fragments are opened.
    pub max_fields: usize,
    /// How many of its fields may have an alias.
    pub max_aliases: usize,
    /// How many directives it may have.
    pub max_directives: usize,
    /// The highest cost of one operation: about one for each field of each object that it may return.
    pub max_cost: usize,
    /// How many elements a list in an argument or variable may have; at most 100.
    pub max_list: usize,
    /// How many values one argument or variable may hold in all; at most 500.
    pub max_values: usize,
    /// How many buckets the statistics of one place may be cut into.
    pub max_buckets: usize,
    /// How long one request, or one event of a subscription, may take, in seconds.
    pub timeout_seconds: u32,
    /// Whether the schema can be asked for. GraphiQL needs it.
    pub introspection: bool,
    /// Whether every answer says in `extensions.usage` what it cost. Where not, those that ask for it by
    /// `"extensions": {"usage": true}` do.
    pub show_usage: bool,
    /// How many documents are kept for clients that name them by their hash (automatic persisted queries); 0: none.
    pub persisted_documents: usize,
    /// A manifest of trusted documents; when it is given, no others are run.
    pub trusted_documents: Option<PathBuf>,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            cors_origins: Vec::new(),
            compression: true,
        }
    }
}

impl Default for Graphql {
    fn default() -> Self {
        Self {
            max_body_bytes: 256 * 1024,
            max_document_bytes: 64 * 1024,
            max_tokens: 5_000,
            max_depth: 16,
            max_fields: 1_000,
            max_aliases: 50,
            max_directives: 50,
            max_cost: 200_000,
            max_list: 100,
            max_values: 500,
            max_buckets: 1_000,
            timeout_seconds: 10,
            introspection: true,
            show_usage: false,
            persisted_documents: 1_000,
            trusted_documents: None,
        }
    }
}

/// Counts that must not be 0, with their settings.
pub(super) fn counts(config: &Config) -> [(&'static str, usize); 12] {
    let graphql = &config.graphql;
    [
        ("graphql.max_body_bytes", graphql.max_body_bytes),
        ("graphql.max_document_bytes", graphql.max_document_bytes),
        ("graphql.max_tokens", graphql.max_tokens),
        ("graphql.max_depth", graphql.max_depth),
        ("graphql.max_fields", graphql.max_fields),
        ("graphql.max_aliases", graphql.max_aliases),
        ("graphql.max_directives", graphql.max_directives),
        ("graphql.max_cost", graphql.max_cost),
        ("graphql.max_list", graphql.max_list),
        ("graphql.max_values", graphql.max_values),
        ("graphql.max_buckets", graphql.max_buckets),
        ("graphql.timeout_seconds", graphql.timeout_seconds as usize),
    ]
}

/// Checks what the schema has limits for itself, and the origins.
pub(super) fn check(config: &Config) -> Result<(), String> {
    let graphql = &config.graphql;
    for (name, value, most) in [
        ("max_list", graphql.max_list, 100),
        ("max_values", graphql.max_values, 500),
    ] {
        if value > most {
            return Err(format!(
                "`graphql.{name}` is {value}; the schema itself allows {most}"
            ));
        }
    }
    let not_origin = |origin: &&String| !is_origin(origin);
    match config.http.cors_origins.iter().find(not_origin) {
        Some(origin) => Err(format!(
            "`http.cors_origins` has `{origin}`: an origin is a scheme and a host, with a port that is not the usual \
             one, in small letters and without a path, such as https://board.example"
        )),
        None => Ok(()),
    }
}

/// Whether this is an origin as browsers write it.
fn is_origin(origin: &str) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else {
        return false;
    };
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && !port.ends_with(']') => {
            let usual = if scheme == "https" { "443" } else { "80" };
            if port.parse::<u16>().is_err() || port == usual {
                return false;
            }
            host
        }
        _ => authority,
    };
    let plain = |c: char| {
        c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | ':' | '[' | ']')
    };
    matches!(scheme, "http" | "https") && !host.is_empty() && host.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_written_as_browsers_write_them() {
        for origin in [
            "https://board.example",
            "http://localhost:3000",
            "http://[::1]:5173",
            "http://[::1]",
        ] {
            assert!(is_origin(origin), "{origin}");
        }
        for other in [
            "*",
            "null",
            "board.example",
            "https://board.example/",
            "https://Board.example",
            "https://board.example:443",
            "https://*.example",
            "file://board",
            "https://",
            "http://a:b",
        ] {
            assert!(!is_origin(other), "{other}");
        }
    }
}
