//! Public keys of outside issuers: a key set (RFC 7517) or one PEM. Only keys that verify RS256, ES256 or EdDSA are taken;
//! a shared secret (`oct`) never is, whatever it says of itself.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use serde::Deserialize;

/// How many keys of one set are taken.
const MOST: usize = 64;
/// The shortest RSA modulus, in bytes: 2048 bits.
const SHORTEST_RSA: usize = 256;
/// The length of an Ed25519 key and of a P-256 coordinate.
const CURVE_BYTES: usize = 32;

/// What names a private key in a PEM, of whatever kind.
const PRIVATE: &[u8] = b"PRIVATE KEY-----";

/// One public key.
#[derive(Clone, Debug)]
pub struct PublicKey {
    /// Its id; without one it is tried for every token of its algorithm.
    pub id: Option<String>,
    /// The one algorithm that it is for.
    pub algorithm: Algorithm,
    /// The key.
    pub key: DecodingKey,
}

impl PublicKey {
    /// Whether a token with this header may be signed with it.
    pub(super) fn fits(&self, id: Option<&str>, algorithm: Algorithm) -> bool {
        let is_meant = match (&self.id, id) {
            (Some(own), Some(given)) => own == given,
            _ => true,
        };
        is_meant && self.algorithm == algorithm
    }
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// The usable keys of a set. Others in it are passed over: an issuer may have keys for other purposes. A set without any
/// key is one: the issuer has withdrawn them all.
///
/// # Errors
/// It is no key set, or has keys but none for us; in plain words.
pub(super) fn of_set(text: &[u8]) -> Result<Vec<PublicKey>, String> {
    let set: Set =
        serde_json::from_slice(text).map_err(|error| format!("it is not a key set: {error}"))?;
    if set.keys.is_empty() {
        return Ok(Vec::new());
    }
    let keys = set.keys.into_iter().filter_map(|key| {
        let key: Jwk = serde_json::from_value(key).ok()?;
        of_jwk(&key)
    });
    let keys: Vec<PublicKey> = keys.take(MOST).collect();
    if keys.is_empty() {
        return Err("it has no key for RS256, ES256 or EdDSA".to_owned());
    }
    Ok(keys)
}

fn of_jwk(jwk: &Jwk) -> Option<PublicKey> {
    let is_to_sign = jwk.usage.as_deref().is_none_or(|usage| usage == "sig");
    let operations = jwk.key_ops.as_ref();
    let is_to_verify = operations.is_none_or(|operations| operations.iter().any(|o| o == "verify"));
    if !is_to_sign || !is_to_verify {
        return None;
    }
    let (algorithm, name, key) = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("RSA", _) => {
            let (n, e) = (bytes(jwk.n.as_ref())?, bytes(jwk.e.as_ref())?);
            let size = n.iter().skip_while(|byte| **byte == 0).count();
            let key = DecodingKey::from_rsa_raw_components(&n, &e);
            (size >= SHORTEST_RSA).then_some((Algorithm::RS256, "RS256", key))?
        }
        ("EC", Some("P-256")) => {
            let (x, y) = (coordinate(jwk.x.as_ref())?, coordinate(jwk.y.as_ref())?);
            let point = [&[4], x.as_slice(), y.as_slice()].concat();
            (Algorithm::ES256, "ES256", DecodingKey::from_ec_der(&point))
        }
        // The library takes a longer or shorter one for granted and panics.
        ("OKP", Some("Ed25519")) => {
            let x = coordinate(jwk.x.as_ref())?;
            (Algorithm::EdDSA, "EdDSA", DecodingKey::from_ed_der(&x))
        }
        _ => return None,
    };
    if jwk
        .alg
        .as_deref()
        .is_some_and(|alg| alg != name && !(name == "EdDSA" && alg == "Ed25519"))
    {
        return None;
    }
    Some(PublicKey {
        id: jwk.kid.clone(),
        algorithm,
        key,
    })
}

fn bytes(text: Option<&String>) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD.decode(text?).ok()
}

fn coordinate(text: Option<&String>) -> Option<Vec<u8>> {
    bytes(text).filter(|bytes| bytes.len() == CURVE_BYTES)
}

