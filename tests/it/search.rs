//! Finding things by words: what is found by which of its texts, on both engines alike, however the texts came.

use std::collections::BTreeSet;

use caretaker::config::{Place, UrgentSite};
use caretaker::domain::database::Database;
use caretaker::domain::search::word::words;
use entity::{Searched, search};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use sea_orm::{ConnectionTrait, EntityTrait};
use serde_json::{Value, json};

use crate::support::case::on_each_engine;
use crate::support::client::Call;
use crate::support::payload::{
    BUILDING, START, TENANT, description, event, guid, incident, note, status, with, without,
};
use crate::support::process::run;
use crate::support::{Case, TestDatabase, TestServer, look};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        things_are_found_by_the_words_of_their_texts,
        what_is_said_anew_is_found_and_what_was_said_before_is_not,
        a_note_that_finds_its_task_late_is_found_there,
        a_building_that_is_none_any_more_is_not_found,
        both_engines_find_what_the_words_say,
        what_was_stored_before_there_were_words_is_found_after_a_start,
        words_that_went_lost_come_back_with_a_rebuild,
        a_cursor_goes_with_its_own_search_only,
    ]
}

/// One field of each element that a search finds, sorted.
async fn found(
    server: &TestServer,
    list: &str,
    field: &str,
    text: &str,
) -> anyhow::Result<Vec<String>> {
    let query = format!(
        "query($text: String!) {{ {list}(first: 100, filter: {{search: $text}}) {{ totalCount nodes {{ {field} }} }} }}"
    );
    let data = server.graphql(&query, json!({ "text": text })).await?;
    let mut found = look::words(&data[list], field);
    assert_eq!(data[list]["totalCount"], found.len(), "{list} {text}");
    found.sort();
    Ok(found)
}

