//! Statistics: how they stand in the schema, and which numbers the fields of incidents and tasks show.

use async_graphql::parser::types::{Field, VariableDefinition};
use async_graphql::registry::{MetaField, MetaInputValue, Registry};
use async_graphql::{InputType, OutputType, Positioned, VisitorContext};
use chrono::{DateTime, Utc};
use entity::{incident, task};
use std::sync::Arc;

use super::edges;
use crate::domain::filter::Filter;
use crate::domain::statistics::incident::{self as incidents, Number as IncidentNumber};
use crate::domain::statistics::task::{self as tasks, Number as TaskNumber};
use crate::domain::statistics::{Asked, Length, Period};
use crate::graphql::edge_field::{argument, bounded, field};
use crate::graphql::enums::Bucket;
use crate::graphql::filter::{FilterInput, IncidentFilter, TaskFilter};
use crate::graphql::object::{
    self, Incident, IncidentNumbers, IncidentStatistics, Sheet, Statistics, Task, TaskNumbers,
    TaskStatistics,
};
use crate::graphql::plan::{Measured, asked};
use crate::graphql::relation;

/// What the statistics of one place cost beside their fields: each is an index range, however long.
const PLACE_COST: usize = 50;
/// What one stretch of time costs beside its fields.
const STRETCH_COST: usize = 4;
/// A period is not taken for longer than this when it is priced: more is refused anyway.
const MOST_PRICED: usize = 100_000;

edges!(Statistics, registry => [
    measured::<IncidentStatistics, IncidentFilter>(registry, "incidents", "Of the incidents in it."),
    measured::<TaskStatistics, TaskFilter>(
        registry,
        "tasks",
        "Of the tasks in it. Incidents' own work orders are left out unless the filter asks for a kind.",
    ),
]);

fn measured<S: OutputType, F: FilterInput + InputType>(
    registry: &mut Registry,
    name: &str,
    description: &str,
) -> (String, MetaField) {
    let ty = <Arc<S> as OutputType>::create_type_info(registry);
    let filter = filter_argument::<F>(registry);
    let (name, mut field) = field(name, description, ty, vec![filter]);
    field.compute_complexity = Some(|context, variables, field, below| {
        let asking = asking::<F>(context, variables, field);
        Ok(bounded(below.saturating_add(asking)))
    });
    (name, field)
}

/// What the questions to other rows cost that the filter of a field asks.
fn asking<F: FilterInput + InputType>(
    context: &VisitorContext<'_>,
    variables: &[Positioned<VariableDefinition>],
    field: &Field,
) -> usize {
    let filter = context.param_value::<Option<F>>(variables, field, "filter", None);
    relation::cost(filter.ok().flatten())
}

fn filter_argument<F: InputType>(registry: &mut Registry) -> MetaInputValue {
    argument::<Option<F>>(
        registry,
        "filter",
        "Only what fulfils all of this; it may nest one step less than the filter of a list.",
    )
}

/// `statistics` of a place.
pub(in crate::graphql) fn statistics(registry: &mut Registry) -> (String, MetaField) {
    let ty = <Arc<Statistics> as OutputType>::create_type_info(registry);
    let arguments = period_arguments(registry).into();
    let (name, mut field) = field(
        "statistics",
        "Numbers of what was reported in it in a period. For a viewer who may see only some of what is in it, of that.",
        ty,
        arguments,
    );
    field.compute_complexity =
        Some(|context, variables, field, below| Ok(price(context, variables, field, below)));
    (name, field)
}

/// A root field for the statistics of all that a viewer may see.
pub(in crate::graphql) fn all_statistics<T: Measured>(
    registry: &mut Registry,
    name: &str,
    description: &str,
) -> (String, MetaField) {
    let ty = <Arc<T::Statistics> as OutputType>::create_type_info(registry);
    let mut arguments = vec![filter_argument::<T::Filter>(registry)];
    arguments.extend(period_arguments(registry));
    let (name, mut field) = field(name, description, ty, arguments);
    field.compute_complexity = Some(|context, variables, field, below| {
        let asking = asking::<T::Filter>(context, variables, field);
        let below = below.saturating_add(asking);
        Ok(price(context, variables, field, below))
    });
    (name, field)
}

fn period_arguments(registry: &mut Registry) -> [MetaInputValue; 3] {
    [
        argument::<Option<object::Period>>(
            registry,
            "period",
            "From when until when; the last 30 days, or 24 hours, 12 weeks or 12 months where the buckets are such, when not \
             given.",
        ),
        argument::<Option<Bucket>>(
            registry,
            "bucket",
            "How the period is cut; it is not when not given.",
        ),
        argument::<Option<String>>(
            registry,
            "timeZone",
            "The IANA name of the time zone whose clock says when hours, days, weeks and months begin, such as \
             `Europe/Berlin`; `UTC` when not given.",
        ),
    ]
}

