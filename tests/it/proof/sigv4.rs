//! AWS IoT's way in: signed by AWS's own crate, as the bus would sign towards AWS.

use std::borrow::Cow;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use caretaker::config::{IotTopic, Secret};
use chrono::{TimeDelta, Utc};
use reqwest::Method;
use serde_json::json;

use super::refused;
use crate::support::client::{Answer, Client};
use crate::support::look::acknowledged;
use crate::support::payload::incident;
use crate::support::{Case, TestDatabase, TestServer, case::on_each_engine};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        a_message_for_a_topic_is_stored_and_answered_200,
        topics_with_slashes_spaces_and_letters_of_any_kind_are_found,
        a_temporary_key_comes_with_its_token,
        a_call_altered_after_signing_proves_nothing,
        another_key_region_service_or_topic_proves_nothing,
        a_stale_signature_proves_nothing_on_either_side,
        a_header_that_is_cut_doubled_or_leaves_the_host_open_proves_nothing,
        a_repeat_signed_anew_is_the_same_delivery,
        a_body_that_is_long_needs_its_hash_in_the_headers,
    ]
}

const CHALLENGE: &str = "AWS4-HMAC-SHA256 realm=\"caretaker\"";
const TOPIC: &str = "buildings/site one/café";
const PATH: &str = "/topics/buildings/site%20one/caf%C3%A9?qos=1";
const ID: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

fn topic(name: &str, topic: &str, token: Option<&str>) -> IotTopic {
    IotTopic {
        name: name.to_owned(),
        topic: topic.to_owned(),
        region: "eu-west-1".to_owned(),
        access_key_id: ID.to_owned(),
        secret_access_key: Secret::Here(SECRET.to_owned().into()),
        session_token: token.map(|token| Secret::Here(token.to_owned().into())),
    }
}

async fn start(database: &TestDatabase) -> anyhow::Result<TestServer> {
    TestServer::start_with(database, |config| {
        config.matrix.iot = vec![topic("bus", TOPIC, None), topic("alarms", "alarms", None)];
    })
    .await
}

/// What is signed; the case changes it, or what is sent afterwards.
#[derive(Clone)]
struct Signer<'a> {
    client: &'a Client,
    path: &'a str,
    body: String,
    id: &'a str,
    secret: &'a str,
    token: Option<&'a str>,
    region: &'a str,
    service: &'a str,
    /// Seconds from now.
    at: i64,
    with_hash: bool,
    excluded: Vec<&'static str>,
}

impl<'a> Signer<'a> {
    fn new(client: &'a Client, body: impl ToString) -> Self {
        Self {
            client,
            path: PATH,
            body: body.to_string(),
            id: ID,
            secret: SECRET,
            token: None,
            region: "eu-west-1",
            service: "iotdevicegateway",
            at: 0,
            with_hash: false,
            excluded: Vec::new(),
        }
    }

    fn host(&self) -> &str {
        self.client.base.strip_prefix("http://").unwrap()
    }

