//! Event Hubs' way in: signed as the bus would sign towards Azure.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use caretaker::config::{EventHub, Secret};
use chrono::Utc;
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde_json::json;
use sha2::Sha256;

use super::refused;
use crate::support::client::{Answer, Client};
use crate::support::payload::incident;
use crate::support::{Case, TestDatabase, TestServer, case::on_each_engine};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        an_event_sent_to_a_hub_is_stored_and_answered_201,
        the_resource_counts_as_it_was_sent,
        a_batch_in_wrappers_is_unwrapped,
        a_hub_that_is_not_configured_is_answered_401,
        expired_altered_and_foreign_signatures_prove_nothing,
        two_keys_of_a_hub_are_valid_at_once,
    ]
}

const CHALLENGE: &str = "SharedAccessSignature realm=\"caretaker\"";
const KEY: &str = "vfTm+KnZ5hQ2c8Yt/0Rr7w3dPq1LxAeUu6JsBg9NoXk=";
const BATCH: &str = "application/vnd.microsoft.servicebus.json";

fn hub(name: &str, hub: &str, key: &str) -> EventHub {
    EventHub {
        name: name.to_owned(),
        hub: hub.to_owned(),
        host: None,
        key_name: "send".to_owned(),
        key: Secret::Here(key.to_owned().into()),
    }
}

async fn start(database: &TestDatabase) -> anyhow::Result<TestServer> {
    TestServer::start_with(database, |config| {
        config.matrix.event_hubs = vec![
            hub("telemetry", "telemetry", KEY),
            hub("alarms", "alarms", "another key"),
        ];
    })
    .await
}

