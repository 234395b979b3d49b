//! Matrix's batches: incidents, tasks, zones, floors and everything else, as a reader sees them.

use serde_json::{Value, json};

use crate::support::case::on_each_engine;
use crate::support::look::{nodes, words};
use crate::support::payload::{
    BUILDING, PROPERTY, START, WORK, escalation, event, incident, with, without,
};
use crate::support::{Case, TestDatabase, TestServer};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        the_seeds_example_is_taken_verbatim_and_shown,
        an_open_incident_is_shown_with_its_place_and_its_work_order,
        an_incident_goes_through_its_life,
        an_older_event_that_comes_late_does_not_turn_the_state_back,
        a_closing_event_before_the_opening_one_is_kept_and_does_not_reopen,
        work_that_failed_is_closed_and_can_be_started_again,
        of_two_events_in_one_second_the_later_stage_wins,
        the_level_is_the_latest_escalation_and_the_highest_is_kept,
        two_escalations_in_one_second_are_two_activities,
        unix_time_as_string_and_times_as_digit_strings_are_taken,
        an_element_may_be_a_string_that_holds_an_object,
        a_lone_object_is_a_batch_of_one,
        new_incident_created_open_is_an_open_incident,
        words_that_are_not_known_are_kept_as_they_came,
        absent_values_and_zero_times_write_nothing,
        a_task_is_started_completed_and_belongs_to_no_incident,
        an_incident_and_a_task_with_one_id_are_two_things,
        a_zone_is_created_renamed_given_a_status_and_removed,
        a_level_is_created_and_renamed,
        shifts_audits_and_unknown_events_stand_whole_in_the_timeline_of_the_building,
        an_event_of_a_property_alone_is_filed_under_the_property,
    ]
}

const SEED: &str = include_str!("fixtures/matrix/seed-open-incident.json");
const REAL: &str = include_str!("fixtures/matrix/incident-open.json");

async fn the_seeds_example_is_taken_verbatim_and_shown(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let answer = server.matrix(SEED).await?;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    assert_eq!(answer.header("content-length"), "0");
    let data = server
        .shows("{ buildings { nodes { name property { code } zones { nodes { code name } } } } }")
        .await?;
    let zones = json!({"nodes": [{"code": "<Zone ID>", "name": "<Zone Name>"}]});
    assert_eq!(
        nodes(data["buildings"].clone()),
        [json!({"name": "<Building ID>", "property": {"code": "<Property ID>"}, "zones": zones})]
    );
    let feed = server
        .feed("kind occurredAt ... on OtherEvent { data }")
        .await?;
    assert_eq!(feed.len(), 1);
    assert_eq!(
        feed[0]["kind"], "OTHER_EVENT",
        "its event id is a placeholder"
    );
    assert_eq!(feed[0]["occurredAt"], "1970-01-01T00:00:01+00:00");
    let sent: Value = serde_json::from_str(SEED)?;
    assert_eq!(feed[0]["data"], sent[0]);
    server.stop().await
}

async fn an_open_incident_is_shown_with_its_place_and_its_work_order(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    server.push(serde_json::from_str(REAL)?).await?;
    let shown = server
        .shows(
            "{ incidents { nodes {
                code name description kind priority priorityRaw state stateRaw isOpen escalationLevel
                reportedAt assignedAt dueAt startedAt completedAt sensors
                building { name property { code } } zone { code name } task { kind state }
            } } }",
        )
        .await?;
    assert_eq!(
        nodes(shown["incidents"].clone()),
        [json!({
            "code": "1686793261034749182", "name": "Bad smell in washroom",
            "description": "Ammonia level above threshold", "kind": "AQ Lite", "priority": "HIGH",
            "priorityRaw": "H", "state": "NOT_ASSIGNED", "stateRaw": "NOT_ASSIGNED", "isOpen": true,
            "escalationLevel": 0, "reportedAt": "2023-06-15T01:41:01+00:00", "assignedAt": null,
            "dueAt": "2023-06-15T01:56:01+00:00", "startedAt": null, "completedAt": null,
            "sensors": ["AQ-L2-M-01"],
            "building": {
                "name": "06f98e0c4f464b84b9157b1df6adfa66_003",
                "property": {"code": "06f98e0c4f464b84b9157b1df6adfa66"},
            },
            "zone": {"code": "zone-l2-male-washroom", "name": "L2 Male Washroom"},
            "task": {"kind": "INCIDENT_WORK", "state": "NOT_ASSIGNED"},
        })]
    );
    server.stop().await
}

