//! P2 end to end: the same calls in any order, any of them repeated, in any company, end in the same model and the same
//! activities. What tells the story of arrival (seq, recorded_at, late, changes, what an activity is filed under,
//! `Linked`, `Corrected`, counts and outcomes of deliveries) may differ.

use std::collections::BTreeMap;
use std::fmt::Debug;

use caretaker::config::{Place, UrgentSite};
use caretaker::domain::database::Database;
use entity::{
    ActivityKind, activity, building, chase, delivery, incident as incidents, level, note as notes,
    property, quarantine, site, status_change, task, zone,
};
use futures_util::future::try_join_all;
use sea_orm::{DatabaseConnection, EntityTrait};
use serde_json::{Value, json};

use crate::support::case::on_each_engine;
use crate::support::client::{Call, Client, Pair};
use crate::support::look::acknowledged;
use crate::support::payload::{
    BUILDING, START, TENANT, WORK, chase as chased, description, escalation, event, guid, incident,
    note, status, with, without,
};
use crate::support::server::urgent_credential;
use crate::support::{Case, TestDatabase, TestServer};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        any_order_and_any_repeat_of_the_same_calls_end_in_the_same_model,
        two_servers_on_one_database_end_in_the_same_model_as_one,
    ]
}

/// One call: a batch of Matrix, or a call of Urgent to the user of a credential, signed at a time.
#[derive(Clone, Debug)]
pub enum Sent {
    Matrix(Value),
    Urgent(&'static str, Call, String, Value),
}

async fn any_order_and_any_repeat_of_the_same_calls_end_in_the_same_model(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let calls = calls();
    assert!(calls.len() >= 60, "{}", calls.len());
    let told = tell(&database, &in_order(&calls), 1).await?;
    assert!(told.values().all(|rows| !rows.is_empty()));
    for seed in 1..=3 {
        let fresh = database.another().await?;
        let shuffled = tell(&fresh, &disorder(&calls, seed), 1).await?;
        compare(&format!("seed {seed}"), &told, &shuffled);
    }
    Ok(())
}

async fn two_servers_on_one_database_end_in_the_same_model_as_one(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let calls = calls();
    let by_one = tell(&database, &in_order(&calls), 1).await?;
    let by_two = tell(&database.another().await?, &disorder(&calls, 4), 2).await?;
    compare("two servers", &by_one, &by_two);
    Ok(())
}

type Tables = BTreeMap<&'static str, Vec<String>>;

fn compare(what: &str, one: &Tables, other: &Tables) {
    for (table, rows) in one {
        let other = &other[table];
        let missing: Vec<_> = rows.iter().filter(|row| !other.contains(row)).collect();
        let more: Vec<_> = other.iter().filter(|row| !rows.contains(row)).collect();
        assert!(
            missing.is_empty() && more.is_empty(),
            "{what}, {table}: in order {missing:#?}, in disorder {more:#?}"
        );
    }
}

/// Sends `calls` to servers of their own, those of one group at once, and gives what is in the tables after.
async fn tell(
    database: &TestDatabase,
    calls: &[Vec<Sent>],
    servers: usize,
) -> anyhow::Result<Tables> {
    let mut running = Vec::new();
    for _ in 0..servers {
        running.push(start(database).await?);
    }
    let clients: Vec<Client> = running.iter().map(|server| (**server).clone()).collect();
    for group in calls {
        let sending = group.iter().zip(clients.iter().cycle());
        try_join_all(sending.map(|(call, client)| send(client, call))).await?;
    }
    for server in running {
        server.stop().await?;
    }
    let database = Database::open(database.url(), 1).await?;
    let tables = tables(&database.readers).await?;
    database.close().await;
    Ok(tables)
}

/// The users whose credentials Urgent calls with, by the secrets that go with their names.
fn user(name: &str) -> Pair {
    Pair::new(name, format!("secret of {name}"))
}

pub async fn start(database: &TestDatabase) -> anyhow::Result<TestServer> {
    TestServer::start_with(database, |config| {
        config.urgent.grace_seconds = u32::MAX;
        let users = ["amy", "bob"].map(|name| urgent_credential(name, &user(name)));
        config.urgent.credentials = users.into();
        config.places = Some(vec![Place {
            name: "Canal Wharf".to_owned(),
            matrix: vec![BUILDING.to_owned()],
            urgent: vec![UrgentSite {
                tenant: TENANT.to_owned(),
                site: "WHARF".to_owned(),
            }],
        }]);
    })
    .await
}

pub async fn send(client: &Client, call: &Sent) -> anyhow::Result<()> {
    let answer = match call {
        Sent::Matrix(batch) => client.matrix(batch).await?,
        Sent::Urgent(name, call, at, body) => {
            let client = Client {
                urgent: user(name),
                ..client.clone()
            };
            client.urgent_at(*call, at, body).await?
        }
    };
    acknowledged(&answer)
}

async fn tables(connection: &DatabaseConnection) -> anyhow::Result<Tables> {
    let mut tables = BTreeMap::from([
        ("property", rows::<property::Entity>(connection).await?),
        ("site", rows::<site::Entity>(connection).await?),
        ("building", rows::<building::Entity>(connection).await?),
        ("level", rows::<level::Entity>(connection).await?),
        ("zone", rows::<zone::Entity>(connection).await?),
        ("incident", rows::<incidents::Entity>(connection).await?),
        ("task", rows::<task::Entity>(connection).await?),
        (
            "status_change",
            rows::<status_change::Entity>(connection).await?,
        ),
        ("note", rows::<notes::Entity>(connection).await?),
        ("chase", rows::<chase::Entity>(connection).await?),
    ]);
    let activities = activity::Entity::find().all(connection).await?;
    let activities = activities
        .iter()
        .filter(|row| !matches!(row.kind, ActivityKind::Linked | ActivityKind::Corrected));
    let told = activities.map(|row| (row.id, row.kind, row.occurred_at, row.subject_id));
    tables.insert("activity", sorted(told));
    let deliveries = delivery::Entity::find().all(connection).await?;
    tables.insert(
        "delivery",
        sorted(
            deliveries
                .iter()
                .map(|row| (row.id, row.operation, &row.body_hash)),
        ),
    );
    let kept = quarantine::Entity::find().all(connection).await?;
    let kept = kept
        .iter()
        .map(|row| (row.delivery_id, row.element, &row.path, &row.reason));
    tables.insert("quarantine", sorted(kept));
    Ok(tables)
}

async fn rows<E>(connection: &DatabaseConnection) -> anyhow::Result<Vec<String>>
where
    E: EntityTrait,
    E::Model: Debug,
{
    Ok(sorted(E::find().all(connection).await?.into_iter()))
}

fn sorted(rows: impl Iterator<Item = impl Debug>) -> Vec<String> {
    let mut rows: Vec<_> = rows.map(|row| format!("{row:?}")).collect();
    rows.sort_unstable();
    rows
}

fn in_order(calls: &[Sent]) -> Vec<Vec<Sent>> {
    calls.iter().map(|call| vec![call.clone()]).collect()
}

/// Every call at least once and about every second one more often, in groups of up to eight.
pub fn disorder(calls: &[Sent], seed: u64) -> Vec<Vec<Sent>> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut below = |limit: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % limit as u64).unwrap()
    };
    let mut calls = calls.to_vec();
    for _ in 0..calls.len() / 2 {
        calls.push(calls[below(calls.len())].clone());
    }
    for position in (1..calls.len()).rev() {
        calls.swap(position, below(position + 1));
    }
    let mut groups = Vec::new();
    while !calls.is_empty() {
        let size = (below(8) + 1).min(calls.len());
        groups.push(calls.split_off(calls.len() - size));
    }
    groups
}