async fn things_are_found_by_the_words_of_their_texts(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let place = Place {
        name: "Rathaus Köln".to_owned(),
        matrix: vec![BUILDING.to_owned()],
        urgent: Vec::new(),
    };
    let server =
        TestServer::start_with(&database, |config| config.places = Some(vec![place])).await?;
    server
        .push(json!([incident("INCIDENT_CREATED", 0)]))
        .await?;
    let told = json!({"Description": "Extracteur d’air à l'arrêt, étage 2"});
    server
        .tell(Call::TaskCreated, with(description(), told))
        .await?;
    let told = json!({"Note": "Ladder needed: ask for № 7"});
    let noted = with(note(1, "2020-05-29T10:00:00Z"), told);
    server.tell(Call::NoteAdded, noted).await?;
    let told = json!({"Note": "Waiting for PARTS"});
    let waits = with(status(2, "2020-05-29T11:00:00Z", "On hold"), told);
    server.tell(Call::StatusChanged, waits).await?;

    for (list, field, text, expected) in [
        ("buildings", "name", "koln", "Rathaus Köln"),
        ("buildings", "name", "KÖLN rat", "Rathaus Köln"),
        ("zones", "name", "washroom l2", "L2 Male Washroom"),
        ("zones", "name", "wash MALE", "L2 Male Washroom"),
        ("incidents", "name", "smell", "Bad smell in washroom"),
        // Of the name and of the description.
        (
            "incidents",
            "name",
            "ammonia washroom",
            "Bad smell in washroom",
        ),
        ("tasks", "reference", "extracteur ETAGE", "80027"),
        ("tasks", "reference", "arret", "80027"),
        ("tasks", "reference", "ladder", "80027"),
        ("tasks", "reference", "parts wait", "80027"),
        // Of the description, a note and the note of a status change.
        ("tasks", "reference", "parts ladder extract", "80027"),
        ("tasks", "reference", "7", "80027"),
    ] {
        assert_eq!(
            found(&server, list, field, text).await?,
            [expected],
            "{list} {text}"
        );
    }
    for (list, text) in [
        ("buildings", "washroom"),
        ("zones", "smell"),
        ("zones", "ashroom"),
        ("incidents", "smell ladder"),
        ("tasks", "extracteur missing"),
        // A single letter is a whole word.
        ("tasks", "n"),
        ("zones", "m"),
        // What stands elsewhere in a query language is only text.
        ("tasks", "ladder OR missing"),
        ("tasks", "extracteur -ladder NOT"),
    ] {
        let field = "id";
        assert_eq!(
            found(&server, list, field, text).await?,
            [""; 0],
            "{list} {text}"
        );
    }
    // Without a word nothing is asked.
    assert_eq!(found(&server, "zones", "name", " '\"*:& ").await?.len(), 1);
    let data = server
        .shows("{ incidents(filter: {not: {search: \"smell\"}}) { totalCount } zones(filter: {search: null}) { totalCount }
            tasks(filter: {or: [{search: \"nowhere\"}, {search: \"ladd\"}]}) { totalCount } }")
        .await?;
    assert_eq!(
        data,
        json!({"incidents": {"totalCount": 0}, "zones": {"totalCount": 1}, "tasks": {"totalCount": 1}})
    );
    server.stop().await
}

async fn what_is_said_anew_is_found_and_what_was_said_before_is_not(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    server
        .push(json!([incident("INCIDENT_CREATED", 0)]))
        .await?;
    let renamed = json!({"Zone": "zone-1", "ZoneName": "Lobby"});
    server
        .push(json!([event("ZONE_NAME_MODIFIED", 5, renamed)]))
        .await?;
    assert_eq!(found(&server, "zones", "name", "washroom").await?, [""; 0]);
    assert_eq!(found(&server, "zones", "name", "lobby").await?, ["Lobby"]);
    // A late word changes nothing.
    server
        .push(json!([incident("INCIDENT_STARTED", 2)]))
        .await?;
    assert_eq!(found(&server, "zones", "name", "lobby").await?, ["Lobby"]);

    // An incident's work order has its words.
    let told = json!({"Meta": {"Name": "Leak at the sink"}});
    server
        .push(json!([with(incident("INCIDENT_STARTED", 9), told)]))
        .await?;
    let work_orders = "query($text: String!) {
        tasks(filter: {kind: {eq: INCIDENT_WORK}, search: $text}) { nodes { name } } }";
    for (text, expected) in [("smell", vec![]), ("sink", vec!["Leak at the sink"])] {
        assert_eq!(found(&server, "incidents", "name", text).await?, expected);
        let data = server.graphql(work_orders, json!({ "text": text })).await?;
        assert_eq!(look::words(&data["tasks"], "name"), expected);
    }

    server.tell(Call::TaskCreated, description()).await?;
    let told =
        json!({"Description": "Pump replaced", "ModifiedDateTimeUtc": "2020-06-01T00:00:00Z"});
    server
        .tell(Call::TaskChanged, with(description(), told))
        .await?;
    assert_eq!(
        found(&server, "tasks", "reference", "extractor").await?,
        [""; 0]
    );
    assert_eq!(
        found(&server, "tasks", "reference", "pump").await?,
        ["80027"]
    );
    server.stop().await
}

async fn a_note_that_finds_its_task_late_is_found_there(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let unnamed = without(note(1, "2020-05-29T10:00:00Z"), "", "TaskIdentifier");
    server.tell(Call::NoteAdded, unnamed).await?;
    assert_eq!(
        found(&server, "tasks", "reference", "technician").await?,
        [""; 0]
    );
    server.tell(Call::TaskCreated, description()).await?;
    assert_eq!(
        found(&server, "tasks", "reference", "technician fan").await?,
        ["80027"]
    );
    // A second task with the reference: it is not known any more whose note it is.
    let other = json!({"TaskIdentifier": guid(9)});
    server
        .tell(Call::TaskCreated, with(description(), other))
        .await?;
    assert_eq!(
        found(&server, "tasks", "reference", "technician").await?,
        [""; 0]
    );
    assert_eq!(
        found(&server, "tasks", "reference", "fan").await?,
        ["80027", "80027"]
    );
    server.stop().await
}

async fn a_building_that_is_none_any_more_is_not_found(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    server
        .push(json!([incident("INCIDENT_CREATED", 0)]))
        .await?;
    let site = json!({"Site": {"SiteCode": "TH", "Name": "Town Hall"}});
    server
        .tell(Call::TaskCreated, with(description(), site))
        .await?;
    assert_eq!(
        found(&server, "buildings", "name", "town").await?,
        ["Town Hall"]
    );
    server.stop().await?;
    let place = Place {
        name: "Guildhall".to_owned(),
        matrix: vec![BUILDING.to_owned()],
        urgent: vec![UrgentSite {
            tenant: TENANT.to_owned(),
            site: "TH".to_owned(),
        }],
    };
    let server =
        TestServer::start_with(&database, |config| config.places = Some(vec![place])).await?;
    assert_eq!(found(&server, "buildings", "name", "town").await?, [""; 0]);
    assert_eq!(
        found(&server, "buildings", "name", "guild").await?,
        ["Guildhall"]
    );
    server.stop().await?;
    let database = Database::open(database.url(), 1).await?;
    let rows = search::Entity::find().all(&database.readers).await?;
    let kept = rows.iter().filter(|row| row.kind == Searched::Building);
    assert_eq!(kept.count(), 1);
    database.close().await;
    Ok(())
}

/// Few letters of several scripts, so that words meet; with case, marks and signs.
fn texts(longest: usize) -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "a",
        "A",
        "ab",
        "Abc",
        "abç",
        "ABCD",
        "b",
        "bc",
        "straße",
        "STRASSE",
        "é",
        "e\u{301}f",
        "漏水",
        "水",
        "かが",
        "ф",
        "фу",
        "l'a",
        "a-b",
        "12",
        "123",
        "½",
        "x_y",
        "'",
        "\"",
        "\\",
        "*",
        ":",
        "&",
        "ﬁx",
        "fix",
        "Σας",
        "σασ",
    ]);
    let gaps = prop::sample::select(vec![" ", "", "  ", ", ", "/", "\u{AD}"]);
    prop::collection::vec((words, gaps), 0..longest)
        .prop_map(|parts| parts.iter().flat_map(|(word, gap)| [*word, *gap]).collect())
}

