//! The whole schema by introspection: from every id, through every list, by every name and filter.

use std::collections::BTreeSet;

use caretaker::domain::scope::Viewer;
use entity::Source;
use sea_orm::EntityTrait;
use serde_json::{Value, json};

use super::estate::{Estate, Narrow, Thing, is_for, viewers};
use super::schema::{FAR, Shape};
use crate::support::case::on_each_engine;
use crate::support::{Case, TestDatabase};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        the_estate_has_something_for_everybody_and_something_not,
        no_id_leads_out_of_a_scope,
        no_list_leads_out_of_a_scope,
        no_name_finds_what_is_outside,
        no_earlier_time_tells_what_is_outside,
        no_filter_tells_what_is_outside,
        no_search_finds_what_is_outside,
        no_relation_tells_what_is_outside,
    ]
}

/// How many ids are asked for at once.
const AT_ONCE: usize = 100;

/// What an id is asked for through `nodes`: an activity has a type for each of its kinds.
fn type_of(thing: &Thing) -> &'static str {
    thing.kind
}

async fn the_estate_has_something_for_everybody_and_something_not(
    test: TestDatabase,
) -> anyhow::Result<()> {
    let estate = Estate::build(&test).await?;
    let kinds: BTreeSet<&str> = estate.things.iter().map(type_of).collect();
    assert_eq!(kinds.len(), 12, "{kinds:?}");
    for viewer in viewers() {
        let seen = estate
            .things
            .iter()
            .filter(|thing| thing.is_for(&viewer))
            .count();
        let hidden = estate.things.len() - seen;
        assert!(
            hidden > 0 && (seen > 0) == (viewer.name != "nobody"),
            "{}: {seen} of {}",
            viewer.name,
            estate.things.len()
        );
    }
    // What a viewer may not see is there: an operator gets all of it.
    let ids: Vec<String> = estate.things.iter().map(Thing::global).collect();
    for ids in ids.chunks(AT_ONCE) {
        let query = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }";
        let answer = estate.ask(Viewer::open(), query, json!({"ids": ids})).await;
        let found = answer["data"]["nodes"].as_array().unwrap();
        assert!(found.iter().all(|node| !node.is_null()), "{answer}");
    }
    estate.close().await;
    Ok(())
}

async fn no_id_leads_out_of_a_scope(test: TestDatabase) -> anyhow::Result<()> {
    let estate = Estate::build(&test).await?;
    let shape = Shape::of(&estate).await;
    let kinds: BTreeSet<&str> = estate.things.iter().map(type_of).collect();
    for viewer in viewers() {
        for kind in &kinds {
            let things: Vec<&Thing> = estate
                .things
                .iter()
                .filter(|thing| type_of(thing) == *kind)
                .collect();
            let below = shape.selection(kind, if *kind == "Activity" { 1 } else { FAR });
            let query = format!(
                "query($ids: [ID!]!) {{ nodes(ids: $ids) {{ id ... on {kind} {below} }} }}"
            );
            for things in things.chunks(AT_ONCE) {
                let ids: Vec<String> = things.iter().map(|thing| thing.global()).collect();
                let data = estate.data(&viewer, &query, json!({"ids": ids})).await;
                counted(&viewer, &data);
                let nodes = data["nodes"].as_array().unwrap();
                for (thing, node) in std::iter::zip(things, nodes) {
                    let is_shown = !node.is_null();
                    assert_eq!(
                        is_shown,
                        thing.is_for(&viewer),
                        "{}: {thing:?} {node}",
                        viewer.name
                    );
                }
            }
        }
    }
    estate.close().await;
    Ok(())
}

/// Every list that is shown whole has as many elements as it says.
fn counted(viewer: &Narrow, value: &Value) {
    match value {
        Value::Object(members) => {
            if let (Some(total), Some(Value::Array(edges))) =
                (members.get("totalCount"), members.get("edges"))
            {
                let is_whole = members["pageInfo"]["hasNextPage"] == false;
                assert!(
                    is_whole && *total == edges.len(),
                    "{}: {total} of {}",
                    viewer.name,
                    edges.len()
                );
            }
            members.values().for_each(|member| counted(viewer, member));
        }
        Value::Array(items) => items.iter().for_each(|item| counted(viewer, item)),
        _ => {}
    }
}

