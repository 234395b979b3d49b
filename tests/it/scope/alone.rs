//! Only the columns that are asked for are read: no field may need one that another field brings.

use std::collections::BTreeSet;

use caretaker::domain::scope::Viewer;
use caretaker::graphql::{Now, request, to_json};
use chrono::DateTime;
use serde_json::{Value, json};
use uuid::Uuid;

use super::estate::{Estate, Thing};
use super::schema::Shape;
use crate::support::case::on_each_engine;
use crate::support::{Case, TestDatabase};

pub fn tests() -> Vec<Case> {
    on_each_engine![a_field_says_the_same_alone_as_beside_all_others]
}

async fn a_field_says_the_same_alone_as_beside_all_others(
    test: TestDatabase,
) -> anyhow::Result<()> {
    let estate = Estate::build(&test).await?;
    let shape = Shape::of(&estate).await;
    let kinds: BTreeSet<&str> = estate.things.iter().map(|thing| thing.kind).collect();
    let mut told = 0;
    for kind in kinds {
        let things = estate.things.iter().filter(|thing| thing.kind == kind);
        // As many as one request may ask for.
        let ids: Vec<String> = things.map(Thing::global).take(100).collect();
        for ty in shape.objects(kind) {
            let fields: Vec<(String, String)> = shape
                .fields(&ty)
                .into_iter()
                .map(|(name, _, of)| {
                    let below = shape.below(&of);
                    (name, below)
                })
                .collect();
            let all: Vec<String> = fields
                .iter()
                .map(|(name, below)| format!("{name} {below}"))
                .collect();
            let beside = nodes(&estate, &ty, &all.join(" "), &ids).await;
            for (name, below) in &fields {
                let alone = nodes(&estate, &ty, &format!("{name} {below}"), &ids).await;
                for (alone, beside) in std::iter::zip(&alone, &beside) {
                    assert_eq!(alone[name], beside[name], "{ty}.{name}");
                    told += usize::from(!alone[name].is_null());
                }
            }
        }
    }
    assert!(told > 500, "only {told} values were compared");
    estate.close().await;
    Ok(())
}

async fn nodes(estate: &Estate, ty: &str, fields: &str, ids: &[String]) -> Vec<Value> {
    let query =
        format!("query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on {ty} {{ {fields} }} }} }}");
    // One time for all: some fields tell how long it is until then.
    let now = Now(DateTime::from_timestamp(1_800_000_000, 0).unwrap());
    let request = request(query.clone(), None, json!({"ids": ids})).data(now);
    let response = estate.schema.execute(request, Viewer::open(), Uuid::nil());
    let answer: Value = serde_json::from_str(&to_json(&response.await)).unwrap();
    let nodes = answer["data"]["nodes"].as_array();
    nodes.unwrap_or_else(|| panic!("{query}\n{answer}")).clone()
}
