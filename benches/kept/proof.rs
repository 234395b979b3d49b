//! Proof: who sent a call.

use std::hint::black_box;

use anyhow::bail;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use caretaker::ingest::proof::{
    Basic, GRACE, Hmac, Login, MARKER, Password, Presented, Proof, Scheme, Step, Target, Token,
    hash,
};
use hmac::{KeyInit as _, Mac as _};
use secrecy::SecretString;

use super::body;

const SECRET: &str = "one-long-secret-for-what-is-kept";

/// The digest over method, path and time.
pub(super) fn hmac(rounds: usize) -> anyhow::Result<()> {
    let token = Token {
        name: "kept".to_owned(),
        position: 0,
        token: "kept".to_owned(),
        secret: SecretString::from(SECRET),
    };
    let proof = Proof::by(vec![Scheme::Hmac(Hmac {
        tokens: vec![token],
        marker: MARKER.to_owned(),
        grace: GRACE,
        path_prefix: String::new(),
    })]);
    let (path, time) = ("/webhooks/urgent/task-created", body::at(0).to_rfc3339());
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes())?;
    mac.update(format!("POST+{path}+{time}").as_bytes());
    let digest = STANDARD.encode(mac.finalize().into_bytes());
    let authorization = format!("{MARKER} kept:{digest}");
    let call = Presented {
        target: Target::Webhook,
        method: "POST",
        path,
        authorization: vec![authorization.as_bytes()],
        timestamp: vec![time.as_bytes()],
        ..Presented::default()
    };
    prove(&proof, &call, rounds)
}

/// A password of which only the hash is known, remembered from the call before.
pub(super) fn password(rounds: usize) -> anyhow::Result<()> {
    let hash = hash(&SecretString::from(SECRET)).map_err(anyhow::Error::msg)?;
    let login = Login {
        name: "kept".to_owned(),
        position: 0,
        username: "kept".to_owned(),
        password: Password::Hash(hash.into()),
    };
    let proof = Proof::by(vec![Scheme::Basic(Basic::new(vec![login]))]);
    let authorization = format!("Basic {}", STANDARD.encode(format!("kept:{SECRET}")));
    let call = Presented {
        target: Target::Webhook,
        method: "POST",
        path: "/webhooks/matrix",
        authorization: vec![authorization.as_bytes()],
        ..Presented::default()
    };
    prove(&proof, &call, rounds)
}

fn prove(proof: &Proof, call: &Presented<'_>, rounds: usize) -> anyhow::Result<()> {
    let runtime = super::page::runtime()?;
    for _ in 0..=rounds {
        let step = runtime.block_on(proof.prove(black_box(call), body::at(0)));
        match step {
            Ok(Step::Proven(proven)) if proven.credential == "kept" => {}
            other => bail!("not proven: {other:?}"),
        }
    }
    Ok(())
}