/// The root fields that are told what to find, and those that only operators may ask.
const TOLD: [&str; 6] = ["building", "incident", "node", "nodes", "task", "zone"];
const OPERATORS: [&str; 3] = ["deliveries", "unfiledNotes", "unmappedStatuses"];

async fn no_list_leads_out_of_a_scope(test: TestDatabase) -> anyhow::Result<()> {
    let estate = Estate::build(&test).await?;
    let shape = Shape::of(&estate).await;
    for viewer in viewers() {
        for (field, required, ty) in shape.fields("Query") {
            if TOLD.contains(&field.as_str()) {
                continue;
            }
            assert!(
                required.is_empty(),
                "{field} asks for {required:?}: teach the walk to give it"
            );
            let below = shape.selection(&ty, FAR);
            let page = if ty.ends_with("Connection") {
                "(first: 100)"
            } else {
                ""
            };
            let query = format!("{{ {field}{page} {below} }}");
            if OPERATORS.contains(&field.as_str()) {
                let answer = estate.ask(viewer.viewer(), &query, json!({})).await;
                assert_eq!(
                    answer["errors"][0]["extensions"]["code"], "FORBIDDEN",
                    "{answer}"
                );
                assert!(answer["data"].is_null(), "{answer}");
                continue;
            }
            let data = estate.data(&viewer, &query, json!({})).await;
            if field != "activities" {
                counted(&viewer, &data);
            }
            let kind = ty.trim_end_matches("Connection");
            let expected = estate
                .things
                .iter()
                .filter(|thing| thing.kind == kind && thing.is_for(&viewer))
                .count();
            if let (Value::Array(edges), false) = (
                &data[&field]["edges"],
                field == "activities" || field == "tasks",
            ) {
                assert_eq!(edges.len(), expected, "{} {field}", viewer.name);
            }
        }
    }
    estate.close().await;
    Ok(())
}

async fn no_name_finds_what_is_outside(test: TestDatabase) -> anyhow::Result<()> {
    let estate = Estate::build(&test).await?;
    let readers = &estate.database.readers;
    let sites = entity::site::Entity::find().all(readers).await?;
    let code_of = |id: entity::SiteId| {
        let site = sites.iter().find(|site| site.id == id);
        site.map_or_else(String::new, |site| site.code.clone())
    };
    let mut names: Vec<(&str, &str, Value)> = Vec::new();
    for site in &sites {
        let tenant = (site.source == Source::Urgent).then(|| site.tenant.clone());
        let source = if tenant.is_some() { "URGENT" } else { "MATRIX" };
        let place = json!({"source": source, "tenant": tenant, "code": site.code});
        names.push(("building", "BuildingBy", json!({"place": place})));
    }
    for zone in entity::zone::Entity::find().all(readers).await? {
        let key = json!({"building": code_of(zone.site_id), "zone": zone.code});
        names.push(("zone", "ZoneBy", json!({"matrix": key})));
    }
    for incident in entity::incident::Entity::find().all(readers).await? {
        let key = json!({"building": code_of(incident.site_id), "taskId": incident.code});
        names.push(("incident", "IncidentBy", json!({"matrix": key})));
    }
    for task in entity::task::Entity::find().all(readers).await? {
        let by = match (&task.tenant, task.site_id) {
            (Some(tenant), _) => {
                json!({"urgent": {"tenant": tenant, "identifier": task.identifier}})
            }
            (None, Some(site)) => {
                json!({"matrix": {"building": code_of(site), "taskId": task.identifier}})
            }
            (None, None) => continue,
        };
        names.push(("task", "TaskBy", by));
    }
    for thing in &estate.things {
        let field = match thing.kind {
            "Building" => ("building", "BuildingBy"),
            "Zone" => ("zone", "ZoneBy"),
            "Incident" => ("incident", "IncidentBy"),
            "Task" => ("task", "TaskBy"),
            _ => continue,
        };
        names.push((field.0, field.1, json!({"id": thing.global()})));
    }
    for viewer in viewers() {
        let mut found = 0;
        for (field, by, value) in &names {
            let query = format!("query($by: {by}!) {{ {field}(by: $by) {{ id }} }}");
            let data = estate.data(&viewer, &query, json!({"by": value})).await;
            found += usize::from(!data[*field].is_null());
        }
        assert_eq!(found > 0, viewer.name != "nobody", "{}", viewer.name);
    }
    estate.close().await;
    Ok(())
}

