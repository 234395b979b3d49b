//! Who may pass, and what becomes of those who guess.

use sha2::Sha256;

use super::*;

/// A shared access signature for the hub, good until then.
fn shared(key: &str, expiry: i64) -> String {
    let resource = "https%3A%2F%2Fx%2Ftelemetry";
    let mut mac = hmac::Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(format!("{resource}\n{expiry}").as_bytes());
    let digest = STANDARD.encode(mac.finalize().into_bytes());
    let digest: String = form_urlencoded::byte_serialize(digest.as_bytes()).collect();
    format!(
        "Authorization: SharedAccessSignature sr={resource}&sig={digest}&se={expiry}&skn=send\r\n"
    )
}

#[tokio::test]
async fn who_signed_rightly_is_told_what_is_wrong_even_over_the_limit() {
    let server = server_with(2, &[]).await;
    let guess = async || {
        let headers = basic("matrix:no");
        let answer = server.send("POST", "/webhooks/matrix", &headers, OPEN);
        answer.await.status
    };
    assert_eq!(
        (guess().await, guess().await, guess().await),
        (401, 401, 429)
    );
    let now = NOW.parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    let path = "/webhooks/urgent/status-changed";
    for _ in 0..5 {
        let stale = signed("PUT", path, "2021-03-10T14:00:00Z");
        let stale = server.send("PUT", path, &stale, STATUS).await;
        let expired = shared("key", now.timestamp() - 1);
        let expired = server.send("POST", "/telemetry/messages", &expired, OPEN);
        for answer in [stale, expired.await] {
            assert_eq!(answer.status, 401, "{}", answer.body);
            assert!(answer.header("www-authenticate").is_some());
        }
    }
    // A signature of another key is a guess, expired or not.
    let wrong = shared("no", now.timestamp() - 1);
    let wrong = server.send("POST", "/telemetry/messages", &wrong, OPEN);
    assert_eq!((wrong.await.status, guess().await), (429, 429));
    let good = shared("key", now.timestamp() + 60);
    let good = server
        .send("POST", "/telemetry/messages", &good, OPEN)
        .await;
    assert_eq!(good.status, 201);
    assert_eq!(
        server.urgent("PUT", "status-changed", STATUS).await.status,
        200
    );
}

#[tokio::test]
async fn too_many_failures_of_one_address_are_told_to_wait_and_who_is_right_is_not() {
    let server = server_with(2, &[]).await;
    let send = async |from: &str, pair: &str| {
        let headers = format!("{}X-Forwarded-For: {from}\r\n", basic(pair));
        server
            .send("POST", "/webhooks/matrix", &headers, OPEN)
            .await
    };
    for _ in 0..2 {
        assert_eq!(send("198.51.100.7", "matrix:no").await.status, 401);
    }
    for pair in ["matrix:no", "nobody:s3cret"] {
        let answer = send("198.51.100.7", pair).await;
        assert_eq!(answer.status, 429);
        let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=31).contains(&wait), "{wait}");
        assert_eq!(answer.header("www-authenticate"), None);
        let kind = "urn:caretaker:problem:too-many-failures";
        assert_eq!(answer.problem()["type"], kind);
    }
    assert_eq!(send("198.51.100.7", "matrix:s3cret").await.status, 200);
    assert_eq!(send("198.51.100.8", "matrix:no").await.status, 401);
    assert_eq!(send("198.51.100.7", "matrix:no").await.status, 429);
    // What a caller claims of itself does not make it another.
    let claim = send("192.0.2.1, 198.51.100.7", "matrix:no").await;
    assert_eq!(claim.status, 429);
    // Some clients ask first, without a credential, what they have to show.
    let headers = "X-Forwarded-For: 198.51.100.7\r\n";
    let asking = server.send("POST", "/webhooks/matrix", headers, OPEN);
    assert_eq!(asking.await.status, 401);
    let refused = server.refused(Source::Matrix);
    assert_eq!(refused, counts([("", 2), ("bus", 6), ("hub", 0)]));
}

