//! What status names mean where the operator said nothing, and which of them mean nothing yet.

use caretaker::config::StatusType;
use entity::StatusTypeName;
use serde_json::{Value, json};

use crate::support::case::on_each_engine;
use crate::support::client::Call;
use crate::support::look::words;
use crate::support::payload::{TENANT, guid, incident, status, with};
use crate::support::{Case, TestDatabase, TestServer};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        english_names_have_a_type_without_a_map,
        a_filter_finds_by_the_english_names_too,
        the_operators_map_and_its_star_go_before_the_english_names,
        what_means_nothing_is_listed_for_the_operator,
        what_the_operator_maps_is_listed_no_more_and_its_star_leaves_nothing,
        more_names_than_are_told_are_said_to_be_more,
        a_map_declared_empty_is_taken_back_and_one_not_declared_stays,
    ]
}

const AT: &str = "2020-05-29T10:47:34Z";

/// Gives `tenant` a task for each of `names`, with its name as reference.
async fn tell(server: &TestServer, tenant: &str, first: u32, names: &[&str]) -> anyhow::Result<()> {
    for (number, name) in (first..).zip(names) {
        let task =
            json!({"Tenant": tenant, "TaskIdentifier": guid(1000 + number), "TaskReference": name});
        server
            .tell(Call::StatusChanged, with(status(number, AT, name), task))
            .await?;
    }
    Ok(())
}

/// Each status with its type, in the order of the names.
async fn types(server: &TestServer) -> anyhow::Result<Vec<(String, String)>> {
    let data = server
        .shows("{ tasks(first: 100) { nodes { status statusType } } }")
        .await?;
    let names = words(&data["tasks"], "status");
    let mut types: Vec<_> = names
        .into_iter()
        .zip(words(&data["tasks"], "statusType"))
        .collect();
    types.sort();
    Ok(types)
}

/// A map of the settings: tenant, status, type.
fn map(entries: &[(&str, &str, StatusTypeName)]) -> Vec<StatusType> {
    let entry = |(tenant, status, means): &(&str, &str, StatusTypeName)| StatusType {
        tenant: (*tenant).to_owned(),
        status: (*status).to_owned(),
        means: *means,
    };
    entries.iter().map(entry).collect()
}

async fn english_names_have_a_type_without_a_map(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let names = [
        "LOGGED",
        "Attended",
        "On Hold",
        "Completed",
        "Cancelled",
        "Terminé",
        "Attended!",
    ];
    tell(&server, TENANT, 1, &names).await?;
    let expected = [
        ("Attended", "OPEN"),
        ("Attended!", "UNKNOWN"),
        ("Cancelled", "CANCELLED"),
        ("Completed", "CLOSED"),
        ("LOGGED", "NEW"),
        ("On Hold", "OPEN"),
        ("Terminé", "UNKNOWN"),
    ]
    .map(|(name, meaning)| (name.to_owned(), meaning.to_owned()));
    assert_eq!(types(&server).await?, expected);
    let shown = server
        .shows("{ tasks(first: 100) { nodes { status statusChanges { nodes { statusType } } } } }")
        .await?;
    let tasks = shown["tasks"]["nodes"].as_array().expect("tasks");
    let logged = tasks.iter().find(|task| task["status"] == "LOGGED");
    assert_eq!(
        logged.expect("the task")["statusChanges"]["nodes"][0]["statusType"],
        "NEW"
    );
    server.stop().await
}

async fn a_filter_finds_by_the_english_names_too(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    tell(
        &server,
        TENANT,
        1,
        &["New", "Attended", "Completed", "CANCELED", "Fertig"],
    )
    .await?;
    let of = async |filter: &str| -> anyhow::Result<Vec<String>> {
        let data = server
            .shows(&format!(
                "{{ tasks(filter: {filter}) {{ nodes {{ status }} }} }}"
            ))
            .await?;
        let mut names = words(&data["tasks"], "status");
        names.sort();
        Ok(names)
    };
    assert_eq!(of("{statusType: {eq: NEW}}").await?, ["New"]);
    assert_eq!(
        of("{statusType: {in: [CLOSED, CANCELLED]}}").await?,
        ["CANCELED", "Completed"]
    );
    assert_eq!(of("{statusType: {eq: UNKNOWN}}").await?, ["Fertig"]);
    assert_eq!(
        of("{isOpen: {eq: true}}").await?,
        ["Attended", "Fertig", "New"]
    );
    assert_eq!(
        of("{isOpen: {eq: false}}").await?,
        ["CANCELED", "Completed"]
    );
    server.stop().await
}

