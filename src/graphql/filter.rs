//! The filters of the lists: which fields each of them offers. Every field given must hold; `and`, `or` and `not` combine.

use async_graphql::InputObject;
use chrono::{DateTime, Utc};
use entity::{activity, building, delivery, incident, property, task, zone};

use super::comparison::{
    ActivityKindComparison, BooleanComparison, Comparison, IdComparison, IntComparison,
    OperationComparison, OutcomeComparison, PriorityComparison, SlaStateComparison,
    SourceComparison, StatusTypeComparison, StringComparison, TaskKindComparison, TimeComparison,
    WorkStateComparison,
};
use super::duration::Duration;
use super::error::Fault;
use super::limits::{DEEPEST_FILTER, Limit, MOST_STEPS, WIDEST_FILTER};
use super::relation;
use crate::domain::filter::Filter;
use crate::domain::{self, status_type};

/// How many values a filter may compare with in all.
const MOST_VALUES: usize = 500;

/// An input that narrows a list.
pub trait FilterInput {
    /// The column that it asks.
    type Column;

    /// What it means.
    ///
    /// # Errors
    /// When it nests too deeply, has too long lists, compares with too many values or names what is no id.
    fn meaning(self) -> Result<Filter<Self::Column>, Fault>
    where
        Self: Sized,
    {
        self.meaning_within(0, 0)
    }

    /// What it means where it is to be put into another filter, `depth` deep and beside as many `values`.
    ///
    /// # Errors
    /// As [`FilterInput::meaning`].
    fn meaning_within(self, depth: usize, values: usize) -> Result<Filter<Self::Column>, Fault>
    where
        Self: Sized,
    {
        let level = Level {
            depth,
            is_related: false,
        };
        let meaning = self.meaning_at(level)?;
        Limit::Values.check(MOST_VALUES - values, meaning.values())?;
        // What it is put into may ask for one thing more.
        let most = if depth == 0 {
            MOST_STEPS
        } else {
            MOST_STEPS - 1
        };
        Limit::Steps.check(most, meaning.steps())?;
        Ok(meaning)
    }

    /// What it means where it stands.
    ///
    /// # Errors
    /// As [`FilterInput::meaning`].
    fn meaning_at(self, level: Level) -> Result<Filter<Self::Column>, Fault>;

    /// The same with relative times fixed at `now`, but for those that say how something stands now.
    fn fixed(self, now: DateTime<Utc>) -> Self;

    /// The field that asks a column.
    fn field_of(column: Self::Column) -> Option<&'static str>;
}

/// Where a filter stands.
#[derive(Clone, Copy, Debug, Default)]
pub struct Level {
    /// Within how many others.
    depth: usize,
    /// Whether it asks for things that others lead to.
    is_related: bool,
}

impl Level {
    /// In an `and`, `or` or `not`.
    fn deeper(self) -> Self {
        Self {
            depth: self.depth + 1,
            ..self
        }
    }

    /// In a question to things that others lead to, which leads on to no more things.
    fn related(self) -> Result<Self, Fault> {
        if self.is_related {
            return Err(Fault::input(
                "a filter of related things leads on to no further ones: one step is as far as filters go",
            ));
        }
        Ok(Self {
            is_related: true,
            ..self.deeper()
        })
    }
}

fn combined<F: FilterInput>(
    filters: Option<Vec<F>>,
    level: Level,
) -> Result<Option<Vec<Filter<F::Column>>>, Fault> {
    let Some(filters) = filters else {
        return Ok(None);
    };
    Limit::Combined.check(WIDEST_FILTER, filters.len())?;
    let meanings = filters
        .into_iter()
        .map(|filter| filter.meaning_at(level.deeper()));
    meanings.collect::<Result<_, _>>().map(Some)
}

