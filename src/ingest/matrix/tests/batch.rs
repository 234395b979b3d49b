//! What makes two events one, and what a batch may look like.

use super::*;

#[test]
fn events_are_the_same_whatever_the_order_of_members_and_differ_by_each_part_of_the_key() {
    let id = |changes: &[(&str, Value)]| fact(changes).id;
    let shuffled: String = {
        let event = open();
        let members: Vec<_> = event.as_object().unwrap().iter().rev().collect();
        let members: Vec<_> = members
            .iter()
            .map(|(name, value)| format!("{:?}:{value}", name))
            .collect();
        format!("{{{}}}", members.join(","))
    };
    let again = decode(shuffled.as_bytes(), now()).unwrap().facts[0].1.id;
    assert_eq!(again, id(&[]));
    let other = [("Description", json!("other")), ("Entity", json!("other"))];
    assert_eq!(
        id(&other),
        id(&[]),
        "what is not in the key makes no other event"
    );
    assert_ne!(
        fact(&other).content,
        fact(&[]).content,
        "but can be told apart"
    );
    for change in [
        ("Principal", json!("other")),
        ("Module", json!("other")),
        ("Event", json!("INCIDENT_ESCALATED")),
        ("Meta.TaskId", json!("1")),
        ("UnixTimeInt", json!(1_686_793_262)),
        ("ATTR", json!("other")),
        ("Meta.EscalationLevel", json!("L1")),
    ] {
        assert_ne!(id(std::slice::from_ref(&change)), id(&[]), "{}", change.0);
    }
}

#[test]
fn what_an_event_is_about_follows_from_its_key() {
    // One id, once of a building and once of a property: the same words in the key, but not about the same thing.
    for event in ["SHIFT_STARTED", "ZONE_CREATED"] {
        let told = |principal: &str| {
            let changes = [
                ("Event", json!(event)),
                ("PType", json!(principal)),
                ("EType", json!("organisation")),
            ];
            fact(&changes)
        };
        let (building, property) = (told("building"), told("property"));
        assert_ne!(building.what, property.what);
        assert_ne!(building.id, property.id, "{event}");
    }
}

#[test]
fn each_fact_knows_where_its_element_stands() {
    let (plain, text) = (open().to_string(), json!(open().to_string()).to_string());
    let wrapped = json!({"Body": json!([open(), open()]).to_string()}).to_string();
    let body = format!("\u{feff} [{plain}, {text},{wrapped}]");
    let content = decode(body.as_bytes(), now()).unwrap();
    let told = content.origins.iter().map(|origin| {
        let text = match &origin.text {
            Text::OfBody(range) => body.get(range.clone()).unwrap().to_owned(),
            Text::Own(text) => text.clone(),
        };
        (origin.element, origin.path.as_str(), text)
    });
    let told: Vec<_> = told.collect();
    let expected = [
        (0, "$[0]", plain.clone()),
        (1, "$[1]", text),
        (2, "$[2].Body[0]", plain.clone()),
        (3, "$[2].Body[1]", plain.clone()),
    ];
    assert_eq!(told, expected);
    let lone = decode(plain.as_bytes(), now()).unwrap().origins;
    assert_eq!(lone[0].text, Text::OfBody(0..plain.len()));
}

#[test]
fn elements_may_be_strings_and_a_lone_object_is_a_batch_of_one() {
    let expected = fact(&[]).id;
    let text = open().to_string();
    for batch in [json!([text]), open()] {
        assert_eq!(content(&batch).facts[0].1.id, expected);
    }
    let content = content(&json!(["{\"a\":", "[]", "", text]));
    assert_eq!(content.misfits.len(), 3);
    assert_eq!(content.facts[0].0, 3);
    assert!(content.misfits[0].reason.contains("The text is not JSON"));
}

#[test]
fn a_bad_element_never_costs_its_siblings() {
    let good = open().to_string();
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    for bad in [
        "5",
        "null",
        "[]",
        "{}",
        "1e999",
        "\"x\"",
        &deep,
        r#"{"Event":"X","UnixTimeInt":1e400}"#,
    ] {
        let body = format!("[{good},{bad},{good}]");
        let content = decode(body.as_bytes(), now()).unwrap();
        assert_eq!(
            content.facts.iter().map(|fact| fact.0).collect::<Vec<_>>(),
            [0, 2]
        );
        let misfit = &content.misfits[0];
        assert_eq!((misfit.element, misfit.content.as_str()), (Some(1), bad));
        assert!(misfit.path.starts_with("$[1]"), "{}", misfit.path);
    }
}

#[test]
fn the_last_of_duplicate_members_counts() {
    let text = open()
        .to_string()
        .replacen('{', "{\"Event\":\"TASK_STARTED\",", 1);
    let content = decode(text.as_bytes(), now()).unwrap();
    assert_eq!(content.facts[0].1.kind, ActivityKind::IncidentReported);
}

#[test]
fn bodies_of_another_shape_are_told_from_bad_json() {
    for (body, fault) in [
        ("", Fault::NotJson),
        ("[{]", Fault::NotJson),
        ("[1,]", Fault::NotJson),
        ("5", Fault::WrongShape),
        ("null", Fault::WrongShape),
        ("\"text\"", Fault::WrongShape),
    ] {
        let unusable = decode(body.as_bytes(), now()).unwrap_err();
        assert_eq!(unusable.fault, fault, "{body}");
        assert_eq!(unusable.misfit.element, None);
    }
    assert!(decode(b"[]", now()).unwrap().facts.is_empty());
    let crowd = format!("[{}0]", "0,".repeat(MOST_ELEMENTS));
    assert_eq!(
        decode(crowd.as_bytes(), now()).unwrap_err().fault,
        Fault::WrongShape
    );
}
