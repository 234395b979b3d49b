//! Where a secret is, and that it is never shown.

use std::io::Write;

use super::*;

#[test]
fn a_secret_is_read_from_a_file_without_its_line_end() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b" of spaces \r\n").unwrap();
    let secret = Secret::File(file.path().to_owned()).read().unwrap();
    assert_eq!(secret.expose_secret(), " of spaces ");
}

#[test]
fn an_empty_or_missing_secret_is_refused() {
    assert!(Secret::Here(SecretString::from("")).read().is_err());
    let missing = Secret::Variable("CARETAKER_NO_SUCH_VARIABLE".to_owned());
    assert_eq!(
        missing.read().unwrap_err(),
        "the variable CARETAKER_NO_SUCH_VARIABLE is not set or not text"
    );
}

#[test]
fn a_credential_says_once_where_its_secret_is() {
    let read = |text: &str| toml::from_str::<MatrixCredential>(text).map_err(|e| e.to_string());
    let both = read("name = 'a'\nusername = 'b'\npassword = 'c'\npassword_env = 'D'");
    assert!(both.unwrap_err().contains("exclude each other"));
    let none = read("name = 'a'\nusername = 'b'");
    assert!(none.unwrap_err().contains("is needed"));
    let hash = read("name = 'a'\nusername = 'b'\npassword_hash = 'c'");
    assert!(matches!(hash.unwrap().password, Password::Hash(_)));
    let both = read("name = 'a'\nusername = 'b'\npassword_hash = 'c'\npassword_env = 'D'");
    assert!(both.unwrap_err().contains("excludes `password`"));
}

#[test]
fn a_session_token_may_stand_elsewhere() {
    let head =
        "name = 'a'\ntopic = 't'\nregion = 'r'\naccess_key_id = 'i'\nsecret_access_key = 's'\n";
    let read = |text: &str| {
        toml::from_str::<IotTopic>(&format!("{head}{text}")).map_err(|error| error.to_string())
    };
    assert!(read("").unwrap().session_token.is_none());
    let file = read("session_token_file = 'f'").unwrap().session_token;
    assert!(matches!(file, Some(Secret::File(_))));
    let variable = read("session_token_env = 'V'").unwrap().session_token;
    assert!(matches!(variable, Some(Secret::Variable(_))));
    let both = read("session_token = 't'\nsession_token_env = 'V'");
    assert!(both.unwrap_err().contains("exclude each other"));
}

#[test]
fn debug_does_not_show_a_secret() {
    let text = "name = 'a'\ntoken = 'b'\nsecret = 'hidden'";
    let credential: UrgentCredential = toml::from_str(text).unwrap();
    let shown = format!("{credential:?}");
    assert!(
        shown.contains("REDACTED") && !shown.contains("hidden"),
        "{shown}"
    );
    let text = "name = 'a'\nusername = 'b'\npassword_hash = '$argon2id$hidden'";
    let credential: MatrixCredential = toml::from_str(text).unwrap();
    let shown = format!("{credential:?}");
    assert!(!shown.contains("argon2id"), "{shown}");
}
