//! Argon2id: making a hash for the settings, and verifying against one. Each computation takes tens of milliseconds and
//! the memory that the hash names; therefore on threads of their own, and only for whoever has the turn.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use secrecy::{ExposeSecret, SecretString};

use super::turn::Turn;

/// Which of the hashes the password fits, if any; all of them are tried. `None` when the computation failed.
pub(super) async fn verify(
    turn: Turn,
    password: SecretString,
    hashes: Vec<String>,
) -> Option<Vec<bool>> {
    // The turn goes along: a caller that leaves does not end the computation.
    let work = move || {
        let password = password.expose_secret().as_bytes();
        let fits = hashes.iter().map(|hash| fits(password, hash)).collect();
        drop(turn);
        fits
    };
    tokio::task::spawn_blocking(work).await.ok()
}

fn fits(password: &[u8], hash: &str) -> bool {
    PasswordHash::new(hash)
        .is_ok_and(|hash| Argon2::default().verify_password(password, &hash).is_ok())
}

/// A hash for the settings, with a salt of its own and the parameters that are good practice.
///
/// # Errors
/// In plain words, when there are no random numbers or the password is too long.
pub fn hash(password: &SecretString) -> Result<String, String> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|error| format!("no random numbers: {error}"))?;
    Argon2::default()
        .hash_password_with_salt(password.expose_secret().as_bytes(), &salt)
        .map(|hash| hash.to_string())
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_fits_its_password_and_no_other() {
        let hash = hash(&SecretString::from("pass:wörd")).unwrap();
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        assert!(fits("pass:wörd".as_bytes(), &hash));
        assert!(!fits(b"pass:word", &hash));
        assert!(!fits(b"", &hash));
        assert!(!fits(b"", ""));
        assert_ne!(hash, super::hash(&SecretString::from("pass:wörd")).unwrap());
    }
}
