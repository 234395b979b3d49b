//! Where properties, buildings, levels and zones lead.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::OutputType;
use async_graphql::registry::{MetaField, Registry};
use entity::{activity, building, incident, level, property, site, task, zone};
use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::statistics::statistics;
use super::{edges, timeline};
use crate::domain::filter::{Filter, Operand, Test};
use crate::domain::key::Key;
use crate::domain::page::{Direction, Order, Page};
use crate::domain::read;
use crate::domain::sla::SlaState;
use crate::graphql::edge_field::{always, costly, field, fixed, list, one};
use crate::graphql::error::Fault;
use crate::graphql::filter::{BuildingFilter, PropertyFilter, ZoneFilter};
use crate::graphql::id::Kind;
use crate::graphql::object::{Building, Incident, Level, PlaceSource, Property, Task, Zone};
use crate::graphql::order::{BuildingOrder, PropertyOrder, ZoneOrder};
use crate::graphql::plan::{Listed, Loader, Noun, Spot, relations};
use crate::graphql::selection::{Selected, Selection};
use crate::graphql::slot::Slots;

/// How many sources of a building are told at most.
const SOURCES: u64 = 100;
/// What a count costs beside a plain field.
const COUNT_COST: usize = 10;

edges!(Property, registry => [
    list::<Building>(registry, "buildings", "Its buildings."),
    statistics(registry),
]);

edges!(Building, registry => [
    one::<Property>(registry, "property", "The property it belongs to; null when none was told, or when the viewer may not see the property itself."),
    field(
        "sources",
        "The places in the platforms' own words that make up this building, at most 100.",
        <Vec<PlaceSource> as OutputType>::create_type_info(registry),
        Vec::new(),
    ),
    fixed::<Level>(registry, "levels", "Its floors, by name.", Vec::new()),
    list::<Zone>(registry, "zones", "Its zones, removed ones too."),
    list::<Incident>(registry, "incidents", "The incidents in it."),
    list::<Task>(registry, "tasks", "The tasks in it."),
    counted(registry, "openIncidentCount", "How many incidents in it somebody still has to act on"),
    counted(
        registry,
        "breachedCount",
        "How many incidents in it somebody still has to act on although a deadline was missed",
    ),
    statistics(registry),
    timeline(registry, "in this building"),
]);

edges!(Level, registry => [
    always::<Building>(registry, "building", "The building it is in."),
    list::<Zone>(registry, "zones", "The zones on it."),
]);

edges!(Zone, registry => [
    always::<Building>(registry, "building", "The building it is in."),
    one::<Level>(registry, "level", "The floor it is on; null when none was told."),
    list::<Incident>(registry, "incidents", "The incidents in it."),
    list::<Task>(registry, "tasks", "The tasks in it."),
    one::<Task>(registry, "lastCleaningTask", "The task that `lastCleanedAt` comes from; null when that is, or when the task lies outside what the viewer may see."),
    counted(registry, "openIncidentCount", "How many incidents in it somebody still has to act on"),
    statistics(registry),
    timeline(registry, "in this zone"),
]);

impl Noun for Property {
    const KIND: Kind = Kind::Property;
    type Entity = property::Entity;
    const KEY: property::Column = property::Column::Id;

    fn load<'a>(
        loader: &'a Loader<'a>,
        rows: Vec<property::Model>,
        selection: Selection<'a>,
    ) -> BoxFuture<'a, Result<Vec<Arc<Self>>, Fault>> {
        Box::pin(async move {
            let mut slots = vec![Slots::default(); rows.len()];
            let ids: Vec<Uuid> = rows.iter().map(|row| row.id.0).collect();
            for (name, aliases) in relations(&selection, "Property") {
                let (slots, aliases) = (&mut slots, &aliases);
                match name {
                    "buildings" => {
                        let column = building::Column::PropertyId;
                        loader
                            .many::<Building>(slots, aliases, column, &ids)
                            .await?;
                    }
                    "statistics" => {
                        let spot = Spot::Properties(&ids);
                        loader
                            .statistics::<Incident, Task>(slots, aliases, spot)
                            .await?;
                    }
                    _ => {}
                }
            }
            let objects = std::iter::zip(rows, slots);
            Ok(objects
                .map(|(row, slots)| Arc::new(Self::new(row, slots)))
                .collect())
        })
    }
}

impl Listed for Property {
    type Filter = PropertyFilter;
    type OrderBy = PropertyOrder;
    const ORDER: (property::Column, Direction) = (property::Column::Code, Direction::Ascending);
    const ORDER_HINT: &'static str =
        "By what they are sorted, at most three fields; by `CODE` when not given.";
}

impl Noun for Building {
    const KIND: Kind = Kind::Building;
    type Entity = building::Entity;
    const KEY: building::Column = building::Column::Id;

