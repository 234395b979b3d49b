//! The live feed of a narrow viewer: what it may see of the whole history, in order, and nothing else.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use futures_util::StreamExt;
use serde_json::{Value, json};

use super::estate::{Estate, Narrow, is_for, viewers};
use super::schema::Shape;
use crate::support::case::on_each_engine;
use crate::support::{Case, TestDatabase};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        a_stream_from_the_beginning_is_what_the_query_gives_and_no_more,
        a_timeline_of_a_task_outside_stays_silent,
    ]
}

fn beginning() -> String {
    BASE64_URL_SAFE_NO_PAD.encode("a1:0")
}

fn global(id: uuid::Uuid) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("Activity:{id}"))
}

/// The ids that a stream tells until its first heartbeat.
async fn told(
    estate: &Estate,
    viewer: &Narrow,
    query: &str,
    variables: Value,
    field: &str,
) -> Vec<String> {
    let mut stream = estate.stream(viewer, query, variables);
    let mut told = Vec::new();
    while let Some(event) = stream.next().await {
        assert!(event.get("errors").is_none(), "{} {event}", viewer.name);
        estate.inspect(viewer, query, &event);
        match event["data"][field]["activity"]["id"].as_str() {
            Some(id) => told.push(id.to_owned()),
            None => return told,
        }
    }
    panic!("the stream of {} ended", viewer.name)
}

async fn a_stream_from_the_beginning_is_what_the_query_gives_and_no_more(
    test: TestDatabase,
) -> anyhow::Result<()> {
    let estate = Estate::build(&test).await?;
    let shape = Shape::of(&estate).await;
    let below = shape.selection("Activity", 1);
    let follow = format!(
        "subscription($after: String) {{ activity(after: $after) {{ cursor activity {below} }} }}"
    );
    let page = "query($after: String) { activities(first: 30, after: $after) { totalCount nodes { id } pageInfo { hasNextPage endCursor } } }";
    for viewer in viewers() {
        let expected: Vec<String> = estate
            .feed
            .iter()
            .filter(|(_, owners)| is_for(owners, &viewer))
            .map(|(id, _)| global(*id))
            .collect();
        assert_eq!(
            expected.is_empty(),
            viewer.name == "nobody",
            "{}",
            viewer.name
        );
        let variables = json!({"after": beginning()});
        assert_eq!(
            told(&estate, &viewer, &follow, variables, "activity").await,
            expected,
            "{}",
            viewer.name
        );
        let (mut stored, mut after) = (Vec::new(), Value::Null);
        loop {
            let data = estate.data(&viewer, page, json!({"after": after})).await;
            let activities = &data["activities"];
            assert_eq!(activities["totalCount"], expected.len(), "{}", viewer.name);
            let nodes = activities["nodes"].as_array().unwrap();
            stored.extend(
                nodes
                    .iter()
                    .map(|node| node["id"].as_str().unwrap().to_owned()),
            );
            if activities["pageInfo"]["hasNextPage"] != true {
                break;
            }
            after = activities["pageInfo"]["endCursor"].clone();
        }
        assert_eq!(stored, expected, "{}", viewer.name);
    }
    estate.close().await;
    Ok(())
}

async fn a_timeline_of_a_task_outside_stays_silent(test: TestDatabase) -> anyhow::Result<()> {
    let estate = Estate::build(&test).await?;
    let query = "subscription($by: TaskBy!, $after: String) { taskTimeline(by: $by, after: $after) { cursor activity { id task { id } } } }";
    for viewer in viewers()
        .into_iter()
        .filter(|viewer| viewer.holds.is_some())
    {
        let mut heard = 0;
        for task in estate.things.iter().filter(|thing| thing.kind == "Task") {
            let variables = json!({"by": {"id": task.global()}, "after": beginning()});
            let told = told(&estate, &viewer, query, variables, "taskTimeline").await;
            for id in &told {
                let is_shown = estate
                    .feed
                    .iter()
                    .any(|(known, owners)| global(*known) == *id && is_for(owners, &viewer));
                assert!(is_shown, "{} {task:?} {id}", viewer.name);
            }
            heard += told.len();
        }
        assert_eq!(heard > 0, viewer.name != "nobody", "{}", viewer.name);
    }
    estate.close().await;
    Ok(())
}