/// What a text has to have for a question to find it.
fn has(text: &BTreeSet<String>, question: &BTreeSet<String>) -> bool {
    let begins = |asked: &String| {
        let is_whole = asked.chars().count() == 1;
        text.iter()
            .any(|word| word == asked || !is_whole && word.starts_with(asked.as_str()))
    };
    question.iter().all(begins)
}

async fn both_engines_find_what_the_words_say(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let mut runner = TestRunner::deterministic();
    let draw = |longest: usize, runner: &mut TestRunner| {
        texts(longest).new_tree(runner).unwrap().current()
    };
    let told: Vec<(String, String)> = (0..40)
        .map(|number| (format!("task-{number:02}"), draw(6, &mut runner)))
        .collect();
    let work = |(code, text): &(String, String)| {
        let meta = json!({
            "TaskId": code, "Type": "INCIDENT", "Name": text, "Status": "ASSIGNED", "Priority": "L", "Start": START,
            "End": START + 900, "AStart": 0, "AEnd": 0, "EscalationLevel": "L0",
        });
        with(
            event("INCIDENT_CREATED", 0, meta),
            json!({"Description": ""}),
        )
    };
    server
        .push(told.iter().map(work).collect::<Value>())
        .await?;
    let (mut hits, mut misses) = (0, 0);
    for _ in 0..150 {
        let question = draw(4, &mut runner);
        let asked = words(&question);
        let expected: Vec<String> = told
            .iter()
            .filter(|(_, text)| has(&words(text), &asked))
            .map(|(code, _)| code.clone())
            .collect();
        let found = found(&server, "incidents", "code", &question).await?;
        assert_eq!(found, expected, "{question:?} {told:#?}");
        if asked.is_empty() {
            continue;
        }
        hits += usize::from(!found.is_empty());
        misses += usize::from(found.is_empty());
    }
    assert!(hits > 20 && misses > 20, "{hits} {misses}");
    server.stop().await
}