/// Percent-escapes everything but letters and digits.
fn escaped(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// The token as Azure's documentation makes it, over a resource that is escaped already.
fn token(resource: &str, key_name: &str, key: &str, lives_for: i64) -> String {
    let expiry = Utc::now().timestamp() + lives_for;
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(resource.as_bytes());
    mac.update(b"\n");
    mac.update(expiry.to_string().as_bytes());
    let digest = escaped(&BASE64_STANDARD.encode(mac.finalize().into_bytes()));
    format!("SharedAccessSignature sr={resource}&sig={digest}&se={expiry}&skn={key_name}")
}

fn resource(server: &Client, hub: &str) -> String {
    escaped(&format!("{}/{hub}", server.base))
}

async fn send(
    server: &Client,
    path: &str,
    token: &str,
    kind: &str,
    body: impl ToString,
) -> anyhow::Result<Answer> {
    let request = server
        .request(Method::POST, path)
        .header("authorization", token)
        .header("content-type", kind)
        .body(body.to_string());
    Answer::of(request.send().await?).await
}

async fn an_event_sent_to_a_hub_is_stored_and_answered_201(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = start(&database).await?;
    let signed = token(&resource(&server, "telemetry"), "send", KEY, 60);
    let event = incident("INCIDENT_CREATED_OPEN", 0);
    for (path, kind) in [
        (
            "/telemetry/messages",
            "application/atom+xml;type=entry;charset=utf-8",
        ),
        (
            "/telemetry/messages?timeout=60&api-version=2014-01",
            "application/json",
        ),
        ("/Telemetry/messages", ""),
    ] {
        let answer = send(&server, path, &signed, kind, &event).await?;
        assert_eq!((answer.status, answer.body.as_str()), (201, ""), "{answer}");
    }
    assert_eq!(server.kinds().await?, ["INCIDENT_REPORTED"]);
    assert_eq!(
        server
            .deliveries("credential receivedCount outcome")
            .await?,
        [json!({"credential": "telemetry", "receivedCount": 3, "outcome": "APPLIED"})]
    );
    server.stop().await
}

async fn the_resource_counts_as_it_was_sent(database: TestDatabase) -> anyhow::Result<()> {
    let server = start(&database).await?;
    let whole = resource(&server, "telemetry");
    for resource in [
        whole.clone(),
        whole.to_lowercase(),
        format!("{whole}%2Fmessages"),
        escaped(&format!("{}/", server.base)),
        escaped(&server.base),
        escaped("sb://bus.servicebus.windows.net/telemetry"),
        escaped("bus.servicebus.windows.net/telemetry/"),
        "bus.servicebus.windows.net/telemetry".to_owned(),
    ] {
        let signed = token(&resource, "send", KEY, 60);
        let answer = send(&server, "/telemetry/messages", &signed, "", "[]").await?;
        assert_eq!(answer.status, 201, "{resource}: {answer}");
    }
    server.stop().await
}

async fn a_batch_in_wrappers_is_unwrapped(database: TestDatabase) -> anyhow::Result<()> {
    let server = start(&database).await?;
    let signed = token(&resource(&server, "telemetry"), "send", KEY, 60);
    let (opened, started) = (
        incident("INCIDENT_CREATED_OPEN", 0),
        incident("INCIDENT_STARTED", 300),
    );
    let ended = incident("INCIDENT_COMPLETED", 600);
    let batch = json!([
        {"Body": json!([opened, started]).to_string(), "UserProperties": {"Alert": "Strong Wind"}},
        {"Body": "no event"},
        {"Body": ended.to_string(), "BrokerProperties": {"CorrelationId": "1"}},
    ]);
    let answer = send(&server, "/telemetry/messages", &signed, BATCH, &batch).await?;
    assert_eq!(answer.status, 201, "{answer}");
    assert_eq!(
        server.kinds().await?,
        [
            "INCIDENT_REPORTED",
            "INCIDENT_STARTED",
            "INCIDENT_COMPLETED"
        ]
    );
    assert_eq!(
        server.deliveries("outcome events quarantinedCount").await?,
        [json!({"outcome": "PARTLY_QUARANTINED", "events": 4, "quarantinedCount": 1})]
    );
    // The same events without wrappers are no news.
    server.push(json!([opened, started, ended])).await?;
    assert_eq!(server.kinds().await?.len(), 3);
    server.stop().await
}

async fn a_hub_that_is_not_configured_is_answered_401(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = start(&database).await?;
    for path in [
        "/unknown/messages",
        "/telemetry%2F/messages",
        "/webhooks/messages",
    ] {
        let signed = token(&resource(&server, "unknown"), "send", KEY, 60);
        refused(&send(&server, path, &signed, "", "[]").await?, CHALLENGE);
        let bare = server.request(Method::POST, path).body("[]").send().await?;
        refused(&Answer::of(bare).await?, CHALLENGE);
    }
    let answer = server.get("/telemetry/messages").await?;
    assert_eq!((answer.status, answer.header("allow")), (405, "POST"));
    // The bus's password opens its webhook and no hub.
    let basic = server
        .request(Method::POST, "/telemetry/messages")
        .basic_auth(&server.matrix.name, Some(&server.matrix.secret));
    refused(&Answer::of(basic.send().await?).await?, CHALLENGE);
    assert!(server.deliveries("id").await?.is_empty());
    server.stop().await
}

async fn expired_altered_and_foreign_signatures_prove_nothing(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = start(&database).await?;
    let whole = resource(&server, "telemetry");
    let good = token(&whole, "send", KEY, 60);
    let cut = good.find("&sig=").unwrap() + 5;
    let end = good.find("&se=").unwrap();
    let decoded = BASE64_STANDARD.decode(KEY)?;
    let decoded_key = {
        let expiry = Utc::now().timestamp() + 60;
        let mut mac = Hmac::<Sha256>::new_from_slice(&decoded).unwrap();
        mac.update(format!("{whole}\n{expiry}").as_bytes());
        let digest = escaped(&BASE64_STANDARD.encode(mac.finalize().into_bytes()));
        format!("SharedAccessSignature sr={whole}&sig={digest}&se={expiry}&skn=send")
    };
    for (what, path, token) in [
        (
            "expired",
            "/telemetry/messages",
            token(&whole, "send", KEY, -1),
        ),
        (
            "wrong key",
            "/telemetry/messages",
            token(&whole, "send", "another key", 60),
        ),
        ("decoded key", "/telemetry/messages", decoded_key),
        (
            "wrong key name",
            "/telemetry/messages",
            token(&whole, "listen", KEY, 60),
        ),
        ("wrong hub", "/alarms/messages", good.clone()),
        (
            "signed for another hub",
            "/telemetry/messages",
            token(&resource(&server, "alarms"), "send", KEY, 60),
        ),
        (
            "signed for a part of the name",
            "/telemetry/messages",
            token(&resource(&server, "tele"), "send", KEY, 60),
        ),
        (
            "another resource than signed",
            "/telemetry/messages",
            good.replace("telemetry", "TELEMETRY"),
        ),
        (
            "truncated",
            "/telemetry/messages",
            format!("{}{}", &good[..cut + 8], &good[end..]),
        ),
        ("cut", "/telemetry/messages", good[..cut + 8].to_owned()),
        (
            "empty",
            "/telemetry/messages",
            format!("{}{}", &good[..cut], &good[end..]),
        ),
        (
            "another scheme",
            "/telemetry/messages",
            good.replace("SharedAccessSignature", "Bearer"),
        ),
        ("at the webhook", "/webhooks/matrix", good.clone()),
    ] {
        let answer = send(&server, path, &token, "", "[]").await?;
        assert_eq!(answer.status, 401, "{what}: {answer}");
    }
    let twice = server
        .request(Method::POST, "/telemetry/messages")
        .header("authorization", &good)
        .header("authorization", &good);
    refused(
        &Answer::of(twice.body("[]").send().await?).await?,
        CHALLENGE,
    );
    // The unknown name and the wrong secret are answered with the same words.
    let detail = async |token: String| -> anyhow::Result<String> {
        let answer = send(&server, "/telemetry/messages", &token, "", "[]").await?;
        Ok(answer.json()?["detail"].to_string())
    };
    assert_eq!(
        detail(token(&whole, "send", "x", 60)).await?,
        detail(token(&whole, "x", KEY, 60)).await?
    );
    assert!(server.deliveries("id").await?.is_empty());
    let answer = send(&server, "/telemetry/messages", &good, "", "[]").await?;
    assert_eq!(answer.status, 201);
    server.stop().await
}

async fn two_keys_of_a_hub_are_valid_at_once(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start_with(&database, |config| {
        let strict = EventHub {
            host: Some("caretaker.example".to_owned()),
            ..hub("strict", "strict", KEY)
        };
        config.matrix.event_hubs = vec![
            hub("new", "h", "new key"),
            hub("old", "h", "old key"),
            strict,
        ];
    })
    .await?;
    for (key, body) in [("new key", "[]"), ("old key", "[ ]")] {
        let signed = token(&resource(&server, "h"), "send", key, 60);
        assert_eq!(
            send(&server, "/h/messages", &signed, "", body)
                .await?
                .status,
            201
        );
    }
    assert_eq!(
        server.deliveries("credential").await?,
        [json!({"credential": "new"}), json!({"credential": "old"})]
    );
    for (host, status) in [
        ("caretaker.example", 201),
        ("bus.servicebus.windows.net", 401),
    ] {
        let signed = token(&escaped(&format!("https://{host}/strict")), "send", KEY, 60);
        let answer = send(&server, "/strict/messages", &signed, "", "[]").await?;
        assert_eq!(answer.status, status, "{host}");
    }
    server.stop().await
}
