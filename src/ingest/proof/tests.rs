//! Which scheme is asked at which address.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;

fn schemes() -> Vec<Scheme> {
    let login = Login {
        name: "bus".to_owned(),
        position: 0,
        username: "matrix".to_owned(),
        password: Password::Plain("s3cret".to_owned().into()),
    };
    vec![
        Scheme::Basic(Basic::new(vec![login])),
        Scheme::Hmac(Hmac {
            tokens: Vec::new(),
            marker: MARKER.to_owned(),
            grace: GRACE,
            path_prefix: String::new(),
        }),
        Scheme::Sas(Sas { keys: Vec::new() }),
        Scheme::SigV4(SigV4 {
            keys: Vec::new(),
            skew: GRACE,
        }),
    ]
}

async fn prove(proof: &Proof, target: Target, authorization: &str) -> Result<Step, Refused> {
    let call = Presented {
        target,
        path: "/hub/messages",
        authorization: vec![authorization.as_bytes()],
        ..Presented::default()
    };
    proof.prove(&call, Utc::now()).await
}

#[tokio::test]
async fn an_open_door_takes_everybody_and_the_timestamp_if_it_is_one() {
    let (open, now) = (Proof::open(schemes()).timed(), Utc::now());
    let passed = async |call: Presented<'static>| match open.prove(&call, now).await {
        Ok(Step::Proven(proven)) => proven,
        other => panic!("{other:?}"),
    };
    let proven = passed(Presented::default()).await;
    assert_eq!(proven.credential, UNAUTHENTICATED);
    assert_eq!(proven.signed_at, None);
    let proven = passed(Presented {
        timestamp: vec![b"2021-03-10T14:23:23Z"],
        ..Presented::default()
    })
    .await;
    assert_eq!(proven.signed_at.as_deref(), Some("2021-03-10T14:23:23Z"));
    assert!(proven.signed_time.is_some());
    let nonsense = passed(Presented {
        timestamp: vec![b"yesterday"],
        ..Presented::default()
    })
    .await;
    assert_eq!((nonsense.signed_at, nonsense.signed_time), (None, None));
    for target in [Target::Hub, Target::Topic] {
        let call = Presented {
            target,
            ..Presented::default()
        };
        let refused = open.prove(&call, now).await.unwrap_err();
        assert_eq!(refused.reason, Reason::Missing);
    }
}

#[tokio::test]
async fn the_word_that_opens_the_header_chooses_the_scheme() {
    let proof = Proof::by(schemes());
    let good = format!("bAsIc {}", STANDARD.encode("matrix:s3cret"));
    assert!(prove(&proof, Target::Webhook, &good).await.is_ok());
    for (target, header, challenge) in [
        (Target::Webhook, "TCN a:b", "TCN realm="),
        (Target::Webhook, "Basic x", "Basic realm="),
        (
            Target::Hub,
            "SharedAccessSignature x",
            "SharedAccessSignature realm=",
        ),
        (
            Target::Topic,
            "AWS4-HMAC-SHA256 x",
            "AWS4-HMAC-SHA256 realm=",
        ),
    ] {
        let refused = prove(&proof, target, header).await.unwrap_err();
        assert!(refused.challenge.starts_with(challenge), "{refused:?}");
        assert_ne!(refused.reason, Reason::OtherScheme, "{header}");
    }
}

#[tokio::test]
async fn a_scheme_of_another_address_is_told_what_is_taken_here() {
    let proof = Proof::by(schemes());
    let good = format!("Basic {}", STANDARD.encode("matrix:s3cret"));
    for (target, header) in [
        (Target::Hub, good.as_str()),
        (Target::Topic, &good),
        (
            Target::Webhook,
            "SharedAccessSignature sr=a&sig=b&se=1&skn=c",
        ),
        (Target::Webhook, "AWS4-HMAC-SHA256 Credential=a"),
        (Target::Webhook, "Digest x"),
        (Target::Webhook, "Basically x"),
        (Target::Webhook, ""),
    ] {
        let refused = prove(&proof, target, header).await.unwrap_err();
        assert_eq!(refused.reason, Reason::OtherScheme, "{header}");
    }
    let refused = prove(&proof, Target::Webhook, "Digest x")
        .await
        .unwrap_err();
    assert_eq!(
        refused.challenge,
        "Basic realm=\"caretaker\", charset=\"UTF-8\", TCN realm=\"caretaker\""
    );
}

#[tokio::test]
async fn the_time_of_a_call_counts_where_the_source_gives_one() {
    let good = format!("Basic {}", STANDARD.encode("matrix:s3cret"));
    let call = Presented {
        authorization: vec![good.as_bytes()],
        timestamp: vec![b"2021-03-10T14:23:23Z"],
        ..Presented::default()
    };
    for (proof, signed_at) in [
        (Proof::by(schemes()), None),
        (Proof::by(schemes()).timed(), Some("2021-03-10T14:23:23Z")),
    ] {
        let Ok(Step::Proven(proven)) = proof.prove(&call, Utc::now()).await else {
            panic!("not proven");
        };
        assert_eq!(proven.credential, "bus");
        assert_eq!(proven.signed_at.as_deref(), signed_at);
    }
}
