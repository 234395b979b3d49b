//! The name of this database, by which its nodes find each other elsewhere. All nodes on one database read the same.

use entity::setting;
use sea_orm::DbErr;
use uuid::Uuid;

use super::bulk::{self, Existing};
use super::database::Database;
use super::journal;

/// The setting that holds it.
const NAME: &str = "installation";

/// The name, made when it is asked for the first time; of nodes that ask at once, one makes it.
///
/// # Errors
/// What the database says.
pub async fn id(database: &Database) -> Result<Uuid, DbErr> {
    loop {
        let known = journal::setting(&database.writer, NAME).await?;
        if let Some(text) = known {
            let id = Uuid::parse_str(&text);
            return id.map_err(|error| DbErr::Custom(format!("the setting `{NAME}`: {error}")));
        }
        let row = setting::Model {
            name: NAME.to_owned(),
            value: Uuid::new_v4().to_string(),
        };
        bulk::write::<setting::Entity>(&database.writer, &[row], &[], Existing::Keep).await?;
    }
}
