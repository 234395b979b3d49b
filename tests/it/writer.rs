//! The one writer: what a batch costs, what it refuses, what it promises.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use caretaker::domain::database::Database;
use caretaker::domain::delivery::{Delivery, Receipt};
use caretaker::domain::wake::Wake;
use caretaker::domain::writer::{Limits, Unavailable, Writer};
use caretaker::domain::{batch, id, migrate};
use caretaker::ingest::matrix;
use chrono::{DateTime, Utc};
use entity::{Operation, Outcome, Source, activity, incident, quarantine};
use futures_util::FutureExt as _;
use sea_orm::{ConnectionTrait, EntityTrait, PaginatorTrait, QueryOrder, TransactionTrait};
use serde_json::{Value, json};

use crate::support::case::on_each_engine;
use crate::support::{Case, TestDatabase};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        a_batch_takes_as_many_statements_for_one_event_as_for_five_hundred,
        data_that_the_database_refuses_is_quarantined_and_its_siblings_are_stored,
        one_refused_element_costs_the_other_deliveries_of_its_batch_nothing,
        one_delivery_that_fails_unclearly_costs_the_others_of_its_batch_nothing,
        seq_follows_the_order_of_the_batch,
        a_full_queue_is_said_and_nothing_is_promised,
        recorded_at_never_goes_back_when_the_clock_does,
    ]
}

async fn open(database: &TestDatabase) -> anyhow::Result<Database> {
    let database = Database::open(database.url(), 2).await?;
    migrate::up(&database).await?;
    Ok(database)
}

fn event(building: &str, task: usize, second: usize) -> Value {
    json!({
        "ID": building, "ATTR": format!("INCIDENT_CREATED_OPEN#{task}"), "Description": "Ammonia level above threshold",
        "Event": "INCIDENT_CREATED_OPEN", "Principal": building, "PType": "building", "Entity": "estate",
        "EType": "property", "Status": "HIGH", "UnixTimeInt": 1_686_793_261 + second,
        "Module": "scworkforcemanagement",
        "Meta": {
            "AEnd": 0, "AStart": 0, "By": "AQ Lite", "End": 1_686_794_161 + second, "EscalationLevel": "L0",
            "Name": "Bad smell in washroom", "Priority": "H", "SourceDeviceIdentifier": ["AQ-L2-M-01"],
            "Start": 1_686_793_261 + second, "Status": "NOT_ASSIGNED", "TaskId": task.to_string(),
            "Type": "INCIDENT", "Zone": format!("zone-{}", task % 7), "ZoneName": "L2 Male Washroom"
        }
    })
}

fn delivery(events: &[Value]) -> anyhow::Result<Delivery> {
    let body = serde_json::to_vec(events)?;
    let received_at = now();
    let content =
        matrix::decode(&body, received_at).map_err(|unusable| anyhow::anyhow!("{unusable:?}"))?;
    let body_hash = format!("{:?}", id::activity(&body));
    Ok(Delivery {
        id: id::delivery(Source::Matrix, Operation::Events, None, &body_hash),
        source: Source::Matrix,
        operation: Operation::Events,
        credential: "bus".to_owned(),
        credential_position: 0,
        signed_at: None,
        body_hash,
        body,
        received_at,
        content,
    })
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap()
}

async fn a_batch_takes_as_many_statements_for_one_event_as_for_five_hundred(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let mut database = open(&database).await?;
    let statements = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&statements);
    database.writer.set_metric_callback(move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
    });
    batch::write(&database, &[delivery(&[event("b", 0, 0)])?], now()).await?;
    let one = statements.swap(0, Ordering::Relaxed);
    let many: Vec<Value> = (1..=500).map(|task| event("b", task, task)).collect();
    let deliveries = many
        .chunks(10)
        .map(delivery)
        .collect::<anyhow::Result<Vec<_>>>()?;
    batch::write(&database, &deliveries, now()).await?;
    let five_hundred = statements.swap(0, Ordering::Relaxed);
    assert!(one > 0);
    // The property, the building and the site are there already: fewer upserts, never more.
    assert!(
        five_hundred <= one,
        "{five_hundred} statements for 500 events, {one} for the first"
    );
    assert!(one <= 26, "{one} statements");
    assert_eq!(
        incident::Entity::find().count(&database.readers).await?,
        501
    );
    Ok(())
}