#[tokio::test]
async fn a_caller_from_elsewhere_is_answered_403_unread() {
    let server = server_with(60, &["198.51.100.0/24", "2001:db8::/32"]).await;
    let send = async |headers: String| {
        server
            .send("POST", "/webhooks/matrix", &headers, OPEN)
            .await
    };
    let from = |from: &str| format!("{}X-Forwarded-For: {from}\r\n", basic("matrix:s3cret"));
    for near in ["198.51.100.7", "203.0.113.9, 198.51.100.7", "2001:db8::1"] {
        assert_eq!(send(from(near)).await.status, 200, "{near}");
    }
    for far in ["203.0.113.9", "198.51.100.7, 203.0.113.9", "unknown"] {
        let answer = send(from(far)).await;
        assert_eq!(answer.status, 403, "{far}");
        assert_eq!(answer.problem()["type"], "urn:caretaker:problem:elsewhere");
    }
    // The proxy itself is not among those that may call.
    assert_eq!(send(basic("matrix:s3cret")).await.status, 403);
    // Neither a credential nor a body is asked for first.
    let head = "POST /webhooks/matrix HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 9\r\n\r\n";
    assert_eq!(server.raw(head.as_bytes()).await.status, 403);
    assert_eq!(server.deliveries().await.len(), 1, "one body, three times");
    let refused = server.refused(Source::Matrix);
    assert!(refused.iter().all(|(_, count)| *count == 0), "{refused:?}");
    // Each source has its own list.
    let elsewhere = server.urgent("PUT", "status-changed", STATUS).await;
    assert_eq!(elsewhere.status, 200);
}

#[tokio::test]
async fn who_hides_behind_the_proxy_does_not_come_from_it() {
    // The operator trusts the proxy, and lets it call: for health checks, or since it is in the same network.
    let server = server_with(60, &["127.0.0.0/8"]).await;
    let send = async |headers: &str| {
        let headers = format!("{headers}{}", basic("matrix:s3cret"));
        let answer = server.send("POST", "/webhooks/matrix", &headers, OPEN);
        answer.await.status
    };
    for spoilt in [
        "X-Forwarded-For: \u{e9}\r\n",
        "X-Forwarded-For: unknown\r\n",
        "X-Forwarded-For: 198.51.100.7, \u{e9}\r\n",
        "Forwarded: for=_hidden\r\n",
        "X-Forwarded-For: 198.51.100.7\r\nForwarded: for=203.0.113.9\r\n",
        "X-Forwarded-For: \u{e9}, 198.51.100.7\r\n",
    ] {
        assert_eq!(send(spoilt).await, 403, "{spoilt}");
    }
    assert_eq!(send("").await, 200, "the proxy's own call");
}

#[tokio::test]
async fn an_unproven_body_is_not_waited_for_unless_it_is_what_proves() {
    let server = server().await;
    let head = |path: &str, headers: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 9\r\n{headers}\r\n"
        )
    };
    let signed = "Authorization: AWS4-HMAC-SHA256 Credential=A/20210310/r/iotdata/aws4_request, \
                  SignedHeaders=host;x-amz-date, Signature=";
    let signed = format!(
        "{signed}{}\r\nX-Amz-Date: 20210310T142323Z\r\n",
        "0".repeat(64)
    );
    for (path, headers, status) in [
        ("/webhooks/matrix", basic("matrix:no"), 401),
        ("/telemetry/messages", String::new(), 401),
        ("/topics/a/b", String::new(), 401),
        (
            "/topics/a/b",
            format!("{signed}X-Amz-Content-Sha256: {}\r\n", "0".repeat(64)),
            401,
        ),
        ("/topics/a/b", signed.clone(), 408),
        ("/topics/a/b", signed.replace("T142323Z", "T140000Z"), 401),
    ] {
        let answer = server.raw(head(path, &headers).as_bytes()).await;
        assert_eq!(answer.status, status, "{path} {headers}");
    }
    assert!(server.deliveries().await.is_empty());
}

#[tokio::test]
async fn over_the_limit_one_unproven_body_is_read_at_a_time() {
    let server = server_with(1, &[]).await;
    let head = "POST /topics/a/b HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 9\r\n\
                X-Amz-Date: 20210310T142323Z\r\nAuthorization: AWS4-HMAC-SHA256 \
                Credential=A/20210310/r/iotdata/aws4_request, SignedHeaders=host;x-amz-date, Signature=";
    let head = format!("{head}{}\r\n\r\n", "0".repeat(64));
    let both = async || {
        let (one, other) = tokio::join!(server.raw(head.as_bytes()), server.raw(head.as_bytes()));
        let mut statuses = [one.status, other.status];
        statuses.sort_unstable();
        statuses
    };
    assert_eq!(both().await, [408, 408]);
    let guess = async || {
        let headers = basic("matrix:no");
        let answer = server.send("POST", "/webhooks/matrix", &headers, OPEN);
        answer.await.status
    };
    assert_eq!((guess().await, guess().await), (401, 429));
    assert_eq!(both().await, [408, 503]);
    // Each time one of them, so that who is right there is heard in the end.
    assert_eq!(both().await, [408, 503]);
}
