//! What the objects say.

use serde_json::json;

use super::estate::{Estate, SMALL};
use crate::support::{Case, TestDatabase, case::on_each_engine};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        a_task_tells_everything_on_it,
        a_timeline_joins_what_was_filed_with_what_was_linked_later,
        an_incident_has_its_own_work_order_and_urgent_tasks,
        nodes_come_in_the_order_of_their_ids,
        an_id_of_another_type_finds_nothing,
        what_is_large_costs_more,
        a_delivery_shows_the_raw_call_and_what_became_of_it,
        an_error_has_a_code_and_leaves_the_other_fields,
        every_element_of_the_schema_is_described,
    ]
}

const TASK: &str = "task(by: {urgent: {tenant: \"acme\", identifier: \"T-1\"}})";

async fn a_task_tells_everything_on_it(test: TestDatabase) -> anyhow::Result<()> {
    let estate = Estate::build(&test, SMALL).await?;
    let data = estate
        .data(&format!(
            "{{ {TASK} {{ source kind tenant reference status statusType isDescribed chaseCount customFields raw
            incident {{ code }} compliance {{ name answer }} assetDowntime {{ reason isBackUp }}
            statusChanges(last: 1) {{ totalCount nodes {{ identifier statusType }} }}
            notes {{ nodes {{ text task {{ identifier }} }} }} chases {{ nodes {{ text }} }} }} }}"
        ))
        .await;
    assert_eq!(
        data["task"],
        json!({
            "source": "URGENT", "kind": "MAINTENANCE", "tenant": "acme", "reference": "80027",
            "status": "En cours", "statusType": "OPEN", "isDescribed": true, "chaseCount": 1,
            "customFields": {"floor": 3}, "raw": {"TaskReference": 80027},
            "incident": {"code": "b0-z0-i0"},
            "compliance": [{"name": "Safe?", "answer": "true"}],
            "assetDowntime": {"reason": "Bulb", "isBackUp": true},
            "statusChanges": {"totalCount": 2, "nodes": [{"identifier": "s-1", "statusType": "OPEN"}]},
            "notes": {"nodes": [{"text": "Ladder needed", "task": {"identifier": "t-1"}}]},
            "chases": {"nodes": [{"text": "Please hurry"}]},
        })
    );
    estate.close().await;
    Ok(())
}

async fn a_timeline_joins_what_was_filed_with_what_was_linked_later(
    test: TestDatabase,
) -> anyhow::Result<()> {
    let estate = Estate::build(&test, SMALL).await?;
    let kinds = |answer: &serde_json::Value| -> Vec<String> {
        let nodes = answer["building"]["timeline"]["nodes"]
            .as_array()
            .unwrap()
            .iter();
        nodes
            .map(|node| node["kind"].as_str().unwrap().to_owned())
            .collect()
    };
    let building = "building(by: {place: {source: MATRIX, code: \"b0\"}})";
    let all = format!(
        "{{ {building} {{ timeline {{ totalCount nodes {{ kind changes {{ field from to }} }} }} }} }}"
    );
    let data = estate.data(&all).await;
    assert_eq!(
        kinds(&data),
        ["INCIDENT_REPORTED", "TASK_CREATED", "LINKED"]
    );
    assert_eq!(data["building"]["timeline"]["totalCount"], 3);
    assert_eq!(
        data["building"]["timeline"]["nodes"][0]["changes"],
        json!([{"field": "escalationLevel", "from": null, "to": 1}])
    );
    let newest = format!(
        "{{ {building} {{ timeline(newestFirst: true, first: 2) {{ pageInfo {{ hasNextPage endCursor }} nodes {{ kind }} }} }} }}"
    );
    let data = estate.data(&newest).await;
    assert_eq!(kinds(&data), ["LINKED", "TASK_CREATED"]);
    let end = data["building"]["timeline"]["pageInfo"]["endCursor"]
        .as_str()
        .unwrap();
    let rest = format!(
        "{{ {building} {{ timeline(newestFirst: true, after: \"{end}\") {{ nodes {{ kind }} }} }} }}"
    );
    assert_eq!(kinds(&estate.data(&rest).await), ["INCIDENT_REPORTED"]);
    let last = format!("{{ {building} {{ timeline(last: 2) {{ nodes {{ kind }} }} }} }}");
    assert_eq!(kinds(&estate.data(&last).await), ["TASK_CREATED", "LINKED"]);
    let some = format!("{{ {building} {{ timeline(kinds: [LINKED]) {{ nodes {{ kind }} }} }} }}");
    assert_eq!(kinds(&estate.data(&some).await), ["LINKED"]);
    estate.close().await;
    Ok(())
}

