//! The whole model of the first release.
//!
//! CHECKs state only what the fold guarantees. The filed-under columns of `activity` have no foreign keys: they say
//! what was known at commit, and stay when a building row goes because its site got a parent.

use sea_orm_migration::prelude::*;

use crate::dialect;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261122_1_model"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, PLACES).await?;
        dialect::run(manager, WORK).await?;
        dialect::run(manager, FEED).await?;
        dialect::run(manager, DELIVERIES).await?;
        dialect::run(manager, OPERATOR).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let drops: Vec<String> = TABLES
            .iter()
            .map(|table| format!("DROP TABLE {table}"))
            .collect();
        let drops: Vec<&str> = drops.iter().map(String::as_str).collect();
        dialect::run(manager, &drops).await
    }
}

/// In an order in which they can be dropped.
const TABLES: [&str; 18] = [
    "setting",
    "status_type",
    "place_link",
    "quarantine",
    "delivery_body",
    "delivery",
    "activity_link",
    "activity",
    "chase",
    "note",
    "status_change",
    "task",
    "incident",
    "zone",
    "level",
    "site",
    "building",
    "property",
];

const PLACES: &[&str] = &[
    "CREATE TABLE property (
        id {uuid} NOT NULL PRIMARY KEY,
        source {text} NOT NULL CHECK (source IN ('MATRIX', 'URGENT')),
        code {text} NOT NULL,
        name {text},
        UNIQUE (source, code)
    ) {options}",
    // Null is the greatest value on both engines: an order by a nullable column is one by (is null, value).
    "CREATE INDEX property_name ON property ((name IS NULL), name, id)",
    "CREATE INDEX property_code ON property (code, id)",
    "CREATE TABLE building (
        id {uuid} NOT NULL PRIMARY KEY,
        site_id {uuid} NOT NULL UNIQUE,
        property_id {uuid} REFERENCES property (id),
        name {text} NOT NULL,
        address {text},
        latitude {double},
        longitude {double}
    ) {options}",
    "CREATE INDEX building_property ON building (property_id, name, id)",
    "CREATE INDEX building_name ON building (name, id)",
    "CREATE TABLE site (
        id {uuid} NOT NULL PRIMARY KEY,
        source {text} NOT NULL CHECK (source IN ('MATRIX', 'URGENT')),
        tenant {text} NOT NULL CHECK (source = 'URGENT' OR tenant = ''),
        code {text} NOT NULL,
        parent_id {uuid},
        name {text},
        address {text},
        latitude {double},
        longitude {double},
        property_id {uuid} REFERENCES property (id),
        building_id {uuid} NOT NULL REFERENCES building (id),
        zone_id {uuid},
        set_by {text} NOT NULL,
        UNIQUE (source, tenant, code)
    ) {options}",
    "CREATE INDEX site_building ON site (building_id)",
    "CREATE TABLE level (
        id {uuid} NOT NULL PRIMARY KEY,
        site_id {uuid} NOT NULL REFERENCES site (id),
        building_id {uuid} NOT NULL REFERENCES building (id),
        code {text} NOT NULL,
        name {text},
        set_by {text} NOT NULL,
        UNIQUE (site_id, code)
    ) {options}",
    "CREATE INDEX level_building ON level (building_id, (name IS NULL), name, id)",
    "CREATE TABLE zone (
        id {uuid} NOT NULL PRIMARY KEY,
        source {text} NOT NULL CHECK (source IN ('MATRIX', 'URGENT')),
        site_id {uuid} NOT NULL REFERENCES site (id),
        building_id {uuid} NOT NULL REFERENCES building (id),
        level_id {uuid} REFERENCES level (id),
        code {text} NOT NULL,
        name {text},
        status {text},
        removed_at {time},
        set_by {text} NOT NULL,
        UNIQUE (site_id, code)
    ) {options}",
    "CREATE INDEX zone_building ON zone (building_id, (name IS NULL), name, id)",
    "CREATE INDEX zone_level ON zone (level_id, (name IS NULL), name, id)",
    "CREATE INDEX zone_name ON zone ((name IS NULL), name, id)",
    "CREATE INDEX zone_named ON zone (name)",
    "CREATE INDEX zone_status ON zone (status, (name IS NULL), name, id)",
];

