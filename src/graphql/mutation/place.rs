//! What operators decide of places while the server runs.

use std::sync::Arc;

use async_graphql::{Context, Object};
use entity::site;
use uuid::Uuid;

use crate::domain::failure::{self, Failure};
use crate::domain::id::SiteKey;
use crate::domain::operator::{Operator, Undecided};
use crate::domain::read;
use crate::graphql::by::PlaceKey;
use crate::graphql::error::{ErrorCode, Fault};
use crate::graphql::limits::Limit;
use crate::graphql::object::Building;
use crate::graphql::plan::Loader;
use crate::graphql::selection::Selected;
use crate::graphql::slot::Answered;
use crate::graphql::text::stored;

/// How many places one mutation names.
const MOST_PLACES: usize = 100;
/// The longest name of a place, in characters.
const LONGEST_NAME: usize = 255;

/// What operators decide of places.
#[derive(Debug, Default)]
pub struct PlaceMutation;

#[Object]
impl PlaceMutation {
    /// Declares that places of the platforms are one building: a Matrix building and the Urgent sites that are the same
    /// house. What was stored under any of them is joined at once; no id changes, and `Linked` activities tell what
    /// moved. A place that is linked already brings its whole place with it. The first Matrix building leads, else the
    /// first place. Places that nobody has spoken of yet are linked in advance. What `[[places]]` of the settings
    /// declare goes first: this adds to it and cannot contradict it. Gives the building; saying it again changes nothing.
    async fn link_places(
        &self,
        context: &Context<'_>,
        #[graphql(
            desc = "The places in the platforms' own words, at most 100; one alone is only given a name."
        )]
        places: Vec<PlaceKey>,
        #[graphql(desc = "The name of the building; when it is not given, the name it has stays.")]
        name: Option<String>,
    ) -> Result<Answered<Building>, async_graphql::Error> {
        let keys = keys(&places)?;
        let name = name.map(name_of).transpose()?;
        if keys.len() == 1 && name.is_none() {
            return Err(
                Fault::input("name at least two places, or one and what it is called").into(),
            );
        }
        let root = operator(context)?
            .link_places(keys, name)
            .await
            .map_err(fault)?;
        let found = buildings(context, &[root]).await?.into_iter().next();
        let found = found.ok_or_else(|| Fault::internal("a linked place is in no building"))?;
        Ok(Answered::here(&*found, context)?)
    }

    /// Takes places out of what `linkPlaces` linked them to: each stands for itself again, with all that was stored
    /// under it, and the rest stays together. What the settings declare has to be taken out there. Gives the buildings
    /// that the places stand in now, each once; a place that no call ever named is gone with its link. Where nothing was
    /// linked, nothing changes.
    async fn unlink_places(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The places in the platforms' own words, at most 100.")] places: Vec<
            PlaceKey,
        >,
    ) -> Result<Answered<Vec<Arc<Building>>>, async_graphql::Error> {
        let keys = keys(&places)?;
        operator(context)?
            .unlink_places(keys.clone())
            .await
            .map_err(fault)?;
        Ok(Answered::here(&buildings(context, &keys).await?, context)?)
    }
}

/// The operator's way in, for a viewer who is one.
fn operator<'a>(context: &'a Context<'_>) -> Result<&'a Operator, Fault> {
    Loader::of(context)?.operators_only()?;
    let operator = context.data::<Operator>();
    operator.map_err(|_| Fault::internal("a mutation came without its operator"))
}

fn keys(places: &[PlaceKey]) -> Result<Vec<SiteKey>, Fault> {
    if places.is_empty() {
        return Err(Fault::input("`places` is empty"));
    }
    Limit::List.check(MOST_PLACES, places.len())?;
    let keys: Result<Vec<SiteKey>, Fault> = places.iter().map(PlaceKey::checked).collect();
    let mut distinct: Vec<SiteKey> = Vec::new();
    for key in keys? {
        if !distinct.contains(&key) {
            distinct.push(key);
        }
    }
    Ok(distinct)
}

fn name_of(name: String) -> Result<String, Fault> {
    let name = stored(name);
    if name.trim().is_empty() || name.chars().count() > LONGEST_NAME {
        return Err(Fault::input(format!(
            "`name` has 1 to {LONGEST_NAME} characters"
        )));
    }
    Ok(name)
}

fn fault(undecided: Undecided) -> Fault {
    match undecided {
        Undecided::Contradicted(why) => Fault::input(why),
        Undecided::Database(error) if failure::classify(&error) == Failure::Contention => {
            tracing::warn!(%error, "a decision lost against another transaction");
            Fault::new(
                ErrorCode::DatabaseAway,
                "the database is busy: say it again later",
            )
        }
        Undecided::Database(error) => error.into(),
    }
}

/// The buildings that sites stand in, each once, in the order of the sites.
async fn buildings(context: &Context<'_>, sites: &[SiteKey]) -> Result<Vec<Arc<Building>>, Fault> {
    let loader = Loader::of(context)?;
    let ids: Vec<Uuid> = sites.iter().map(|site| site.id().0).collect();
    let column = site::Column::Id;
    let rows = read::by_keys::<site::Entity>(loader.scope, loader.database, column, &ids).await?;
    let mut keys: Vec<Uuid> = Vec::new();
    for id in ids {
        let row = rows.iter().find(|row| row.id.0 == id);
        if let Some(building) = row.map(|row| row.building_id.0)
            && !keys.contains(&building)
        {
            keys.push(building);
        }
    }
    let here = Selected::here(context);
    let found = loader.keyed::<Building>(&keys, here.selection()).await?;
    Ok(keys
        .iter()
        .filter_map(|key| found.get(key).cloned())
        .collect())
}
