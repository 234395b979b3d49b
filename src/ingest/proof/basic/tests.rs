//! HTTP Basic: headers, names and passwords, and what is remembered of them.

use super::*;

fn login(name: &str, position: u32, username: &str, password: Password) -> Login {
    Login {
        name: name.to_owned(),
        position,
        username: username.to_owned(),
        password,
    }
}

fn plain(password: &str) -> Password {
    Password::Plain(password.to_owned().into())
}

fn hashed(password: &str) -> Password {
    Password::Hash(password::hash(&password.to_owned().into()).unwrap().into())
}

fn basic() -> Basic {
    Basic::new(vec![
        login("new", 0, "matrix", plain("s3cret:with:colons")),
        login("old", 1, "matrix", plain("pässwörd")),
        login("other", 2, "mätrix", plain("")),
    ])
}

async fn prove_by(basic: &Basic, headers: &[String]) -> Result<Proven, Refused> {
    let call = Presented {
        authorization: headers.iter().map(String::as_bytes).collect(),
        ..Presented::default()
    };
    basic.prove(&call).await
}

async fn prove(headers: &[String]) -> Result<Proven, Refused> {
    prove_by(&basic(), headers).await
}

fn header(scheme: &str, pair: &str) -> String {
    format!("{scheme} {}", STANDARD.encode(pair))
}

#[tokio::test]
async fn any_of_the_credentials_proves_the_sender() {
    for (pair, name, position) in [
        ("matrix:s3cret:with:colons", "new", 0),
        ("matrix:pässwörd", "old", 1),
        ("mätrix:", "other", 2),
    ] {
        for scheme in ["Basic", "basic", "BASIC "] {
            let proven = prove(&[header(scheme, pair)]).await.unwrap();
            assert_eq!(
                (proven.credential.as_str(), proven.position),
                (name, position)
            );
            assert_eq!(proven.signed_at, None);
        }
    }
}

#[tokio::test]
async fn wrong_secrets_and_unknown_names_are_refused_alike() {
    let wrong = prove(&[header("Basic", "matrix:nope")]).await.unwrap_err();
    let unknown = prove(&[header("Basic", "nobody:s3cret:with:colons")])
        .await
        .unwrap_err();
    assert_eq!(
        (wrong.reason, unknown.reason),
        (Reason::Unknown, Reason::Unknown)
    );
    assert_eq!(wrong.challenge, unknown.challenge);
    assert_eq!(wrong.claimed.as_deref(), Some("new"));
    assert_eq!(unknown.claimed, None);
    for pair in ["mätrix:pässwörd", "matrix:", "matrix:s3cret", ":"] {
        let refused = prove(&[header("Basic", pair)]).await.unwrap_err();
        assert_eq!(refused.reason, Reason::Unknown);
    }
}

#[tokio::test]
async fn missing_double_and_broken_headers_are_refused() {
    let good = header("Basic", "matrix:pässwörd");
    assert_eq!(prove(&[]).await.unwrap_err().reason, Reason::Missing);
    for headers in [
        vec![good.clone(), good.clone()],
        vec!["Basic".to_owned()],
        vec!["Basic ***".to_owned()],
        vec![header("Basic", "no colon")],
        vec![header("Bearer", "matrix:pässwörd")],
        vec![String::new()],
    ] {
        assert_eq!(prove(&headers).await.unwrap_err().reason, Reason::Malformed);
    }
}

#[tokio::test]
async fn without_credentials_nobody_passes() {
    let none = Basic::new(Vec::new());
    assert!(prove_by(&none, &[header("Basic", ":")]).await.is_err());
}

#[tokio::test]
async fn a_password_known_by_its_hash_proves_the_sender_and_is_remembered() {
    let basic = Basic::new(vec![
        login("plain", 0, "matrix", plain("one")),
        login("hash", 1, "matrix", hashed("t:wö")),
        login("hash of another", 2, "other", hashed("three")),
    ]);
    for pair in ["matrix:t:wö", "matrix:t:wö", "matrix:one", "other:three"] {
        assert!(prove_by(&basic, &[header("Basic", pair)]).await.is_ok());
    }
    assert_eq!(
        basic.memory.recall(b"6 matrixt:w\xc3\xb6"),
        Some(Verdict::Proven(1))
    );
    // The other's password, the own hash, and a name that nobody has.
    for pair in ["matrix:three", "other:t:wö", "nobody:three", "matrix:"] {
        for _ in 0..2 {
            let refused = prove_by(&basic, &[header("Basic", pair)]).await;
            assert_eq!(refused.unwrap_err().reason, Reason::Unknown);
        }
    }
    let Some(Password::Hash(hash)) = basic.logins.get(1).map(|login| &login.password) else {
        panic!("no hash");
    };
    let as_password = header("Basic", &format!("matrix:{}", hash.expose_secret()));
    assert!(prove_by(&basic, &[as_password]).await.is_err());
    // The name and the password change places: another pair, another memory.
    let shifted = header("Basic", "matri:xt:wö");
    assert!(prove_by(&basic, &[shifted]).await.is_err());
}

#[tokio::test]
async fn as_many_hashes_are_computed_for_an_unknown_name() {
    let basic = Basic::new(vec![
        login("a", 0, "matrix", hashed("one")),
        login("b", 1, "matrix", hashed("two")),
        login("c", 2, "other", hashed("three")),
    ]);
    assert_eq!(basic.most_hashes.len(), 2);
    let refused = prove_by(&basic, &[header("Basic", "nobody:one")]).await;
    assert_eq!(refused.unwrap_err().claimed, None);
    // A hash that only stands in for others proves nobody.
    let refused = prove_by(&basic, &[header("Basic", "other:two")]).await;
    assert_eq!(refused.unwrap_err().claimed.as_deref(), Some("c"));
}

#[test]
fn a_hash_is_not_shown() {
    let basic = Basic::new(vec![login("hash", 0, "matrix", hashed("one"))]);
    let shown = format!("{basic:?}");
    assert!(!shown.contains("argon2"), "{shown}");
}
