//! The program as a newcomer and an operator start it.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::process::{command, data_dir};
use crate::support::{Case, Engine, Process, TestDatabase, case::on_each_engine, case::once};

pub fn tests() -> Vec<Case> {
    let mut tests = on_each_engine![
        the_first_start_makes_credentials_that_the_next_one_keeps,
        the_greeting_says_what_gave_the_settings,
        a_server_told_to_stop_ends_well,
        a_client_that_stalls_does_not_keep_a_server_from_stopping,
        migrate_goes_up_and_down_and_tells_where_it_stands,
    ];
    tests.extend(once![
        an_unknown_setting_stops_the_start,
        a_wrong_log_setting_is_said_once,
        listening_beyond_loopback_stops_the_start,
        a_taken_address_is_named,
    ]);
    tests
}

async fn the_first_start_makes_credentials_that_the_next_one_keeps(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let first = Process::start(&database).await?;
    let file = data_dir(&database).join("credentials.toml");
    assert_eq!(
        std::fs::metadata(&file)?.permissions().mode() & 0o777,
        0o600
    );
    assert!(
        first.greeting.contains(&file.display().to_string()),
        "{}",
        first.greeting
    );
    for secret in [&first.matrix.secret, &first.urgent.secret] {
        assert!(!first.greeting.contains(secret), "{}", first.greeting);
    }
    if database.engine == Engine::Postgres {
        let (_, password) = database.url().rsplit_once("caretaker:").unwrap();
        let (password, _) = password.split_once('@').unwrap();
        assert!(!first.greeting.contains(password), "{}", first.greeting);
    }
    let made = std::fs::read(&file)?;
    first.kill().await?;
    let second = Process::start(&database).await?;
    assert_eq!(std::fs::read(&file)?, made);
    second.kill().await
}

async fn the_greeting_says_what_gave_the_settings(database: TestDatabase) -> anyhow::Result<()> {
    let places = data_dir(&database).join("places.toml");
    std::fs::create_dir_all(data_dir(&database))?;
    std::fs::write(&places, "[[places]]\nname = 'A'\nmatrix = ['1']\n")?;
    let settings = |greeting: &str| {
        let line = greeting.lines().find(|line| line.contains("Settings"));
        line.unwrap_or_default().trim().to_owned()
    };
    let flags = "the command line (--data-dir, --database-url, --listen)";
    let server = Process::start(&database).await?;
    assert_eq!(
        settings(&server.greeting),
        format!("Settings   defaults (see caretaker.example.toml), {flags}")
    );
    server.kill().await?;
    let log = || std::fs::read_to_string(database.folder().join("log"));
    let taken = "places, properties and status types were taken over";
    let from_file = format!("{taken} names_from=\"{}\"", places.display());
    assert!(log()?.contains(&from_file), "{}", log()?);

    let file = database.folder().join("caretaker.toml");
    std::fs::write(&file, "[[places]]\nname = 'B'\nmatrix = ['1']\n")?;
    let server = Process::start(&database).await?;
    assert_eq!(
        settings(&server.greeting),
        format!("Settings   caretaker.toml, {flags}")
    );
    server.kill().await?;
    let from_settings = format!("{taken} names_from=\"the settings\"");
    assert!(log()?.contains(&from_settings), "{}", log()?);
    Ok(())
}

async fn a_server_told_to_stop_ends_well(database: TestDatabase) -> anyhow::Result<()> {
    let server = Process::start(&database).await?;
    assert!(server.terminate().await?.success());
    let log = std::fs::read_to_string(database.folder().join("log"))?;
    let last = log.lines().last().unwrap_or_default();
    assert!(last.ends_with("caretaker::server: stopped"), "{log}");
    Ok(())
}

async fn a_client_that_stalls_does_not_keep_a_server_from_stopping(
    database: TestDatabase,
) -> anyhow::Result<()> {
    std::fs::write(
        database.folder().join("caretaker.toml"),
        "drain_seconds = 1\n",
    )?;
    let server = Process::start(&database).await?;
    let address = server.base.strip_prefix("http://").unwrap().to_owned();
    let mut stalled = Vec::new();
    for said in [
        "GET /healthz HTTP/1.1\r\nHost: ".to_owned(),
        format!(
            "POST /graphql HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
             Content-Length: 100\r\n\r\n{{"
        ),
    ] {
        let mut socket = TcpStream::connect(&address).await?;
        socket.write_all(said.as_bytes()).await?;
        stalled.push(socket);
    }
    // A call that is answered after them: theirs have arrived.
    assert_eq!(server.get("/healthz").await?.status, 200);
    let ended = timeout(Duration::from_secs(15), server.terminate()).await??;
    assert!(ended.success());
    Ok(())
}

async fn migrate_goes_up_and_down_and_tells_where_it_stands(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let migrate = async |arguments: &[&str]| -> anyhow::Result<String> {
        let output = command(database.folder())
            .arg("migrate")
            .args(arguments)
            .args(["--database-url", database.url()])
            .output()
            .await?;
        assert!(output.status.success(), "{output:?}");
        Ok(String::from_utf8(output.stdout)?)
    };
    assert!(
        migrate(&["status"])
            .await?
            .starts_with("pending  m20261122_1_model\n")
    );
    assert!(
        migrate(&["up"])
            .await?
            .contains("applied  m20261122_1_model\n")
    );
    assert!(
        migrate(&["status"])
            .await?
            .starts_with("applied  m20261122_1_model\n")
    );
    let all = migrate(&["status"]).await?.lines().count().to_string();
    let down = migrate(&["down", "--steps", &all]).await?;
    assert!(down.starts_with("pending  m20261122_1_model\n"), "{down}");
    Ok(())
}

async fn an_unknown_setting_stops_the_start() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    std::fs::write(
        folder.path().join("caretaker.toml"),
        "[matrix]\npasword = 'x'\n",
    )?;
    let output = command(folder.path()).output().await?;
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(String::from_utf8(output.stderr)?, @"caretaker: caretaker.toml, line 2: matrix.pasword: unknown field `pasword`, expected one of `credentials`, `event_hubs`, `iot`, `iot_skew_seconds`, `allow_from`, `issuers`, `allow_unauthenticated`, `max_body_bytes`");
    let output = command(folder.path())
        .args(["--config", "other.toml"])
        .output()
        .await?;
    insta::assert_snapshot!(String::from_utf8(output.stderr)?, @"caretaker: other.toml: the settings file is not there");
    assert!(!folder.path().join("data").exists());
    Ok(())
}

async fn a_wrong_log_setting_is_said_once() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let output = command(folder.path())
        .env("CARETAKER_LOG", "caretaker=loud")
        .output()
        .await?;
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(String::from_utf8(output.stderr)?, @r#"caretaker: settings: `log` is `caretaker=loud`: error parsing level filter: expected one of "off", "error", "warn", "info", "debug", "trace", or a number 0-5"#);
    Ok(())
}

async fn listening_beyond_loopback_stops_the_start() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let output = command(folder.path())
        .env("CARETAKER_LISTEN", "0.0.0.0:0")
        .output()
        .await?;
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr)?;
    assert!(said.contains("`listen` is 0.0.0.0:0"), "{said}");
    Ok(())
}

async fn a_taken_address_is_named() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = taken.local_addr()?.to_string();
    let output = command(folder.path())
        .args(["--listen", &address])
        .output()
        .await?;
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr)?;
    assert!(
        said.contains(&format!("cannot listen on {address}")),
        "{said}"
    );
    Ok(())
}
