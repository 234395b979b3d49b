//! Credentials that cannot be used or told apart stop the start. Their secrets are read here, and not repeated.

use entity::Source;

use super::MatrixCredential;
use crate::config::Config;
use crate::config::check::once;

/// Of each source, whatever the scheme: deliveries and the counts of failures know the name only.
pub(in crate::config) fn names(config: &Config) -> Result<(), String> {
    let lists = [
        (
            "matrix.credentials, event_hubs, iot and issuers together",
            Source::Matrix,
        ),
        (
            "urgent.credentials, basic and issuers together",
            Source::Urgent,
        ),
    ];
    for (list, source) in lists {
        once(list, "name", config.credential_names(source))?;
    }
    Ok(())
}

/// Those of Matrix.
pub(in crate::config) fn matrix(config: &Config) -> Result<(), String> {
    let matrix = &config.matrix;
    logins("matrix.credentials", &matrix.credentials)?;
    for hub in &matrix.event_hubs {
        let told = |why| format!("`matrix.event_hubs`, `{}`: {why}", hub.name);
        if hub.hub.is_empty() || hub.hub.contains('/') || hub.key_name.is_empty() {
            let why = "`hub` and `key_name` must not be empty, and a hub holds no slash";
            return Err(told(why.to_owned()));
        }
        hub.key
            .read()
            .map_err(|why| told(format!("`key`: {why}")))?;
    }
    for topic in &matrix.iot {
        let told = |why| format!("`matrix.iot`, `{}`: {why}", topic.name);
        let words = [&topic.topic, &topic.region, &topic.access_key_id];
        if words.iter().any(|word| word.is_empty()) || topic.topic.starts_with('/') {
            let why = "`topic`, `region` and `access_key_id` must not be empty, and the topic does not begin \
                       with a slash";
            return Err(told(why.to_owned()));
        }
        let secret = topic.secret_access_key.read();
        secret.map_err(|why| told(format!("`secret_access_key`: {why}")))?;
        if let Some(token) = &topic.session_token {
            let token = token.read();
            token.map_err(|why| told(format!("`session_token`: {why}")))?;
        }
    }
    open_or_not(
        "matrix",
        matrix.allow_unauthenticated,
        matrix.credentials.len(),
    )
}

fn logins(list: &str, logins: &[MatrixCredential]) -> Result<(), String> {
    for credential in logins {
        let problem = match &credential.username {
            name if name.is_empty() => Some("`username` is empty".to_owned()),
            name if name.contains(':') => {
                Some("`username` holds a colon, which ends it in HTTP Basic".to_owned())
            }
            _ => credential.password.check().err(),
        };
        if let Some(problem) = problem {
            return Err(format!("`{list}`, `{}`: {problem}", credential.name));
        }
    }
    Ok(())
}

/// Those of Urgent.
pub(in crate::config) fn urgent(config: &Config) -> Result<(), String> {
    let urgent = &config.urgent;
    logins("urgent.basic", &urgent.basic)?;
    // Two secrets for one token is how a secret is changed; two equal pairs cannot be told apart in a delivery.
    for credential in &urgent.credentials {
        let token = &credential.token;
        let problem = if token.is_empty() || token.contains([':', ' ']) {
            Some(
                "`token` is empty or holds a colon or space, which end it in the header".to_owned(),
            )
        } else {
            credential
                .secret
                .read()
                .err()
                .map(|why| format!("`secret`: {why}"))
        };
        if let Some(problem) = problem {
            return Err(format!(
                "`urgent.credentials`, `{}`: {problem}",
                credential.name
            ));
        }
    }
    open_or_not(
        "urgent",
        urgent.allow_unauthenticated,
        urgent.credentials.len() + urgent.basic.len(),
    )
}

fn open_or_not(source: &str, open: bool, credentials: usize) -> Result<(), String> {
    if open && credentials > 0 {
        return Err(format!(
            "`{source}.allow_unauthenticated` is true although `{source}.credentials` are given: \
             take one of the two away"
        ));
    }
    Ok(())
}