/// The lists with the types of their filters.
const LISTS: [(&str, &str); 6] = [
    ("properties", "PropertyFilter"),
    ("buildings", "BuildingFilter"),
    ("zones", "ZoneFilter"),
    ("incidents", "IncidentFilter"),
    ("tasks", "TaskFilter"),
    ("activities", "ActivityFilter"),
];

async fn no_filter_tells_what_is_outside(test: TestDatabase) -> anyhow::Result<()> {
    let estate = Estate::build(&test).await?;
    let shape = Shape::of(&estate).await;
    let mut asked = 0;
    for viewer in viewers() {
        for (list, filter) in LISTS {
            for (field, comparison) in shape.inputs(filter) {
                if comparison != "IdComparison" {
                    continue;
                }
                // Where it happened and to what was written on an activity when it was recorded; the feed shows it by that.
                let is_own =
                    list == "activities" && !["property", "incident"].contains(&field.as_str());
                if is_own {
                    continue;
                }
                let outside: Vec<String> = estate
                    .things
                    .iter()
                    .filter(|thing| {
                        thing.kind.eq_ignore_ascii_case(&field) && !is_for(&thing.owners, &viewer)
                    })
                    .map(Thing::global)
                    .collect();
                let query = format!(
                    "query($ids: [ID!]!) {{
                        some: {list}(filter: {{{field}: {{in: $ids}}}}) {{ totalCount nodes {{ id }} }}
                        none: {list}(first: 100, filter: {{not: {{{field}: {{in: $ids}}}}}}) {{ totalCount }}
                        all: {list}(first: 100) {{ totalCount }}
                    }}"
                );
                let data = estate.data(&viewer, &query, json!({"ids": outside})).await;
                let found = &data["some"]["totalCount"];
                assert_eq!(*found, 0, "{} {list} {field} {data}", viewer.name);
                assert_eq!(data["none"], data["all"], "{} {list} {field}", viewer.name);
                asked += outside.len();
                if list == "activities" {
                    continue;
                }
                let query = format!(
                    "{{ null: {list}(first: 100, filter: {{{field}: {{isNull: true}}}}) {{ nodes {{ {field} {{ id }} }} }}
                        some: {list}(first: 100, filter: {{{field}: {{isNull: false}}}}) {{ nodes {{ {field} {{ id }} }} }} }}"
                );
                let data = estate.data(&viewer, &query, json!({})).await;
                for (of, is_null) in [("null", true), ("some", false)] {
                    for node in data[of]["nodes"].as_array().unwrap() {
                        assert_eq!(
                            node[&field].is_null(),
                            is_null,
                            "{} {list} {field} {data}",
                            viewer.name
                        );
                    }
                }
            }
        }
    }
    assert!(asked > 0);
    estate.close().await;
    Ok(())
}

/// The lists that can be searched, with what is in them.
const SEARCHED: [(&str, &str); 4] = [
    ("buildings", "Building"),
    ("zones", "Zone"),
    ("incidents", "Incident"),
    ("tasks", "Task"),
];

