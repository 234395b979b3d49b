//! Earlier times: what was answered then is answered again, and nothing of what came later; and where fields come from.

use std::collections::BTreeSet;

use caretaker::config::Place;
use caretaker::domain::database::Database;
use chrono::{DateTime, TimeDelta, Utc};
use entity::setting;
use sea_orm::{EntityTrait, IntoActiveModel};
use serde_json::{Value, json};

use crate::support::case::on_each_engine;
use crate::support::client::Call;
use crate::support::clock::TestClock;
use crate::support::payload::{
    BUILDING, TASK, TENANT, WORK, chase, description, escalation, incident, note, status, with,
    without,
};
use crate::support::{Case, TestDatabase, TestServer};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        what_was_answered_is_answered_again_as_of_its_time,
        before_it_was_known_there_is_nothing_and_ahead_is_refused,
        before_the_kept_history_nothing_is_answered,
        a_cursor_of_one_time_is_refused_at_another,
        places_within_an_earlier_time_tell_nothing_of_the_present,
        open_incidents_are_counted_as_of_a_time,
        a_page_of_counts_as_of_a_time_costs_what_it_takes,
        each_field_tells_which_call_set_it,
        a_repeat_in_other_words_is_told_and_can_be_asked_before,
    ]
}

/// Every field of an incident but those that lead elsewhere or tell of the present only.
const INCIDENT: &str = "id code name description kind priority priorityRaw state stateRaw isOpen reopenedAt escalationLevel
    highestEscalationLevel reportedAt assignedAt dueAt startedAt completedAt
    sla { state startBy dueAt breachedAt remaining } responseTime resolutionTime sensors lastActivityAt
    building { id } zone { id }";

/// The same of a task; but the description as it was sent, of which only the latest is kept.
const TASK_FIELDS: &str = "id source kind tenant identifier reference externalIdentifier name description category
    serviceLevel supplier workflow initiator defectSource chargeability priority priorityRaw state stateRaw status
    statusType isOpen statusAt isDescribed assets isAssetAvailable customFields related reportedAt assignedAt dueAt
    startedAt completedAt chaseCount lastChasedAt lastActivityAt building { id } zone { id } incident { id state }
    compliance { name answer } assetDowntime { reason isBackUp }
    statusChanges (first: 20) { totalCount nodes { id identifier status statusType changedAt note task { id } } }
    notes (first: 20) { totalCount nodes { id identifier text notedAt } }
    chases (first: 20) { totalCount nodes { id identifier text chasedAt } }";

/// Without notices: they are given when their turn comes, not within the call that made them due.
const TIMELINE: &str = "timeline(first: 40, kinds: [INCIDENT_REPORTED, INCIDENT_ESCALATED,
    INCIDENT_STARTED, INCIDENT_COMPLETED, TASK_CREATED, TASK_CHANGED, STATUS_CHANGED, NOTE_ADDED, TASK_CHASED, LINKED, CORRECTED]) { totalCount nodes { id kind recordedAt changes { field from to }
    incident { state } task { status } ... on StatusChanged { statusChange { status } } ... on NoteAdded { note { text } } } }";

