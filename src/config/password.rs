//! A password of HTTP Basic: itself, or its Argon2id hash.

use argon2::Params;
use argon2::password_hash::phc::PasswordHash;
use secrecy::{ExposeSecret, SecretString};

use super::Secret;

/// The most memory that a hash may ask for, in KiB: two are computed at once.
const MOST_KIB: u32 = 256 * 1024;

/// The most passes that a hash may ask for.
const MOST_PASSES: u32 = 32;

/// What is known of a password.
#[derive(Clone, Debug)]
pub enum Password {
    /// `password`, `password_env` or `password_file`: the password itself.
    Plain(Secret),
    /// `password_hash`: its Argon2id hash as a PHC string, as `caretaker hash-password` prints it.
    Hash(SecretString),
}

impl From<Secret> for Password {
    fn from(secret: Secret) -> Self {
        Self::Plain(secret)
    }
}

impl Password {
    /// What is wrong with it, in plain words. The hash itself is not repeated.
    pub(super) fn check(&self) -> Result<(), String> {
        match self {
            Self::Plain(secret) => secret
                .read()
                .map(drop)
                .map_err(|why| format!("`password`: {why}")),
            Self::Hash(hash) => {
                check_hash(hash.expose_secret()).map_err(|why| format!("`password_hash`: {why}"))
            }
        }
    }
}

fn check_hash(text: &str) -> Result<(), String> {
    let expected = "it is no Argon2id hash in PHC form ($argon2id$v=19$m=…,t=…,p=…$salt$hash); \
                    `caretaker hash-password` makes one";
    let hash = PasswordHash::new(text).map_err(|_| expected.to_owned())?;
    let params = Params::try_from(&hash).map_err(|_| expected.to_owned())?;
    if hash.algorithm.as_str() != "argon2id" || hash.salt.is_none() || hash.hash.is_none() {
        return Err(expected.to_owned());
    }
    if params.m_cost() > MOST_KIB || params.t_cost() > MOST_PASSES {
        return Err(format!(
            "it asks for more than {MOST_KIB} KiB or {MOST_PASSES} passes, which every failing call would cost"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$\
                         9jU4iSUh8qZEpXpUDk6xvnPeUHn+Lxz2B3+VyYyj4cw";

    #[test]
    fn a_sound_hash_is_taken() {
        assert_eq!(check_hash(SOUND), Ok(()));
    }

    #[test]
    fn what_is_no_hash_or_costs_too_much_is_refused_without_being_repeated() {
        let (head, hash) = SOUND.rsplit_once('$').unwrap();
        for text in [
            "a password",
            "",
            head,
            &SOUND.replace("argon2id", "argon2i"),
            &SOUND.replace("m=64", "m=1"),
            &SOUND.replace("m=64", "m=4194304"),
            &SOUND.replace("t=1", "t=1000"),
            &SOUND.replace("$argon2id", "$scrypt"),
        ] {
            let why = check_hash(text).unwrap_err();
            assert!(!why.contains(hash), "{why}");
        }
    }
}