/// About sixty calls that get in each other's way wherever the rules allow it.
pub fn calls() -> Vec<Sent> {
    let mut calls = batches();
    calls.extend(descriptions());
    calls.extend(acts());
    calls
}

fn batches() -> Vec<Sent> {
    let there = |event| {
        with(
            event,
            json!({"ID": "building-2", "Principal": "building-2"}),
        )
    };
    let other =
        |event, task: &str| with(event, json!({"Meta": {"TaskId": task, "Zone": "zone-2"}}));
    let renamed = |event, name| with(event, json!({"Meta": {"ZoneName": name}}));
    let place = |name, second, meta| with(event(name, second, meta), json!({"Module": "scgrids"}));
    let task = |name, second, state| {
        let meta = json!({
            "TaskId": "77", "Type": "TASK", "Status": state, "Start": START + 50, "End": START + 900,
            "AStart": START + 100, "AEnd": 0, "Zone": "zone-1", "Level": "level-1",
        });
        event(name, second, meta)
    };
    let opened = incident("INCIDENT_CREATED_OPEN", 0);
    let batches = [
        json!([opened]),
        json!([opened, incident("INCIDENT_STARTED", 300), {"broken": true}]),
        // One event by its key, in other words: of these the same must be shown, whichever comes first.
        json!([with(
            opened.clone(),
            json!({"Description": "B", "Entity": "property-2", "Status": "LOW"})
        )]),
        json!([with(
            opened.clone(),
            json!({"Description": "C", "Entity": "property-3"})
        )]),
        json!([
            incident("INCIDENT_CREATED", 120),
            escalation("L1", 200),
            escalation("L2", 200)
        ]),
        json!([incident("INCIDENT_COMPLETED", 600)]),
        json!([incident("INCIDENT_INCOMPLETE", 600)]),
        json!([
            escalation("L1", 650),
            renamed(escalation("L3", 100), "Washroom 2 M")
        ]),
        json!([other(opened.clone(), "2"), 7]),
        json!([other(incident("INCIDENT_STARTED", 310), "2").to_string()]),
        json!([with(
            other(incident("INCIDENT_STARTED", 310), "2"),
            json!({"Meta": {"Name": "Spill"}})
        )]),
        json!([with(
            other(opened.clone(), "3"),
            json!({"Entity": "property-2"})
        )]),
        json!([there(other(incident("INCIDENT_COMPLETED", 400), "3"))]),
        json!([there(other(incident("INCIDENT_STARTED", 400), "4"))]),
        json!([
            task("TASK_STARTED", 100, "STARTED"),
            task("TASK_COMPLETED", 500, "COMPLETED")
        ]),
        json!([task("TASK_INCOMPLETE", 400, "INCOMPLETE")]),
        json!([place(
            "ZONE_CREATED",
            10,
            json!({"Zone": "zone-1", "Name": "Washroom", "Level": "level-1"})
        )]),
        json!([place(
            "ZONE_NAME_MODIFIED",
            250,
            json!({"Zone": "zone-1", "ZoneName": "Male washroom"})
        )]),
        json!([place("ZONE_REMOVED", 700, json!({"Zone": "zone-2"}))]),
        json!([place(
            "ZONE_CREATED",
            710,
            json!({"Zone": "zone-2", "Level": "level-2"})
        )]),
        json!([place(
            "ZONE_STATUS_MODIFIED",
            20,
            json!({"Zone": "zone-2", "Status": "CLOSED"})
        )]),
        json!([place(
            "LEVEL_CREATED",
            5,
            json!({"Level": "level-1", "LevelName": "One"})
        )]),
        json!([place(
            "LEVEL_NAME_MODIFIED",
            15,
            json!({"Level": "level-1", "LevelName": "First floor"})
        )]),
        json!([
            event("SHIFT_DELAYED", 30, json!({"Minutes": 5})),
            event("SHIFT_DELAYED", 30, json!({"Minutes": 6}))
        ]),
        json!([there(event(
            "AUDIT_COMPLETED",
            40,
            json!({"Zone": "zone-8", "ZoneName": "Kitchen"})
        ))]),
    ];
    batches.into_iter().map(Sent::Matrix).collect()
}

