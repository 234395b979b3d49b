//! What is for operators, and what a viewer is told of itself.

use serde_json::{Value, json};

use super::estate::{Estate, T1, T2, viewers};
use super::schema::Shape;
use crate::support::case::on_each_engine;
use crate::support::{Case, TestDatabase};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        mutations_are_for_operators,
        a_viewer_is_told_what_it_may_see,
    ]
}

/// Every mutation with sound arguments.
const MUTATIONS: [(&str, &str); 3] = [
    (
        "linkPlaces",
        "linkPlaces(places: $places, name: \"One\") { id }",
    ),
    (
        "replayDelivery",
        "replayDelivery(id: $delivery) { isDryRun }",
    ),
    ("unlinkPlaces", "unlinkPlaces(places: $places) { id }"),
];

async fn mutations_are_for_operators(test: TestDatabase) -> anyhow::Result<()> {
    let estate = Estate::build(&test).await?;
    let shape = Shape::of(&estate).await;
    let mut names: Vec<String> = shape
        .fields("Mutation")
        .into_iter()
        .map(|(name, _, _)| name)
        .collect();
    names.sort();
    assert_eq!(
        names,
        MUTATIONS.map(|(name, _)| name),
        "a mutation that nobody tried"
    );
    let delivery = estate
        .things
        .iter()
        .find(|thing| thing.kind == "Delivery")
        .unwrap();
    let places = json!([{"source": "URGENT", "tenant": T1, "code": "s2"}, {"source": "URGENT", "tenant": T2, "code": "s2"}]);
    for viewer in viewers() {
        for (name, mutation) in MUTATIONS {
            let variables = if name == "replayDelivery" {
                "$delivery: ID!"
            } else {
                "$places: [PlaceKey!]!"
            };
            let query = format!("mutation({variables}) {{ {mutation} }}");
            let variables = json!({"places": places, "delivery": delivery.global()});
            let answer = estate.ask(viewer.viewer(), &query, variables).await;
            let code = &answer["errors"][0]["extensions"]["code"];
            assert_eq!(code, "FORBIDDEN", "{} {name} {answer}", viewer.name);
            assert!(
                answer["data"].is_null() || answer["data"][name].is_null(),
                "{answer}"
            );
        }
    }
    estate.close().await;
    Ok(())
}

async fn a_viewer_is_told_what_it_may_see(test: TestDatabase) -> anyhow::Result<()> {
    let estate = Estate::build(&test).await?;
    let query = "{ viewer { name isOperator expiresAt claims { properties buildings tenants } }
        server { refusedCalls { credential } } }";
    for viewer in viewers() {
        let answer = estate.ask(viewer.viewer(), query, json!({})).await;
        let told = &answer["data"]["viewer"];
        assert_eq!(
            (&told["name"], &told["isOperator"]),
            (&json!(viewer.name), &json!(false)),
            "{answer}"
        );
        assert_eq!(told["claims"].is_null(), viewer.holds.is_none());
        let refused = &answer["data"]["server"]["refusedCalls"];
        assert_eq!(*refused, json!([]), "{}", viewer.name);
        if viewer.name == "a tenant" {
            assert_eq!(
                told["claims"],
                json!({"properties": [], "buildings": [], "tenants": [T1]})
            );
        }
    }
    let open = caretaker::domain::scope::Viewer::open();
    let answer = estate.ask(open, query, json!({})).await;
    assert!(answer.to_string().contains("«OPERATOR» bus"), "{answer}");
    let told = &answer["data"]["viewer"];
    assert_eq!(
        (&told["isOperator"], &told["claims"]),
        (&json!(true), &Value::Null)
    );
    estate.close().await;
    Ok(())
}