async fn data_that_the_database_refuses_is_quarantined_and_its_siblings_are_stored(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let database = open(&database).await?;
    // A rule that only the database knows of: what a schema newer than the code would do.
    let rule = "CREATE UNIQUE INDEX refuse ON incident (name) WHERE name = 'twice'";
    database.writer.execute_unprepared(rule).await?;
    let mut refused = event("b", 2, 2);
    refused["Meta"]["Name"] = json!("twice");
    let mut first = event("b", 1, 1);
    first["Meta"]["Name"] = json!("twice");
    let (wake, _wakes) = Wake::new();
    let limits = Limits {
        queue: 16,
        queue_bytes: 1 << 20,
        batch: 16,
    };
    let (writer, task) = Writer::start(database.clone(), limits, Arc::new(now), wake);
    let good = writer.submit(delivery(&[event("b", 9, 9), first])?).await?;
    let mixed = writer
        .submit(delivery(&[event("b", 3, 3), refused, event("b", 4, 4)])?)
        .await?;
    assert_eq!(
        (good.outcome, mixed.outcome),
        (Outcome::Applied, Outcome::PartlyQuarantined)
    );
    let kept = quarantine::Entity::find().all(&database.readers).await?;
    assert_eq!(kept.len(), 1);
    assert_eq!((kept[0].element, kept[0].path.as_str()), (1, "$[1]"));
    assert!(kept[0].content.contains("\"twice\""), "{}", kept[0].content);
    assert_eq!(incident::Entity::find().count(&database.readers).await?, 4);
    drop(writer);
    task.await?;
    Ok(())
}

fn named(mut event: Value, name: &str) -> Value {
    event["Meta"]["Name"] = json!(name);
    event
}

/// Has the writer take `deliveries` as one batch.
async fn in_one_batch(
    database: &Database,
    deliveries: Vec<Delivery>,
) -> anyhow::Result<Vec<Result<Receipt, Unavailable>>> {
    let (wake, _wakes) = Wake::new();
    let limits = Limits {
        queue: 16,
        queue_bytes: 1 << 20,
        batch: 16,
    };
    let (writer, task) = Writer::start(database.clone(), limits, Arc::new(now), wake);
    // The writer waits for its connection with a delivery of its own; meanwhile all the others queue up.
    let held = database.writer.begin().await?;
    let mut first = Box::pin(writer.submit(delivery(&[event("b", 99, 99)])?));
    assert!((&mut first).now_or_never().is_none());
    while writer.waiting() > 0 {
        tokio::task::yield_now().await;
    }
    let calls = deliveries.into_iter().map(|call| writer.submit(call));
    let mut calls = Box::pin(futures_util::future::join_all(calls));
    assert!((&mut calls).now_or_never().is_none());
    held.rollback().await?;
    assert!(first.await.is_ok());
    let answers = calls.await;
    drop(writer);
    task.await?;
    Ok(answers)
}

async fn one_refused_element_costs_the_other_deliveries_of_its_batch_nothing(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let database = open(&database).await?;
    let rule = "CREATE UNIQUE INDEX refuse ON incident (name) WHERE name = 'twice'";
    database.writer.execute_unprepared(rule).await?;
    let deliveries = vec![
        delivery(&[event("b", 1, 1)])?,
        delivery(&[named(event("b", 2, 2), "twice")])?,
        delivery(&[event("b", 3, 3), named(event("b", 4, 4), "twice")])?,
        delivery(&[event("b", 5, 5)])?,
    ];
    let third = deliveries[2].id;
    let answers = in_one_batch(&database, deliveries).await?;
    let outcomes: Vec<_> = answers
        .into_iter()
        .map(|answer| answer.map(|receipt| receipt.outcome))
        .collect();
    let (applied, partly) = (Outcome::Applied, Outcome::PartlyQuarantined);
    assert_eq!(outcomes, [applied, applied, partly, applied].map(Ok));
    let kept = quarantine::Entity::find().all(&database.readers).await?;
    let kept: Vec<_> = kept
        .iter()
        .map(|row| (row.delivery_id, row.element))
        .collect();
    assert_eq!(kept, [(third, 1)]);
    // The four that were taken, and the one that the batch waited for.
    assert_eq!(incident::Entity::find().count(&database.readers).await?, 5);
    Ok(())
}