    fn load<'a>(
        loader: &'a Loader<'a>,
        rows: Vec<building::Model>,
        selection: Selection<'a>,
    ) -> BoxFuture<'a, Result<Vec<Arc<Self>>, Fault>> {
        Box::pin(async move {
            let mut slots = vec![Slots::default(); rows.len()];
            let ids: Vec<Uuid> = rows.iter().map(|row| row.id.0).collect();
            for (name, aliases) in relations(&selection, "Building") {
                let (slots, aliases) = (&mut slots, &aliases);
                match name {
                    "property" => {
                        let keys: Vec<_> = rows.iter().map(|row| row.property_id).collect();
                        let keys: Vec<_> = keys.iter().map(|key| key.map(|key| key.0)).collect();
                        let column = property::Column::Id;
                        loader
                            .one::<Property>(slots, aliases, column, &keys)
                            .await?;
                    }
                    "sources" => sources(loader, slots, aliases, &ids).await?,
                    "levels" => {
                        let (column, order) = (level::Column::BuildingId, level::Column::Name);
                        loader
                            .plain::<Level>(slots, aliases, column, &ids, order)
                            .await?;
                    }
                    "zones" => {
                        let column = zone::Column::BuildingId;
                        loader.many::<Zone>(slots, aliases, column, &ids).await?;
                    }
                    "incidents" => {
                        let column = incident::Column::BuildingId;
                        loader
                            .many::<Incident>(slots, aliases, column, &ids)
                            .await?;
                    }
                    "openIncidentCount" => {
                        let column = incident::Column::BuildingId;
                        count(loader, slots, aliases, column, &ids, is_open()).await?;
                    }
                    "breachedCount" => {
                        let column = incident::Column::BuildingId;
                        let late = SlaState::Breached.filter();
                        let filter = Filter::All(vec![is_open(), late]);
                        count(loader, slots, aliases, column, &ids, filter).await?;
                    }
                    "tasks" => {
                        let column = task::Column::BuildingId;
                        loader.many::<Task>(slots, aliases, column, &ids).await?;
                    }
                    "statistics" => {
                        let spot = Spot::Buildings(&ids);
                        loader
                            .statistics::<Incident, Task>(slots, aliases, spot)
                            .await?;
                    }
                    "timeline" => {
                        let column = activity::Column::BuildingId;
                        loader.timeline(slots, aliases, column, &ids).await?;
                    }
                    _ => {}
                }
            }
            let objects = std::iter::zip(rows, slots);
            Ok(objects
                .map(|(row, slots)| Arc::new(Self::new(row, slots)))
                .collect())
        })
    }
}

impl Listed for Building {
    type Filter = BuildingFilter;
    type OrderBy = BuildingOrder;
    const ORDER: (building::Column, Direction) = (building::Column::Name, Direction::Ascending);
    const ORDER_HINT: &'static str =
        "By what they are sorted, at most three fields; by `NAME` when not given.";
}

/// A number of what stands in a place.
fn counted(registry: &mut Registry, name: &str, what: &str) -> (String, MetaField) {
    let ty = <Option<i32> as OutputType>::create_type_info(registry);
    let description = format!("{what}; null beyond 10,000.");
    costly::<COUNT_COST>(field(name, &description, ty, Vec::new()))
}

fn is_open() -> Filter<incident::Column> {
    let yes = Operand::Key(Key::Bool(true));
    Filter::Is(incident::Column::IsOpen, Test::Eq(yes))
}

/// Counts the incidents of each place.
async fn count<'a>(
    loader: &Loader<'a>,
    slots: &mut [Slots],
    aliases: &[Selected<'a>],
    place: incident::Column,
    ids: &[Uuid],
    filter: Filter<incident::Column>,
) -> Result<(), Fault> {
    let filter = filter.at(loader.now);
    let (scope, database) = (loader.scope, loader.database);
    let totals =
        read::count_children::<incident::Entity>(scope, database, place, ids, &filter).await?;
    for (slots, id) in std::iter::zip(slots, ids) {
        // A place of which nothing is told has no row of its own in the answer.
        let total = totals.get(id).copied().unwrap_or(Some(0));
        let total = total.and_then(|total| i32::try_from(total).ok());
        for alias in aliases {
            slots.put(alias.key(), Some(Arc::new(total)));
        }
    }
    Ok(())
}

/// The sites of each building, as a plain list.
async fn sources<'a>(
    loader: &Loader<'a>,
    slots: &mut [Slots],
    aliases: &[Selected<'a>],
    buildings: &[Uuid],
) -> Result<(), Fault> {
    let order = Order::new(
        [(site::Column::Code, Direction::Ascending)],
        site::Column::Id,
    );
    let slices = read::children::<site::Entity>(
        loader.scope,
        loader.database,
        site::Column::BuildingId,
        buildings,
        &Filter::default(),
        &order,
        &Page::first(SOURCES),
    )
    .await?;
    let lists: HashMap<Uuid, Arc<Vec<PlaceSource>>> = slices
        .into_iter()
        .map(|(building, slice)| {
            let sources = slice.rows.into_iter();
            let sources = sources.map(|(_, row)| PlaceSource::new(row)).collect();
            (building, Arc::new(sources))
        })
        .collect();
    for (slots, building) in std::iter::zip(slots, buildings) {
        let list = lists.get(building).cloned().unwrap_or_default();
        for alias in aliases {
            slots.put(alias.key(), Some(list.clone()));
        }
    }
    Ok(())
}