const WORK: &[&str] = &[
    "CREATE TABLE incident (
        id {uuid} NOT NULL PRIMARY KEY,
        site_id {uuid} NOT NULL REFERENCES site (id),
        building_id {uuid} NOT NULL REFERENCES building (id),
        zone_id {uuid} REFERENCES zone (id),
        code {text} NOT NULL,
        task_id {uuid} NOT NULL UNIQUE,
        name {text},
        description {text},
        kind {text},
        priority {text} NOT NULL CHECK (priority IN ('HIGH', 'MEDIUM', 'NORMAL', 'LOW', 'UNKNOWN')),
        priority_raw {text},
        state {text} NOT NULL CHECK (state IN
            ('NOT_ASSIGNED', 'ASSIGNED', 'PENDING', 'STARTED', 'COMPLETED', 'INCOMPLETE', 'UNKNOWN')),
        state_raw {text},
        is_open {bool} NOT NULL,
        escalation_level INTEGER NOT NULL CHECK (escalation_level >= 0),
        highest_escalation_level INTEGER NOT NULL CHECK (highest_escalation_level >= escalation_level),
        reported_at {time} NOT NULL,
        assigned_at {time},
        due_at {time},
        started_at {time},
        ended_at {time},
        completed_at {time} CHECK (completed_at IS NULL OR completed_at = ended_at),
        sensors {text} NOT NULL,
        last_activity_at {time} NOT NULL,
        set_by {text} NOT NULL,
        UNIQUE (site_id, code)
    ) {options}",
    "CREATE INDEX incident_code ON incident (code)",
    "CREATE INDEX incident_reported ON incident (reported_at, id)",
    "CREATE INDEX incident_due ON incident ((due_at IS NULL), due_at, id)",
    "CREATE INDEX incident_due_at ON incident (due_at)",
    "CREATE INDEX incident_activity ON incident (last_activity_at, id)",
    "CREATE INDEX incident_completed ON incident ((completed_at IS NULL), completed_at, id)",
    "CREATE INDEX incident_completed_at ON incident (completed_at)",
    "CREATE INDEX incident_building ON incident (building_id, reported_at, id)",
    "CREATE INDEX incident_building_open ON incident (building_id, is_open, reported_at, id)",
    "CREATE INDEX incident_zone ON incident (zone_id, reported_at, id)",
    "CREATE INDEX incident_state ON incident (state, reported_at, id)",
    "CREATE INDEX incident_open ON incident (is_open, reported_at, id)",
    "CREATE INDEX incident_priority ON incident (priority, reported_at, id)",
    "CREATE INDEX incident_open_priority ON incident (is_open, priority, reported_at, id)",
    "CREATE INDEX incident_kind ON incident (kind, reported_at, id)",
    "CREATE TABLE task (
        id {uuid} NOT NULL PRIMARY KEY,
        source {text} NOT NULL CHECK (source IN ('MATRIX', 'URGENT')),
        kind {text} NOT NULL CHECK (kind IN ('SCHEDULED', 'INCIDENT_WORK', 'MAINTENANCE')),
        tenant {text} CHECK ((tenant IS NULL) = (source = 'MATRIX')),
        identifier {text} NOT NULL,
        reference {text},
        external_identifier {text},
        site_id {uuid} REFERENCES site (id),
        building_id {uuid} REFERENCES building (id),
        zone_id {uuid} REFERENCES zone (id),
        incident_id {uuid} REFERENCES incident (id),
        name {text},
        description {text},
        category {text},
        service_level {text},
        supplier {text},
        workflow {text},
        initiator {text},
        defect_source {text},
        chargeability {text},
        priority {text},
        priority_raw {text},
        state {text},
        state_raw {text},
        status {text},
        status_key {text},
        status_at {time},
        status_change_id {uuid},
        described_status {text},
        is_described {bool} NOT NULL,
        assets {text} NOT NULL,
        is_asset_available {bool},
        custom_fields {text},
        related {text},
        reported_at {time} NOT NULL,
        assigned_at {time},
        due_at {time},
        started_at {time},
        ended_at {time},
        completed_at {time},
        chase_count INTEGER NOT NULL CHECK (chase_count >= 0),
        last_chased_at {time},
        raw {text},
        last_activity_at {time} NOT NULL,
        set_by {text} NOT NULL,
        CHECK ((kind = 'MAINTENANCE') = (source = 'URGENT')),
        CHECK ((status IS NULL) = (status_key IS NULL)),
        CHECK ((status_change_id IS NULL) = (status_at IS NULL)),
        CHECK ((site_id IS NULL) = (building_id IS NULL)),
        CHECK ((chase_count = 0) = (last_chased_at IS NULL))
    ) {options}",
    "CREATE UNIQUE INDEX task_urgent_key ON task (tenant, identifier) WHERE source = 'URGENT'",
    "CREATE UNIQUE INDEX task_matrix_key ON task (site_id, identifier, kind) WHERE source = 'MATRIX'",
    "CREATE INDEX task_reference ON task (tenant, reference, id)",
    "CREATE INDEX task_external ON task (external_identifier)",
    "CREATE INDEX task_identifier ON task (identifier)",
    "CREATE INDEX task_incident ON task (incident_id, reported_at, id)",
    "CREATE INDEX task_site ON task (site_id)",
    "CREATE INDEX task_kind ON task (kind, reported_at, id)",
    "CREATE INDEX task_reported ON task (reported_at, id)",
    "CREATE INDEX task_building ON task (building_id, reported_at, id)",
    "CREATE INDEX task_zone ON task (zone_id, reported_at, id)",
    "CREATE INDEX task_tenant ON task (tenant, reported_at, id)",
    "CREATE INDEX task_status ON task (status, reported_at, id)",
    "CREATE INDEX task_state ON task (state, reported_at, id)",
    "CREATE INDEX task_activity ON task (last_activity_at, id)",
    "CREATE INDEX task_priority ON task (priority, reported_at, id)",
    "CREATE INDEX task_due_at ON task (due_at, id)",
    "CREATE INDEX task_completed_at ON task (completed_at, id)",
    "CREATE INDEX task_status_at ON task ((status_at IS NULL), status_at, id)",
    "CREATE TABLE status_change (
        id {uuid} NOT NULL PRIMARY KEY,
        task_id {uuid} NOT NULL REFERENCES task (id),
        tenant {text} NOT NULL,
        identifier {text} NOT NULL,
        status {text} NOT NULL,
        changed_at {time} NOT NULL,
        note {text},
        compliance {text} NOT NULL,
        downtime_reason {text},
        is_asset_back_up {bool},
        version {text} NOT NULL,
        UNIQUE (tenant, identifier)
    ) {options}",
    "CREATE INDEX status_change_task ON status_change (task_id, changed_at, id)",
    "CREATE TABLE note (
        id {uuid} NOT NULL PRIMARY KEY,
        task_id {uuid} REFERENCES task (id),
        is_task_named {bool} NOT NULL,
        tenant {text} NOT NULL,
        reference {text} NOT NULL,
        identifier {text} NOT NULL,
        text {text} NOT NULL,
        noted_at {time} NOT NULL,
        version {text} NOT NULL,
        CHECK (task_id IS NOT NULL OR NOT is_task_named),
        UNIQUE (tenant, identifier)
    ) {options}",
    "CREATE INDEX note_task ON note (task_id, noted_at, id)",
    "CREATE INDEX note_unnamed ON note (tenant, reference) WHERE NOT is_task_named",
    "CREATE TABLE chase (
        id {uuid} NOT NULL PRIMARY KEY,
        task_id {uuid} NOT NULL REFERENCES task (id),
        tenant {text} NOT NULL,
        identifier {text} NOT NULL,
        text {text} NOT NULL,
        chased_at {time} NOT NULL,
        version {text} NOT NULL,
        UNIQUE (tenant, identifier)
    ) {options}",
    "CREATE INDEX chase_task ON chase (task_id, chased_at, id)",
];

