//! The operator's decisions: tables, imported from the settings or decided by mutations, under the writer's lock and
//! with a version. Fold and reads use only the tables, so two nodes with different files do not fight.

pub mod place;
pub mod sla;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use entity::{Declarer, Source, StatusTypeName, place_link, property, status_type};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter};
use uuid::Uuid;

use self::place::Links;
use super::database::Database;
use super::id::{self, SiteKey};
use super::sla::Rule;
use super::wake::Wake;
use super::writer::Clock;
use super::{batch, bulk, bulk::Existing};

/// What the settings declare. What they do not speak of leaves its table as it is: another node may declare it. What they
/// declare to be empty takes back what settings declared before.
#[derive(Clone, Debug, Default)]
pub struct Declared {
    /// Each place: its name, and its sites, the one that is the building first.
    pub places: Option<Vec<(String, Vec<SiteKey>)>>,
    /// Each Matrix property: its id and its name.
    pub properties: Vec<(String, String)>,
    /// What a status name of a tenant means: (tenant, status, type).
    pub status_types: Option<Vec<(String, String, StatusTypeName)>>,
    /// What counts as at risk, and how soon work should begin.
    pub sla: Option<Rule>,
}

/// Brings the operator tables into line with `declared`. Gives whether anything changed. Deadlines follow a changed rule
/// by `upkeep`.
///
/// # Errors
/// What the database says; then nothing is changed.
pub async fn import(
    database: &Database,
    declared: &Declared,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let transaction = batch::begin(database).await?;
    let at = batch::recorded_at(&transaction, now).await?;
    let mut changed = name_properties(&transaction, &declared.properties).await?;
    if let Some(types) = &declared.status_types {
        changed |= map_statuses(&transaction, types).await?;
    }
    if let Some(rule) = &declared.sla {
        changed |= sla::import(&transaction, rule, now).await?;
    }
    if let Some(places) = &declared.places {
        let held = place::held(&transaction).await?;
        let wanted = place::imported(&held, places);
        let activities = place::replace(&transaction, &held, wanted, at).await?;
        changed |= activities.is_some();
        batch::notify(&transaction, &activities.unwrap_or_default()).await?;
    }
    transaction.commit().await?;
    Ok(changed)
}

/// What settings declared before and these do not speak of: in words, and by the name of the setting that would take it
/// back.
///
/// # Errors
/// What the database says.
pub async fn left_by_settings(
    connection: &impl ConnectionTrait,
    declared: &Declared,
) -> Result<Vec<(String, &'static str)>, DbErr> {
    let mut left = Vec::new();
    if declared.places.is_none() {
        let of_settings = place_link::Column::DeclaredBy.eq(Declarer::Settings);
        let links = place_link::Entity::find().filter(of_settings);
        match links.count(connection).await? {
            0 => {}
            count => left.push((format!("{count} sites of places"), "places")),
        }
    }
    if declared.status_types.is_none() {
        match status_type::Entity::find().count(connection).await? {
            0 => {}
            count => left.push((format!("{count} status types"), "status_types")),
        }
    }
    Ok(left)
}

/// Why a decision was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Undecided {
    /// Something else says otherwise; in plain words.
    #[error("{0}")]
    Contradicted(String),
    /// The database did not take it.
    #[error(transparent)]
    Database(#[from] DbErr),
}

/// The operator's way in while the server runs.
#[derive(Clone)]
pub struct Operator {
    /// Where the decisions are kept.
    pub database: Database,
    /// Tells the time.
    pub clock: Clock,
    /// Signalled after each decision.
    pub wake: Wake,
}

impl std::fmt::Debug for Operator {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Operator").finish_non_exhaustive()
    }
}

impl Operator {
    /// Declares `places` to be one building, called `name` where one is given. Gives the site that leads it.
    ///
    /// # Errors
    /// [`Undecided`]; then nothing is changed.
    pub async fn link_places(
        &self,
        places: Vec<SiteKey>,
        name: Option<String>,
    ) -> Result<SiteKey, Undecided> {
        self.decide(move |held| place::joined(held, &places, name.as_deref()))
            .await
    }

    /// Takes `places` out of what an operator linked them to.
    ///
    /// # Errors
    /// [`Undecided`]; then nothing is changed.
    pub async fn unlink_places(&self, places: Vec<SiteKey>) -> Result<(), Undecided> {
        self.decide(move |held| place::parted(held, &places).map(|wanted| (wanted, ())))
            .await
    }

    /// In a task of its own: who asked may go away, a decision is taken wholly or not at all.
    async fn decide<T: Send + 'static>(
        &self,
        decision: impl FnOnce(&Links) -> Result<(Links, T), String> + Send + 'static,
    ) -> Result<T, Undecided> {
        let operator = self.clone();
        let decided = tokio::spawn(async move {
            let transaction = batch::begin(&operator.database).await?;
            let at = batch::recorded_at(&transaction, (operator.clock)()).await?;
            let held = place::held(&transaction).await?;
            let (wanted, result) = match decision(&held) {
                Ok(decided) => decided,
                Err(why) => {
                    transaction.rollback().await?;
                    return Err(Undecided::Contradicted(why));
                }
            };
            let activities = place::replace(&transaction, &held, wanted, at).await?;
            batch::notify(&transaction, &activities.unwrap_or_default()).await?;
            transaction.commit().await?;
            operator.wake.committed();
            Ok(result)
        });
        decided
            .await
            .unwrap_or_else(|error| Err(DbErr::Custom(error.to_string()).into()))
    }
}

async fn name_properties(
    transaction: &impl ConnectionTrait,
    declared: &[(String, String)],
) -> Result<bool, DbErr> {
    let rows: Vec<property::Model> = declared
        .iter()
        .map(|(code, name)| property::Model {
            id: id::property(code),
            source: Source::Matrix,
            code: code.clone(),
            name: Some(name.clone()),
        })
        .collect();
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id.0).collect();
    let held = bulk::rows::<property::Entity>(transaction, "id IN {0}", &[bulk::Keys::Uuids(&ids)])
        .await?;
    let new: Vec<property::Model> = rows.into_iter().filter(|row| !held.contains(row)).collect();
    bulk::write::<property::Entity>(transaction, &new, &[], Existing::Replace).await?;
    Ok(!new.is_empty())
}

async fn map_statuses(
    transaction: &impl ConnectionTrait,
    declared: &[(String, String, StatusTypeName)],
) -> Result<bool, DbErr> {
    let key =
        |row: &status_type::Model| ((row.tenant.clone(), row.status.clone()), row.status_type);
    let held = status_type::Entity::find().all(transaction).await?;
    let version = held.iter().map(|row| row.version).max().unwrap_or(0) + 1;
    let wanted: Vec<status_type::Model> = declared
        .iter()
        .map(|(tenant, status, status_type)| status_type::Model {
            tenant: tenant.clone(),
            status: super::status_type::key(status),
            status_type: *status_type,
            version,
        })
        .collect();
    if held.iter().map(key).collect::<BTreeMap<_, _>>()
        == wanted.iter().map(key).collect::<BTreeMap<_, _>>()
    {
        return Ok(false);
    }
    status_type::Entity::delete_many().exec(transaction).await?;
    bulk::write::<status_type::Entity>(transaction, &wanted, &[], Existing::Replace).await?;
    Ok(true)
}