async fn one_delivery_that_fails_unclearly_costs_the_others_of_its_batch_nothing(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let database = open(&database).await?;
    batch::write(&database, &[delivery(&[event("b", 2, 2)])?], now()).await?;
    // A row that this release cannot read: whoever touches it fails, through no fault of what was sent.
    let odd = "UPDATE incident SET set_by = '?'";
    database.writer.execute_unprepared(odd).await?;
    let deliveries = vec![
        delivery(&[event("b", 1, 1)])?,
        delivery(&[named(event("b", 2, 3), "again")])?,
        delivery(&[event("b", 3, 3)])?,
        delivery(&[event("b", 4, 4)])?,
    ];
    let answers = in_one_batch(&database, deliveries).await?;
    let outcomes: Vec<_> = answers
        .into_iter()
        .map(|answer| answer.map(|receipt| receipt.outcome))
        .collect();
    let stored = Ok(Outcome::Applied);
    let away = Err(Unavailable::DatabaseAway);
    assert_eq!(outcomes, [stored, away, stored, stored]);
    assert_eq!(
        quarantine::Entity::find().count(&database.readers).await?,
        0
    );
    Ok(())
}

async fn seq_follows_the_order_of_the_batch(database: TestDatabase) -> anyhow::Result<()> {
    let database = open(&database).await?;
    let many: Vec<Value> = (0..300).map(|task| event("b", task, 300 - task)).collect();
    batch::write(&database, &[delivery(&many)?], now()).await?;
    let rows = activity::Entity::find()
        .order_by_asc(activity::Column::Seq)
        .all(&database.readers)
        .await?;
    let occurred: Vec<_> = rows.iter().map(|row| row.occurred_at).collect();
    assert_eq!(rows.len(), 300);
    assert!(
        occurred.windows(2).all(|pair| pair[0] > pair[1]),
        "the batch told the latest first"
    );
    Ok(())
}

async fn a_full_queue_is_said_and_nothing_is_promised(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let database = open(&database).await?;
    let (wake, _wakes) = Wake::new();
    let limits = Limits {
        queue: 1,
        queue_bytes: 1 << 20,
        batch: 1,
    };
    let (writer, task) = Writer::start(database.clone(), limits, Arc::new(now), wake);
    let calls: Vec<_> = (0..20)
        .map(|number| {
            let writer = writer.clone();
            let delivery = delivery(&[event("b", number, number)]);
            async move { anyhow::Ok(writer.submit(delivery?).await) }
        })
        .collect();
    let answers = futures_util::future::try_join_all(calls).await?;
    let stored = answers.iter().filter(|answer| answer.is_ok()).count();
    assert!(answers.contains(&Err(Unavailable::QueueFull)));
    assert_eq!(
        incident::Entity::find().count(&database.readers).await?,
        stored as u64
    );
    drop(writer);
    task.await?;
    Ok(())
}

async fn recorded_at_never_goes_back_when_the_clock_does(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let database = open(&database).await?;
    batch::write(&database, &[delivery(&[event("b", 1, 1)])?], now()).await?;
    let earlier = now() - chrono::TimeDelta::hours(1);
    batch::write(&database, &[delivery(&[event("b", 2, 2)])?], earlier).await?;
    let rows = activity::Entity::find()
        .order_by_asc(activity::Column::Seq)
        .all(&database.readers)
        .await?;
    let recorded: Vec<_> = rows.iter().map(|row| row.recorded_at).collect();
    assert_eq!(recorded, [now(), now()]);
    Ok(())
}
