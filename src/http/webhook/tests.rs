//! The webhooks over a real socket and a real database file: what passes, what is refused and how.

use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use entity::{Outcome, delivery as delivery_table, delivery_body};
use hmac::{KeyInit, Mac};
use migration::MigratorTrait;
use sea_orm::EntityTrait;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

mod gate;

use super::*;
use crate::domain::database::Database;
use crate::domain::wake::Wake;
use crate::domain::writer::Limits;
use crate::ingest::proof::{
    Basic, GRACE, Hmac, HubKey, Login, MARKER, Password, Proof, Sas, Scheme, SigV4, Token,
};

const OPEN: &str = include_str!("../../../tests/it/fixtures/matrix/incident-open.json");
const STATUS: &str = include_str!("../../../tests/it/fixtures/urgent/seed-status-changed.json");
const CREATED: &str = include_str!("../../../tests/it/fixtures/urgent/task-created.json");
const NOW: &str = "2021-03-10T14:23:23Z";
const LIMIT: usize = 4096;

struct Server {
    address: SocketAddr,
    database: Database,
    intake: Arc<Intake>,
    writer: tokio::task::JoinHandle<()>,
    _folder: tempfile::TempDir,
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    fn problem(&self) -> Value {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        serde_json::from_str(&self.body).unwrap()
    }
}

fn matrix() -> Proof {
    let login = Login {
        name: "bus".to_owned(),
        position: 0,
        username: "matrix".to_owned(),
        password: Password::Plain("s3cret".to_owned().into()),
    };
    let key = HubKey {
        name: "hub".to_owned(),
        position: 1,
        hub: "telemetry".to_owned(),
        host: None,
        key_name: "send".to_owned(),
        key: "key".to_owned().into(),
    };
    Proof::by(vec![
        Scheme::Basic(Basic::new(vec![login])),
        Scheme::Sas(Sas { keys: vec![key] }),
        Scheme::SigV4(SigV4 {
            keys: Vec::new(),
            skew: GRACE,
        }),
    ])
}

fn urgent() -> Proof {
    let token = Token {
        name: "urgent".to_owned(),
        position: 0,
        token: "token".to_owned(),
        secret: "secret".to_owned().into(),
    };
    Proof::by(vec![Scheme::Hmac(Hmac {
        tokens: vec![token],
        marker: MARKER.to_owned(),
        grace: GRACE,
        path_prefix: String::new(),
    })])
}

async fn server() -> Server {
    server_with(60, &[]).await
}

/// A server that is told its peers, with Matrix's calls from these networks only.
async fn server_with(failures_a_minute: u32, allow_from: &[&str]) -> Server {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/test.db?mode=rwc", folder.path().display());
    let database = Database::open(&url, 1).await.unwrap();
    migration::Migrator::up(&database.writer, None)
        .await
        .unwrap();
    let clock: Clock = Arc::new(|| NOW.parse().unwrap());
    let limits = Limits {
        queue: 16,
        queue_bytes: 1 << 20,
        batch: 16,
    };
    let (wake, _) = Wake::new();
    let (writer, task) = Writer::start(database.clone(), limits, clock.clone(), wake);
    let allow_from = allow_from.iter().map(|net| net.parse().unwrap());
    let proxies = vec!["127.0.0.1/32".parse().unwrap()];
    let intake = Arc::new(Intake::new(
        writer,
        Gate::new(Source::Matrix, matrix(), LIMIT, allow_from.collect()),
        Gate::new(Source::Urgent, urgent(), LIMIT, Vec::new()),
        clock,
        Arc::new(Callers::new(
            proxies,
            ProxyHeader::Either,
            failures_a_minute.try_into().unwrap(),
        )),
        Bodies::new(Duration::from_millis(300), 1 << 20),
    ));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = router(intake.clone()).into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, router).await });
    Server {
        address,
        database,
        intake,
        writer: task,
        _folder: folder,
    }
}

impl Server {
    async fn raw(&self, request: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        // A connection that is reset after the answer, because its body was left unread, has answered all the same.
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        Answer {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    async fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        );
        self.raw(request.as_bytes()).await
    }

    async fn matrix(&self, body: &str) -> Answer {
        self.send("POST", "/webhooks/matrix", &basic("matrix:s3cret"), body)
            .await
    }

