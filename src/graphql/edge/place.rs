//! Where properties, buildings, levels and zones lead.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::OutputType;
use async_graphql::registry::{MetaField, Registry};
use chrono::{DateTime, Utc};
use entity::{activity, building, incident, level, property, site, task, zone};
use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::statistics::statistics;
use super::{edges, timeline};
use crate::domain::filter::{Filter, Operand, Test};
use crate::domain::history::{self, Moment};
use crate::domain::key::Key;
use crate::domain::page::{Direction, Order, Page};
use crate::domain::read;
use crate::domain::sla::SlaState;
use crate::graphql::edge_field::{always, argument, costly, field, fixed, list, one};
use crate::graphql::error::Fault;
use crate::graphql::filter::{BuildingFilter, PropertyFilter, ZoneFilter};
use crate::graphql::id::Kind;
use crate::graphql::object::{Building, Incident, Level, PlaceSource, Property, Task, Zone};
use crate::graphql::order::{BuildingOrder, PropertyOrder, ZoneOrder};
use crate::graphql::plan::{Column, Listed, Loader, Noun, Row, Spot, relations};
use crate::graphql::selection::{Selected, Selection};
use crate::graphql::slot::Slots;

/// How many sources of a building are told at most.
const SOURCES: u64 = 100;
/// What a count costs beside a plain field.
const COUNT_COST: usize = 10;
/// What a count as of an earlier time costs: the changes since are looked through.
const COUNT_THEN_COST: usize = 200;

/// What a place within something as of an earlier time tells: what it is called and where it is, as of now; no list of
/// what stands in it, or two times would stand in one answer.
const THEN_PROPERTY: [&str; 4] = ["id", "source", "code", "name"];
const THEN_BUILDING: [&str; 8] = [
    "id",
    "name",
    "address",
    "location",
    "property",
    "sources",
    "openIncidentCount",
    "timeline",
];
const THEN_LEVEL: [&str; 4] = ["id", "code", "name", "building"];
const THEN_ZONE: [&str; 7] = [
    "id", "source", "code", "name", "building", "level", "timeline",
];

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
    counted_then(registry),
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
            loader.answers_then("Property", &selection, &THEN_PROPERTY)?;
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
            loader.answers_then("Building", &selection, &THEN_BUILDING)?;
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
                    "openIncidentCount" => open_incidents(loader, slots, aliases, &ids).await?,
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

    fn then<'a>(
        loader: &'a Loader<'a>,
        moment: &'a Moment,
        _key: Column<Self>,
        keys: &'a [Uuid],
    ) -> BoxFuture<'a, Result<Vec<Row<Self>>, Fault>> {
        Box::pin(async move {
            Ok(history::buildings(loader.scope, loader.database, moment, keys).await?)
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

/// The number of open incidents of a building, which can be asked of an earlier time.
fn counted_then(registry: &mut Registry) -> (String, MetaField) {
    let ty = <Option<i32> as OutputType>::create_type_info(registry);
    let as_of = argument::<Option<DateTime<Utc>>>(
        registry,
        "asOf",
        "How many caretaker would have told at this time, from what was recorded by then; now when not given. A time ahead \
         is refused, and one before the kept history with HISTORY_PRUNED. Counted are the incidents on the sites that \
         stood in the building then, as far as they may still be seen.",
    );
    let description = "How many incidents in it somebody still has to act on; null beyond 10,000, and for an earlier time \
                       also where more than 10,000 things happened to its incidents since.";
    let (name, mut field) = field("openIncidentCount", description, ty, vec![as_of]);
    field.compute_complexity = Some(|_, _, field, _| {
        let asks_then = field.get_argument("asOf").is_some();
        Ok(if asks_then {
            COUNT_THEN_COST
        } else {
            COUNT_COST
        })
    });
    (name, field)
}

/// Counts the open incidents of each building, for each time that is asked about.
async fn open_incidents<'a>(
    loader: &Loader<'a>,
    slots: &mut [Slots],
    aliases: &[Selected<'a>],
    ids: &[Uuid],
) -> Result<(), Fault> {
    let mut now = Vec::new();
    let mut counted: Vec<(Moment, HashMap<Uuid, Option<u64>>)> = Vec::new();
    for alias in aliases {
        let as_of: Option<DateTime<Utc>> = alias.argument("asOf")?;
        let moment = match as_of {
            Some(_) => loader.at(as_of).await?.as_of,
            None => loader.as_of,
        };
        let Some(moment) = moment else {
            now.push(alias.clone());
            continue;
        };
        if !counted.iter().any(|(known, _)| *known == moment) {
            counted.push((moment, loader.open_then(&moment, ids).await?));
        }
        let found = counted.iter().find(|(known, _)| *known == moment);
        for (slots, id) in std::iter::zip(&mut *slots, ids) {
            let total = found.and_then(|(_, totals)| totals.get(id).copied());
            let total = total.unwrap_or(Some(0));
            let total = total.and_then(|total| i32::try_from(total).ok());
            slots.put(alias.key(), Some(Arc::new(total)));
        }
    }
    if now.is_empty() {
        return Ok(());
    }
    let column = incident::Column::BuildingId;
    count(loader, slots, &now, column, ids, is_open()).await
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
            loader.answers_then("Level", &selection, &THEN_LEVEL)?;
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
            loader.answers_then("Zone", &selection, &THEN_ZONE)?;
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

    fn then<'a>(
        loader: &'a Loader<'a>,
        moment: &'a Moment,
        _key: Column<Self>,
        keys: &'a [Uuid],
    ) -> BoxFuture<'a, Result<Vec<Row<Self>>, Fault>> {
        Box::pin(
            async move { Ok(history::zones(loader.scope, loader.database, moment, keys).await?) },
        )
    }
}

impl Listed for Zone {
    type Filter = ZoneFilter;
    type OrderBy = ZoneOrder;
    const ORDER: (zone::Column, Direction) = (zone::Column::Name, Direction::Ascending);
    const ORDER_HINT: &'static str =
        "By what they are sorted, at most three fields; by `NAME` when not given.";
}