async fn the_operators_map_and_its_star_go_before_the_english_names(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start_with(&database, |config| {
        config.status_types = Some(map(&[
            (TENANT, "completed", StatusTypeName::Open),
            ("Strict", "*", StatusTypeName::New),
            ("Strict", "closed", StatusTypeName::Closed),
        ]));
    })
    .await?;
    tell(&server, TENANT, 1, &["Completed", "Done"]).await?;
    tell(&server, "Strict", 3, &["Resolved", "Closed"]).await?;
    let expected = [
        ("Closed", "CLOSED"),
        ("Completed", "OPEN"),
        ("Done", "CLOSED"),
        ("Resolved", "NEW"),
    ]
    .map(|(name, meaning)| (name.to_owned(), meaning.to_owned()));
    assert_eq!(types(&server).await?, expected);
    let data = server
        .shows("{ tasks(filter: {isOpen: {eq: true}}) { nodes { status } } }")
        .await?;
    let mut open = words(&data["tasks"], "status");
    open.sort();
    assert_eq!(open, ["Completed", "Resolved"]);
    server.stop().await
}

async fn unmapped(server: &TestServer) -> anyhow::Result<Value> {
    let mut data = server
        .shows("{ unmappedStatuses { isCut nodes { tenant status taskCount } } }")
        .await?;
    assert_eq!(data["unmappedStatuses"]["isCut"], false);
    Ok(data["unmappedStatuses"]["nodes"].take())
}

async fn what_means_nothing_is_listed_for_the_operator(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    assert_eq!(unmapped(&server).await?, json!([]));
    server
        .push(json!([incident("INCIDENT_CREATED_OPEN", 0)]))
        .await?;
    tell(
        &server,
        "A",
        1,
        &["Fertig", "Completed", "Vor Ort", "vor ort"],
    )
    .await?;
    tell(&server, "B", 5, &["Fertig"]).await?;
    let row = |tenant: &str, status: &str, tasks: u32| json!({"tenant": tenant, "status": status, "taskCount": tasks});
    assert_eq!(
        unmapped(&server).await?,
        json!([
            row("A", "Vor Ort", 2),
            row("A", "Fertig", 1),
            row("B", "Fertig", 1)
        ])
    );
    // A task that went on has another status: the list tells what tasks have now.
    let done = json!({"Tenant": "B", "TaskIdentifier": guid(1005), "TaskReference": "Fertig"});
    let done = with(status(9, "2020-05-29T12:00:00Z", "Closed"), done);
    server.tell(Call::StatusChanged, done).await?;
    assert_eq!(
        unmapped(&server).await?,
        json!([row("A", "Vor Ort", 2), row("A", "Fertig", 1)])
    );
    server.stop().await
}

async fn what_the_operator_maps_is_listed_no_more_and_its_star_leaves_nothing(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start_with(&database, |config| {
        config.status_types = Some(map(&[
            ("*", "fertig", StatusTypeName::Closed),
            ("Strict", "*", StatusTypeName::Open),
        ]));
    })
    .await?;
    tell(&server, "A", 1, &["FERTIG", "Vor Ort"]).await?;
    tell(&server, "Strict", 5, &["Irgendwas"]).await?;
    assert_eq!(
        unmapped(&server).await?,
        json!([{"tenant": "A", "status": "Vor Ort", "taskCount": 1}])
    );
    server.stop().await
}

async fn more_names_than_are_told_are_said_to_be_more(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let names: Vec<String> = (0..101)
        .map(|number| format!("Stufe {number:03}"))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    tell(&server, "A", 1, &names).await?;
    let data = server
        .shows("{ unmappedStatuses { isCut nodes { status } } }")
        .await?;
    assert_eq!(data["unmappedStatuses"]["isCut"], true);
    assert_eq!(words(&data["unmappedStatuses"], "status"), names[..100]);
    server.stop().await
}

async fn a_map_declared_empty_is_taken_back_and_one_not_declared_stays(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let fertig = map(&[("*", "fertig", StatusTypeName::Closed)]);
    let maps = [Some(fertig), None, Some(Vec::new())];
    for (map, meaning) in maps.into_iter().zip(["CLOSED", "CLOSED", "UNKNOWN"]) {
        let server = TestServer::start_with(&database, |config| config.status_types = map).await?;
        tell(&server, "A", 1, &["Fertig"]).await?;
        let expected = [("Fertig".to_owned(), meaning.to_owned())];
        assert_eq!(types(&server).await?, expected);
        server.stop().await?;
    }
    Ok(())
}
