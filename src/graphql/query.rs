//! The root of queries. Each of its fields plans and fetches everything below it.

use std::sync::Arc;

use async_graphql::registry::{MetaField, MetaType, Registry};
use async_graphql::{ComplexObject, Context, ID, OutputType, ServerResult, SimpleObject, Value};
use chrono::{DateTime, Utc};
use entity::{note, site};

use super::by::{BuildingBy, IncidentBy, TaskBy, ZoneBy};
use super::edge::all_statistics;
use super::edge_field::{argument, bounded, field, fixed, list};
use super::error::{ErrorCode, Fault};
use super::filter::ActivityFilter;
use super::id::{self, Kind};
use super::node::{self, Node};
use super::object::{
    Activity, Building, Delivery, Incident, Note, Property, RefusedCalls, Task, UnmappedStatuses,
    Viewer, Zone,
};
use super::plan::{Loader, Noun};
use super::selection::Selected;
use super::slot::{self, Fetched, Roots};
use crate::domain::filter::{Filter, Test};
use crate::domain::refusal::Refusals;
use crate::domain::{read, status_type};

/// How many status names without a meaning are told.
const MOST_UNMAPPED: usize = 100;

/// The server that answers.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct Server {
    /// Its version.
    version: &'static str,
    /// All codes that an error of this API may have in `extensions.code`.
    error_codes: &'static [ErrorCode],
}

#[ComplexObject]
impl Server {
    /// How many calls did not prove their sender since this server started, by platform and credential; those that nobody
    /// failed with stand there too. Not kept: a restart begins anew. Operators only: empty for others.
    async fn refused_calls(&self, context: &Context<'_>) -> Vec<RefusedCalls> {
        let is_operator = Loader::of(context).is_ok_and(|loader| loader.scope.is_operator());
        match context.data::<Arc<Refusals>>() {
            Ok(refusals) if is_operator => refusals.all().into_iter().map(Into::into).collect(),
            _ => Vec::new(),
        }
    }
}

/// What can be asked.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct Query {
    /// The server that answers.
    server: Server,
}

impl Default for Query {
    fn default() -> Self {
        Self {
            server: Server {
                version: env!("CARGO_PKG_VERSION"),
                error_codes: &ErrorCode::ALL,
            },
        }
    }
}

impl ComplexObject for Query {
    fn fields(registry: &mut Registry) -> Vec<(String, MetaField)> {
        describe_ids(registry);
        let mut fields = lookups(registry);
        fields.extend([
            list::<Property>(registry, "properties", "The properties."),
            list::<Building>(registry, "buildings", "The buildings."),
            list::<Zone>(registry, "zones", "The zones of all buildings, removed ones too."),
            list::<Incident>(registry, "incidents", "The incidents."),
            list::<Task>(
                registry,
                "tasks",
                "The tasks. Incidents' own work orders are left out unless the filter asks for a kind.",
            ),
            feed(registry),
            all_statistics::<Incident>(
                registry,
                "incidentStatistics",
                "Numbers of the incidents that were reported in a period and fulfil a filter.",
            ),
            all_statistics::<Task>(
                registry,
                "taskStatistics",
                "Numbers of the tasks that were first told of in a period and fulfil a filter. Incidents' own work orders are \
                 left out unless the filter asks for a kind.",
            ),
            field(
                "viewer",
                "Who is asking, and what can be seen.",
                <Viewer as OutputType>::create_type_info(registry),
                Vec::new(),
            ),
            field(
                "unmappedStatuses",
                "The status names of Urgent tasks whose type is UNKNOWN, those of the most tasks first, at most 100: \
                 map them with `[[status_types]]` in the settings. Operators only.",
                <Arc<UnmappedStatuses> as OutputType>::create_type_info(registry),
                Vec::new(),
            ),
            fixed::<Note>(
                registry,
                "unfiledNotes",
                "The notes that belong to no task, because they name none and no task, or several, have their reference; \
                 the earliest first. They find their task once exactly one has it. Operators only.",
                Vec::new(),
            ),
            list::<Delivery>(
                registry,
                "deliveries",
                "What arrived, from whom, and what became of it. Operators only.",
            ),
        ]);
        fields
    }

