//! What our own tokens say, and what passes for one.

use std::sync::atomic::{AtomicU64, Ordering};

use jsonwebtoken::{EncodingKey, Header};
use secrecy::{ExposeSecret, SecretString};

use super::*;

const LIFE: TimeDelta = TimeDelta::minutes(15);

fn key() -> Key {
    Key::new(|_| Ok(Some(SecretString::from("k".repeat(32)))))
}

fn now() -> DateTime<Utc> {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn read(key: &Key, token: &str) -> Option<Claims> {
    key.read(token).unwrap()
}

fn claims() -> Claims {
    Claims::new("https://here", "client", None, now(), LIFE)
}

#[test]
fn what_was_signed_is_read_and_nothing_else() {
    let token = key().sign(&claims()).unwrap();
    let token = token.expose_secret();
    assert_eq!(read(&key(), token).unwrap().sub, "client");
    let other = Key::new(|_| Ok(Some(SecretString::from("o".repeat(32)))));
    assert_eq!(read(&other, token), None);
    assert_eq!(other.strange(), 1);
    for end in 1..token.len() {
        assert_eq!(read(&key(), &token[..end]), None, "{end}");
    }
    // Another type of token under the same key.
    let mut header = Header::new(ALGORITHM);
    header.typ = Some("JWT".to_owned());
    let secret = EncodingKey::from_secret(&[b'k'; 32]);
    let plain = jsonwebtoken::encode(&header, &claims(), &secret).unwrap();
    assert_eq!(read(&key(), &plain), None);
}

#[test]
fn each_claim_must_hold() {
    let check = |change: fn(&mut Claims)| {
        let mut claims = claims();
        change(&mut claims);
        claims.check(Some("https://here"), now())
    };
    assert_eq!(check(|_| ()), Ok(()));
    assert_eq!(check(|c| c.iss = "https://there".to_owned()), Err("iss"));
    assert_eq!(check(|c| c.aud = "other".to_owned()), Err("aud"));
    assert_eq!(check(|c| c.sub = "other".to_owned()), Err("sub"));
    assert_eq!(check(|c| c.exp = now().timestamp() - 10), Err("exp"));
    assert_eq!(check(|c| c.exp = i64::MAX), Err("exp"));
    assert_eq!(check(|c| c.iat = now().timestamp() + 11), Err("iat"));
    assert_eq!(check(|c| c.scope = "webhook".to_owned()), Err("scope"));
    assert_eq!(check(|c| c.scope = "a webhooks".to_owned()), Ok(()));
    assert_eq!(claims().check(None, now()), Ok(()));
    assert_eq!(claims().check(None, now() + LIFE), Ok(()));
    assert_eq!(claims().check(None, now() + LIFE + LEEWAY), Err("exp"));
}

#[test]
fn a_key_is_made_only_to_sign_and_a_short_one_is_refused() {
    let none = Key::new(|make| Ok(make.then(|| SecretString::from("m".repeat(32)))));
    let token = key().sign(&claims()).unwrap();
    assert_eq!(read(&none, token.expose_secret()), None);
    let own = none.sign(&claims()).unwrap();
    assert!(read(&none, own.expose_secret()).is_some());
    let short = Key::new(|_| Ok(Some(SecretString::from("short"))));
    assert!(short.sign(&claims()).is_err());
}

#[test]
fn a_key_that_is_missing_or_unreadable_is_not_looked_for_at_every_token() {
    use std::sync::Arc;
    let token = key().sign(&claims()).unwrap();
    for fault in [None, Some("mode 0644")] {
        let looks = Arc::new(AtomicU64::new(0));
        let looked = Arc::clone(&looks);
        let key = Key::new(move |_| {
            looked.fetch_add(1, Ordering::Relaxed);
            fault.map_or(Ok(None), |why| Err(why.to_owned()))
        });
        for _ in 0..20 {
            assert_eq!(key.read(token.expose_secret()).is_err(), fault.is_some());
        }
        assert_eq!(looks.load(Ordering::Relaxed), 1);
        // To sign is another matter: then the key is made.
        assert!(key.sign(&claims()).is_err());
        assert_eq!(looks.load(Ordering::Relaxed), 2);
    }
}