async fn an_incident_goes_through_its_life(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let fields = "state isOpen reportedAt assignedAt startedAt completedAt";
    server
        .push(json!([incident("INCIDENT_CREATED_OPEN", 0)]))
        .await?;
    let assigned = with(
        incident("INCIDENT_CREATED", 120),
        json!({"Meta": {"Start": START + 120}}),
    );
    server.push(json!([assigned])).await?;
    let shown = server.incident(fields).await?;
    assert_eq!(shown["state"], "ASSIGNED");
    assert_eq!(shown["assignedAt"], "2023-06-15T01:42:00+00:00");
    let started = with(
        incident("INCIDENT_STARTED", 300),
        json!({"Meta": {"Start": START + 120}}),
    );
    let completed = with(
        incident("INCIDENT_COMPLETED", 600),
        json!({"Meta": {"Start": START + 120}}),
    );
    server.push(json!([started, completed])).await?;
    assert_eq!(
        server.incident(fields).await?,
        json!({
            "state": "COMPLETED", "isOpen": false, "reportedAt": "2023-06-15T01:40:00+00:00",
            "assignedAt": "2023-06-15T01:42:00+00:00", "startedAt": "2023-06-15T01:45:00+00:00",
            "completedAt": "2023-06-15T01:50:00+00:00",
        })
    );
    let timeline = server
        .incident("timeline { nodes { kind } } task { state }")
        .await?;
    assert_eq!(
        words(&timeline["timeline"], "kind"),
        [
            "INCIDENT_REPORTED",
            "INCIDENT_REPORTED",
            "INCIDENT_STARTED",
            "INCIDENT_COMPLETED"
        ]
    );
    assert_eq!(timeline["task"]["state"], "COMPLETED");
    server.stop().await
}

async fn an_older_event_that_comes_late_does_not_turn_the_state_back(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    server
        .push(json!([
            incident("INCIDENT_CREATED_OPEN", 0),
            incident("INCIDENT_COMPLETED", 600)
        ]))
        .await?;
    server
        .push(json!([incident("INCIDENT_STARTED", 300)]))
        .await?;
    let shown = server.incident("state isOpen lastActivityAt").await?;
    assert_eq!(
        shown,
        json!({"state": "COMPLETED", "isOpen": false, "lastActivityAt": "2023-06-15T01:50:00+00:00"})
    );
    let feed = server.feed("kind late changes { field }").await?;
    assert_eq!(
        feed[2],
        json!({"kind": "INCIDENT_STARTED", "late": true, "changes": []})
    );
    let timeline = server.incident("timeline { nodes { kind } }").await?;
    assert_eq!(words(&timeline["timeline"], "kind")[1], "INCIDENT_STARTED");
    server.stop().await
}

async fn a_closing_event_before_the_opening_one_is_kept_and_does_not_reopen(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let completed = with(
        incident("INCIDENT_COMPLETED", 600),
        json!({"Meta": {"Start": START + 60}}),
    );
    server.push(json!([completed])).await?;
    server
        .push(json!([incident("INCIDENT_CREATED_OPEN", 0)]))
        .await?;
    let shown = server
        .incident("state isOpen reportedAt assignedAt completedAt")
        .await?;
    assert_eq!(
        shown,
        json!({
            "state": "COMPLETED", "isOpen": false, "reportedAt": "2023-06-15T01:40:00+00:00",
            "assignedAt": "2023-06-15T01:41:00+00:00", "completedAt": "2023-06-15T01:50:00+00:00",
        })
    );
    server.stop().await
}

