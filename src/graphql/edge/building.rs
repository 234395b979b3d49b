//! Where buildings lead.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::OutputType;
use entity::{activity, building, incident, level, property, site, task, zone};
use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::count::{count, counted, counted_then, is_open, open_incidents};
use super::statistics::statistics;
use super::{edges, timeline};
use crate::domain::filter::Filter;
use crate::domain::history::{self, Moment};
use crate::domain::page::{Direction, Order, Page};
use crate::domain::read;
use crate::domain::read::{List, Told};
use crate::domain::sla::SlaState;
use crate::graphql::edge_field::{field, fixed, list, one};
use crate::graphql::error::Fault;
use crate::graphql::filter::BuildingFilter;
use crate::graphql::id::Kind;
use crate::graphql::object::{Building, Incident, Level, PlaceSource, Property, Task, Zone};
use crate::graphql::order::BuildingOrder;
use crate::graphql::plan::{Column, Listed, Loader, Noun, Row, Spot, relations};
use crate::graphql::selection::{Selected, Selection};
use crate::graphql::slot::Slots;

/// How many sources of a building are told at most.
const SOURCES: u64 = 100;
/// What it tells within something as of an earlier time: what it is called and where it is, as of now; no list of what
/// stands in it, or two times would stand in one answer.
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

impl Noun for Building {
    const KIND: Kind = Kind::Building;
    type Entity = building::Entity;
    const KEY: building::Column = building::Column::Id;
    const TOLD_BY: &'static [(&'static str, &'static [Column<Self>])] = {
        use building::Column::*;
        &[
            ("location", &[Latitude, Longitude]),
            ("property", &[PropertyId]),
            ("sources", &[]),
            ("levels", &[]),
            ("zones", &[]),
            ("incidents", &[]),
            ("openIncidentCount", &[]),
            ("breachedCount", &[]),
            ("tasks", &[]),
            ("statistics", &[]),
            ("timeline", &[]),
        ]
    };

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
    let list = List {
        filter: &Filter::default(),
        order: &order,
        page: &Page::first(SOURCES),
        told: Told::of({
            use site::Column::*;
            [Source, Tenant, Code, Name, Address, Latitude, Longitude]
        }),
    };
    let column = site::Column::BuildingId;
    let (scope, database) = (loader.scope, loader.database);
    let slices = read::children::<site::Entity>(scope, database, column, buildings, &list).await?;
    let lists: HashMap<Uuid, Arc<Vec<PlaceSource>>> = slices
        .into_iter()
        .map(|(building, slice)| {
            let sources = slice.rows.into_iter();
            let sources = sources.map(PlaceSource::new).collect();
            (building, Arc::new(sources))
        })
        .collect();
    for (slots, building) in std::iter::zip(slots, buildings) {
        let list = lists.get(building).cloned().unwrap_or_default();
        for alias in aliases {
            slots.put(alias.place(), Some(list.clone()));
        }
    }
    Ok(())
}
