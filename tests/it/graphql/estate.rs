//! A small estate written straight into the tables: what reads are tried on, without the way in.

use caretaker::domain::database::Database;
use caretaker::domain::id;
use caretaker::domain::migrate;
use caretaker::domain::scope::Viewer;
use caretaker::graphql::limits::Limits;
use caretaker::graphql::{Now, Schema, request, to_json};
use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    ActivityKind, Change, Json, Operation, Outcome, Priority, SetBy, Setter, Source,
    StatusTypeName, TaskKind, Version, WorkState, activity, activity_link, building, chase,
    delivery, delivery_body, incident, level, note, property, quarantine, site, status_change,
    status_type, task, zone,
};
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel, Statement};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use uuid::Uuid;

use crate::support::TestDatabase;

/// The moment at which every read of a test happens.
pub fn now() -> DateTime<Utc> {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

/// A database with a schema on it that counts statements.
pub struct Estate {
    pub database: Database,
    pub schema: Schema,
    /// Who asks.
    pub viewer: Viewer,
    statements: Arc<Mutex<Vec<Statement>>>,
}

/// How much of everything.
pub struct Extent {
    pub buildings: usize,
    pub zones: usize,
    pub incidents: usize,
}

pub const SMALL: Extent = Extent {
    buildings: 2,
    zones: 2,
    incidents: 3,
};

impl Estate {
    pub async fn build(test: &TestDatabase, extent: Extent) -> anyhow::Result<Self> {
        Self::read_by(2, test, extent).await
    }

    /// One that is read over so many connections.
    pub async fn read_by(
        readers: u32,
        test: &TestDatabase,
        extent: Extent,
    ) -> anyhow::Result<Self> {
        let mut database = Database::open(test.url(), readers).await?;
        migrate::up(&database).await?;
        fill(&database, &extent).await?;
        let statements = Arc::default();
        let list: Arc<Mutex<Vec<Statement>>> = Arc::clone(&statements);
        database.readers.set_metric_callback(move |info| {
            list.lock().unwrap().push(info.statement.clone());
        });
        let schema = Schema::new(
            database.readers.clone(),
            None,
            None,
            None,
            None,
            Limits::default(),
        );
        Ok(Self {
            database,
            schema,
            viewer: Viewer::open(),
            statements,
        })
    }

    pub async fn ask_with(&self, query: &str, variables: Value) -> Value {
        let request = request(query.to_owned(), None, variables).data(Now(now()));
        let response = self
            .schema
            .execute(request, self.viewer.clone(), Uuid::nil())
            .await;
        serde_json::from_str(&to_json(&response)).unwrap()
    }

    pub async fn ask(&self, query: &str) -> Value {
        self.ask_with(query, json!({})).await
    }

    /// The data of an answer without errors.
    pub async fn data(&self, query: &str) -> Value {
        let mut answer = self.ask(query).await;
        assert!(answer.get("errors").is_none(), "{query}\n{answer:#}");
        answer["data"].take()
    }

    /// The code of the first error.
    pub async fn refusal(&self, query: &str) -> String {
        let answer = self.ask(query).await;
        let code = &answer["errors"][0]["extensions"]["code"];
        code.as_str()
            .unwrap_or_else(|| panic!("{answer:#}"))
            .to_owned()
    }

    /// How many statements a question takes.
    pub async fn statements(&self, query: &str) -> usize {
        self.last_statements();
        self.data(query).await;
        self.last_statements().len()
    }

    /// The statements since the last look.
    pub fn last_statements(&self) -> Vec<Statement> {
        std::mem::take(&mut *self.statements.lock().unwrap())
    }

    pub async fn close(self) {
        drop(self.schema);
        self.database.close().await;
    }
}

fn set_by() -> Json<SetBy> {
    Json(SetBy::from([(
        "name".to_owned(),
        Setter(0, 0, 0, Uuid::nil(), 0),
    )]))
}

fn version() -> Json<Version> {
    Json(Version(0, 0, Uuid::nil()))
}

pub fn hours_ago(hours: usize) -> DateTime<Utc> {
    now() - TimeDelta::hours(hours as i64)
}

/// Incident `nth` of a zone: the even ones are open, the third has no deadline.
fn incident(
    building: &site::Model,
    zone: &zone::Model,
    nth: usize,
    serial: usize,
) -> (incident::Model, task::Model) {
    let code = format!("{}-i{nth}", zone.code);
    let is_open = nth.is_multiple_of(2);
    let reported_at = hours_ago(serial + 1);
    let ended_at = (!is_open).then(|| reported_at + TimeDelta::minutes(30));
    let row = incident::Model {
        id: id::incident(&building.code, &code),
        site_id: building.id,
        building_id: building.building_id,
        zone_id: Some(zone.id),
        code: code.clone(),
        task_id: id::matrix_task(&building.code, &code),
        name: Some(format!("Incident {nth}")),
        description: None,
        kind: Some("AMMONIA".to_owned()),
        priority: [Priority::High, Priority::Medium, Priority::Low][nth % 3],
        priority_raw: Some("H".to_owned()),
        state: if is_open {
            WorkState::Assigned
        } else {
            WorkState::Completed
        },
        state_raw: None,
        is_open,
        escalation_level: 0,
        highest_escalation_level: 1,
        reported_at,
        assigned_at: None,
        due_at: (nth % 3 != 2).then(|| reported_at + TimeDelta::hours(1)),
        started_at: None,
        ended_at,
        completed_at: ended_at,
        sensors: Json(vec!["s1".to_owned()]),
        sla_start_by: None,
        sla_due_at: None,
        sla_miss_at: None,
        sla_risk_at: None,
        first_ended_at: None,
        last_open_at: None,
        reopened_at: None,
        last_activity_at: reported_at,
        set_by: set_by(),
    };
    let work = task::Model {
        id: row.task_id,
        kind: TaskKind::IncidentWork,
        priority: Some(row.priority),
        due_at: row.due_at,
        completed_at: row.completed_at,
        incident_id: Some(row.id),
        zone_id: Some(zone.id),
        ..task(Source::Matrix, building, &code, reported_at)
    };
    (row, work)
}

fn task(source: Source, site: &site::Model, identifier: &str, at: DateTime<Utc>) -> task::Model {
    let is_urgent = source == Source::Urgent;
    task::Model {
        id: if is_urgent {
            id::urgent_task("acme", identifier)
        } else {
            id::matrix_task(&site.code, identifier)
        },
        source,
        kind: if is_urgent {
            TaskKind::Maintenance
        } else {
            TaskKind::Scheduled
        },
        tenant: is_urgent.then(|| "acme".to_owned()),
        identifier: identifier.to_owned(),
        reference: is_urgent.then(|| "80027".to_owned()),
        external_identifier: None,
        site_id: Some(site.id),
        building_id: Some(site.building_id),
        zone_id: None,
        incident_id: None,
        name: None,
        description: Some("A lamp is broken".to_owned()),
        category: None,
        service_level: None,
        supplier: None,
        workflow: None,
        initiator: None,
        defect_source: None,
        chargeability: None,
        priority: None,
        priority_raw: None,
        state: (!is_urgent).then_some(WorkState::Assigned),
        state_raw: None,
        status: is_urgent.then(|| "En cours".to_owned()),
        status_key: is_urgent.then(|| "en cours".to_owned()),
        status_at: None,
        status_change_id: None,
        described_status: None,
        is_described: true,
        assets: Json(Vec::new()),
        is_asset_available: None,
        custom_fields: is_urgent.then(|| Json(json!({"floor": 3}))),
        related: None,
        reported_at: at,
        assigned_at: None,
        due_at: None,
        started_at: None,
        ended_at: None,
        completed_at: None,
        chase_count: 0,
        last_chased_at: None,
        raw: is_urgent.then(|| r#"{"TaskReference": 80027}"#.to_owned()),
        last_activity_at: at,
        set_by: set_by(),
    }
}

pub fn activity(kind: ActivityKind, key: &str, at: DateTime<Utc>) -> activity::Model {
    activity::Model {
        seq: 0,
        id: id::activity(&key),
        kind,
        occurred_at: at,
        recorded_at: now(),
        late: false,
        subject_id: Uuid::nil(),
        site_id: None,
        property_id: None,
        building_id: None,
        zone_id: None,
        incident_id: None,
        task_id: None,
        tenant: None,
        delivery_id: None,
        changes: Json(vec![Change {
            of: Uuid::nil(),
            field: "escalation_level".to_owned(),
            from: Value::Null,
            to: json!(1),
        }]),
        data: None,
        generation: activity::GENERATION,
    }
}

/// Adds an activity; the database numbers it.
pub async fn add(database: &Database, row: activity::Model) -> anyhow::Result<activity::Model> {
    use sea_orm::ActiveValue::NotSet;
    let mut row = row.into_active_model();
    row.seq = NotSet;
    Ok(row.insert(&database.writer).await?)
}

async fn fill(database: &Database, extent: &Extent) -> anyhow::Result<()> {
    let writer = &database.writer;
    let estate = property::Model {
        id: id::property("p1"),
        source: Source::Matrix,
        code: "p1".to_owned(),
        name: None,
    };
    property::Entity::insert(estate.clone().into_active_model())
        .exec(writer)
        .await?;
    let (mut incidents, mut tasks) = (Vec::new(), Vec::new());
    let mut serial = 0;
    for number in 0..extent.buildings {
        let (site, floor) = place(database, &estate, number).await?;
        for nth in 0..extent.zones {
            let code = format!("b{number}-z{nth}");
            let zone = zone::Model {
                id: id::zone(&site.code, &code),
                source: Source::Matrix,
                site_id: site.id,
                building_id: site.building_id,
                level_id: Some(floor.id),
                code,
                name: (nth > 0).then(|| format!("Zone {nth}")),
                status: (nth == 0).then(|| "Occupied".to_owned()),
                removed_at: (nth == 1).then(now),
                last_cleaned_at: None,
                last_cleaning_task_id: None,
                open_incident_count: 0,
                set_by: set_by(),
            };
            zone::Entity::insert(zone.clone().into_active_model())
                .exec(writer)
                .await?;
            for nth in 0..extent.incidents {
                let (row, work) = incident(&site, &zone, nth, serial);
                incidents.push(row.into_active_model());
                tasks.push(work.into_active_model());
                serial += 1;
            }
            let cleaning = format!("{}-clean", zone.code);
            let cleaning = task::Model {
                zone_id: Some(zone.id),
                ..task(Source::Matrix, &site, &cleaning, hours_ago(serial))
            };
            tasks.push(cleaning.into_active_model());
        }
    }
    for chunk in incidents.chunks(100) {
        incident::Entity::insert_many(chunk.to_vec())
            .exec(writer)
            .await?;
    }
    for chunk in tasks.chunks(100) {
        task::Entity::insert_many(chunk.to_vec())
            .exec(writer)
            .await?;
    }
    maintenance(database).await
}

async fn place(
    database: &Database,
    estate: &property::Model,
    number: usize,
) -> anyhow::Result<(site::Model, level::Model)> {
    let key = id::SiteKey::matrix(&format!("b{number}"));
    let row = building::Model {
        id: key.building(),
        site_id: key.id(),
        property_id: Some(estate.id),
        name: format!("Building {number:02}"),
        address: None,
        latitude: Some(51.5),
        longitude: Some(-0.1),
    };
    building::Entity::insert(row.clone().into_active_model())
        .exec(&database.writer)
        .await?;
    let site = site::Model {
        id: key.id(),
        source: Source::Matrix,
        tenant: String::new(),
        code: key.code.clone(),
        parent_id: None,
        name: None,
        address: None,
        latitude: None,
        longitude: None,
        property_id: Some(estate.id),
        building_id: row.id,
        zone_id: None,
        set_by: set_by(),
    };
    site::Entity::insert(site.clone().into_active_model())
        .exec(&database.writer)
        .await?;
    let floor = level::Model {
        id: id::level(&key.code, "l1"),
        site_id: site.id,
        building_id: row.id,
        code: "l1".to_owned(),
        name: Some("Ground".to_owned()),
        set_by: set_by(),
    };
    level::Entity::insert(floor.clone().into_active_model())
        .exec(&database.writer)
        .await?;
    Ok((site, floor))
}

/// One Urgent task with everything on it, told by one delivery.
async fn maintenance(database: &Database) -> anyhow::Result<()> {
    let writer = &database.writer;
    let key = id::SiteKey::matrix("b0");
    let site = site::Entity::find_by_id(key.id())
        .one(writer)
        .await?
        .unwrap();
    let first = incident::Entity::find_by_id(id::incident("b0", "b0-z0-i0"))
        .one(writer)
        .await?
        .unwrap();
    let change_id = id::status_change("acme", "s-1");
    let row = task::Model {
        incident_id: Some(first.id),
        external_identifier: Some(first.code.clone()),
        status_at: Some(hours_ago(2)),
        status_change_id: Some(change_id),
        chase_count: 1,
        last_chased_at: Some(hours_ago(1)),
        ..task(Source::Urgent, &site, "t-1", hours_ago(5))
    };
    task::Entity::insert(row.clone().into_active_model())
        .exec(writer)
        .await?;
    for (tenant, status, status_type) in [
        ("acme", "en cours", StatusTypeName::Open),
        ("acme", "clôturée", StatusTypeName::Closed),
        ("*", "*", StatusTypeName::Unknown),
    ] {
        let row = status_type::Model {
            tenant: tenant.to_owned(),
            status: status.to_owned(),
            status_type,
            version: 1,
        };
        status_type::Entity::insert(row.into_active_model())
            .exec(writer)
            .await?;
    }
    let answers = |answer: &str| {
        Json(vec![status_change::Compliance {
            name: "Safe?".to_owned(),
            answer: Some(answer.to_owned()),
        }])
    };
    for (nth, answer) in ["false", "true"].into_iter().enumerate() {
        let identifier = format!("s-{}", 2 - nth);
        let row = status_change::Model {
            id: id::status_change("acme", &identifier),
            task_id: row.id,
            tenant: "acme".to_owned(),
            identifier,
            status: "En cours".to_owned(),
            changed_at: hours_ago(3 - nth),
            note: None,
            compliance: answers(answer),
            downtime_reason: Some("Bulb".to_owned()),
            is_asset_back_up: Some(nth == 1),
            version: version(),
        };
        status_change::Entity::insert(row.into_active_model())
            .exec(writer)
            .await?;
    }
    let note = note::Model {
        id: id::note("acme", "n-1"),
        task_id: Some(row.id),
        is_task_named: true,
        tenant: "acme".to_owned(),
        reference: "80027".to_owned(),
        identifier: "n-1".to_owned(),
        text: "Ladder needed".to_owned(),
        noted_at: hours_ago(2),
        version: version(),
    };
    note::Entity::insert(note.into_active_model())
        .exec(writer)
        .await?;
    let chased = chase::Model {
        id: id::chase("acme", "c-1"),
        task_id: row.id,
        tenant: "acme".to_owned(),
        identifier: "c-1".to_owned(),
        text: "Please hurry".to_owned(),
        chased_at: hours_ago(1),
        version: version(),
    };
    chase::Entity::insert(chased.into_active_model())
        .exec(writer)
        .await?;
    let call = call(database).await?;
    tell(database, &row, &first, call).await
}

async fn call(database: &Database) -> anyhow::Result<delivery::Model> {
    let writer = &database.writer;
    let call = delivery::Model {
        id: id::delivery(Source::Urgent, Operation::TaskCreated, None, "00"),
        source: Source::Urgent,
        operation: Operation::TaskCreated,
        credential: "urgent-1".to_owned(),
        credential_position: 0,
        signed_at: None,
        body_hash: "00".to_owned(),
        size: 2,
        outcome: Outcome::PartlyQuarantined,
        problem: None,
        flags: Json(Vec::new()),
        events: 1,
        duplicates: 0,
        quarantined: 1,
        received_at: hours_ago(5),
        last_received_at: hours_ago(5),
        received_count: 1,
    };
    delivery::Entity::insert(call.clone().into_active_model())
        .exec(writer)
        .await?;
    let body = delivery_body::Model {
        delivery_id: call.id,
        body: b"{}".to_vec(),
    };
    delivery_body::Entity::insert(body.into_active_model())
        .exec(writer)
        .await?;
    let element = quarantine::Model {
        id: id::quarantine(call.id, 0),
        delivery_id: call.id,
        element: 0,
        path: "$[0].Meta".to_owned(),
        reason: "expected an object".to_owned(),
        content: "{}".to_owned(),
        quarantined_at: hours_ago(5),
        resolved_at: None,
    };
    quarantine::Entity::insert(element.into_active_model())
        .exec(writer)
        .await?;
    Ok(call)
}

/// The feed: of the task, of the incident, and one that was linked to the task's building later.
async fn tell(
    database: &Database,
    task: &task::Model,
    incident: &incident::Model,
    call: delivery::Model,
) -> anyhow::Result<()> {
    use ActivityKind::{
        IncidentReported, Linked, NoteAdded, OtherEvent, StatusChanged, TaskChased, TaskCreated,
    };
    let of_task = |kind, key: &str, hours, subject: Uuid| activity::Model {
        subject_id: subject,
        task_id: Some(task.id),
        tenant: Some("acme".to_owned()),
        delivery_id: Some(call.id),
        ..activity(kind, key, hours_ago(hours))
    };
    let created = add(database, of_task(TaskCreated, "created", 5, task.id.0)).await?;
    let change = id::status_change("acme", "s-1").0;
    add(database, of_task(StatusChanged, "status", 2, change)).await?;
    let note = id::note("acme", "n-1").0;
    add(database, of_task(NoteAdded, "note", 2, note)).await?;
    let chased = id::chase("acme", "c-1").0;
    add(database, of_task(TaskChased, "chase", 1, chased)).await?;
    let reported = activity::Model {
        building_id: Some(incident.building_id),
        zone_id: incident.zone_id,
        incident_id: Some(incident.id),
        ..activity(IncidentReported, "reported", hours_ago(6))
    };
    add(database, reported).await?;
    let linked = activity::Model {
        building_id: task.building_id,
        ..of_task(Linked, "linked", 0, task.id.0)
    };
    add(database, linked).await?;
    let other = activity::Model {
        data: Some(Json(json!({"Shift": 1}))),
        ..activity(OtherEvent, "other", hours_ago(7))
    };
    add(database, other).await?;
    let link = activity_link::Model {
        subject_id: incident.building_id.0,
        seq: created.seq,
        occurred_at: created.occurred_at,
        linked_at: None,
    };
    activity_link::Entity::insert(link.into_active_model())
        .exec(&database.writer)
        .await?;
    Ok(())
}