async fn work_that_failed_is_closed_and_can_be_started_again(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    server
        .push(json!([incident("INCIDENT_INCOMPLETE", 600)]))
        .await?;
    let shown = server.incident("state isOpen completedAt").await?;
    assert_eq!(
        shown,
        json!({"state": "INCOMPLETE", "isOpen": false, "completedAt": "2023-06-15T01:50:00+00:00"})
    );
    assert_eq!(server.kinds().await?, ["INCIDENT_NOT_RESOLVED"]);
    server
        .push(json!([incident("INCIDENT_STARTED", 700)]))
        .await?;
    let shown = server.incident("state isOpen completedAt").await?;
    assert_eq!(
        shown,
        json!({"state": "STARTED", "isOpen": true, "completedAt": null})
    );
    server.stop().await
}

async fn of_two_events_in_one_second_the_later_stage_wins(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    server
        .push(json!([incident("INCIDENT_COMPLETED", 600)]))
        .await?;
    server
        .push(json!([
            incident("INCIDENT_INCOMPLETE", 600),
            incident("INCIDENT_STARTED", 600)
        ]))
        .await?;
    assert_eq!(server.incident("state").await?["state"], "COMPLETED");
    server.stop().await
}

async fn the_level_is_the_latest_escalation_and_the_highest_is_kept(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    server
        .push(json!([
            incident("INCIDENT_CREATED_OPEN", 0),
            escalation("L1", 300)
        ]))
        .await?;
    server.push(json!([escalation("L3", 200)])).await?;
    server.push(json!([escalation("L2", 100)])).await?;
    let shown = server
        .incident("escalationLevel highestEscalationLevel state")
        .await?;
    assert_eq!(
        shown,
        json!({"escalationLevel": 1, "highestEscalationLevel": 3, "state": "NOT_ASSIGNED"})
    );
    server.stop().await
}

async fn two_escalations_in_one_second_are_two_activities(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    server
        .push(json!([
            escalation("L1", 300),
            escalation("L2", 300),
            escalation("L2", 300)
        ]))
        .await?;
    assert_eq!(
        server.kinds().await?,
        ["INCIDENT_ESCALATED", "INCIDENT_ESCALATED"]
    );
    let delivery = server.deliveries("events duplicates outcome").await?;
    assert_eq!(
        delivery,
        [json!({"events": 3, "duplicates": 1, "outcome": "APPLIED"})]
    );
    server.stop().await
}

async fn unix_time_as_string_and_times_as_digit_strings_are_taken(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let texts = json!({"Meta": {
        "Start": (START + 60).to_string(), "End": (START + 900).to_string(),
        "AStart": (START + 300).to_string(), "AEnd": "0",
    }});
    let started = with(incident("INCIDENT_STARTED", 300), texts);
    server
        .push(json!([without(started, "", "UnixTimeInt")]))
        .await?;
    let shown = server
        .incident("assignedAt dueAt startedAt completedAt lastActivityAt")
        .await?;
    assert_eq!(
        shown,
        json!({
            "assignedAt": "2023-06-15T01:41:00+00:00", "dueAt": "2023-06-15T01:55:00+00:00",
            "startedAt": "2023-06-15T01:45:00+00:00", "completedAt": null,
            "lastActivityAt": "2023-06-15T01:45:00+00:00",
        })
    );
    server.stop().await
}

async fn an_element_may_be_a_string_that_holds_an_object(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let opened = incident("INCIDENT_CREATED_OPEN", 0);
    server
        .push(json!([
            opened.to_string(),
            incident("INCIDENT_STARTED", 300)
        ]))
        .await?;
    assert_eq!(
        server.kinds().await?,
        ["INCIDENT_REPORTED", "INCIDENT_STARTED"]
    );
    server.push(json!([opened])).await?;
    assert_eq!(server.kinds().await?.len(), 2, "it is the same event");
    server.stop().await
}

async fn a_lone_object_is_a_batch_of_one(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    server.push(incident("INCIDENT_CREATED_OPEN", 0)).await?;
    server.push(json!([])).await?;
    assert_eq!(server.incident("code").await?["code"], WORK);
    assert_eq!(server.kinds().await?, ["INCIDENT_REPORTED"]);
    server.stop().await
}

async fn new_incident_created_open_is_an_open_incident(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    server
        .push(json!([incident("NEW_INCIDENT_CREATED_OPEN", 0)]))
        .await?;
    let shown = server.incident("state isOpen").await?;
    assert_eq!(shown, json!({"state": "NOT_ASSIGNED", "isOpen": true}));
    assert_eq!(server.kinds().await?, ["INCIDENT_REPORTED"]);
    server.stop().await
}