async fn an_incident_has_its_own_work_order_and_urgent_tasks(
    test: TestDatabase,
) -> anyhow::Result<()> {
    let estate = Estate::build(&test, SMALL).await?;
    let data = estate
        .data(
            "{ incident(by: {matrix: {building: \"b0\", taskId: \"b0-z0-i0\"}}) { task { kind identifier }
            workOrders { nodes { kind identifier } } zone { level { name } building { name property { code } } } } }",
        )
        .await;
    assert_eq!(
        data["incident"],
        json!({
            "task": {"kind": "INCIDENT_WORK", "identifier": "b0-z0-i0"},
            "workOrders": {"nodes": [{"kind": "MAINTENANCE", "identifier": "t-1"}]},
            "zone": {"level": {"name": "Ground"}, "building": {"name": "Building 00", "property": {"code": "p1"}}},
        })
    );
    estate.close().await;
    Ok(())
}

async fn nodes_come_in_the_order_of_their_ids(test: TestDatabase) -> anyhow::Result<()> {
    let estate = Estate::build(&test, SMALL).await?;
    let data = estate
        .data(&format!("{{ {TASK} {{ id }} activities(first: 1) {{ nodes {{ id }} }} zones(last: 1) {{ nodes {{ id }} }} }}"))
        .await;
    let ids = [
        &data["zones"]["nodes"][0]["id"],
        &data["task"]["id"],
        &data["activities"]["nodes"][0]["id"],
    ];
    let query = format!(
        "{{ nodes(ids: [{}, {}, {}]) {{ __typename id ... on Zone {{ code }} ... on Task {{ reference }}
        ... on Activity {{ kind }} }} }}",
        ids[0], ids[1], ids[2]
    );
    let data = estate.data(&query).await;
    let types: Vec<_> = (0..3)
        .map(|nth| data["nodes"][nth]["__typename"].as_str().unwrap())
        .collect();
    assert_eq!(types, ["Zone", "Task", "TaskCreated"]);
    assert_eq!(data["nodes"][1]["reference"], "80027");
    assert_eq!(data["nodes"][2]["kind"], "TASK_CREATED");
    assert_eq!(&data["nodes"][0]["id"], ids[0]);
    estate.close().await;
    Ok(())
}

async fn an_id_of_another_type_finds_nothing(test: TestDatabase) -> anyhow::Result<()> {
    use caretaker::graphql::id::{Kind, decode, encode};
    let estate = Estate::build(&test, SMALL).await?;
    let data = estate
        .data("{ incidents(first: 1) { nodes { id } } }")
        .await;
    let id = data["incidents"]["nodes"][0]["id"].as_str().unwrap();
    let (_, row) = decode(id).unwrap();
    let other = encode(Kind::Task, row);
    let data = estate
        .data(&format!(
            "{{ nodes(ids: [\"{}\", \"{id}\"]) {{ __typename }} }}",
            *other
        ))
        .await;
    assert_eq!(data["nodes"], json!([null, {"__typename": "Incident"}]));
    estate.close().await;
    Ok(())
}