    async fn urgent(&self, method: &str, call: &str, body: &str) -> Answer {
        let path = format!("/webhooks/urgent/{call}");
        self.send(method, &path, &signed(method, &path, NOW), body)
            .await
    }

    /// How many proofs failed, by credential; "" is no known one.
    fn refused(&self, source: Source) -> Vec<(String, u64)> {
        let all = self.intake.callers.refusals.all();
        let all = all.into_iter().filter(|one| one.source == Some(source));
        all.map(|one| (one.credential.unwrap_or_default(), one.count))
            .collect()
    }

    async fn deliveries(&self) -> Vec<delivery_table::Model> {
        let readers = &self.database.readers;
        delivery_table::Entity::find().all(readers).await.unwrap()
    }
}

fn counts<const N: usize>(counts: [(&str, u64); N]) -> Vec<(String, u64)> {
    let counts = counts.iter();
    counts
        .map(|(name, count)| ((*name).to_owned(), *count))
        .collect()
}

fn basic(pair: &str) -> String {
    format!("Authorization: Basic {}\r\n", STANDARD.encode(pair))
}

fn signed(method: &str, path: &str, at: &str) -> String {
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(b"secret").unwrap();
    mac.update(format!("{method}+{path}+{at}").as_bytes());
    let digest = STANDARD.encode(mac.finalize().into_bytes());
    format!("Authorization: TCN token:{digest}\r\nX-Timestamp: {at}\r\n")
}

#[tokio::test]
async fn each_call_is_answered_200_with_an_empty_body_after_the_commit() {
    let server = server().await;
    let note = include_str!("../../../tests/it/fixtures/urgent/seed-note-added.json");
    let chased = include_str!("../../../tests/it/fixtures/urgent/seed-chased.json");
    let answers = [
        server.matrix(OPEN).await,
        server.urgent("POST", "task-created", CREATED).await,
        server.urgent("POST", "task-changed", CREATED).await,
        server.urgent("PUT", "status-changed", STATUS).await,
        server.urgent("POST", "note-added", note).await,
        server.urgent("PUT", "task-chased", chased).await,
    ];
    for answer in answers {
        assert_eq!((answer.status, answer.body.as_str()), (200, ""));
        assert_eq!(answer.header("content-length"), Some("0"));
    }
    let deliveries = server.deliveries().await;
    assert_eq!(deliveries.len(), 6);
    assert!(
        deliveries
            .iter()
            .all(|delivery| delivery.outcome == Outcome::Applied)
    );
    let signed: Vec<_> = deliveries
        .iter()
        .filter_map(|one| one.signed_at.as_deref())
        .collect();
    assert_eq!(signed, [NOW; 5]);
}

#[tokio::test]
async fn a_call_without_proof_is_refused_counted_and_not_stored() {
    let server = server().await;
    for headers in [String::new(), basic("matrix:wrong"), basic("nobody:s3cret")] {
        let answer = server
            .send("POST", "/webhooks/matrix", &headers, OPEN)
            .await;
        assert_eq!(answer.status, 401);
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.starts_with("Basic realm="));
        assert_eq!(
            answer.problem()["type"],
            "urn:caretaker:problem:unauthenticated"
        );
    }
    let double = basic("matrix:s3cret").repeat(2);
    assert_eq!(
        server
            .send("POST", "/webhooks/matrix", &double, OPEN)
            .await
            .status,
        401
    );
    let path = "/webhooks/urgent/status-changed";
    let stale = signed("PUT", path, "2021-03-10T14:00:00Z");
    let answer = server.send("PUT", path, &stale, STATUS).await;
    assert_eq!(answer.status, 401);
    assert_eq!(
        answer.header("www-authenticate"),
        Some("TCN realm=\"caretaker\"")
    );
    assert!(server.deliveries().await.is_empty());
    let matrix = server.refused(Source::Matrix);
    assert_eq!(matrix, counts([("", 3), ("bus", 1), ("hub", 0)]));
    assert_eq!(
        server.refused(Source::Urgent),
        counts([("", 0), ("urgent", 1)])
    );
}

