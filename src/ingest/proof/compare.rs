//! Comparing what a call gives with what is known: in constant time, and always with all credentials.

use hmac::{KeyInit, Mac};
use sha2::Sha256;
use subtle::Choice;

pub(super) use crate::domain::secret::same;

/// HMAC-SHA256. A key of any length is fit for it, so the empty digest of the other branch is never seen.
pub(super) fn signature(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mac = hmac::Hmac::<Sha256>::new_from_slice(key);
    let digest = mac.map(|mac| mac.chain_update(message).finalize());
    digest.map_or_else(|_| Vec::new(), |digest| digest.into_bytes().to_vec())
}

/// What a search among credentials finds.
pub(super) struct Found<'a, C> {
    /// The first that proves the sender.
    pub(super) proven: Option<&'a C>,
    /// The first whose name was given.
    pub(super) named: Option<&'a C>,
}

/// Asks all credentials, whatever the first ones say.
pub(super) fn search<'a, C>(
    credentials: &'a [C],
    is_named: impl Fn(&C) -> Choice,
    is_proven: impl Fn(&C) -> Choice,
) -> Found<'a, C> {
    let (mut proven, mut named) = (None, None);
    for credential in credentials {
        let is_named = is_named(credential);
        let is_proven = is_named & is_proven(credential);
        if bool::from(is_named) && named.is_none() {
            named = Some(credential);
        }
        if bool::from(is_proven) && proven.is_none() {
            proven = Some(credential);
        }
    }
    Found { proven, named }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_of_another_name_proves_nothing() {
        let credentials = [("a", "1"), ("a", "2"), ("b", "3")];
        let find = |name: &str, secret: &str| {
            let found = search(
                &credentials,
                |one| same(one.0.as_bytes(), name.as_bytes()),
                |one| same(one.1.as_bytes(), secret.as_bytes()),
            );
            (found.proven.copied(), found.named.copied())
        };
        assert_eq!(find("a", "2"), (Some(("a", "2")), Some(("a", "1"))));
        assert_eq!(find("a", "3"), (None, Some(("a", "1"))));
        assert_eq!(find("c", "3"), (None, None));
    }
}