/// The key of a PEM.
///
/// # Errors
/// It is none, or of another kind; in plain words.
pub fn of_pem(text: &[u8]) -> Result<PublicKey, String> {
    let is_private = text.windows(PRIVATE.len()).any(|words| words == PRIVATE);
    if is_private {
        let why = "it holds a private key, which only the issuer should have: give the public one (`openssl pkey \
                   -pubout`), and think of the private one as known to others";
        return Err(why.to_owned());
    }
    let key = DecodingKey::from_rsa_pem(text)
        .or_else(|_| DecodingKey::from_ec_pem(text))
        .or_else(|_| DecodingKey::from_ed_pem(text))
        .map_err(|_| "it is no public key (PEM) of RSA, P-256 or Ed25519")?;
    let algorithm = match key.family() {
        AlgorithmFamily::Rsa => Algorithm::RS256,
        AlgorithmFamily::Ec => Algorithm::ES256,
        AlgorithmFamily::Ed => Algorithm::EdDSA,
        AlgorithmFamily::Hmac => return Err("it is a shared secret".to_owned()),
    };
    let length = key.try_get_as_bytes().map(<[u8]>::len).unwrap_or_default();
    let fits = match algorithm {
        Algorithm::RS256 => length > SHORTEST_RSA,
        Algorithm::ES256 => length == 1 + 2 * CURVE_BYTES,
        _ => length == CURVE_BYTES,
    };
    if !fits {
        return Err("it is too short, or of another curve than P-256 or Ed25519".to_owned());
    }
    Ok(PublicKey {
        id: None,
        algorithm,
        key,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn keys(keys: serde_json::Value) -> Result<Vec<PublicKey>, String> {
        of_set(json!({ "keys": keys }).to_string().as_bytes())
    }

    fn b64(bytes: &[u8]) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    #[test]
    fn keys_for_other_purposes_are_passed_over() {
        let good = json!({"kty": "OKP", "crv": "Ed25519", "x": b64(&[1; 32]), "kid": "good"});
        let with = |name: &str, value: serde_json::Value| {
            let mut key = good.clone();
            key[name] = value;
            key
        };
        let others = json!([
            {"kty": "oct", "k": b64(&[1; 32]), "alg": "HS256"},
            {"kty": "RSA", "n": b64(&[1; 255]), "e": "AQAB"},
            {"kty": "RSA", "n": b64(&[&[0; 8][..], &[1; 255]].concat()), "e": "AQAB"},
            {"kty": "RSA", "n": b64(&[1; 256])},
            {"kty": "EC", "crv": "P-384", "x": b64(&[1; 48]), "y": b64(&[1; 48])},
            {"kty": "EC", "crv": "P-256", "x": b64(&[1; 31]), "y": b64(&[1; 32])},
            with("x", json!(b64(&[1; 31]))),
            with("x", json!(b64(&[1; 33]))),
            with("x", json!("***")),
            with("use", json!("enc")),
            with("key_ops", json!(["sign"])),
            with("alg", json!("HS256")),
            with("crv", json!("Ed448")),
            with("kty", json!(7)),
            7,
        ]);
        assert!(keys(others.clone()).is_err());
        let mut all = others.as_array().unwrap().clone();
        all.push(good.clone());
        all.push(with("alg", json!("EdDSA")));
        all.push(with("key_ops", json!(["verify"])));
        let found = keys(json!(all)).unwrap();
        assert_eq!(found.len(), 3);
        assert!(found[0].fits(Some("good"), Algorithm::EdDSA));
        assert!(found[0].fits(None, Algorithm::EdDSA));
        assert!(!found[0].fits(Some("other"), Algorithm::EdDSA));
        assert!(!found[0].fits(Some("good"), Algorithm::HS256));
    }

    #[test]
    fn what_is_no_key_set_is_refused() {
        for text in [
            "",
            "{}",
            "[]",
            "{\"keys\": {}}",
            "{\"keys\": [7]}",
            "<html>",
        ] {
            assert!(of_set(text.as_bytes()).is_err(), "{text}");
        }
        assert!(keys(json!([])).unwrap().is_empty());
        let many = json!({"kty": "OKP", "crv": "Ed25519", "x": b64(&[1; 32])});
        assert_eq!(keys(json!(vec![many; MOST + 1])).unwrap().len(), MOST);
    }

    #[test]
    fn a_file_that_holds_no_public_key_is_refused() {
        for text in [
            "",
            "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
            "secret",
        ] {
            assert!(of_pem(text.as_bytes()).is_err(), "{text}");
        }
        for pem in [
            &include_bytes!("../../tests/it/fixtures/oauth/rsa.pem")[..],
            include_bytes!("../../tests/it/fixtures/oauth/ec.pem"),
            include_bytes!("../../tests/it/fixtures/oauth/ed.pem"),
        ] {
            let why = of_pem(pem).unwrap_err();
            assert!(why.contains("private key"), "{why}");
        }
    }
}