async fn what_was_stored_before_there_were_words_is_found_after_a_start(
    case: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&case).await?;
    server
        .push(json!([incident("INCIDENT_CREATED", 0)]))
        .await?;
    server.tell(Call::TaskCreated, description()).await?;
    server
        .tell(Call::NoteAdded, note(1, "2020-05-29T10:00:00Z"))
        .await?;
    server.stop().await?;
    let database = Database::open(case.url(), 1).await?;
    let before = search::Entity::find().all(&database.readers).await?;
    for sql in [
        "DELETE FROM search",
        "DELETE FROM setting WHERE name = 'search_words'",
    ] {
        database.writer.execute_unprepared(sql).await?;
    }
    database.close().await;
    let server = TestServer::start(&case).await?;
    assert_eq!(
        found(&server, "tasks", "reference", "technician fan").await?,
        ["80027"]
    );
    assert_eq!(found(&server, "zones", "code", "male").await?, ["zone-1"]);
    assert_eq!(found(&server, "incidents", "name", "smell").await?.len(), 1);
    assert_eq!(
        found(&server, "buildings", "name", "building").await?,
        [BUILDING]
    );
    server.stop().await?;
    let database = Database::open(case.url(), 1).await?;
    let sorted = |mut rows: Vec<search::Model>| {
        rows.sort_by_key(|row| row.id);
        rows
    };
    let after = search::Entity::find().all(&database.readers).await?;
    assert_eq!(sorted(after), sorted(before));
    database.close().await;
    Ok(())
}

async fn words_that_went_lost_come_back_with_a_rebuild(case: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&case).await?;
    server
        .push(json!([incident("INCIDENT_CREATED", 0)]))
        .await?;
    server.tell(Call::TaskCreated, description()).await?;
    server.stop().await?;
    let database = Database::open(case.url(), 1).await?;
    for sql in [
        "UPDATE search SET words = 'nonsense' WHERE kind = 'ZONE'",
        "DELETE FROM search WHERE kind = 'TASK'",
    ] {
        database.writer.execute_unprepared(sql).await?;
    }
    database.close().await;
    let (_, printed, said) = run(&case, &["rebuild", "--swap"]).await?;
    assert!(printed.contains("search"), "{printed} {said}");
    let server = TestServer::start(&case).await?;
    assert_eq!(found(&server, "zones", "code", "nonsense").await?, [""; 0]);
    assert_eq!(found(&server, "zones", "code", "male").await?, ["zone-1"]);
    assert_eq!(
        found(&server, "tasks", "reference", "fan").await?,
        ["80027"]
    );
    server.stop().await
}

async fn a_cursor_goes_with_its_own_search_only(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    for number in 0..3 {
        let told = json!({"TaskIdentifier": guid(number)});
        server
            .tell(Call::TaskCreated, with(description(), told))
            .await?;
    }
    let query = "query($text: String!, $after: String) { tasks(first: 2, after: $after, filter: {search: $text}) {
        totalCount nodes { identifier } pageInfo { hasNextPage endCursor } } }";
    let first = server.graphql(query, json!({"text": "fan"})).await?;
    assert_eq!(first["tasks"]["totalCount"], 3);
    let after = &first["tasks"]["pageInfo"]["endCursor"];
    // The same words, written otherwise.
    let rest = server
        .graphql(query, json!({"text": " FAN!", "after": after}))
        .await?;
    assert_eq!(rest["tasks"]["pageInfo"]["hasNextPage"], false);
    let mut codes: Vec<String> = [&first, &rest]
        .iter()
        .flat_map(|page| look::words(&page["tasks"], "identifier"))
        .collect();
    codes.sort();
    assert_eq!(codes, [guid(0), guid(1), guid(2)]);
    let other = json!({"text": "extractor", "after": after});
    let answer = server.ask(query, other).await?.json()?;
    assert_eq!(
        answer["errors"][0]["extensions"]["code"], "CURSOR_INVALID",
        "{answer}"
    );
    server.stop().await
}