    async fn resolve_field(&self, context: &Context<'_>) -> ServerResult<Option<Value>> {
        let field = context.item;
        if field.node.name.node == "viewer"
            && let Ok(viewer) = context.data::<crate::domain::scope::Viewer>()
        {
            let below = context.with_selection_set(&field.node.selection_set);
            return Viewer::from(viewer).resolve(&below, field).await.map(Some);
        }
        let written = async {
            let loader = Loader::of(context)?;
            let here = Selected::here(context);
            let fetched = async { slot::write(&fetch(&loader, &here).await?, &here) };
            match context.data_opt::<Roots>() {
                Some(roots) => roots.get(here.place(), fetched).await,
                None => fetched.await,
            }
        };
        match written.await {
            Ok(value) => Ok(Some(value)),
            Err(fault) => {
                let mut error = fault.to_server_error();
                error.locations.push(context.item.pos);
                let error = context.set_error_path(error);
                if NULLABLE.contains(&context.item.node.name.node.as_str()) {
                    context.add_error(error);
                    return Ok(Some(Value::Null));
                }
                Err(error)
            }
        }
    }
}

/// The root fields that can be null: a fault in one of them leaves the others.
const NULLABLE: [&str; 5] = ["node", "building", "zone", "incident", "task"];

async fn fetch<'a>(loader: &'a Loader<'a>, here: &Selected<'a>) -> Result<Fetched, Fault> {
    match here.name() {
        "node" => node::one(loader, &here.argument::<ID>("id")?, here.selection()).await,
        "nodes" => node::many(loader, &here.argument::<Vec<ID>>("ids")?, here.selection()).await,
        "building" => building(loader, here).await,
        "zone" => {
            let by: ZoneBy = here.argument("by")?;
            found::<Zone>(loader, by.key()?, here).await
        }
        "incident" => {
            let by: IncidentBy = here.argument("by")?;
            then::<Incident>(loader, by.key()?, here).await
        }
        "task" => {
            let by: TaskBy = here.argument("by")?;
            then::<Task>(loader, by.key()?, here).await
        }
        "properties" => loader.list::<Property>(here).await,
        "buildings" => loader.list::<Building>(here).await,
        "zones" => loader.list::<Zone>(here).await,
        "incidents" => loader.list::<Incident>(here).await,
        "tasks" => loader.list::<Task>(here).await,
        "activities" => loader.feed(here).await,
        "incidentStatistics" => loader.all_statistics::<Incident>(here).await,
        "taskStatistics" => loader.all_statistics::<Task>(here).await,
        "unmappedStatuses" => unmapped_statuses(loader).await,
        "unfiledNotes" => unfiled_notes(loader, here).await,
        "deliveries" => {
            loader.operators_only()?;
            loader.list::<Delivery>(here).await
        }
        name => Err(Fault::internal(format!(
            "Query.{name} is declared but not fetched"
        ))),
    }
}

async fn found<'a, T: Noun>(
    loader: &'a Loader<'a>,
    key: uuid::Uuid,
    here: &Selected<'a>,
) -> Result<Fetched, Fault> {
    let mut objects = loader.keyed::<T>(&[key], here.selection()).await?;
    Ok(objects.remove(&key).map(|object| object as _))
}

/// The same, as of an earlier time where one is given.
async fn then<'a, T: Noun>(
    loader: &Loader<'a>,
    key: uuid::Uuid,
    here: &Selected<'a>,
) -> Result<Fetched, Fault> {
    let loader = loader.at(here.argument("asOf")?).await?;
    found::<T>(&loader, key, here).await
}

/// What an incident or task costs as of an earlier time, beside what is below it: the changes since are looked through.
const THEN_COST: usize = 1_000;

/// The argument that asks about an earlier time, and its price.
fn as_of(registry: &mut Registry, (name, mut field): (String, MetaField)) -> (String, MetaField) {
    let as_of = argument::<Option<DateTime<Utc>>>(
        registry,
        "asOf",
        "What caretaker would have answered at this time, from what was recorded by then (`Activity.recordedAt`); now when \
         not given. All that is below is as of then: links, lists, counts, timelines and deadlines. As of now are what \
         places are called, what statuses mean, and the operator's rule on deadlines. Null when it was not known yet, or \
         when the viewer may not see it both where it is now and where it was then. A time ahead is refused, and one before \
         the kept history with HISTORY_PRUNED.",
    );
    field.args.insert("asOf".to_owned(), as_of);
    field.compute_complexity = Some(|_, _, field, below| {
        let asks_then = field.get_argument("asOf").is_some();
        let more = if asks_then { THEN_COST } else { 0 };
        Ok(bounded(
            below
                .saturating_mul(if asks_then { 5 } else { 1 })
                .saturating_add(more),
        ))
    });
    (name, field)
}

