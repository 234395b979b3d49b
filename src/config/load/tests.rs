use std::path::Path;

use secrecy::ExposeSecret;

use super::*;

/// Loads in a folder with this `caretaker.toml` and these variables.
fn with(file: &str, variables: &[(&str, &str)]) -> Result<Loaded, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("caretaker.toml");
    std::fs::write(&path, file).unwrap();
    let flags = Flags {
        config: Some(path),
        ..Flags::default()
    };
    let of_system = [("PATH", "/bin"), ("HOME", "/")];
    let variables = of_system.iter().chain(variables);
    let variables = variables.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let shown = folder.path().display().to_string();
    load(&flags, variables).map_err(|error| error.to_string().replace(&shown, "FOLDER"))
}

fn refusal(file: &str, variables: &[(&str, &str)]) -> String {
    with(file, variables)
        .map(|loaded| loaded.config)
        .unwrap_err()
}

#[test]
fn later_sources_win_setting_by_setting() {
    let file = "listen = '127.0.0.1:1'\nlog = 'debug'\n[writer]\nqueue = 10\nbatch = 5";
    let variables = [
        ("CARETAKER_LISTEN", "127.0.0.1:2"),
        ("CARETAKER_WRITER__BATCH", "7"),
        ("CARETAKER_GRAPHQL__INTROSPECTION", "false"),
        ("CARETAKER_URGENT__MARKER", "123"),
    ];
    let config = with(file, &variables).unwrap().config;
    assert_eq!(config.listen.port(), 2);
    assert_eq!((config.writer.queue, config.writer.batch), (10, 7));
    assert_eq!(
        (config.log.as_str(), config.urgent.marker.as_str()),
        ("debug", "123")
    );
    assert!(!config.graphql.introspection);
    assert_eq!(config.urgent.grace_seconds, 300);
}

