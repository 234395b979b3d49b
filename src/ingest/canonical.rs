//! One text for one JSON value, whatever the order of its members, and hashes of it.
//! Event keys are made of these: changing anything here changes ids.

use std::fmt::Write;

use serde_json::Value;
use sha2::{Digest, Sha256};

/// The value as compact JSON with sorted members.
pub fn text(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

/// SHA-256 of the canonical text, hexadecimal.
pub fn hash(value: &Value) -> String {
    sha256_hex(text(value).as_bytes())
}

/// The first eight bytes of [`hash`], to put what is otherwise the same in an order.
pub fn rank(value: &Value) -> u64 {
    let mut first = [0; 8];
    for (byte, of_hash) in first.iter_mut().zip(Sha256::digest(text(value))) {
        *byte = of_hash;
    }
    u64::from_be_bytes(first)
}

/// SHA-256 of bytes, hexadecimal in lower case.
pub fn sha256_hex(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

/// Recursion is bounded by the parser's own limit of 128 levels.
fn write(value: &Value, text: &mut String) {
    match value {
        Value::Array(items) => {
            text.push('[');
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    text.push(',');
                }
                write(item, text);
            }
            text.push(']');
        }
        Value::Object(members) => {
            // Sorted here and not left to the map: a dependency can switch it to insertion order.
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            text.push('{');
            for (position, (name, member)) in members.into_iter().enumerate() {
                if position > 0 {
                    text.push(',');
                }
                let _ = write!(text, "{}:", Value::String(name.clone()));
                write(member, text);
            }
            text.push('}');
        }
        scalar => {
            let _ = write!(text, "{scalar}");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_order_of_members_does_not_matter() {
        let one: Value = serde_json::from_str(r#"{"b":[1,{"d":1,"c":2}],"a":"x\"y"}"#).unwrap();
        let two: Value = serde_json::from_str(r#"{ "a":"x\"y", "b":[1,{"c":2,"d":1}] }"#).unwrap();
        assert_eq!(text(&one), r#"{"a":"x\"y","b":[1,{"c":2,"d":1}]}"#);
        assert_eq!(hash(&one), hash(&two));
    }

    #[test]
    fn other_values_and_other_orders_of_items_give_other_hashes() {
        assert_ne!(hash(&json!({"a": 1})), hash(&json!({"a": "1"})));
        assert_ne!(hash(&json!([1, 2])), hash(&json!([2, 1])));
        assert_ne!(hash(&json!({"a": null})), hash(&json!({})));
    }

    #[test]
    fn the_rank_is_the_beginning_of_the_hash() {
        let value = json!({"a": 1});
        assert!(hash(&value).starts_with(&format!("{:016x}", rank(&value))));
    }

    #[test]
    fn the_hash_is_sha_256() {
        assert_eq!(
            sha256_hex(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