/// Asks for all of it, now or as of a time.
fn whole(as_of: Option<DateTime<Utc>>) -> String {
    let as_of = as_of.map_or(String::new(), |at| {
        format!(", asOf: \"{}\"", at.to_rfc3339())
    });
    let count = if as_of.is_empty() {
        "openIncidentCount".to_owned()
    } else {
        format!("openIncidentCount({})", as_of.trim_start_matches(", "))
    };
    let matrix = format!("by: {{matrix: {{building: \"{BUILDING}\", taskId: \"{WORK}\"}}}}");
    let urgent =
        |task: &str| format!("by: {{urgent: {{tenant: \"{TENANT}\", identifier: \"{task}\"}}}}");
    format!(
        "{{
            incident({matrix}{as_of}) {{ {INCIDENT} task {{ {TASK_FIELDS} }} {TIMELINE}
                workOrders(first: 5, orderBy: [{{field: REPORTED_AT, direction: ASC}}]) {{ totalCount nodes {{ {TASK_FIELDS} }} }} }}
            task({urgent}{as_of}) {{ {TASK_FIELDS} {TIMELINE} }}
            other: task({other}{as_of}) {{ {TASK_FIELDS} }}
            building(by: {{place: {{source: MATRIX, code: \"{BUILDING}\"}}}}) {{ {count} }}
        }}",
        urgent = urgent(TASK),
        other = urgent(OTHER),
    )
}

/// Another task of the same tenant, which comes to have the same reference.
const OTHER: &str = "00000000-0000-4000-8000-000000000999";

fn seconds(seconds: i64) -> TimeDelta {
    TimeDelta::seconds(seconds)
}

fn after(at: DateTime<Utc>) -> String {
    at.to_rfc3339()
}

/// One call after another, in an order that makes each of them change what the others have told.
async fn tell(server: &TestServer, step: usize) -> anyhow::Result<bool> {
    let made_for =
        json!({"ExternalIdentifier": WORK, "Site": {"SiteCode": "ROOM", "Name": "Room"}});
    let unnamed = without(note(7, "2020-05-29T10:00:00Z"), "", "TaskIdentifier");
    let elsewhere = json!({"Principal": "building-2", "ID": "building-2"});
    let changed = |changes: Value| with(description(), changes);
    match step {
        0 => server.tell(Call::NoteAdded, unnamed).await?,
        1 => {
            server
                .push(json!([incident("INCIDENT_CREATED_OPEN", 0)]))
                .await?
        }
        2 => server.tell(Call::TaskCreated, changed(made_for)).await?,
        3 => {
            server
                .push(json!([
                    escalation("L2", 120),
                    incident("INCIDENT_CREATED", 60)
                ]))
                .await?
        }
        4 => {
            let told = status(1, "2020-05-29T11:00:00Z", "En route");
            let told = with(
                told,
                json!({"TaskCompliance": [{"Name": "Safe?", "Answer": "Yes"}]}),
            );
            server.tell(Call::StatusChanged, told).await?;
        }
        5 => {
            server
                .tell(Call::TaskChased, chase(2, "2020-05-29T12:00:00Z"))
                .await?
        }
        // What happened first is told late.
        6 => server.push(json!([escalation("L1", 30)])).await?,
        7 => {
            let moved = json!({"Site": {"SiteCode": "ROOM", "ParentCode": "HOUSE"}, "Supplier": "Fans Ltd"});
            let moved = with(
                changed(moved),
                json!({"Description": "Fan is loud", "LastModifiedDateTimeUtc": "2020-05-30T09:00:00Z"}),
            );
            server.tell(Call::TaskChanged, moved).await?;
        }
        8 => {
            server
                .push(json!([incident("INCIDENT_STARTED", 300)]))
                .await?
        }
        // Another task with the same reference: the note belongs to neither.
        9 => {
            server
                .tell(Call::TaskCreated, changed(json!({"TaskIdentifier": OTHER})))
                .await?
        }
        10 => {
            server
                .tell(
                    Call::StatusChanged,
                    status(3, "2020-05-29T13:00:00Z", "Closed"),
                )
                .await?
        }
        11 => {
            server
                .push(json!([incident("INCIDENT_COMPLETED", 600)]))
                .await?
        }
        // Another incident with the same TaskId: the task belongs to neither.
        12 => {
            server
                .push(json!([with(incident("INCIDENT_CREATED", 700), elsewhere)]))
                .await?
        }
        // A GUID told of another task.
        13 => {
            let taken =
                json!({"TaskIdentifier": OTHER, "ChasedDateTimeUtc": "2020-05-29T01:00:00Z"});
            server
                .tell(
                    Call::TaskChased,
                    with(chase(2, "2020-05-29T12:00:00Z"), taken),
                )
                .await?;
        }
        14 => {
            let link = "mutation($places: [PlaceKey!]!) { linkPlaces(places: $places) { id } }";
            let places = json!([
                {"source": "MATRIX", "code": "building-2"}, {"source": "MATRIX", "code": BUILDING},
            ]);
            server.graphql(link, json!({"places": places})).await?;
        }
        15 => {
            server
                .push(json!([incident("INCIDENT_CREATED_OPEN", 900)]))
                .await?
        }
        _ => return Ok(false),
    }
    Ok(true)
}

async fn what_was_answered_is_answered_again_as_of_its_time(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let clock = TestClock::new();
    let server = TestServer::start_at(&database, clock.clock(), |_| ()).await?;
    covers_every_field(&server).await?;
    let mut kept = Vec::new();
    for step in 0.. {
        clock.advance(seconds(5));
        if !tell(&server, step).await? {
            break;
        }
        kept.push((clock.now(), server.shows(&whole(None)).await?));
        clock.advance(seconds(5));
    }
    assert!(kept.len() > 15);
    let states: BTreeSet<String> = kept.iter().map(|(_, was)| was.to_string()).collect();
    assert!(
        states.len() > 12,
        "the steps are to change what is answered"
    );
    for (step, (at, was)) in kept.iter().enumerate() {
        let mut then = server.shows(&whole(Some(*at))).await?;
        let mut was = was.clone();
        // The number of the building that the place names now is another than then.
        for answer in [&mut then, &mut was] {
            if step < 14 {
                answer
                    .as_object_mut()
                    .map(|answer| answer.remove("building"));
            }
        }
        assert_eq!(then, was, "step {step}\n{then:#}\n{was:#}");
    }
    // Between two batches it is as after the first of them.
    let (at, was) = &kept[4];
    let then = server.shows(&whole(Some(*at + seconds(4)))).await?;
    assert_eq!(then["task"], was["task"]);
    server.stop().await
}

/// What the comparison leaves out on purpose: links to the present, and what is asked in cases of its own.
const LEFT_OUT: [&str; 3] = ["provenance", "raw", "timeline"];

async fn covers_every_field(server: &TestServer) -> anyhow::Result<()> {
    for (name, asked) in [
        ("Incident", format!("{INCIDENT} task workOrders")),
        ("Task", TASK_FIELDS.to_owned()),
    ] {
        let query = format!("{{ __type(name: \"{name}\") {{ fields {{ name }} }} }}");
        let data = server.shows(&query).await?;
        let asked: BTreeSet<&str> = asked.split_whitespace().collect();
        for field in data["__type"]["fields"].as_array().into_iter().flatten() {
            let field = field["name"].as_str().unwrap_or_default();
            assert!(
                asked.contains(field) || LEFT_OUT.contains(&field),
                "{name}.{field} is not compared with what it was"
            );
        }
    }
    Ok(())
}

/// The code of the only error.
async fn refused(server: &TestServer, query: &str) -> anyhow::Result<String> {
    let answer = server.ask(query, json!({})).await?.json()?;
    let code = &answer["errors"][0]["extensions"]["code"];
    assert!(code.is_string(), "{query}\n{answer:#}");
    Ok(code.as_str().unwrap_or_default().to_owned())
}

fn of_incident(at: DateTime<Utc>, fields: &str) -> String {
    let by = format!("by: {{matrix: {{building: \"{BUILDING}\", taskId: \"{WORK}\"}}}}");
    format!(
        "{{ incident({by}, asOf: \"{}\") {{ {fields} }} }}",
        after(at)
    )
}

fn of_task(at: DateTime<Utc>, fields: &str) -> String {
    let by = format!("by: {{urgent: {{tenant: \"{TENANT}\", identifier: \"{TASK}\"}}}}");
    format!("{{ task({by}, asOf: \"{}\") {{ {fields} }} }}", after(at))
}

async fn before_it_was_known_there_is_nothing_and_ahead_is_refused(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let clock = TestClock::new();
    let server = TestServer::start_at(&database, clock.clock(), |_| ()).await?;
    let before = clock.now();
    clock.advance(seconds(60));
    server
        .push(json!([incident("INCIDENT_CREATED", 0)]))
        .await?;
    server.tell(Call::TaskCreated, description()).await?;
    let data = server.shows(&of_incident(before, "code")).await?;
    assert_eq!(data, json!({"incident": null}));
    let data = server.shows(&of_task(before, "status")).await?;
    assert_eq!(data, json!({"task": null}));
    let data = server.shows(&of_incident(clock.now(), "code")).await?;
    assert_eq!(data["incident"]["code"], WORK);
    let ahead = clock.now() + seconds(1);
    assert_eq!(
        refused(&server, &of_incident(ahead, "code")).await?,
        "BAD_INPUT"
    );
    let count = format!(
        "{{ buildings {{ nodes {{ openIncidentCount(asOf: \"{}\") }} }} }}",
        after(ahead)
    );
    assert_eq!(refused(&server, &count).await?, "BAD_INPUT");
    server.stop().await
}

async fn before_the_kept_history_nothing_is_answered(database: TestDatabase) -> anyhow::Result<()> {
    let clock = TestClock::new();
    let server = TestServer::start_at(&database, clock.clock(), |_| ()).await?;
    server
        .push(json!([incident("INCIDENT_CREATED", 0)]))
        .await?;
    let begin = clock.now();
    clock.advance(seconds(60));
    // What prune and a swap leave behind.
    for (name, from) in [
        ("history_from", begin),
        ("changes_whole_from", begin + seconds(1)),
    ] {
        let mark = setting::Model {
            name: name.to_owned(),
            value: from.to_rfc3339(),
        };
        let writer = Database::open(database.url(), 1).await?;
        setting::Entity::insert(mark.into_active_model())
            .exec(&writer.writer)
            .await?;
        writer.close().await;
        let early = of_incident(from - seconds(1), "code");
        assert_eq!(refused(&server, &early).await?, "HISTORY_PRUNED");
        let data = server.shows(&of_incident(from, "code")).await?;
        assert_eq!(data["incident"]["code"], WORK, "{name}");
    }
    server.stop().await
}

async fn a_cursor_of_one_time_is_refused_at_another(database: TestDatabase) -> anyhow::Result<()> {
    let clock = TestClock::new();
    let server = TestServer::start_at(&database, clock.clock(), |_| ()).await?;
    for number in 1..=3 {
        let told = status(
            number,
            &format!("2020-05-29T1{number}:00:00Z"),
            &format!("Status {number}"),
        );
        server.tell(Call::StatusChanged, told).await?;
    }
    let then = clock.now();
    clock.advance(seconds(60));
    let late = status(4, "2020-05-29T11:30:00Z", "Between them");
    server.tell(Call::StatusChanged, late).await?;
    let page = |after: &str| {
        format!(
            "statusChanges(first: 1{after}) {{ totalCount edges {{ cursor node {{ status }} }} pageInfo {{ hasNextPage }} }}"
        )
    };
    let mut told = Vec::new();
    let mut cursor = String::new();
    loop {
        let data = server.shows(&of_task(then, &page(&cursor))).await?;
        let list = &data["task"]["statusChanges"];
        assert_eq!(list["totalCount"], 3);
        let edge = &list["edges"][0];
        told.push(
            edge["node"]["status"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        );
        cursor = format!(", after: {}", edge["cursor"]);
        if list["pageInfo"]["hasNextPage"] == false {
            break;
        }
    }
    assert_eq!(told, ["Status 1", "Status 2", "Status 3"]);
    let other = of_task(then + seconds(1), &page(&cursor));
    assert_eq!(refused(&server, &other).await?, "CURSOR_INVALID");
    let now = format!("{{ tasks {{ nodes {{ {} }} }} }}", page(&cursor));
    assert_eq!(refused(&server, &now).await?, "CURSOR_INVALID");
    server.stop().await
}

async fn places_within_an_earlier_time_tell_nothing_of_the_present(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let clock = TestClock::new();
    let server = TestServer::start_at(&database, clock.clock(), |_| ()).await?;
    server
        .push(json!([incident("INCIDENT_CREATED", 0)]))
        .await?;
    let then = clock.now();
    clock.advance(seconds(60));
    server
        .push(json!([incident("INCIDENT_COMPLETED", 600)]))
        .await?;
    for fields in [
        "building { incidents { nodes { code } } }",
        "building { tasks { nodes { id } } }",
        "building { breachedCount }",
        "zone { openIncidentCount }",
        "zone { status }",
        "building { property { buildings { nodes { id } } } }",
    ] {
        let code = refused(&server, &of_incident(then, fields)).await?;
        assert_eq!(code, "BAD_INPUT", "{fields}");
    }
    let fields = "building { openIncidentCount name timeline { totalCount } } zone { name timeline { totalCount } }";
    let data = server.shows(&of_incident(then, fields)).await?;
    assert_eq!(data["incident"]["building"]["openIncidentCount"], 1);
    assert_eq!(data["incident"]["building"]["timeline"]["totalCount"], 1);
    assert_eq!(data["incident"]["zone"]["timeline"]["totalCount"], 1);
    server.stop().await
}

async fn open_incidents_are_counted_as_of_a_time(database: TestDatabase) -> anyhow::Result<()> {
    let clock = TestClock::new();
    let server = TestServer::start_at(&database, clock.clock(), |_| ()).await?;
    let of = |code: &str, name: &str, second| {
        with(incident(name, second), json!({"Meta": {"TaskId": code}}))
    };
    let created = |code: &str| of(code, "INCIDENT_CREATED", 0);
    let mut times = Vec::new();
    for batch in [
        json!([created("1"), created("2")]),
        json!([of("1", "INCIDENT_COMPLETED", 600), created("3")]),
        json!([
            of("2", "INCIDENT_COMPLETED", 600),
            of("3", "INCIDENT_COMPLETED", 600)
        ]),
        json!([of("3", "INCIDENT_CREATED", 900)]),
    ] {
        clock.advance(seconds(60));
        server.push(batch).await?;
        times.push(clock.now());
    }
    let before = times[0] - seconds(1);
    let fields: Vec<String> = std::iter::once(&before)
        .chain(&times)
        .enumerate()
        .map(|(nth, at)| format!("at{nth}: openIncidentCount(asOf: \"{}\")", after(*at)))
        .collect();
    let query = format!(
        "{{ buildings {{ nodes {{ {} openIncidentCount }} }} }}",
        fields.join(" ")
    );
    let data = server.shows(&query).await?;
    let counts = json!({"at0": 0, "at1": 2, "at2": 2, "at3": 0, "at4": 1, "openIncidentCount": 1});
    assert_eq!(data["buildings"]["nodes"], json!([counts]));
    server.stop().await?;

    // The operator says that two buildings are one; then that they are two again.
    let place = Place {
        name: "Both".to_owned(),
        matrix: vec![BUILDING.to_owned(), "building-2".to_owned()],
        urgent: Vec::new(),
    };
    clock.advance(seconds(60));
    let server = TestServer::start_at(&database, clock.clock(), |config| {
        config.places = Some(vec![place])
    })
    .await?;
    let elsewhere = json!({"Principal": "building-2", "ID": "building-2"});
    clock.advance(seconds(60));
    server.push(json!([with(created("4"), elsewhere)])).await?;
    let together = clock.now();
    server.stop().await?;
    clock.advance(seconds(60));
    let server = TestServer::start_at(&database, clock.clock(), |config| {
        config.places = Some(Vec::new())
    })
    .await?;
    let query = format!(
        "{{ buildings {{ nodes {{ then: openIncidentCount(asOf: \"{}\") openIncidentCount }} }} }}",
        after(together)
    );
    let data = server.shows(&query).await?;
    let mut counts: Vec<String> = data["buildings"]["nodes"]
        .as_array()
        .into_iter()
        .flatten()
        .map(Value::to_string)
        .collect();
    counts.sort();
    let alone = json!({"then": 0, "openIncidentCount": 1}).to_string();
    let root = json!({"then": 2, "openIncidentCount": 1}).to_string();
    assert_eq!(counts, [alone, root]);
    server.stop().await
}

async fn a_page_of_counts_as_of_a_time_costs_what_it_takes(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let count = |nth: usize| format!("c{nth}: openIncidentCount(asOf: \"2026-01-01T00:00:00Z\")");
    let page = |fields: usize| {
        let fields: Vec<String> = (0..fields).map(count).collect();
        format!(
            "{{ buildings(first: 100) {{ nodes {{ {} }} }} }}",
            fields.join(" ")
        )
    };
    server.shows(&page(9)).await?;
    assert_eq!(refused(&server, &page(11)).await?, "LIMIT_EXCEEDED");
    server.stop().await
}

async fn each_field_tells_which_call_set_it(database: TestDatabase) -> anyhow::Result<()> {
    let clock = TestClock::new();
    let server = TestServer::start_at(&database, clock.clock(), |_| ()).await?;
    server
        .push(json!([incident("INCIDENT_CREATED", 0)]))
        .await?;
    let then = clock.now();
    clock.advance(seconds(60));
    server
        .push(json!([with(
            incident("INCIDENT_STARTED", 300),
            json!({"Meta": {"Name": "Worse smell"}})
        )]))
        .await?;
    server.tell(Call::TaskCreated, description()).await?;
    let told = status(1, "2020-05-29T11:00:00Z", "En route");
    server.tell(Call::StatusChanged, told).await?;
    let fields =
        "provenance { field setAt recordedAt activity { kind recordedAt } delivery { operation } }";
    let shown = server.incident(fields).await?;
    let of = |shown: &Value, field: &str| {
        let list = shown["provenance"].as_array();
        let mut list = list.into_iter().flatten();
        list.find(|one| one["field"] == field)
            .cloned()
            .unwrap_or_default()
    };
    for field in ["name", "state", "startedAt", "zone"] {
        let one = of(&shown, field);
        assert_eq!(
            one["activity"]["kind"], "INCIDENT_STARTED",
            "{field} {shown:#}"
        );
        assert_eq!(one["setAt"], "2023-06-15T01:45:00+00:00");
        assert_eq!(one["recordedAt"], after(clock.now()));
        assert_eq!(one["delivery"]["operation"], "EVENTS");
    }
    assert_eq!(
        of(&shown, "completedAt"),
        Value::Null,
        "nothing is completed"
    );
    let shown = server.task(fields).await?;
    assert_eq!(of(&shown, "status")["activity"]["kind"], "STATUS_CHANGED");
    assert_eq!(
        of(&shown, "status")["delivery"]["operation"],
        "STATUS_CHANGED"
    );
    assert_eq!(
        of(&shown, "description")["activity"]["kind"],
        "TASK_CREATED"
    );
    // As of before the second event only what it did not set again is known.
    let data = server.shows(&of_incident(then, fields)).await?;
    assert_eq!(of(&data["incident"], "name"), Value::Null);
    server.stop().await
}

async fn a_repeat_in_other_words_is_told_and_can_be_asked_before(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let clock = TestClock::new();
    let server = TestServer::start_at(&database, clock.clock(), |_| ()).await?;
    let said = |words: &str| {
        with(
            incident("INCIDENT_CREATED", 0),
            json!({"Description": words}),
        )
    };
    // Which of two descriptions of one event counts is decided by their hash: one order or the other changes it.
    let mut seen = Vec::new();
    for words in ["two", "three", "four", "five", "one"] {
        clock.advance(seconds(60));
        server.push(json!([said(words)])).await?;
        seen.push((
            clock.now(),
            server.incident("description").await?["description"].clone(),
        ));
    }
    let shown: BTreeSet<String> = seen.iter().map(|(_, words)| words.to_string()).collect();
    assert!(shown.len() > 1, "{seen:?}");
    for (at, words) in &seen {
        let data = server.shows(&of_incident(*at, "description")).await?;
        assert_eq!(data["incident"]["description"], *words);
    }
    let kinds = server.kinds().await?;
    assert_eq!(kinds[0], "INCIDENT_REPORTED");
    let corrected = kinds[1..].iter().all(|kind| kind == "CORRECTED");
    assert!(corrected && kinds.len() == shown.len(), "{kinds:?}");
    // An exact repeat is no news.
    server.push(json!([said("two")])).await?;
    assert_eq!(server.kinds().await?.len(), kinds.len());
    server.stop().await
}