fn signed(minute: u32) -> String {
    format!("2020-05-29T10:{minute:02}:00Z")
}

fn descriptions() -> Vec<Sent> {
    use Call::{TaskChanged as Changed, TaskCreated as Created};
    let task = |number: u32, told: Value| {
        with(
            json!({"TaskIdentifier": guid(number), "Tenant": TENANT}),
            told,
        )
    };
    let site = |code: &str, parent: Value| json!({"Site": {"SiteCode": code, "ParentCode": parent, "Name": code}});
    let told = [
        (
            "amy",
            Created,
            1,
            with(
                description(),
                json!({"TaskIdentifier": guid(1), "ExternalIdentifier": WORK}),
            ),
        ),
        (
            "amy",
            Changed,
            2,
            task(1, json!({"Description": "Fan replaced", "Supplier": null})),
        ),
        (
            "bob",
            Changed,
            2,
            task(1, json!({"Description": "Ventilateur remplacé"})),
        ),
        (
            "amy",
            Changed,
            3,
            task(
                1,
                json!({"TaskReference": "80028", "ExternalIdentifier": "2"}),
            ),
        ),
        (
            "amy",
            Created,
            4,
            task(
                2,
                with(
                    site("ROOM", json!("FLOOR")),
                    json!({"TaskReference": 80027}),
                ),
            ),
        ),
        (
            "amy",
            Created,
            5,
            task(
                3,
                with(
                    site("FLOOR", json!("WHARF")),
                    json!({"ExternalIdentifier": "3"}),
                ),
            ),
        ),
        ("amy", Created, 6, task(4, site("WHARF", Value::Null))),
        (
            "amy",
            Changed,
            7,
            task(
                4,
                with(
                    site("WHARF", Value::Null),
                    json!({"ExternalIdentifier": "4"}),
                ),
            ),
        ),
        ("amy", Created, 8, task(5, site("SHED", json!("WHARF")))),
        ("amy", Changed, 9, task(5, site("SHED", Value::Null))),
        ("amy", Created, 10, task(6, site("EAST", json!("WEST")))),
        ("amy", Created, 11, task(7, site("WEST", json!("EAST")))),
        (
            "amy",
            Changed,
            12,
            task(
                6,
                with(
                    site("EAST", json!("WEST")),
                    json!({"Status": "Closed", "Assets": [guid(9)]}),
                ),
            ),
        ),
        (
            "amy",
            Created,
            13,
            task(
                6,
                json!({"Workflow": "Reactive", "Assets": [], "TaskReference": 80030}),
            ),
        ),
        (
            "bob",
            Created,
            14,
            task(
                8,
                json!({"TaskReference": 80030, "CreatedDateTimeUtc": "2020-05-29T09:00:00.1234567"}),
            ),
        ),
        (
            "amy",
            Created,
            15,
            with(
                task(8, site("ANNEX", json!("WHARF"))),
                json!({"Tenant": "Other"}),
            ),
        ),
        (
            "amy",
            Changed,
            16,
            task(
                8,
                json!({"ModifiedDateTimeUtc": "2020-05-29T09:30:00Z", "Workflow": "Planned"}),
            ),
        ),
        (
            "amy",
            Changed,
            17,
            task(
                8,
                json!({"ModifiedDateTimeUtc": "2020-05-29T09:20:00Z", "Workflow": "Old"}),
            ),
        ),
    ];
    told.map(|(user, call, minute, body)| Sent::Urgent(user, call, signed(minute), body))
        .into()
}