async fn words_that_are_not_known_are_kept_as_they_came(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let odd = json!({"Meta": {"Status": "On hold", "Priority": "Urgent!"}});
    server
        .push(json!([with(incident("INCIDENT_CREATED", 0), odd)]))
        .await?;
    let shown = server
        .incident("state stateRaw isOpen priority priorityRaw")
        .await?;
    assert_eq!(
        shown,
        json!({
            "state": "UNKNOWN", "stateRaw": "On hold", "isOpen": true, "priority": "UNKNOWN",
            "priorityRaw": "Urgent!",
        })
    );
    server.stop().await
}

async fn absent_values_and_zero_times_write_nothing(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    server
        .push(json!([incident("INCIDENT_STARTED", 300)]))
        .await?;
    let bare = event(
        "INCIDENT_COMPLETED",
        600,
        json!({"TaskId": WORK, "AStart": 0, "End": 0, "Name": null}),
    );
    server.push(json!([bare])).await?;
    let shown = server
        .incident("name state startedAt dueAt completedAt zone { name } sensors")
        .await?;
    assert_eq!(
        shown,
        json!({
            "name": "Bad smell in washroom", "state": "COMPLETED", "startedAt": "2023-06-15T01:45:00+00:00",
            "dueAt": "2023-06-15T01:55:00+00:00", "completedAt": null, "zone": {"name": "L2 Male Washroom"},
            "sensors": ["AQ-L2-M-01"],
        })
    );
    server.stop().await
}

fn task_event(name: &str, second: i64, task: &str, state: &str, ended: i64) -> Value {
    let meta = json!({
        "Type": "TASK", "TaskId": task, "Name": "Evening clean", "By": "Schedule", "Priority": "N",
        "Status": state, "Start": START, "End": START + 1800, "AStart": START + 300, "AEnd": ended,
        "Zone": "zone-1", "ZoneName": "L2 Male Washroom",
    });
    event(name, second, meta)
}

async fn a_task_is_started_completed_and_belongs_to_no_incident(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    server
        .push(json!([
            task_event("TASK_COMPLETED", 600, "77", "COMPLETED", START + 600),
            task_event("TASK_STARTED", 300, "77", "STARTED", 0),
        ]))
        .await?;
    let data = server
        .shows("{ tasks { nodes { source kind identifier name state completedAt incident { id } zone { name } } } }")
        .await?;
    assert_eq!(
        nodes(data["tasks"].clone()),
        [json!({
            "source": "MATRIX", "kind": "SCHEDULED", "identifier": "77", "name": "Evening clean",
            "state": "COMPLETED", "completedAt": "2023-06-15T01:50:00+00:00", "incident": null,
            "zone": {"name": "L2 Male Washroom"},
        })]
    );
    assert_eq!(server.kinds().await?, ["TASK_COMPLETED", "TASK_STARTED"]);
    server.stop().await
}

async fn an_incident_and_a_task_with_one_id_are_two_things(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    server
        .push(json!([
            incident("INCIDENT_CREATED_OPEN", 0),
            task_event("TASK_INCOMPLETE", 600, WORK, "INCOMPLETE", START + 600),
        ]))
        .await?;
    let shown = server.incident("state isOpen task { kind state }").await?;
    assert_eq!(
        shown,
        json!({
            "state": "NOT_ASSIGNED", "isOpen": true,
            "task": {"kind": "INCIDENT_WORK", "state": "NOT_ASSIGNED"},
        })
    );
    let data = server
        .shows("{ tasks(filter: {kind: {eq: SCHEDULED}}) { nodes { state } } }")
        .await?;
    assert_eq!(words(&data["tasks"], "state"), ["INCOMPLETE"]);
    server.stop().await
}

fn zone_event(name: &str, second: i64, changes: Value) -> Value {
    let event = event(name, second, with(json!({"Zone": "zone-1"}), changes));
    with(event, json!({"Module": "scgrids", "Status": "LOW"}))
}