async fn unmapped_statuses(loader: &Loader<'_>) -> Result<Fetched, Fault> {
    loader.operators_only()?;
    let found = status_type::read::unmapped(loader.scope, loader.database, MOST_UNMAPPED).await?;
    Ok(Some(Arc::new(UnmappedStatuses::from(found))))
}

async fn unfiled_notes<'a>(loader: &'a Loader<'a>, here: &Selected<'a>) -> Result<Fetched, Fault> {
    loader.operators_only()?;
    let unfiled = Filter::Is(note::Column::TaskId, Test::IsNull);
    loader
        .whole::<Note>(here, unfiled, note::Column::NotedAt)
        .await
}

async fn building<'a>(loader: &'a Loader<'a>, here: &Selected<'a>) -> Result<Fetched, Fault> {
    let key = match here.argument("by")? {
        BuildingBy::Id(id) => id::decode_as(Kind::Building, &id)?,
        BuildingBy::Place(place) => {
            let column = site::Column::Id;
            let keys = [place.site()];
            let sites =
                read::by_keys::<site::Entity>(loader.scope, loader.database, column, &keys).await?;
            match sites.first() {
                Some(site) => site.building_id.0,
                None => return Ok(None),
            }
        }
    };
    found::<Building>(loader, key, here).await
}

/// The library leaves the scalar of the specification undescribed.
fn describe_ids(registry: &mut Registry) {
    if let Some(MetaType::Scalar { description, .. }) = registry.types.get_mut("ID") {
        let text = "A global id: opaque, the same for ever, the same on every server.";
        *description = Some(text.to_owned());
    }
}

fn lookups(registry: &mut Registry) -> Vec<(String, MetaField)> {
    let node = <Option<Node> as OutputType>::create_type_info(registry);
    let nodes = <Vec<Option<Node>> as OutputType>::create_type_info(registry);
    let building = <Option<Arc<Building>> as OutputType>::create_type_info(registry);
    let zone = <Option<Arc<Zone>> as OutputType>::create_type_info(registry);
    let incident = <Option<Arc<Incident>> as OutputType>::create_type_info(registry);
    let incident = field(
        "incident",
        "One incident; null when it is not known.",
        incident,
        vec![argument::<IncidentBy>(registry, "by", "Which one.")],
    );
    let task = <Option<Arc<Task>> as OutputType>::create_type_info(registry);
    let task = field(
        "task",
        "One task; null when it is not known.",
        task,
        vec![argument::<TaskBy>(registry, "by", "Which one.")],
    );
    let mut nodes = field(
        "nodes",
        "The things with these global ids, in their order; null where there is none.",
        nodes,
        vec![argument::<Vec<ID>>(
            registry,
            "ids",
            "The global ids, at most 100.",
        )],
    );
    nodes.1.compute_complexity = Some(|context, variables, field, below| {
        let ids = context.param_value::<Vec<ID>>(variables, field, "ids", None);
        let count = ids.map_or(node::MOST_NODES, |ids| ids.len());
        Ok(bounded(below.saturating_mul(count)))
    });
    vec![
        field(
            "node",
            "The thing with a global id; null when there is none.",
            node,
            vec![argument::<ID>(registry, "id", "The global id.")],
        ),
        nodes,
        field(
            "building",
            "One building; null when it is not known.",
            building,
            vec![argument::<BuildingBy>(registry, "by", "Which one.")],
        ),
        field(
            "zone",
            "One zone; null when it is not known.",
            zone,
            vec![argument::<ZoneBy>(registry, "by", "Which one.")],
        ),
        as_of(registry, incident),
        as_of(registry, task),
    ]
}

fn feed(registry: &mut Registry) -> (String, MetaField) {
    let filter = argument::<Option<ActivityFilter>>(
        registry,
        "filter",
        "Only the activities that fulfil all of this.",
    );
    fixed::<Activity>(
        registry,
        "activities",
        "The feed as a list, in the order in which activities were recorded. Its cursors are those of the feed: \
         what a subscription gave continues here and the other way round, with any filter.",
        vec![filter],
    )
}