const FEED: &[&str] = &[
    "CREATE TABLE activity (
        seq {serial},
        id {uuid} NOT NULL UNIQUE,
        kind {text} NOT NULL,
        occurred_at {time} NOT NULL,
        recorded_at {time} NOT NULL,
        late {bool} NOT NULL,
        subject_id {uuid} NOT NULL,
        site_id {uuid},
        property_id {uuid},
        building_id {uuid},
        zone_id {uuid},
        incident_id {uuid},
        task_id {uuid},
        tenant {text},
        delivery_id {uuid},
        changes {text} NOT NULL,
        data {text}
    ) {options}",
    "CREATE INDEX activity_building ON activity (building_id, occurred_at, seq) WHERE building_id IS NOT NULL",
    "CREATE INDEX activity_property_feed ON activity (property_id, seq) WHERE property_id IS NOT NULL",
    "CREATE INDEX activity_building_feed ON activity (building_id, seq) WHERE building_id IS NOT NULL",
    "CREATE INDEX activity_zone ON activity (zone_id, occurred_at, seq) WHERE zone_id IS NOT NULL",
    "CREATE INDEX activity_incident ON activity (incident_id, occurred_at, seq) WHERE incident_id IS NOT NULL",
    "CREATE INDEX activity_task ON activity (task_id, occurred_at, seq) WHERE task_id IS NOT NULL",
    "CREATE INDEX activity_tenant_feed ON activity (tenant, seq) WHERE tenant IS NOT NULL",
    "CREATE INDEX activity_occurred ON activity (occurred_at, seq)",
    // Grows at its end only, as seq does.
    "CREATE INDEX activity_recorded ON activity (recorded_at, seq)",
    "CREATE INDEX activity_kind_feed ON activity (kind, seq)",
    "CREATE INDEX activity_delivery ON activity (delivery_id, seq) WHERE delivery_id IS NOT NULL",
    // A note that could not be filed is found again by its subject once its task is known.
    "CREATE INDEX activity_unfiled ON activity (subject_id) WHERE task_id IS NULL AND kind = 'NOTE_ADDED'",
    "CREATE TABLE activity_link (
        subject_id {uuid} NOT NULL,
        seq BIGINT NOT NULL,
        occurred_at {time} NOT NULL,
        PRIMARY KEY (subject_id, seq)
    )",
    "CREATE INDEX activity_link_timeline ON activity_link (subject_id, occurred_at, seq)",
];