async fn what_is_large_costs_more(test: TestDatabase) -> anyhow::Result<()> {
    let estate = Estate::build(&test, SMALL).await?;
    let data = estate
        .data("{ buildings(first: 1) { nodes { id } } }")
        .await;
    let id = data["buildings"]["nodes"][0]["id"].to_string();
    let nodes = |count: usize| {
        let ids = vec![id.as_str(); count].join(",");
        format!(
            "{{ nodes(ids: [{ids}]) {{ ... on Building {{ zones(first: 100) {{ nodes {{
            tasks(first: 60) {{ nodes {{ id }} }} }} }} }} }} }}"
        )
    };
    let tasks = |field: &str| {
        format!(
            "{{ zones(first: 30) {{ nodes {{ tasks(first: 100) {{ nodes {{ {field} }} }} }} }} }}"
        )
    };
    let page = |list: &str, first: usize, field: &str| {
        format!("{{ {list}(first: {first}) {{ nodes {{ id {field} }} }} }}")
    };
    for (fits, does_not) in [
        (nodes(10), nodes(20)),
        (tasks("identifier"), tasks("compliance { name }")),
        (tasks("name"), tasks("assetDowntime { reason }")),
        (
            page("deliveries", 20, "body"),
            page("deliveries", 21, "body"),
        ),
        (page("tasks", 50, "raw"), page("tasks", 100, "raw")),
    ] {
        estate.data(&fits).await;
        assert_eq!(
            estate.refusal(&does_not).await,
            "LIMIT_EXCEEDED",
            "{does_not}"
        );
    }
    estate.close().await;
    Ok(())
}

async fn a_delivery_shows_the_raw_call_and_what_became_of_it(
    test: TestDatabase,
) -> anyhow::Result<()> {
    let estate = Estate::build(&test, SMALL).await?;
    let data = estate
        .data(
            "{ deliveries(first: 10) { nodes { operation outcome body activities { totalCount nodes { kind } }
            quarantine { nodes { path delivery { credential } } } } } }",
        )
        .await;
    let delivery = &data["deliveries"]["nodes"][0];
    assert_eq!(delivery["body"], "{}");
    assert_eq!(delivery["activities"]["totalCount"], 5);
    assert_eq!(delivery["activities"]["nodes"][0]["kind"], "TASK_CREATED");
    assert_eq!(
        delivery["quarantine"]["nodes"][0],
        json!({"path": "$[0].Meta", "delivery": {"credential": "urgent-1"}})
    );
    estate.close().await;
    Ok(())
}

async fn an_error_has_a_code_and_leaves_the_other_fields(test: TestDatabase) -> anyhow::Result<()> {
    let estate = Estate::build(&test, SMALL).await?;
    let answer = estate
        .ask("{ server { version } node(id: \"x\") { id } }")
        .await;
    assert!(answer["data"]["server"]["version"].is_string());
    assert_eq!(answer["data"]["node"], json!(null));
    let error = &answer["errors"][0];
    assert_eq!(error["path"], json!(["node"]));
    assert_eq!(error["extensions"]["code"], "BAD_INPUT");
    assert!(error["extensions"]["requestId"].is_string());
    let refused = estate.ask("{ incidents { nodes { nothing } } }").await;
    assert!(refused.get("data").is_none(), "{refused:#}");
    assert_eq!(refused["errors"][0]["extensions"]["code"], "BAD_INPUT");
    let unknown = estate
        .data("{ zone(by: {matrix: {building: \"b0\", zone: \"?\"}}) { id } }")
        .await;
    assert_eq!(unknown["zone"], json!(null));
    estate.close().await;
    Ok(())
}

async fn every_element_of_the_schema_is_described(test: TestDatabase) -> anyhow::Result<()> {
    let estate = Estate::build(&test, SMALL).await?;
    let data = estate
        .data(
            "{ __schema { types { name description inputFields { name description }
            enumValues { name description } fields { name description args { name description } } } } }",
        )
        .await;
    let mut missing = Vec::new();
    for kind in data["__schema"]["types"].as_array().unwrap() {
        let name = kind["name"].as_str().unwrap();
        if name.starts_with("__") {
            continue;
        }
        let mut look = |path: String, element: &serde_json::Value| {
            if element["description"]
                .as_str()
                .is_none_or(|text| text.trim().is_empty())
            {
                missing.push(path);
            }
        };
        look(name.to_owned(), kind);
        for members in ["inputFields", "enumValues", "fields"] {
            for member in kind[members].as_array().into_iter().flatten() {
                let path = format!("{name}.{}", member["name"].as_str().unwrap());
                look(path.clone(), member);
                for argument in member["args"].as_array().into_iter().flatten() {
                    look(format!("{path}({})", argument["name"]), argument);
                }
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    estate.close().await;
    Ok(())
}
