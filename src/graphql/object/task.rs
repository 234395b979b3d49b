//! Tasks, and what was said on them: status changes, notes, chases.

use async_graphql::{Json, SimpleObject};
use chrono::{DateTime, Utc};
use entity::status_change::Compliance;
use entity::{chase, note, status_change, task};

use crate::domain::status_type::read::StatusTypes;
use crate::graphql::enums::{Priority, Source, StatusType, TaskKind, WorkState};
use crate::graphql::id::{GlobalId, Kind};
use crate::graphql::slot::Slots;
use crate::graphql::written::written;

/// A piece of work: an Urgent maintenance task, a Matrix task, or the work order that Matrix runs for an incident.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct Task {
    /// The global id.
    id: GlobalId,
    /// The platform that runs it.
    source: Source,
    /// What sort of work it is.
    kind: TaskKind,
    /// The Urgent tenant; null for Matrix.
    tenant: Option<String>,
    /// Urgent's `TaskIdentifier` (a GUID) or Matrix's `TaskId`.
    identifier: String,
    /// Urgent's `TaskReference`, the number people know it by; not unique; null for Matrix.
    reference: Option<String>,
    /// The caller's own reference (Urgent: `ExternalIdentifier`); it equals the `code` of the incident the task was made for.
    external_identifier: Option<String>,
    /// What it is called (Matrix: `Meta.Name`); null for Urgent.
    name: Option<String>,
    /// What is to be done; null when it was not told.
    description: Option<String>,
    /// The category (Urgent: `MatrixItemCode`); null when none was told.
    category: Option<String>,
    /// The agreed level of service (Urgent: `ServiceLevel`); null when none was told.
    service_level: Option<String>,
    /// Who does the work (Urgent: `Supplier`); null when nobody was named.
    supplier: Option<String>,
    /// The workflow it runs in (Urgent: `Workflow`); null when none was told.
    workflow: Option<String>,
    /// Who asked for it (Urgent: `InitiatorName`, Matrix: `Meta.By`); null when nobody was named.
    initiator: Option<String>,
    /// Where the defect came from (Urgent: `DefectSource`); null when it was not told.
    defect_source: Option<String>,
    /// Who pays (Urgent: `Chargeability`); null when it was not told.
    chargeability: Option<String>,
    /// How urgent it is (Matrix: `Meta.Priority`); null for Urgent.
    priority: Option<Priority>,
    /// The priority as Matrix sent it; null when it sent none.
    priority_raw: Option<String>,
    /// The state of a Matrix task; null for Urgent.
    state: Option<WorkState>,
    /// The state as Matrix sent it (`Meta.Status`); null when it sent none.
    state_raw: Option<String>,
    /// The Urgent status, a name in the user's language; null for Matrix and while none was told.
    status: Option<String>,
    /// What that status means, as the operator mapped it, else as its English name says; null without a status.
    status_type: Option<StatusType>,
    /// Whether somebody still has to act. A Matrix task is open until its state is COMPLETED or INCOMPLETE, an Urgent
    /// task until its status type is CLOSED or CANCELLED: a status that means nothing yet is an open one.
    is_open: bool,
    /// When the status was reached (UTC); null while no status change was told.
    status_at: Option<DateTime<Utc>>,
    /// Whether the task was ever described; false while only a note, a chase or a status change named it.
    is_described: bool,
    /// The assets concerned (Urgent: GUIDs); empty when none were told.
    assets: Vec<String>,
    /// Whether the asset can be used (Urgent: `IsAssetAvailable`); null when it was not told.
    is_asset_available: Option<bool>,
    /// The custom fields as Urgent sent them; null when none were told.
    custom_fields: Option<Json<serde_json::Value>>,
    /// The related tasks as Urgent sent them (`Relate`); null when none were told.
    related: Option<Json<serde_json::Value>>,
    /// When it was first told of (UTC, the platform's clock).
    reported_at: DateTime<Utc>,
    /// When somebody got it (UTC, Matrix: `Meta.Start`); null while nobody has, and for Urgent.
    assigned_at: Option<DateTime<Utc>>,
    /// When it should be done (UTC, Matrix: `Meta.End`); null when no deadline was told, and for Urgent.
    due_at: Option<DateTime<Utc>>,
    /// When work on it began (UTC, Matrix: `Meta.AStart`); null while it has not, and for Urgent.
    started_at: Option<DateTime<Utc>>,
    /// When it was done (UTC, Matrix: `Meta.AEnd`); null while it is open, and for Urgent.
    completed_at: Option<DateTime<Utc>>,
    /// How often it was chased.
    chase_count: i32,
    /// When it was chased last (UTC); null when never.
    last_chased_at: Option<DateTime<Utc>>,
    /// When the latest activity on it happened (UTC).
    last_activity_at: DateTime<Utc>,
    #[graphql(skip)]
    pub(in crate::graphql) slots: Slots,
}

written!(Task {
    id, source, kind, tenant, identifier, reference, external_identifier, name, description,
    category, service_level, supplier, workflow, initiator, defect_source, chargeability,
    priority, priority_raw, state, state_raw, status, status_type, is_open, status_at,
    is_described, assets, is_asset_available, custom_fields, related, reported_at, assigned_at,
    due_at, started_at, completed_at, chase_count, last_chased_at, last_activity_at,
} and slots);

