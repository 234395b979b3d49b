//! A thing as it stands, told again whenever what is selected of it has changed. Looked at only when something happened
//! that may show, once for all that happened meanwhile, and told only if the answer is another than the last one.

use std::time::Duration;

use async_graphql::{Context, Value};
use async_stream::stream;
use entity::activity;
use futures_util::stream::Stream;
use serde_json::Value as Json;
use uuid::Uuid;

use super::{Patience, tail_of};
use crate::domain::read;
use crate::feed::Changes;
use crate::graphql::error::Fault;
use crate::graphql::limits::Limits;
use crate::graphql::plan::{Loader, Noun, Row};
use crate::graphql::selection::Selected;
use crate::graphql::slot::{self, Answered};

/// How long after a look the next one comes at the earliest.
const REST: Duration = Duration::from_millis(250);

/// The thing with this key: first as it stands, if it is known, then after each change that shows; nothing once it is
/// there no longer for who looks. `building` is where a row of it stands.
pub(super) fn follow<'ctx, T: Noun>(
    context: &'ctx Context<'ctx>,
    key: Uuid,
    building: fn(&Row<T>) -> Uuid,
) -> Result<impl Stream<Item = async_graphql::Result<Option<Answered<T>>>> + 'ctx, Fault> {
    // Joined before the first look: what happens from here on is seen.
    let changes = Changes::of(tail_of(context)?);
    Ok(stream! {
        let Some(mut changes) = changes else { return };
        let (mut last, mut place) = (None, None);
        let mut patience = Patience::default();
        loop {
            match look::<T>(context, key, building).await {
                // What was told must not stay on a screen as if it stood.
                Ok(None) => {
                    if last.take().is_some() {
                        yield Ok(None);
                    }
                }
                Ok(Some((value, stands))) => {
                    place = Some(stands);
                    if last.as_ref() != Some(&value) {
                        last = Some(value.clone());
                        yield Ok(Some(Answered::from(value)));
                    }
                }
                Err(fault) if patience.waits(&fault).await => continue,
                Err(fault) => {
                    yield Err(fault.into());
                    return;
                }
            }
            patience = Patience::default();
            // What happens meanwhile is one look more, however much it is.
            tokio::time::sleep(REST).await;
            if !changes.next(|row| may_show(row, key, place)).await {
                return;
            }
        }
    })
}

/// Whether an activity may change what is shown of a thing: it was filed under it or its building, or its changes name
/// one of them as a place that something came to or left. A platform's order for an incident is filed where the platform
/// says that it is, which need not be the incident's building.
fn may_show(row: &activity::Model, key: Uuid, building: Option<Uuid>) -> bool {
    let is_here = |id: Uuid| id == key || Some(id) == building;
    let names = |value: &Json| {
        let id = value.as_str().and_then(|text| Uuid::try_parse(text).ok());
        id.is_some_and(is_here)
    };
    row.incident_id.is_some_and(|id| is_here(id.0))
        || row.building_id.is_some_and(|id| is_here(id.0))
        || row.incident_id.is_some() && row.tenant.is_some()
        || row
            .changes
            .0
            .iter()
            .any(|change| is_here(change.of) || names(&change.from) || names(&change.to))
}

/// What is selected of a thing, answered, and the building that it stands in; nothing where the viewer may see none.
async fn look<T: Noun>(
    context: &Context<'_>,
    key: Uuid,
    building: fn(&Row<T>) -> Uuid,
) -> Result<Option<(Value, Uuid)>, Fault> {
    let limits: &Limits = context
        .data()
        .map_err(|_| Fault::internal("a subscription came without its limits"))?;
    let looked = async {
        let loader = Loader::of(context)?;
        let rows =
            read::by_keys::<T::Entity>(loader.scope, loader.database, T::KEY, &[key]).await?;
        let Some(stands) = rows.first().map(building) else {
            return Ok(None);
        };
        let here = Selected::here(context);
        let objects = T::load(&loader, rows, here.selection()).await?;
        let object = objects.into_iter().next().map(|object| object as _);
        let value = slot::write(&object, &here)?;
        Ok(Some((value, stands)))
    };
    tokio::time::timeout(limits.timeout, looked)
        .await
        .unwrap_or_else(|_| Err(limits.too_long()))
}