fn acts() -> Vec<Sent> {
    use Call::{NoteAdded as Note, StatusChanged as Status, TaskChased as Chased};
    let of = |number: u32, act: Value| with(act, json!({"TaskIdentifier": guid(number)}));
    let (early, later) = ("2020-05-29T11:00:00.1234567Z", "2020-05-29T14:00:00+01:00");
    let by_reference = |number, reference: Value| {
        with(
            without(note(number, early), "", "TaskIdentifier"),
            json!({"TaskReference": reference}),
        )
    };
    let told = [
        ("amy", Status, of(1, status(21, early, "Attended"))),
        (
            "bob",
            Status,
            of(1, status(21, early, "Intervention effectuée")),
        ),
        ("bob", Status, of(1, status(22, later, "Terminé"))),
        ("amy", Status, of(1, status(22, later, "Done"))),
        (
            "amy",
            Status,
            of(1, status(23, later, "Done at the same time")),
        ),
        ("amy", Status, of(2, status(24, later, "Attended"))),
        (
            "amy",
            Status,
            of(3, status(24, early, "Attended, says another task")),
        ),
        (
            "amy",
            Status,
            with(
                of(4, status(25, early, "Down")),
                json!({"AssetDowntime": {"Reason": "No power"}}),
            ),
        ),
        (
            "amy",
            Status,
            with(
                of(9, status(26, early, "Unheard of")),
                json!({"TaskReference": 80031}),
            ),
        ),
        ("amy", Note, of(1, note(31, early))),
        (
            "bob",
            Note,
            with(
                of(1, note(31, early)),
                json!({"Note": "Le technicien arrive"}),
            ),
        ),
        ("amy", Note, by_reference(32, json!(80027))),
        ("amy", Note, by_reference(33, json!("80028"))),
        ("amy", Note, by_reference(34, json!(80030))),
        ("amy", Note, by_reference(35, json!(80031))),
        ("amy", Note, by_reference(36, json!(99999))),
        (
            "bob",
            Note,
            with(by_reference(35, json!(80031)), json!({"Note": "traduit"})),
        ),
        (
            "amy",
            Note,
            with(of(8, note(37, later)), json!({"Tenant": "Other"})),
        ),
        ("amy", Chased, of(1, chased(41, early))),
        (
            "bob",
            Chased,
            with(
                of(1, chased(41, early)),
                json!({"Note": "Deux heures de retard"}),
            ),
        ),
        ("amy", Chased, of(2, chased(42, later))),
        ("amy", Chased, of(3, chased(42, early))),
        ("amy", Chased, of(9, chased(43, early))),
        ("amy", Chased, of(9, chased(44, "0001-01-01T00:00:00"))),
        (
            "amy",
            Status,
            with(status(45, later, "Whose?"), json!({"TaskIdentifier": null})),
        ),
    ];
    told.map(|(user, call, body)| Sent::Urgent(user, call, signed(30), body))
        .into()
}