async fn no_search_finds_what_is_outside(test: TestDatabase) -> anyhow::Result<()> {
    let estate = Estate::build(&test).await?;
    let rows = entity::search::Entity::find()
        .all(&estate.database.readers)
        .await?;
    let words: BTreeSet<&str> = rows.iter().flat_map(|row| row.words.split(' ')).collect();
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    let (mut found, mut hidden) = (0, 0);
    for viewer in viewers() {
        for (list, kind) in SEARCHED {
            let things = estate.things.iter().filter(|thing| thing.kind == kind);
            let things: Vec<&Thing> = things.collect();
            // As many as a request may have under names of their own.
            for words in words.chunks(10) {
                let ask = |(nth, word): (usize, &&str)| {
                    let kinds = if list == "tasks" {
                        ", kind: {in: [SCHEDULED, INCIDENT_WORK, MAINTENANCE]}"
                    } else {
                        ""
                    };
                    format!(
                        "w{nth}: {list}(first: 100, filter: {{search: \"{word}\"{kinds}}}) {{ totalCount nodes {{ id }} }}"
                    )
                };
                let asked: Vec<String> = words.iter().enumerate().map(ask).collect();
                let query = format!("{{ {} }}", asked.join(" "));
                let data = estate.data(&viewer, &query, json!({})).await;
                for (nth, word) in words.iter().enumerate() {
                    let has = |row: &&entity::search::Model| {
                        let mut own = row.words.split(' ');
                        let is_whole = word.chars().count() == 1;
                        own.any(|own| own == *word || !is_whole && own.starts_with(word))
                    };
                    let having: BTreeSet<_> = rows.iter().filter(has).map(|row| row.id).collect();
                    let having = things.iter().filter(|thing| having.contains(&thing.id));
                    let (seen, unseen): (Vec<&Thing>, Vec<&Thing>) =
                        having.copied().partition(|thing| thing.is_for(&viewer));
                    let expected: BTreeSet<String> =
                        seen.iter().map(|thing| thing.global()).collect();
                    let nodes = data[format!("w{nth}")]["nodes"].as_array().unwrap();
                    let shown: BTreeSet<String> = nodes
                        .iter()
                        .map(|node| node["id"].as_str().unwrap().to_owned())
                        .collect();
                    assert_eq!(shown, expected, "{} {list} {word}", viewer.name);
                    let total = &data[format!("w{nth}")]["totalCount"];
                    assert_eq!(*total, expected.len(), "{} {list} {word}", viewer.name);
                    found += seen.len();
                    hidden += unseen.len();
                }
            }
        }
    }
    assert!(found > 100 && hidden > 100, "{found} {hidden}");
    estate.close().await;
    Ok(())
}

/// The relations of the filters: the list, the field of the filter, and the field of the element that it asks; whether
/// that is a list.
const RELATIONS: [(&str, &str, &str, bool); 12] = [
    ("buildings", "inProperty", "property", false),
    ("buildings", "hasIncident", "incidents", true),
    ("buildings", "hasTask", "tasks", true),
    ("zones", "inBuilding", "building", false),
    ("zones", "hasIncident", "incidents", true),
    ("zones", "hasTask", "tasks", true),
    ("incidents", "inBuilding", "building", false),
    ("incidents", "inZone", "zone", false),
    ("incidents", "hasWorkOrder", "workOrders", true),
    ("tasks", "inBuilding", "building", false),
    ("tasks", "inZone", "zone", false),
    ("tasks", "ofIncident", "incident", false),
];

/// A relation is asked for exactly where the viewer is shown that it leads somewhere.
async fn no_relation_tells_what_is_outside(test: TestDatabase) -> anyhow::Result<()> {
    let estate = Estate::build(&test).await?;
    let shape = Shape::of(&estate).await;
    for (list, filter) in LISTS {
        for (field, of) in shape.inputs(filter) {
            let combines = ["and", "or", "not"].contains(&field.as_str());
            if of.ends_with("Filter") && !combines {
                let known = RELATIONS
                    .iter()
                    .any(|known| (known.0, known.1) == (list, &field));
                assert!(known, "teach the walk {list} {field}");
            }
        }
    }
    let mut asked = [0, 0];
    for viewer in viewers() {
        for (list, relation, field, is_list) in RELATIONS {
            let below = if is_list { "{ totalCount }" } else { "{ id }" };
            let ask = |filter: String| {
                format!(
                    "{list}(first: 100, filter: {{{filter}}}) {{ nodes {{ id {field} {below} }} }}"
                )
            };
            let query = format!(
                "{{ with: {} without: {} }}",
                ask(format!("{relation}: {{}}")),
                ask(format!("not: {{{relation}: {{}}}}"))
            );
            let data = estate.data(&viewer, &query, json!({})).await;
            for (nth, (of, leads)) in [("with", true), ("without", false)].into_iter().enumerate() {
                for node in data[of]["nodes"].as_array().unwrap() {
                    let shown = if is_list {
                        node[field]["totalCount"] != 0
                    } else {
                        !node[field].is_null()
                    };
                    assert_eq!(shown, leads, "{} {list} {relation} {node}", viewer.name);
                    asked[nth] += 1;
                }
            }
        }
    }
    assert!(asked[0] > 50 && asked[1] > 20, "{asked:?}");
    estate.close().await;
    Ok(())
}