impl Task {
    pub(in crate::graphql) fn new(
        row: task::Model,
        types: Option<&StatusTypes>,
        slots: Slots,
    ) -> Self {
        let status_type = types.and_then(|types| types.of_task(&row));
        let is_open = types.is_none_or(|types| types.is_open(&row));
        Self {
            id: GlobalId(Kind::Task, row.id.0),
            source: row.source.into(),
            kind: row.kind.into(),
            tenant: row.tenant,
            identifier: row.identifier,
            reference: row.reference,
            external_identifier: row.external_identifier,
            name: row.name,
            description: row.description,
            category: row.category,
            service_level: row.service_level,
            supplier: row.supplier,
            workflow: row.workflow,
            initiator: row.initiator,
            defect_source: row.defect_source,
            chargeability: row.chargeability,
            priority: row.priority.map(Into::into),
            priority_raw: row.priority_raw,
            state: row.state.map(Into::into),
            state_raw: row.state_raw,
            status: row.status,
            status_type: status_type.map(Into::into),
            is_open,
            status_at: row.status_at,
            is_described: row.is_described,
            assets: row.assets.0,
            is_asset_available: row.is_asset_available,
            custom_fields: row.custom_fields.map(|fields| Json(fields.0)),
            related: row.related.map(|related| Json(related.0)),
            reported_at: row.reported_at,
            assigned_at: row.assigned_at,
            due_at: row.due_at,
            started_at: row.started_at,
            completed_at: row.completed_at,
            chase_count: row.chase_count,
            last_chased_at: row.last_chased_at,
            last_activity_at: row.last_activity_at,
            slots,
        }
    }
}

/// An answer to a compliance question.
#[derive(SimpleObject)]
pub struct ComplianceAnswer {
    /// The question.
    name: String,
    /// The answer as text, whatever kind of value it was; null when none was given.
    answer: Option<String>,
}

written!(ComplianceAnswer { name, answer });

impl ComplianceAnswer {
    pub(in crate::graphql) fn new(told: Compliance) -> Self {
        Self {
            name: told.name,
            answer: told.answer,
        }
    }

    pub(in crate::graphql) fn is_to(&self, question: &str) -> bool {
        self.name == question
    }
}

/// What was told of the asset's downtime.
#[derive(SimpleObject)]
pub struct AssetDowntime {
    /// Why it is down; null when it was not told.
    reason: Option<String>,
    /// Whether it works again; null when it was not told.
    is_back_up: Option<bool>,
}

written!(AssetDowntime { reason, is_back_up });

impl AssetDowntime {
    pub(in crate::graphql) fn told(row: &status_change::Model) -> Option<Self> {
        let is_told = row.downtime_reason.is_some() || row.is_asset_back_up.is_some();
        is_told.then(|| Self {
            reason: row.downtime_reason.clone(),
            is_back_up: row.is_asset_back_up,
        })
    }
}

/// One change of the status of an Urgent task.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct StatusChange {
    /// The global id.
    id: GlobalId,
    /// Urgent's `StatusChangeIdentifier` (a GUID).
    identifier: String,
    /// The status reached, a name in the user's language.
    status: String,
    /// What that status means, as the operator mapped it, else as its English name says.
    status_type: StatusType,
    /// When it was reached (UTC).
    changed_at: DateTime<Utc>,
    /// The note given with it; null when there is none.
    note: Option<String>,
    /// The answers to compliance questions given with it.
    compliance: Vec<ComplianceAnswer>,
    /// What was told of the asset's downtime with it; null when nothing was.
    asset_downtime: Option<AssetDowntime>,
    #[graphql(skip)]
    pub(in crate::graphql) slots: Slots,
}

written!(StatusChange {
    id, identifier, status, status_type, changed_at, note, compliance, asset_downtime,
} and slots);

impl StatusChange {
    pub(in crate::graphql) fn new(
        row: status_change::Model,
        status_type: StatusType,
        slots: Slots,
    ) -> Self {
        Self {
            asset_downtime: AssetDowntime::told(&row),
            id: GlobalId(Kind::StatusChange, row.id.0),
            identifier: row.identifier,
            status: row.status,
            status_type,
            changed_at: row.changed_at,
            note: row.note,
            compliance: row
                .compliance
                .0
                .into_iter()
                .map(ComplianceAnswer::new)
                .collect(),
            slots,
        }
    }
}

/// A note on an Urgent task.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct Note {
    /// The global id.
    id: GlobalId,
    /// The Urgent tenant.
    tenant: String,
    /// The `TaskReference` that the note names; null when it names its task by `TaskIdentifier` alone.
    reference: Option<String>,
    /// Urgent's `NoteIdentifier` (a GUID).
    identifier: String,
    /// What it says.
    text: String,
    /// When it was written (UTC).
    noted_at: DateTime<Utc>,
    #[graphql(skip)]
    pub(in crate::graphql) slots: Slots,
}

written!(Note { id, tenant, reference, identifier, text, noted_at } and slots);

impl Note {
    pub(in crate::graphql) fn new(row: note::Model, slots: Slots) -> Self {
        Self {
            id: GlobalId(Kind::Note, row.id.0),
            tenant: row.tenant,
            reference: Some(row.reference).filter(|reference| !reference.is_empty()),
            identifier: row.identifier,
            text: row.text,
            noted_at: row.noted_at,
            slots,
        }
    }
}

/// One chasing of an Urgent task: somebody asked for it again.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct Chase {
    /// The global id.
    id: GlobalId,
    /// Urgent's `ChaseIdentifier` (a GUID).
    identifier: String,
    /// What was said.
    text: String,
    /// When (UTC).
    chased_at: DateTime<Utc>,
    #[graphql(skip)]
    pub(in crate::graphql) slots: Slots,
}

written!(Chase { id, identifier, text, chased_at } and slots);

impl Chase {
    pub(in crate::graphql) fn new(row: chase::Model, slots: Slots) -> Self {
        Self {
            id: GlobalId(Kind::Chase, row.id.0),
            identifier: row.identifier,
            text: row.text,
            chased_at: row.chased_at,
            slots,
        }
    }
}