impl Noun for Level {
    const KIND: Kind = Kind::Level;
    type Entity = level::Entity;
    const KEY: level::Column = level::Column::Id;

    fn load<'a>(
        loader: &'a Loader<'a>,
        rows: Vec<level::Model>,
        selection: Selection<'a>,
    ) -> BoxFuture<'a, Result<Vec<Arc<Self>>, Fault>> {
        Box::pin(async move {
            let mut slots = vec![Slots::default(); rows.len()];
            let ids: Vec<Uuid> = rows.iter().map(|row| row.id.0).collect();
            for (name, aliases) in relations(&selection, "Level") {
                let (slots, aliases) = (&mut slots, &aliases);
                match name {
                    "building" => {
                        let keys: Vec<_> = rows.iter().map(|row| Some(row.building_id.0)).collect();
                        let column = building::Column::Id;
                        loader
                            .one::<Building>(slots, aliases, column, &keys)
                            .await?;
                    }
                    "zones" => {
                        let column = zone::Column::LevelId;
                        loader.many::<Zone>(slots, aliases, column, &ids).await?;
                    }
                    _ => {}
                }
            }
            let objects = std::iter::zip(rows, slots);
            Ok(objects
                .map(|(row, slots)| Arc::new(Self::new(row, slots)))
                .collect())
        })
    }
}

impl Noun for Zone {
    const KIND: Kind = Kind::Zone;
    type Entity = zone::Entity;
    const KEY: zone::Column = zone::Column::Id;

    fn load<'a>(
        loader: &'a Loader<'a>,
        rows: Vec<zone::Model>,
        selection: Selection<'a>,
    ) -> BoxFuture<'a, Result<Vec<Arc<Self>>, Fault>> {
        Box::pin(async move {
            let mut slots = vec![Slots::default(); rows.len()];
            let ids: Vec<Uuid> = rows.iter().map(|row| row.id.0).collect();
            for (name, aliases) in relations(&selection, "Zone") {
                let (slots, aliases) = (&mut slots, &aliases);
                match name {
                    "building" => {
                        let keys: Vec<_> = rows.iter().map(|row| Some(row.building_id.0)).collect();
                        let column = building::Column::Id;
                        loader
                            .one::<Building>(slots, aliases, column, &keys)
                            .await?;
                    }
                    "level" => {
                        let keys: Vec<_> = rows.iter().map(|row| row.level_id).collect();
                        let keys: Vec<_> = keys.iter().map(|key| key.map(|key| key.0)).collect();
                        let column = level::Column::Id;
                        loader.one::<Level>(slots, aliases, column, &keys).await?;
                    }
                    "lastCleaningTask" => {
                        let keys = rows.iter().map(|row| row.last_cleaning_task_id);
                        let keys: Vec<_> = keys.map(|key| key.map(|key| key.0)).collect();
                        let column = task::Column::Id;
                        loader.one::<Task>(slots, aliases, column, &keys).await?;
                    }
                    "incidents" => {
                        let column = incident::Column::ZoneId;
                        loader
                            .many::<Incident>(slots, aliases, column, &ids)
                            .await?;
                    }
                    "openIncidentCount" => {
                        let column = incident::Column::ZoneId;
                        count(loader, slots, aliases, column, &ids, is_open()).await?;
                    }
                    "tasks" => {
                        let column = task::Column::ZoneId;
                        loader.many::<Task>(slots, aliases, column, &ids).await?;
                    }
                    "statistics" => {
                        let spot = Spot::Zones(&ids);
                        loader
                            .statistics::<Incident, Task>(slots, aliases, spot)
                            .await?;
                    }
                    "timeline" => {
                        let column = activity::Column::ZoneId;
                        loader.timeline(slots, aliases, column, &ids).await?;
                    }
                    _ => {}
                }
            }
            let objects = std::iter::zip(rows, slots);
            Ok(objects
                .map(|(row, slots)| Arc::new(Self::new(row, slots)))
                .collect())
        })
    }
}

impl Listed for Zone {
    type Filter = ZoneFilter;
    type OrderBy = ZoneOrder;
    const ORDER: (zone::Column, Direction) = (zone::Column::Name, Direction::Ascending);
    const ORDER_HINT: &'static str =
        "By what they are sorted, at most three fields; by `NAME` when not given.";
}