const DELIVERIES: &[&str] = &[
    "CREATE TABLE delivery (
        id {uuid} NOT NULL PRIMARY KEY,
        source {text} NOT NULL CHECK (source IN ('MATRIX', 'URGENT')),
        operation {text} NOT NULL,
        credential {text} NOT NULL,
        credential_position INTEGER NOT NULL,
        signed_at {text},
        body_hash {text} NOT NULL,
        size {long} NOT NULL CHECK (size >= 0),
        outcome {text} NOT NULL CHECK (outcome IN
            ('APPLIED', 'PARTLY_QUARANTINED', 'DUPLICATE', 'CONFLICT', 'REJECTED')),
        problem {text},
        flags {text} NOT NULL,
        events INTEGER NOT NULL,
        duplicates INTEGER NOT NULL,
        quarantined INTEGER NOT NULL,
        received_at {time} NOT NULL,
        last_received_at {time} NOT NULL,
        received_count INTEGER NOT NULL CHECK (received_count >= 1)
    ) {options}",
    "CREATE INDEX delivery_received ON delivery (received_at, id)",
    "CREATE INDEX delivery_outcome ON delivery (outcome, received_at, id)",
    "CREATE INDEX delivery_operation ON delivery (operation, received_at, id)",
    "CREATE INDEX delivery_source ON delivery (source, received_at, id)",
    "CREATE TABLE delivery_body (
        delivery_id {uuid} NOT NULL PRIMARY KEY REFERENCES delivery (id) ON DELETE CASCADE,
        body {bytes} NOT NULL
    ) {options}",
    "CREATE TABLE quarantine (
        id {uuid} NOT NULL PRIMARY KEY,
        delivery_id {uuid} NOT NULL REFERENCES delivery (id) ON DELETE CASCADE,
        element INTEGER NOT NULL,
        path {text} NOT NULL,
        reason {text} NOT NULL,
        content {text} NOT NULL,
        quarantined_at {time} NOT NULL,
        resolved_at {time},
        UNIQUE (delivery_id, element)
    ) {options}",
];

const OPERATOR: &[&str] = &[
    "CREATE TABLE place_link (
        id {uuid} NOT NULL PRIMARY KEY,
        site_id {uuid} NOT NULL UNIQUE,
        root_site_id {uuid} NOT NULL,
        name {text},
        version BIGINT NOT NULL
    )",
    "CREATE INDEX place_link_root ON place_link (root_site_id)",
    "CREATE TABLE status_type (
        tenant {text} NOT NULL,
        status {text} NOT NULL,
        status_type {text} NOT NULL CHECK (status_type IN ('NEW', 'OPEN', 'CLOSED', 'CANCELLED', 'UNKNOWN')),
        version BIGINT NOT NULL,
        PRIMARY KEY (tenant, status)
    )",
    "CREATE TABLE setting (
        name {text} NOT NULL PRIMARY KEY,
        value {text} NOT NULL
    ) {options}",
];