    /// The headers that the signature adds.
    fn headers(&self) -> Vec<(String, String)> {
        let token = self.token.map(str::to_owned);
        let identity = Credentials::new(self.id, self.secret, token, None, "test").into();
        let mut settings = SigningSettings::default();
        if self.with_hash {
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        let excluded = self.excluded.iter().map(|name| Cow::Borrowed(*name));
        settings.excluded_headers = Some(excluded.collect());
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name(self.service)
            .time(SystemTime::from(Utc::now() + TimeDelta::seconds(self.at)))
            .settings(settings)
            .build()
            .unwrap()
            .into();
        let url = self.client.url(self.path);
        let headers = [("host", self.host()), ("content-type", "application/json")];
        let body = SignableBody::Bytes(self.body.as_bytes());
        let request = SignableRequest::new("POST", url, headers.into_iter(), body).unwrap();
        let (instructions, _) = sign(request, &params).unwrap().into_parts();
        let headers = instructions.headers();
        headers
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    fn authorization(&self) -> String {
        let headers = self.headers();
        let found = headers
            .into_iter()
            .find(|(name, _)| name == "authorization");
        found.unwrap().1
    }

    async fn send(&self) -> anyhow::Result<Answer> {
        self.send_as(Method::POST, self.path, &self.body, self.headers())
            .await
    }

    async fn send_as(
        &self,
        method: Method,
        path: &str,
        body: &str,
        headers: Vec<(String, String)>,
    ) -> anyhow::Result<Answer> {
        let mut request = self
            .client
            .request(method, path)
            .header("content-type", "application/json")
            .body(body.to_owned());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        Answer::of(request.send().await?).await
    }
}

async fn a_message_for_a_topic_is_stored_and_answered_200(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = start(&database).await?;
    let event = incident("INCIDENT_CREATED_OPEN", 0);
    for service in ["iotdevicegateway", "iotdata"] {
        let signer = Signer {
            service,
            ..Signer::new(&server, &event)
        };
        acknowledged(&signer.send().await?)?;
    }
    assert_eq!(server.kinds().await?, ["INCIDENT_REPORTED"]);
    assert_eq!(
        server
            .deliveries("credential signedAt receivedCount")
            .await?,
        [json!({"credential": "bus", "signedAt": null, "receivedCount": 2})]
    );
    server.stop().await
}

async fn topics_with_slashes_spaces_and_letters_of_any_kind_are_found(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = start(&database).await?;
    for path in [
        "/topics/buildings/site%20one/caf%C3%A9",
        "/topics/buildings%2Fsite%20one%2Fcaf%c3%a9?qos=0",
        "/topics/buildings/site%20one/caf%C3%A9?qos=1&b=%20x&a=",
        "/topics/alarms?qos=1",
    ] {
        let signer = Signer {
            path,
            ..Signer::new(&server, "[]")
        };
        acknowledged(&signer.send().await?)?;
    }
    let answer = server.get("/topics/alarms").await?;
    assert_eq!((answer.status, answer.header("allow")), (405, "POST"));
    server.stop().await
}

async fn a_temporary_key_comes_with_its_token(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start_with(&database, |config| {
        config.matrix.iot = vec![topic("temporary", TOPIC, Some("to/ken=="))];
    })
    .await?;
    let with = |token| Signer {
        token,
        ..Signer::new(&server, "[]")
    };
    acknowledged(&with(Some("to/ken==")).send().await?)?;
    for token in [None, Some("another"), Some("to/ken=")] {
        refused(&with(token).send().await?, CHALLENGE);
    }
    // Signed without it, added afterwards: what AWS takes from some of its own clients.
    let mut headers = with(None).headers();
    headers.push(("x-amz-security-token".to_owned(), "to/ken==".to_owned()));
    let signer = with(None);
    let answer = signer.send_as(Method::POST, PATH, "[]", headers).await?;
    acknowledged(&answer)?;
    server.stop().await
}

async fn a_call_altered_after_signing_proves_nothing(database: TestDatabase) -> anyhow::Result<()> {
    let server = start(&database).await?;
    let signer = Signer::new(&server, "[]");
    for (path, body) in [
        ("/topics/alarms?qos=1", "[]"),
        ("/topics/buildings/site%20one?qos=1", "[]"),
        ("/topics/buildings/site%20one/caf%C3%A9?qos=0", "[]"),
        ("/topics/buildings/site%20one/caf%C3%A9", "[]"),
        (PATH, "[ ]"),
        (PATH, ""),
    ] {
        let answer = signer.send_as(Method::POST, path, body, signer.headers());
        refused(&answer.await?, CHALLENGE);
    }
    let hashed = Signer {
        with_hash: true,
        ..signer.clone()
    };
    let answer = hashed.send_as(Method::POST, PATH, "[ ]", hashed.headers());
    refused(&answer.await?, CHALLENGE);
    let mut unsigned = hashed.headers();
    for (name, value) in &mut unsigned {
        if name == "x-amz-content-sha256" {
            *value = "UNSIGNED-PAYLOAD".to_owned();
        }
    }
    let answer = hashed.send_as(Method::POST, PATH, "[ ]", unsigned);
    refused(&answer.await?, CHALLENGE);
    for (changed, value) in [
        ("content-type", "text/plain"),
        ("host", "caretaker.example"),
        ("x-amz-date", "20200101T000000Z"),
    ] {
        let mut request = server.request(Method::POST, PATH).body("[]");
        let headers = signer.headers();
        let plain = [("content-type".to_owned(), "application/json".to_owned())];
        for (name, sent) in headers.into_iter().chain(plain) {
            if name != changed {
                request = request.header(name, sent);
            }
        }
        let answer = request.header(changed, value).send().await?;
        assert_eq!(answer.status(), 401, "{changed}");
    }
    // Another method has no address; what was signed for it proves nothing here.
    let answer = signer.send_as(Method::PUT, PATH, "[]", signer.headers());
    assert_eq!(answer.await?.status, 405);
    assert!(server.deliveries("id").await?.is_empty());
    acknowledged(&signer.send().await?)?;
    acknowledged(&hashed.send().await?)?;
    server.stop().await
}

async fn another_key_region_service_or_topic_proves_nothing(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = start(&database).await?;
    let good = || Signer::new(&server, "[]");
    let mut details = Vec::new();
    for signer in [
        Signer {
            id: "AKIDUNKNOWN",
            ..good()
        },
        Signer {
            secret: "guessed",
            ..good()
        },
        Signer {
            region: "us-east-1",
            ..good()
        },
        Signer {
            path: "/topics/unknown?qos=1",
            ..good()
        },
        Signer {
            path: "/topics/buildings/site%20one/caf%C3%A9/more?qos=1",
            ..good()
        },
        Signer {
            path: "/topics/BUILDINGS/site%20one/caf%C3%A9?qos=1",
            ..good()
        },
    ] {
        let answer = signer.send().await?;
        refused(&answer, CHALLENGE);
        details.push(answer.json()?["detail"].to_string());
    }
    details.dedup();
    assert_eq!(details.len(), 1, "{details:?}");
    for service in ["s3", "execute-api", "iot"] {
        refused(&Signer { service, ..good() }.send().await?, CHALLENGE);
    }
    let bare = server.request(Method::POST, PATH).body("[]").send().await?;
    refused(&Answer::of(bare).await?, CHALLENGE);
    server.stop().await
}

async fn a_stale_signature_proves_nothing_on_either_side(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = start(&database).await?;
    let at = |at| Signer {
        at,
        ..Signer::new(&server, "[]")
    };
    for seconds in [-310, 310] {
        let answer = at(seconds).send().await?;
        refused(&answer, CHALLENGE);
        assert_eq!(
            answer.json()?["detail"],
            "The signed time lies too far from the server's clock; check both clocks."
        );
    }
    for seconds in [-280, 280] {
        acknowledged(&at(seconds).send().await?)?;
    }
    server.stop().await
}

async fn a_header_that_is_cut_doubled_or_leaves_the_host_open_proves_nothing(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = start(&database).await?;
    let signer = Signer::new(&server, "[]");
    let with = |authorization: Vec<String>| {
        let mut headers = signer.headers();
        headers.retain(|(name, _)| name != "authorization");
        let authorization = authorization.into_iter();
        headers.extend(authorization.map(|value| ("authorization".to_owned(), value)));
        headers
    };
    let good = signer.authorization();
    for authorization in [
        vec![good[..good.len() - 2].to_owned()],
        vec![good[..good.len() - 64].to_owned()],
        vec![good.replace(", Signature=", ", Signature=0, Signature=")],
        vec![good.replace("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256")],
        vec![good.clone(), good.clone()],
    ] {
        let headers = with(authorization);
        let answer = signer.send_as(Method::POST, PATH, "[]", headers).await?;
        refused(&answer, CHALLENGE);
    }
    for name in ["host", "x-amz-date"] {
        let open = Signer {
            excluded: vec![name],
            ..signer.clone()
        };
        assert!(!open.authorization().contains(name));
        refused(&open.send().await?, CHALLENGE);
    }
    let open = Signer {
        excluded: vec!["content-type"],
        ..signer.clone()
    };
    acknowledged(&open.send().await?)?;
    server.stop().await
}

async fn a_repeat_signed_anew_is_the_same_delivery(database: TestDatabase) -> anyhow::Result<()> {
    let server = start(&database).await?;
    let body = json!([incident("INCIDENT_CREATED_OPEN", 0)]);
    for at in [0, 1] {
        let signer = Signer {
            at,
            ..Signer::new(&server, &body)
        };
        acknowledged(&signer.send().await?)?;
    }
    server.push(body).await?;
    assert_eq!(
        server.deliveries("credential receivedCount").await?,
        [json!({"credential": "bus", "receivedCount": 3})]
    );
    server.stop().await
}

async fn a_body_that_is_long_needs_its_hash_in_the_headers(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = start(&database).await?;
    let long = format!("[]{}", " ".repeat((1 << 20) - 1));
    let signer = Signer::new(&server, &long);
    assert_eq!(signer.send().await?.status, 413);
    let hashed = Signer {
        with_hash: true,
        ..signer
    };
    acknowledged(&hashed.send().await?)?;
    let exact = Signer::new(&server, &long[..1 << 20]);
    acknowledged(&exact.send().await?)?;
    server.stop().await
}
