//! One call in one transaction.

use anyhow::Context;
use chrono::{DateTime, Utc};
use entity::{
    ActivityId, DeliveryId, IncidentId, TaskId, activity, delivery, delivery_body, incident,
    search, task, zone,
};
use sea_orm::ActiveValue::NotSet;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseConnection, EntityTrait,
    IntoActiveModel, QueryFilter, QueryOrder, Set, TransactionTrait,
};
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::Stock;

/// A row of each table, as caretaker writes it for an incident that was reported.
pub struct Example {
    delivery: delivery::Model,
    incident: incident::Model,
    task: task::Model,
    activity: activity::Model,
    words: [search::Model; 2],
}

impl Example {
    /// Reads them where caretaker wrote them.
    pub async fn read(connection: &DatabaseConnection) -> anyhow::Result<Self> {
        let missing = "no example";
        let incident = incident::Entity::find()
            .one(connection)
            .await?
            .context(missing)?;
        let task = task::Entity::find_by_id(incident.task_id)
            .one(connection)
            .await?;
        let activities = activity::Entity::find().order_by_desc(activity::Column::Seq);
        let words = async |id| {
            search::Entity::find_by_id(id)
                .one(connection)
                .await?
                .context(missing)
        };
        let words = [
            words(incident.id.0).await?,
            words(incident.task_id.0).await?,
        ];
        Ok(Self {
            delivery: delivery::Entity::find()
                .one(connection)
                .await?
                .context(missing)?,
            task: task.context(missing)?,
            activity: activities.one(connection).await?.context(missing)?,
            words,
            incident,
        })
    }
}

/// Writes what a call tells.
pub async fn call(stock: &Stock, body: &[u8]) -> anyhow::Result<()> {
    let events: Vec<Value> = serde_json::from_slice(body)?;
    let now = Utc::now();
    let hash = Sha256::digest(body);
    let delivery = DeliveryId(Uuid::new_v5(&Uuid::NAMESPACE_OID, &hash));
    let transaction = stock.connection.begin().await?;
    let known = delivery::Entity::find_by_id(delivery)
        .one(&transaction)
        .await?;
    if known.is_some() {
        return Ok(());
    }
    let row = delivery::Model {
        id: delivery,
        body_hash: hash.iter().map(|byte| format!("{byte:02x}")).collect(),
        size: i64::try_from(body.len())?,
        events: i32::try_from(events.len())?,
        received_at: now,
        last_received_at: now,
        ..stock.example.delivery.clone()
    };
    row.into_active_model()
        .reset_all()
        .insert(&transaction)
        .await?;
    let row = delivery_body::Model {
        delivery_id: delivery,
        body: body.to_vec(),
    };
    row.into_active_model()
        .reset_all()
        .insert(&transaction)
        .await?;
    for element in &events {
        event(stock, &transaction, element, (delivery, now)).await?;
    }
    transaction.commit().await?;
    Ok(())
}

async fn event(
    stock: &Stock,
    transaction: &impl ConnectionTrait,
    element: &Value,
    (delivery, now): (DeliveryId, DateTime<Utc>),
) -> anyhow::Result<()> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let meta = &element["Meta"];
    let at = element["UnixTimeInt"]
        .as_i64()
        .and_then(|at| DateTime::from_timestamp(at, 0));
    let at = at.context("the time")?;
    let place = stock.zones.get(&text(&meta["Zone"])).context("the zone")?;
    let key = format!("{}{}", text(&element["ID"]), text(&meta["TaskId"]));
    let id = |kind: &str| Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{kind}{key}").as_bytes());
    let (incident, task) = (IncidentId(id("incident")), TaskId(id("task")));
    let told = ActivityId(id(&format!("{}{at}", text(&element["ATTR"]))));
    let again = activity::Entity::find()
        .filter(activity::Column::Id.eq(told))
        .one(transaction)
        .await?;
    if again.is_some() {
        return Ok(());
    }
    let is_open = !matches!(meta["Status"].as_str(), Some("COMPLETED" | "INCOMPLETE"));
    let example = &stock.example;
    match incident::Entity::find_by_id(incident)
        .one(transaction)
        .await?
    {
        None => {
            let row = incident::Model {
                id: incident,
                code: text(&meta["TaskId"]),
                task_id: task,
                site_id: place.site_id,
                building_id: place.building_id,
                zone_id: Some(place.id),
                name: Some(text(&meta["Name"])),
                is_open,
                reported_at: at,
                last_activity_at: at,
                ..example.incident.clone()
            };
            row.into_active_model()
                .reset_all()
                .insert(transaction)
                .await?;
            let row = task::Model {
                id: task,
                identifier: text(&meta["TaskId"]),
                incident_id: Some(incident),
                site_id: Some(place.site_id),
                building_id: Some(place.building_id),
                zone_id: Some(place.id),
                reported_at: at,
                last_activity_at: at,
                ..example.task.clone()
            };
            row.into_active_model()
                .reset_all()
                .insert(transaction)
                .await?;
            for (words, id) in example.words.iter().zip([incident.0, task.0]) {
                let row = search::Model {
                    id,
                    ..words.clone()
                };
                row.into_active_model()
                    .reset_all()
                    .insert(transaction)
                    .await?;
            }
        }
        Some(known) => {
            let mut row = known.into_active_model();
            row.is_open = Set(is_open);
            row.last_activity_at = Set(at);
            row.set_by = Set(example.incident.set_by.clone());
            row.update(transaction).await?;
            let known = task::Entity::find_by_id(task).one(transaction).await?;
            let mut row = known.context("the work order")?.into_active_model();
            row.last_activity_at = Set(at);
            row.update(transaction).await?;
        }
    }
    let row = activity::Model {
        id: told,
        occurred_at: at,
        recorded_at: now,
        subject_id: incident.0,
        site_id: Some(place.site_id),
        building_id: Some(place.building_id),
        zone_id: Some(place.id),
        incident_id: Some(incident),
        task_id: Some(task),
        delivery_id: Some(delivery),
        ..example.activity.clone()
    };
    let mut row = row.into_active_model().reset_all();
    row.seq = NotSet;
    row.insert(transaction).await?;
    let mut row: zone::ActiveModel = place.clone().into_active_model();
    row.open_incident_count = Set(place.open_incident_count + i32::from(is_open));
    row.update(transaction).await?;
    Ok(())
}