#[test]
fn flags_win_over_all() {
    let folder = tempfile::tempdir().unwrap();
    let flags = Flags {
        listen: Some("[::1]:9".parse().unwrap()),
        database_url: Some("postgres://user:pass@host/db".to_owned()),
        data_dir: Some(folder.path().join("a b%?")),
        tls_cert: Some("cert.pem".into()),
        tls_key: Some("key.pem".into()),
        ..Flags::default()
    };
    let variables = [
        ("CARETAKER_LISTEN", "127.0.0.1:2"),
        ("CARETAKER_DATA_DIR", "/nowhere"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut config = load(&flags, variables).unwrap().config;
    assert_eq!(config.listen.to_string(), "[::1]:9");
    assert_eq!(
        config.database_url().expose_secret(),
        "postgres://user:pass@host/db"
    );
    let tls = config.tls.clone().unwrap();
    assert_eq!((tls.cert, tls.key), ("cert.pem".into(), "key.pem".into()));
    config.database_url = None;
    let url = config.database_url();
    assert!(
        url.expose_secret()
            .ends_with("/a b%25%3F/caretaker.db?mode=rwc")
    );
}

#[test]
fn what_gave_the_settings_is_named() {
    let variables = [
        ("CARETAKER_LOG", "debug"),
        ("CARETAKER_FEED__BUFFER", "7"),
        ("CARETAKER_SKIP_WEB", "1"),
    ];
    let mut sources = with("", &variables).unwrap().sources;
    sources.file = None;
    assert_eq!(
        sources.to_string(),
        "defaults (see caretaker.example.toml), the environment (CARETAKER_FEED__BUFFER, CARETAKER_LOG)"
    );
}

#[test]
fn lists_can_stand_in_a_variable() {
    let list = "[{name = 'bus', username = 'u', password = 'p'}]";
    let config = with("", &[("CARETAKER_MATRIX__CREDENTIALS", list)])
        .unwrap()
        .config;
    assert_eq!(config.matrix.credentials[0].username, "u");
}

#[test]
fn an_unknown_setting_is_named_with_its_origin() {
    insta::assert_snapshot!(refusal("\n[matrix]\nmax_body = 1", &[]), @"FOLDER/caretaker.toml, line 3: matrix.max_body: unknown field `max_body`, expected one of `credentials`, `event_hubs`, `iot`, `iot_skew_seconds`, `allow_from`, `issuers`, `allow_unauthenticated`, `max_body_bytes`");
    insta::assert_snapshot!(refusal("", &[("CARETAKER_LISTN", "127.0.0.1:2")]), @"CARETAKER_LISTN: listn: unknown field `listn`, expected one of `listen`, `webhook_listen`, `tls`, `data_dir`, `database_url`, `log`, `head_seconds`, `body_seconds`, `write_seconds`, `max_connections`, `incoming_bytes`, `drain_seconds`, `trusted_proxies`, `proxy_header`, `failures_per_minute`, `matrix`, `urgent`, `oauth`, `readers`, `writer`, `feed`, `live`, `http`, `graphql`, `retention`, `sla`, `places`, `properties`, `status_types`");
    insta::assert_snapshot!(refusal("", &[("CARETAKER_MATRIX__MAX_BODY", "2")]), @"CARETAKER_MATRIX__MAX_BODY: matrix.max_body: unknown field `max_body`, expected one of `credentials`, `event_hubs`, `iot`, `iot_skew_seconds`, `allow_from`, `issuers`, `allow_unauthenticated`, `max_body_bytes`");
}

#[test]
fn a_misshapen_setting_is_named_with_its_origin() {
    insta::assert_snapshot!(refusal("[writer]\nqueue = 'many'", &[]), @r#"FOLDER/caretaker.toml, line 2: writer.queue: invalid type: string "many", expected usize"#);
    insta::assert_snapshot!(refusal("[writer\n", &[]), @"FOLDER/caretaker.toml, line 1: unclosed table, expected `]`");
    insta::assert_snapshot!(refusal("", &[("CARETAKER_LISTEN", "localhost")]), @"CARETAKER_LISTEN: listen: invalid socket address syntax");
    insta::assert_snapshot!(refusal("", &[("CARETAKER_FEED__POLL_MILLISECONDS", "-1")]), @"CARETAKER_FEED__POLL_MILLISECONDS: feed.poll_milliseconds: invalid value: integer `-1`, expected u32");
}

#[test]
fn contradictions_are_named() {
    let bus = "[[matrix.credentials]]\nname = 'bus'\nusername = 'u'\npassword = 'p'\n";
    let open = "webhook_listen = '0.0.0.0:8443'";
    insta::assert_snapshot!(refusal(open, &[]), @"settings: `webhook_listen` is 0.0.0.0:8443, which other machines can reach, and neither `tls` nor `trusted_proxies` is given: what proves the senders would travel in the open. Give `tls` (--tls-cert, --tls-key), or name the proxy that speaks TLS for caretaker in `trusted_proxies`");
    assert!(with(&format!("{open}\ntrusted_proxies = ['10.0.0.1']"), &[]).is_ok());
    assert!(with(&format!("{open}\ntls = {{ cert = 'c', key = 'k' }}"), &[]).is_ok());
    assert!(with("webhook_listen = '127.0.0.1:8081'", &[]).is_ok());
    insta::assert_snapshot!(refusal("proxy_header = 'Forwarded'", &[]), @"settings: `proxy_header` is given without `trusted_proxies`: nobody's is read");
    insta::assert_snapshot!(refusal("proxy_header = 'Via'", &[]), @"FOLDER/caretaker.toml, line 1: proxy_header: `Via` is neither X-Forwarded-For nor Forwarded");
    insta::assert_snapshot!(refusal("incoming_bytes = 30000000", &[]), @"settings: `incoming_bytes` (30000000) is less than twice the longest body allowed (16777216): one of that length could not be read before its sender is proven");
    insta::assert_snapshot!(refusal("max_connections = 0", &[]), @"settings: `max_connections` is 0 and must be at least 1");
    insta::assert_snapshot!(refusal("listen = '0.0.0.0:80'", &[]), @"settings: `listen` is 0.0.0.0:80, which other machines can reach, and no readers are configured: anybody could read everything. Configure readers (`readers.own_key = true` is the shortest way), or listen on loopback (127.0.0.1 or ::1) and take the webhooks on `webhook_listen`");
    let readers = "listen = '0.0.0.0:80'\nreaders = { own_key = true }\n";
    insta::assert_snapshot!(refusal(readers, &[]), @"settings: `listen` is 0.0.0.0:80, which other machines can reach, and neither `tls` (without `webhook_listen`, where it is spoken otherwise) nor `trusted_proxies` is given: readers' tokens would travel in the open. Give `tls`, or name the proxy that speaks TLS for caretaker in `trusted_proxies`");
    assert!(with(&format!("{readers}trusted_proxies = ['10.0.0.1']"), &[]).is_ok());
    let tls = "tls = { cert = 'c', key = 'k' }";
    assert!(with(&format!("{readers}{tls}"), &[]).is_ok());
    let elsewhere = format!("{readers}{tls}\nwebhook_listen = '0.0.0.0:8443'");
    assert!(refusal(&elsewhere, &[]).contains("tokens would travel"));
    insta::assert_snapshot!(refusal("[[readers.keys]]\nname = 'a'\nsecret = 'short'", &[]), @"settings: `readers.keys`, `a`: `secret` is shorter than 32 bytes: take random text, such as `openssl rand -base64 48`");
    insta::assert_snapshot!(refusal("database_url = 'mysql://host/db'", &[]), @"settings: `database_url` must begin with sqlite:// or postgres://");
    insta::assert_snapshot!(refusal("[writer]\nqueue = 10", &[]), @"settings: `writer.batch` (256) is larger than `writer.queue` (10): a batch is taken from the queue");
    insta::assert_snapshot!(refusal("[feed]\nbuffer = 0", &[]), @"settings: `feed.buffer` is 0 and must be at least 1");
    insta::assert_snapshot!(refusal(&format!("{bus}{bus}"), &[]), @"settings: `matrix.credentials, event_hubs, iot and issuers together` has `name` = `bus` twice");
    insta::assert_snapshot!(refusal(&format!("{bus}[matrix]\nallow_unauthenticated = true"), &[]), @"settings: `matrix.allow_unauthenticated` is true although `matrix.credentials` are given: take one of the two away");
    let hub = "[[matrix.event_hubs]]\nname = 'bus'\nhub = 'h'\nkey_name = 'k'\nkey = 's'\n";
    insta::assert_snapshot!(refusal(&format!("{bus}{hub}"), &[]), @"settings: `matrix.credentials, event_hubs, iot and issuers together` has `name` = `bus` twice");
    let issuer = "[[matrix.issuers]]\nname = 'bus'\nissuer = 'i'\naudience = 'a'\njwks_url = 'https://i/k'\n";
    let twice = "settings: `matrix.credentials, event_hubs, iot and issuers together` has `name` = `bus` twice";
    assert_eq!(refusal(&format!("{hub}{issuer}"), &[]), twice);
    let topic = "[[matrix.iot]]\nname = 'bus'\ntopic = 't'\nregion = 'r'\naccess_key_id = 'i'\nsecret_access_key = 's'\n";
    assert_eq!(refusal(&format!("{topic}{issuer}"), &[]), twice);
    let basic = "[[urgent.basic]]\nname = 'bus'\nusername = 'u'\npassword = 'p'\n";
    let urgent = issuer.replace("matrix", "urgent");
    let twice =
        "settings: `urgent.credentials, basic and issuers together` has `name` = `bus` twice";
    assert_eq!(refusal(&format!("{basic}{urgent}"), &[]), twice);
    // Each source has names of its own.
    assert!(with(&format!("{hub}{basic}"), &[]).is_ok());
    let empty = topic.to_owned() + "session_token = ''\n";
    assert!(refusal(&empty, &[]).contains("`session_token`: it is empty"));
    for word in [
        "Basic",
        "bearer",
        "SharedAccessSignature",
        "aws4-hmac-sha256",
    ] {
        let why = refusal(&format!("[urgent]\nmarker = '{word}'"), &[]);
        assert!(why.contains("opens another kind of proof"), "{why}");
    }
    insta::assert_snapshot!(refusal(&hub.replace("'h'", "'a/b'"), &[]), @"settings: `matrix.event_hubs`, `bus`: `hub` and `key_name` must not be empty, and a hub holds no slash");
    insta::assert_snapshot!(refusal(&bus.replace("password", "password_hash"), &[]), @"settings: `matrix.credentials`, `bus`: `password_hash`: it is no Argon2id hash in PHC form ($argon2id$v=19$m=…,t=…,p=…$salt$hash); `caretaker hash-password` makes one");
    insta::assert_snapshot!(refusal("[urgent]\nallow_from = ['10.0.0.0/33']", &[]), @"FOLDER/caretaker.toml, line 2: urgent.allow_from[0]: `10.0.0.0/33` is neither an address nor a network such as 10.0.0.0/8");
    insta::assert_snapshot!(refusal("failures_per_minute = 0", &[]), @"FOLDER/caretaker.toml, line 1: failures_per_minute: invalid value: integer `0`, expected a nonzero u32");
    insta::assert_snapshot!(refusal("[graphql]\nmax_list = 101", &[]), @"settings: `graphql.max_list` is 101; the schema itself allows 100");
    insta::assert_snapshot!(refusal("[graphql]\nmax_tokens = 0", &[]), @"settings: `graphql.max_tokens` is 0 and must be at least 1");
    insta::assert_snapshot!(refusal("[http]\ncors_origins = ['*']", &[]), @"settings: `http.cors_origins` has `*`: an origin is a scheme and a host, with a port that is not the usual one, in small letters and without a path, such as https://board.example");
    let twice = "[[places]]\nname = 'A'\nmatrix = ['1']\n[[places]]\nname = 'B'\nmatrix = ['1']";
    insta::assert_snapshot!(refusal(twice, &[]), @"settings: `places` has `matrix` = `1` twice");
    insta::assert_snapshot!(refusal("[[places]]\nname = 'A'", &[]), @"settings: `places`: `A` names neither a `matrix` building nor an `urgent` site");
    insta::assert_snapshot!(refusal("[[status_types]]\nstatus = 'Attended'\ntype = 'DONE'", &[]), @"FOLDER/caretaker.toml, line 3: status_types[0].type: unknown variant `DONE`, expected one of `NEW`, `OPEN`, `CLOSED`, `CANCELLED`, `UNKNOWN`");
}

#[test]
fn a_variable_named_by_a_credential_is_no_unknown_setting() {
    let file = "[[urgent.credentials]]\nname = 'a'\ntoken = 't'\nsecret_env = 'CARETAKER_OF_TEST'";
    // It is known, but this process does not have it.
    let refusal = refusal(file, &[("CARETAKER_OF_TEST", "s")]);
    assert!(
        refusal.contains("`secret`: the variable CARETAKER_OF_TEST is not set"),
        "{refusal}"
    );
}

#[test]
fn variables_of_the_build_and_of_the_simulator_are_no_settings() {
    let others = [
        ("CARETAKER_SKIP_WEB", "1"),
        ("CARETAKER_SIMULATE_URGENT_TOKEN", "t"),
    ];
    assert!(with("", &others).is_ok());
}

#[test]
fn a_named_file_must_be_there() {
    let missing = [("CARETAKER_CONFIG".to_owned(), "no-such.toml".to_owned())];
    let refused = load(&Flags::default(), missing).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "no-such.toml: the settings file is not there"
    );
}

#[test]
fn a_section_in_a_variable_that_is_no_table_is_not_shown() {
    for (name, value) in [
        (
            "MATRIX",
            "{credentials = [{name = 'bus', password = 'hidden'",
        ),
        ("MATRIX", "hidden"),
        ("URGENT", "[hidden"),
        ("OAUTH", "{signing_key = hidden}"),
        ("OAUTH__SIGNING_KEY_FILE__X", "hidden"),
        ("MATRIX__CREDENTIALS", "[{password = 'hidden'"),
        ("MATRIX__ISSUERS", "[{jwks_url = 'hidden'"),
    ] {
        let why = refusal("", &[(&format!("CARETAKER_{name}"), value)]);
        assert!(why.starts_with("CARETAKER_"), "{why}");
        assert!(!why.contains("hidden"), "{why}");
    }
}

#[test]
fn no_message_shows_a_secret() {
    let file =
        "[[matrix.credentials]]\nname = 'bus'\nusername = 'u'\npassword = 'hidden'\nmore = 1";
    assert!(!refusal(file, &[]).contains("hidden"));
    let list = "[{name = 'bus', username = 'u', password = 'hidden', more = 1}]";
    assert!(!refusal("", &[("CARETAKER_MATRIX__CREDENTIALS", list)]).contains("hidden"));
    let open = "[{name = 'bus', username = 'u', password = 'hidden'";
    assert!(!refusal("", &[("CARETAKER_MATRIX__CREDENTIALS", open)]).contains("hidden"));
    let number = [(
        "CARETAKER_MATRIX__CREDENTIALS",
        "[{name = 'b', username = 'u', password = 77}]",
    )];
    assert!(!refusal("", &number).contains("77"));
    for name in ["EVENT_HUBS", "IOT"] {
        let name = format!("CARETAKER_MATRIX__{name}");
        for broken in [
            "[{name = 'b', key = 'hidden'",
            "[{name = 'b', key = 'hidden'}]",
            "hidden",
        ] {
            assert!(!refusal("", &[(name.as_str(), broken)]).contains("hidden"));
        }
    }
    let hash = [(
        "CARETAKER_MATRIX__CREDENTIALS",
        "[{name = 'b', username = 'u', password_hash = 'hidden'}]",
    )];
    assert!(!refusal("", &hash).contains("hidden"));
    let url = [("CARETAKER_DATABASE_URL", "postgress://u:hidden@h/d")];
    assert!(!refusal("", &url).contains("hidden"));
    let loaded = with("database_url = 'postgres://u:hidden@h/d'", &[]).unwrap();
    assert!(!format!("{loaded:?}").contains("hidden"));
}

#[test]
fn places_of_the_data_folder_are_taken_where_the_settings_name_none() {
    let folder = tempfile::tempdir().unwrap();
    let places = "[[properties]]\nmatrix = '9'\nname = 'P'\n\n[[places]]\nname = 'A'\nmatrix = ['1']\n\
                  urgent = [{ tenant = 'T', site = 'S' }]";
    std::fs::write(folder.path().join("places.toml"), places).unwrap();
    let flags = Flags {
        data_dir: Some(folder.path().to_owned()),
        ..Flags::default()
    };
    let loaded = load(&flags, []).unwrap();
    assert!(loaded.places_from_data_dir);
    assert_eq!(loaded.config.places.unwrap()[0].urgent[0].site, "S");

    let own = [(
        "CARETAKER_PROPERTIES".to_owned(),
        "[{matrix = '1', name = 'Q'}]".to_owned(),
    )];
    let loaded = load(&flags, own).unwrap();
    assert!(!loaded.places_from_data_dir);
    assert_eq!(loaded.config.places, None);
}

#[test]
fn the_example_shows_every_setting_with_its_default() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("caretaker.example.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let shipped: Config = file::parse(&path, &text).unwrap();
    assert_eq!(format!("{shipped:?}"), format!("{:?}", Config::default()));

    // `#name = value` is a default; prose begins with a space, an example of a list with `#:`.
    let uncommented = |mark: &str| {
        let lines = text.lines().map(|line| match line.strip_prefix(mark) {
            Some(setting) if !setting.starts_with([' ', ':']) || mark == "#:" => {
                setting.trim_start()
            }
            _ if line.starts_with('#') => "",
            _ => line,
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    let defaults = uncommented("#");
    let config: Config = file::parse(&path, &defaults).unwrap();
    assert_eq!(format!("{config:?}"), format!("{:?}", Config::default()));

    let shown: Table = defaults.parse().unwrap();
    let fields = shown_settings(&shown);
    // Found while loading, not set.
    for setting in settings_of_debug()
        .into_iter()
        .filter(|setting| setting != "places_file")
    {
        assert!(fields.contains(&setting), "{setting} is not in the example");
    }

    let examples: Config = file::parse(&path, &uncommented("#:")).unwrap();
    check::check(&examples).unwrap();
    assert!(examples.places.is_some() && examples.status_types.is_some());
    assert!(!examples.properties.is_empty() && !examples.matrix.credentials.is_empty());
    assert!(!examples.urgent.credentials.is_empty() && !examples.matrix.issuers.is_empty());
    assert!(examples.proxy_header.is_some() && !examples.trusted_proxies.is_empty());
    assert!(examples.tls.is_some() && examples.webhook_listen.is_some());
    assert!(examples.database_url.is_some());
    assert!(!examples.urgent.basic.is_empty() && !examples.readers.keys.is_empty());
    assert!(!examples.matrix.event_hubs.is_empty() && !examples.matrix.iot.is_empty());
    assert!(!examples.http.cors_origins.is_empty());
    assert!(examples.graphql.trusted_documents.is_some());
    assert!(examples.sla.is_some());
    let retention = &examples.retention;
    assert!(retention.bodies_days.is_some() && retention.deliveries_days.is_some());
    assert!(retention.activities_days.is_some());
}

/// `matrix.max_body_bytes`, …
fn shown_settings(table: &Table) -> Vec<String> {
    let mut found = Vec::new();
    for (key, value) in table {
        match value {
            Value::Table(inner) => {
                found.extend(inner.keys().map(|inner| format!("{key}.{inner}")));
            }
            _ => found.push(key.clone()),
        }
    }
    found
}

/// The fields that `Debug` shows, so that a new one cannot be forgotten in the example.
fn settings_of_debug() -> Vec<String> {
    let shown = format!("{:#?}", Config::default());
    let mut found = Vec::new();
    let mut section = String::new();
    for line in shown.lines().skip(1) {
        let depth = line.len() - line.trim_start().len();
        let Some((name, value)) = line.trim().split_once(": ") else {
            continue;
        };
        match (depth, value.ends_with('{')) {
            (4, true) => section = name.to_owned(),
            // What has no default and lists of tables have examples.
            (4, false) if value == "[]," => {}
            (_, false) if value == "None," => {}
            (4, false) => found.push(name.to_owned()),
            _ => found.push(format!("{section}.{name}")),
        }
    }
    assert!(found.len() > 20, "{found:?}");
    found
}