/// What is asked of an incident or a task as of an earlier time: all links, and what they name.
const LINKS: &str = "id building { id name openIncidentCount timeline { totalCount nodes { id } } } zone { id name building { id } }
    timeline { totalCount nodes { id changes { from to } building { id } zone { id } incident { id } task { id } delivery { id }
        ... on NoteAdded { note { text } } ... on StatusChanged { statusChange { status task { id } } } } }
    provenance { field recordedAt activity { id building { id } } delivery { id } }";
const OF_INCIDENTS: &str = "name description task { id description }
    workOrders { totalCount nodes { id description incident { id } notes { totalCount nodes { text } } } }";
const OF_TASKS: &str = "description raw status incident { id name } compliance { answer }
    statusChanges { totalCount nodes { status note } } notes { totalCount nodes { text } } chases { totalCount nodes { text } }";

async fn no_earlier_time_tells_what_is_outside(test: TestDatabase) -> anyhow::Result<()> {
    let estate = Estate::build(&test).await?;
    let query = "{ activities(first: 100) { nodes { recordedAt } } }";
    let answer = estate.ask(Viewer::open(), query, json!({})).await;
    let all = answer["data"]["activities"]["nodes"].as_array().unwrap();
    let times: BTreeSet<&str> = all
        .iter()
        .map(|node| node["recordedAt"].as_str().unwrap())
        .collect();
    let last = times.last().unwrap();
    for viewer in viewers() {
        for at in times.iter().skip(times.len() / 2).take(1).chain([last]) {
            for (kind, field, own) in [
                ("Incident", "incident", OF_INCIDENTS),
                ("Task", "task", OF_TASKS),
            ] {
                let of_kind = |thing: &&Thing| type_of(thing) == kind;
                let things: Vec<&Thing> = estate.things.iter().filter(of_kind).collect();
                for things in things.chunks(10) {
                    let asked: Vec<String> = things
                        .iter()
                        .enumerate()
                        .map(|(nth, thing)| {
                            let id = thing.global();
                            format!("t{nth}: {field}(by: {{id: \"{id}\"}}, asOf: \"{at}\") {{ {LINKS} {own} }}")
                        })
                        .collect();
                    let query = format!("{{ {} }}", asked.join(" "));
                    let data = estate.data(&viewer, &query, json!({})).await;
                    for (nth, thing) in things.iter().enumerate() {
                        let is_shown = !data[format!("t{nth}")].is_null();
                        let is_for = thing.is_for(&viewer);
                        // At the end nothing is other than now.
                        let is_right = if at == last {
                            is_shown == is_for
                        } else {
                            !is_shown || is_for
                        };
                        assert!(is_right, "{}: {thing:?}", viewer.name);
                    }
                }
            }
            let query =
                format!("{{ buildings {{ nodes {{ id openIncidentCount(asOf: \"{at}\") }} }} }}");
            let then = estate.data(&viewer, &query, json!({})).await;
            if at == last {
                let query = "{ buildings { nodes { id openIncidentCount } } }";
                assert_eq!(then, estate.data(&viewer, query, json!({})).await);
            }
        }
    }
    estate.close().await;
    Ok(())
}