#[tokio::test]
async fn a_body_of_no_use_is_kept_and_answered_with_path_and_expectation() {
    let server = server().await;
    let broken = server.urgent("PUT", "status-changed", "{\"Tenant\":").await;
    assert_eq!(broken.status, 400);
    assert_eq!(broken.problem()["type"], "urn:caretaker:problem:not-json");
    let shapeless = server
        .urgent("PUT", "status-changed", "{\"Tenant\":\"T\"}")
        .await;
    assert_eq!(shapeless.status, 422);
    let problem = shapeless.problem();
    assert_eq!(problem["path"], "$.TaskIdentifier");
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.starts_with("At $.TaskIdentifier: Expected a GUID such as "),
        "{detail}"
    );
    assert_eq!(server.matrix("5").await.status, 422);
    assert_eq!(server.matrix("").await.status, 400);
    let deliveries = server.deliveries().await;
    assert_eq!(deliveries.len(), 4);
    assert!(
        deliveries
            .iter()
            .all(|delivery| delivery.outcome == Outcome::Rejected)
    );
}

#[tokio::test]
async fn one_bad_element_is_quarantined_and_the_batch_is_answered_200() {
    let server = server().await;
    let batch = format!("[5,{}", OPEN.trim_start().trim_start_matches('['));
    assert_eq!(server.matrix(&batch).await.status, 200);
    let deliveries = server.deliveries().await;
    assert_eq!(deliveries[0].outcome, Outcome::PartlyQuarantined);
    assert_eq!(deliveries[0].quarantined, 1);
    let bodies = delivery_body::Entity::find();
    let bodies = bodies.all(&server.database.readers).await.unwrap();
    assert_eq!(bodies[0].body, batch.as_bytes());
}

#[tokio::test]
async fn another_method_is_answered_405_with_the_right_one() {
    let server = server().await;
    for (method, call, allowed) in [
        ("GET", "matrix", "POST"),
        ("POST", "urgent/status-changed", "PUT"),
        ("PUT", "urgent/note-added", "POST"),
        ("DELETE", "urgent/task-chased", "PUT"),
    ] {
        let answer = server
            .send(method, &format!("/webhooks/{call}"), "", "")
            .await;
        assert_eq!(answer.status, 405);
        assert_eq!(answer.header("allow"), Some(allowed));
        assert_eq!(answer.problem()["status"], 405);
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_answered_413_announced_or_not() {
    let server = server().await;
    let exact = " ".repeat(LIMIT);
    assert_eq!(server.matrix(&exact).await.status, 400);
    let headers = basic("matrix:s3cret");
    let head = "POST /webhooks/matrix HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
    let announced = format!("{head}{headers}Content-Length: {}\r\n\r\n", LIMIT + 1);
    let answer = server.raw(announced.as_bytes()).await;
    assert_eq!(answer.status, 413);
    assert_eq!(answer.problem()["type"], "urn:caretaker:problem:too-large");
    let chunk = format!("{:x}\r\n{exact}\r\n1\r\n \r\n0\r\n\r\n", LIMIT);
    let chunked = format!("{head}{headers}Transfer-Encoding: chunked\r\n\r\n{chunk}");
    assert_eq!(server.raw(chunked.as_bytes()).await.status, 413);
}

#[tokio::test]
async fn a_body_that_never_comes_is_given_up() {
    let server = server().await;
    let headers = basic("matrix:s3cret");
    let request = format!(
        "POST /webhooks/matrix HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}Content-Length: 5\r\n\r\n["
    );
    assert_eq!(server.raw(request.as_bytes()).await.status, 408);
}

#[tokio::test]
async fn any_content_type_is_taken() {
    let server = server().await;
    for kind in ["text/plain", "application/atom+xml;type=entry", "nonsense"] {
        let headers = format!("{}Content-Type: {kind}\r\n", basic("matrix:s3cret"));
        let answer = server
            .send("POST", "/webhooks/matrix", &headers, OPEN)
            .await;
        assert_eq!(answer.status, 200);
    }
}

#[tokio::test]
async fn without_a_database_or_a_writer_calls_are_to_be_sent_again() {
    let server = server().await;
    server.database.clone().close().await;
    let answer = server.matrix(OPEN).await;
    assert_eq!(
        (answer.status, answer.header("retry-after")),
        (503, Some("5"))
    );
    assert!(
        answer.problem()["detail"]
            .as_str()
            .unwrap()
            .contains("Send the call again")
    );
    server.writer.abort();
    assert_eq!(
        server.urgent("PUT", "status-changed", STATUS).await.status,
        503
    );
    assert_eq!(server.matrix("5").await.status, 503);
}