macro_rules! filters {
    ($($(#[$doc:meta])* $name:ident of $noun:ident {
        $($(#[$field_doc:meta])* $field:ident: $comparison:ident = $column:ident,)+
        $(@ $(#[$derived_doc:meta])* $derived:ident: $question:ident = $meaning:path,)*
        $(? $(#[$search_doc:meta])* $search:ident = $kind:ident,)?
        $(& $(#[$related_doc:meta])* $related:ident: $other:ident = $own:ident among $set:ident($of:ident::$theirs:ident),)*
    })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, InputObject)]
        pub struct $name {
            $($(#[$field_doc])* $field: Option<$comparison>,)+
            $($(#[$derived_doc])* $derived: Option<$question>,)*
            $($(#[$search_doc])* $search: Option<String>,)?
            $($(#[$related_doc])* $related: Option<Box<$other>>,)*
            /// All of these hold, at most 20.
            and: Option<Vec<$name>>,
            /// At least one of these holds, at most 20.
            or: Option<Vec<$name>>,
            /// This does not hold.
            not: Option<Box<$name>>,
        }

        impl FilterInput for $name {
            type Column = $noun::Column;

            fn meaning_at(self, level: Level) -> Result<Filter<Self::Column>, Fault> {
                Limit::FilterDepth.check(DEEPEST_FILTER, level.depth)?;
                let mut all = Vec::new();
                $(if let Some(comparison) = self.$field {
                    all.push(comparison.ask($noun::Column::$column)?);
                })+
                $(if let Some(question) = self.$derived {
                    all.push($meaning(question));
                })*
                $(if let Some(text) = self.$search {
                    all.extend(relation::found($noun::Column::Id, entity::Searched::$kind, &text)?);
                })?
                $(if let Some(other) = self.$related {
                    let asked = relation::$set($of::Column::$theirs, other.meaning_at(level.related()?)?);
                    all.push(Filter::Among($noun::Column::$own, Box::new(asked)));
                })*
                if let Some(filters) = combined(self.and, level)? {
                    all.push(Filter::All(filters));
                }
                if let Some(filters) = combined(self.or, level)? {
                    all.push(Filter::Any(filters));
                }
                if let Some(filter) = self.not {
                    all.push(Filter::Not(Box::new(filter.meaning_at(level.deeper())?)));
                }
                Ok(Filter::All(all))
            }

            fn fixed(self, now: DateTime<Utc>) -> Self {
                let all = |filters: Vec<Self>| {
                    filters.into_iter().map(|filter| filter.fixed(now)).collect()
                };
                Self {
                    $($field: self.$field.map(|comparison| comparison.fixed(now)),)+
                    $($derived: self.$derived,)*
                    $($search: self.$search,)?
                    $($related: self.$related.map(|other| Box::new(other.fixed(now))),)*
                    and: self.and.map(all),
                    or: self.or.map(all),
                    not: self.not.map(|filter| Box::new(filter.fixed(now))),
                }
            }

            fn field_of(column: $noun::Column) -> Option<&'static str> {
                match column {
                    $($noun::Column::$column => Some(stringify!($field)),)+
                    _ => None,
                }
            }
        }
    )+};
}

filters! {
    /// Narrows a list of properties.
    PropertyFilter of property {
        /// The platform's id.
        code: StringComparison = Code,
        /// The operator's name for it.
        name: StringComparison = Name,
    }

    /// Narrows a list of buildings.
    BuildingFilter of building {
        /// The property it belongs to.
        property: IdComparison = PropertyId,
        /// Its name.
        name: StringComparison = Name,
        ?
        /// It has all of these words in its name. Case and diacritics do not count, nor does the order; a word of two letters and
        /// more may be the beginning of a longer one. At most 20 words; a text without any asks nothing.
        search = Building,
        &
        /// It belongs to such a property. This filter leads on to no further things.
        in_property: PropertyFilter = PropertyId among properties(property::Id),
        &
        /// It has such an incident. This filter leads on to no further things.
        has_incident: IncidentFilter = Id among incidents(incident::BuildingId),
        &
        /// It has such a task; incidents' own work orders are left out unless `kind` is asked for. This filter leads on to
        /// no further things.
        has_task: TaskFilter = Id among tasks(task::BuildingId),
    }

    /// Narrows a list of zones.
    ZoneFilter of zone {
        /// The building it is in.
        building: IdComparison = BuildingId,
        /// The floor it is on.
        level: IdComparison = LevelId,
        /// The platform that knows it.
        source: SourceComparison = Source,
        /// Its name.
        name: StringComparison = Name,
        /// Its status, in the words of Matrix.
        status: StringComparison = Status,
        /// When Matrix removed it: `{isNull: true}` are the zones that exist now.
        removed_at: TimeComparison = RemovedAt,
        /// When the latest completed task in it ended, as `Zone.lastCleanedAt` says: `{lt: "-PT4H"}` are the zones that
        /// were cleaned last more than four hours ago, `{isNull: true}` those that never were as far as is known.
        last_cleaned_at: TimeComparison = LastCleanedAt,
        /// How many open incidents it has, as `Zone.openIncidentCount` says, but without an upper limit.
        open_incident_count: IntComparison = OpenIncidentCount,
        ?
        /// It has all of these words in its name. Case and diacritics do not count, nor does the order; a word of two letters and
        /// more may be the beginning of a longer one. At most 20 words; a text without any asks nothing.
        search = Zone,
        &
        /// It is in such a building. This filter leads on to no further things.
        in_building: BuildingFilter = BuildingId among buildings(building::Id),
        &
        /// It has such an incident. This filter leads on to no further things.
        has_incident: IncidentFilter = Id among incidents(incident::ZoneId),
        &
        /// It has such a task; incidents' own work orders are left out unless `kind` is asked for. This filter leads on to
        /// no further things.
        has_task: TaskFilter = Id among tasks(task::ZoneId),
    }

    /// Narrows a list of incidents.
    IncidentFilter of incident {
        /// The building it is in.
        building: IdComparison = BuildingId,
        /// The zone it is in.
        zone: IdComparison = ZoneId,
        /// What reported it: the kind of sensor, or the person's app, in the words of Matrix.
        kind: StringComparison = Kind,
        /// How urgent it is.
        priority: PriorityComparison = Priority,
        /// Its state.
        state: WorkStateComparison = State,
        /// Whether somebody still has to act.
        is_open: BooleanComparison = IsOpen,
        /// When it was reported.
        reported_at: TimeComparison = ReportedAt,
        /// When it should be dealt with.
        due_at: TimeComparison = DueAt,
        /// When somebody got it.
        assigned_at: TimeComparison = AssignedAt,
        /// When work on it began.
        started_at: TimeComparison = StartedAt,
        /// When it was dealt with.
        completed_at: TimeComparison = CompletedAt,
        /// When it was told to be open again after it had ended.
        reopened_at: TimeComparison = ReopenedAt,
        /// The first deadline that it missed, or will miss if nothing more happens: `{lt: "PT0S"}` are those that have
        /// missed one. Null when all were kept, or none applies.
        breaches_at: TimeComparison = SlaMissAt,
        @
        /// How it stands to its deadlines, as `Incident.sla` says.
        sla_state: SlaStateComparison = sla_state,
        @
        /// It misses a deadline within this time from now if nothing more happens; none is missed yet.
        breaches_within: Duration = breaches_within,
        ?
        /// It has all of these words in its name and description. Case and diacritics do not count, nor does the order; a word of two letters and
        /// more may be the beginning of a longer one. At most 20 words; a text without any asks nothing.
        search = Incident,
        &
        /// It is in such a building. This filter leads on to no further things.
        in_building: BuildingFilter = BuildingId among buildings(building::Id),
        &
        /// It is in such a zone. This filter leads on to no further things.
        in_zone: ZoneFilter = ZoneId among zones(zone::Id),
        &
        /// Such a task was made for it; its own work order is left out unless `kind` is asked for. This filter leads on to
        /// no further things.
        has_work_order: TaskFilter = Id among tasks(task::IncidentId),
    }

    /// Narrows a list of tasks. Incidents' own work orders are left out unless `kind` is asked for.
    TaskFilter of task {
        /// What sort of work it is.
        kind: TaskKindComparison = Kind,
        /// The Urgent tenant.
        tenant: StringComparison = Tenant,
        /// The Urgent TaskReference; it is not unique.
        reference: StringComparison = Reference,
        /// The Urgent status, a name in the user's language.
        status: StringComparison = Status,
        /// The type of the Urgent status, as the operator of caretaker mapped it.
        status_type: StatusTypeComparison = StatusKey,
        /// The state of a Matrix task.
        state: WorkStateComparison = State,
        /// How urgent it is; Urgent tells none.
        priority: PriorityComparison = Priority,
        /// The building it is in.
        building: IdComparison = BuildingId,
        /// The zone it is in.
        zone: IdComparison = ZoneId,
        /// The incident it belongs to.
        incident: IdComparison = IncidentId,
        /// When it was first told of.
        reported_at: TimeComparison = ReportedAt,
        /// When its Urgent status was reached.
        status_at: TimeComparison = StatusAt,
        /// When it should be done; Urgent tells none.
        due_at: TimeComparison = DueAt,
        /// When somebody got it; Urgent tells none.
        assigned_at: TimeComparison = AssignedAt,
        /// When work on it began; Urgent tells none.
        started_at: TimeComparison = StartedAt,
        /// When it was done; Urgent tells none.
        completed_at: TimeComparison = CompletedAt,
        /// How often it was chased.
        chase_count: IntComparison = ChaseCount,
        /// When it was chased last; `{isNull: true}` are the tasks that never were.
        last_chased_at: TimeComparison = LastChasedAt,
        @
        /// Whether somebody still has to act, as `Task.isOpen` says.
        is_open: BooleanComparison = task_is_open,
        ?
        /// It has all of these words in its name and description, in the notes on it and on its status changes. Case and diacritics do not count, nor does the order; a word of two letters and
        /// more may be the beginning of a longer one. At most 20 words; a text without any asks nothing.
        search = Task,
        &
        /// It is in such a building. This filter leads on to no further things.
        in_building: BuildingFilter = BuildingId among buildings(building::Id),
        &
        /// It is in such a zone. This filter leads on to no further things.
        in_zone: ZoneFilter = ZoneId among zones(zone::Id),
        &
        /// It belongs to such an incident. This filter leads on to no further things.
        of_incident: IncidentFilter = IncidentId among incidents(incident::Id),
    }

    /// Narrows the feed. What an activity is filed under is what was known when it was recorded. For a viewer with claims
    /// an unclaimed property counts as null, and so does the incident of an Urgent task.
    ActivityFilter of activity {
        /// What it tells.
        kind: ActivityKindComparison = Kind,
        /// The property it is filed under.
        property: IdComparison = PropertyId,
        /// The building it is filed under.
        building: IdComparison = BuildingId,
        /// The zone it is filed under.
        zone: IdComparison = ZoneId,
        /// The incident it is filed under.
        incident: IdComparison = IncidentId,
        /// The task it is filed under.
        task: IdComparison = TaskId,
        /// The Urgent tenant it is filed under.
        tenant: StringComparison = Tenant,
        /// When it happened, by the platform's clock.
        occurred_at: TimeComparison = OccurredAt,
        /// When caretaker made it durable.
        recorded_at: TimeComparison = RecordedAt,
    }

    /// Narrows a list of deliveries.
    DeliveryFilter of delivery {
        /// The platform.
        source: SourceComparison = Source,
        /// The call.
        operation: OperationComparison = Operation,
        /// What became of it.
        outcome: OutcomeComparison = Outcome,
        /// The name of the credential that proved the sender.
        credential: StringComparison = Credential,
        /// When it came first.
        received_at: TimeComparison = ReceivedAt,
        @
        /// Whether it has elements in quarantine that did not go through since.
        is_quarantined: BooleanComparison = is_quarantined,
    }
}

fn task_is_open(question: BooleanComparison) -> Filter<task::Column> {
    question.ask_whether(status_type::filter::open())
}

fn is_quarantined(question: BooleanComparison) -> Filter<delivery::Column> {
    question.ask_whether(domain::delivery::read::quarantined_ones())
}

fn sla_state(question: SlaStateComparison) -> Filter<incident::Column> {
    question.ask_state(|state| domain::sla::SlaState::from(state).filter())
}

fn breaches_within(length: Duration) -> Filter<incident::Column> {
    domain::sla::filter::breaches_within(length.0)
}