/// The price of a field by how many stretches of time it is asked for.
fn price(
    context: &VisitorContext<'_>,
    variables: &[Positioned<VariableDefinition>],
    field: &Field,
    below: usize,
) -> usize {
    let period = context.param_value(variables, field, "period", None);
    let bucket = context.param_value(variables, field, "bucket", None);
    let zone = context.param_value(variables, field, "timeZone", None);
    // What cannot be read is refused where it is asked; a price needs no clock but the machine's.
    let now = Utc::now();
    let asked = asked(
        period.ok().flatten(),
        bucket.ok().flatten(),
        zone.ok().flatten(),
        now,
    );
    let buckets = asked.map_or(0, |asked| asked.about(now)).min(MOST_PRICED);
    let stretch = below.saturating_add(STRETCH_COST);
    let price = stretch.saturating_mul(buckets + 1);
    bounded(price.saturating_add(PLACE_COST))
}

impl Measured for Incident {
    type Number = IncidentNumber;
    type Numbers = IncidentNumbers;
    type Statistics = IncidentStatistics;

    const BY: incident::Column = incidents::BY;
    const BUILDING: incident::Column = incident::Column::BuildingId;
    const ZONE: incident::Column = incident::Column::ZoneId;
    const WORDS: Option<(&'static str, incident::Column)> =
        Some(("byKind", incident::Column::Kind));

    fn numbers(field: &str) -> Vec<IncidentNumber> {
        use IncidentNumber::{Breached, Completed, Open, Priority, Reopened, Reported, State};
        match field {
            "reported" => vec![Reported],
            "open" => vec![Open],
            "completed" => vec![Completed],
            "breached" => vec![Breached],
            "reopened" => vec![Reopened],
            "resolutionRate" => vec![Completed, Reported],
            "byState" => incidents::STATES.map(State).into(),
            "byPriority" => incidents::PRIORITIES.map(Priority).into(),
            _ => Vec::new(),
        }
    }

    fn rows(number: IncidentNumber, now: DateTime<Utc>) -> Filter<incident::Column> {
        number.filter(now)
    }

    fn response() -> Length<incident::Column> {
        incidents::response()
    }

    fn resolution() -> Length<incident::Column> {
        incidents::resolution()
    }

    fn is_kind_asked(_filter: &Filter<incident::Column>) -> bool {
        false
    }

    fn statistics(
        period: &Period,
        asked: &Asked,
        whole: Sheet<IncidentNumber>,
        buckets: Vec<Sheet<IncidentNumber>>,
    ) -> IncidentStatistics {
        IncidentStatistics::new(
            period.whole,
            asked.zone.name(),
            asked.bucket.map(Into::into),
            IncidentNumbers::new(whole),
            buckets.into_iter().map(IncidentNumbers::new).collect(),
        )
    }
}

impl Measured for Task {
    type Number = TaskNumber;
    type Numbers = TaskNumbers;
    type Statistics = TaskStatistics;

    const BY: task::Column = tasks::BY;
    const BUILDING: task::Column = task::Column::BuildingId;
    const ZONE: task::Column = task::Column::ZoneId;
    const WORDS: Option<(&'static str, task::Column)> = None;

    fn numbers(field: &str) -> Vec<TaskNumber> {
        use TaskNumber::{Completed, Kind, Open, Overdue, Priority, Reported, State, StatusType};
        match field {
            "reported" => vec![Reported],
            "open" => vec![Open],
            "completed" => vec![Completed],
            "overdue" => vec![Overdue],
            "resolutionRate" => vec![Completed, Reported],
            "byKind" => tasks::KINDS.map(Kind).into(),
            "byState" => incidents::STATES.map(State).into(),
            "byStatusType" => tasks::STATUS_TYPES.map(StatusType).into(),
            "byPriority" => incidents::PRIORITIES.map(Priority).into(),
            _ => Vec::new(),
        }
    }

    fn rows(number: TaskNumber, now: DateTime<Utc>) -> Filter<task::Column> {
        number.filter(now)
    }

    fn response() -> Length<task::Column> {
        tasks::response()
    }

    fn resolution() -> Length<task::Column> {
        tasks::resolution()
    }

    fn is_kind_asked(filter: &Filter<task::Column>) -> bool {
        filter.mentions(task::Column::Kind)
    }

    fn statistics(
        period: &Period,
        asked: &Asked,
        whole: Sheet<TaskNumber>,
        buckets: Vec<Sheet<TaskNumber>>,
    ) -> TaskStatistics {
        TaskStatistics::new(
            period.whole,
            asked.zone.name(),
            asked.bucket.map(Into::into),
            TaskNumbers::new(whole),
            buckets.into_iter().map(TaskNumbers::new).collect(),
        )
    }
}
