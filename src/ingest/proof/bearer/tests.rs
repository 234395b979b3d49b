//! Our own tokens: whose failure it is when one does not pass.

use migration::MigratorTrait;
use secrecy::{ExposeSecret, SecretString};

use super::*;
use crate::domain::database::Database;
use crate::domain::oauth::token::Claims as OwnClaims;
use crate::domain::oauth::write;

fn key() -> Key {
    Key::new(|_| Ok(Some(SecretString::from("k".repeat(32)))))
}

#[tokio::test]
async fn the_failures_of_a_token_that_we_signed_are_its_clients() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/test.db?mode=rwc", folder.path().display());
    let database = Database::open(&url, 1).await.unwrap();
    migration::Migrator::up(&database.writer, None)
        .await
        .unwrap();
    let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
    let made = write::add(&database, "bus", Source::Matrix, false, now).await;
    let client = made.unwrap().client;
    let bearer = |source| Bearer {
        source,
        own: Some(Own {
            key: Arc::new(key()),
            standing: Arc::new(Standing::new(database.clone())),
            issuer: None,
        }),
        issuers: Vec::new(),
        position: 0,
    };
    let (matrix, urgent) = (bearer(Source::Matrix), bearer(Source::Urgent));
    let life = TimeDelta::minutes(15);
    let claims = OwnClaims::new("here", &client.id, None, now, life);
    let claimed = async |bearer: &Bearer, claims: &OwnClaims, key: Key, now| {
        let token = key.sign(claims).unwrap();
        let header = format!("Bearer {}", token.expose_secret());
        let call = Presented {
            authorization: vec![header.as_bytes()],
            ..Presented::default()
        };
        bearer.prove(&call, now).await.map_err(|refused| {
            // Who holds what we signed guesses nothing.
            assert_eq!(refused.reason.is_guess(), refused.claimed.is_none());
            refused.claimed
        })
    };
    let bus = Err(Some("bus".to_owned()));
    assert!(claimed(&matrix, &claims, key(), now).await.is_ok());
    assert_eq!(claimed(&urgent, &claims, key(), now).await, bus);
    let expired = claimed(&matrix, &claims, key(), now + life + life).await;
    assert_eq!(expired, bus);
    let of_ended_family = OwnClaims::new("here", &client.id, Some("f".to_owned()), now, life);
    let ended = claimed(&matrix, &of_ended_family, key(), now).await;
    assert_eq!(ended, bus);
    write::revoke_access_token(&database, &claims.jti, claims.expires_at(), now)
        .await
        .unwrap();
    assert_eq!(
        claimed(&bearer(Source::Matrix), &claims, key(), now).await,
        bus
    );
    // Nobody is named by what others signed.
    let other = Key::new(|_| Ok(Some(SecretString::from("o".repeat(32)))));
    assert_eq!(claimed(&matrix, &claims, other, now).await, Err(None));
}