async fn a_zone_is_created_renamed_given_a_status_and_removed(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let zone = "{ zones { nodes { name status removedAt level { name } } } }";
    let level = json!({"ZoneName": "Washroom", "Level": "level-2", "LevelName": "Second floor"});
    server
        .push(json!([
            zone_event("ZONE_NAME_MODIFIED", 20, json!({"Name": "Male Washroom"})),
            zone_event("ZONE_CREATED", 10, level),
            zone_event("ZONE_STATUS_MODIFIED", 30, json!({"Status": "INACTIVE"})),
        ]))
        .await?;
    assert_eq!(
        nodes(server.shows(zone).await?["zones"].take()),
        [json!({
            "name": "Male Washroom", "status": "INACTIVE", "removedAt": null,
            "level": {"name": "Second floor"},
        })]
    );
    server
        .push(json!([zone_event("ZONE_REMOVED", 40, json!({}))]))
        .await?;
    let removed = nodes(server.shows(zone).await?["zones"].take());
    assert_eq!(removed[0]["removedAt"], "2023-06-15T01:40:40+00:00");
    server
        .push(json!([zone_event("ZONE_CREATED", 35, json!({}))]))
        .await?;
    let removed = nodes(server.shows(zone).await?["zones"].take());
    assert_eq!(removed[0]["removedAt"], "2023-06-15T01:40:40+00:00");
    assert_eq!(server.kinds().await?, ["ZONE_CHANGED"; 5]);
    server.stop().await
}

async fn a_level_is_created_and_renamed(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let level =
        |name, second, told| event(name, second, json!({"Level": "level-2", "LevelName": told}));
    server
        .push(json!([
            level("LEVEL_NAME_MODIFIED", 20, "Second floor"),
            level("LEVEL_CREATED", 10, "Level 2"),
        ]))
        .await?;
    let data = server
        .shows("{ buildings { nodes { levels { nodes { code name } } } } }")
        .await?;
    assert_eq!(
        data["buildings"]["nodes"][0]["levels"]["nodes"],
        json!([{"code": "level-2", "name": "Second floor"}])
    );
    let feed = server
        .feed("kind ... on LevelChanged { level { name } data }")
        .await?;
    assert_eq!(feed.len(), 2);
    for told in feed {
        assert_eq!(told["kind"], "LEVEL_CHANGED");
        assert_eq!(told["level"], json!({"name": "Second floor"}));
        assert_eq!(told["data"]["Meta"]["Level"], "level-2");
    }
    server.stop().await
}

async fn shifts_audits_and_unknown_events_stand_whole_in_the_timeline_of_the_building(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let shift = event("SHIFT_DELAYED", 10, json!({"Person": "P-1", "Minutes": 12}));
    let audit = with(
        event("AUDIT_COMPLETED", 20, json!([1, 2])),
        json!({"Module": "scaudits"}),
    );
    let unknown = without(
        event("ROBOT_STUCK", 30, json!({"Zone": "zone-9"})),
        "/Meta",
        "Zone",
    );
    server
        .push(json!([unknown.clone(), shift.clone(), audit.clone()]))
        .await?;
    let data = server
        .shows("{ buildings { nodes { timeline { nodes { kind ... on OtherEvent { data } } } } } }")
        .await?;
    let timeline = nodes(data["buildings"]["nodes"][0]["timeline"].clone());
    let expected = [shift, audit, unknown].map(|data| json!({"kind": "OTHER_EVENT", "data": data}));
    assert_eq!(timeline, expected);
    server.stop().await
}

async fn an_event_of_a_property_alone_is_filed_under_the_property(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let published = with(
        without(event("SHIFTS_PUBLISHED", 10, json!({"Count": 4})), "", "ID"),
        json!({"Principal": PROPERTY, "PType": "property"}),
    );
    server.push(json!([published])).await?;
    let feed = server
        .feed("kind property { code } building { id }")
        .await?;
    assert_eq!(
        feed,
        [json!({"kind": "OTHER_EVENT", "property": {"code": PROPERTY}, "building": null})]
    );
    let data = server.shows("{ buildings { nodes { name } } }").await?;
    assert!(!words(&data["buildings"], "name").contains(&BUILDING.to_owned()));
    server.stop().await
}
