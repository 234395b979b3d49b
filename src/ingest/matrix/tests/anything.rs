//! Anything at all beside a good event: read or set apart, and never at its cost.

use proptest::prelude::*;

use super::*;

prop_compose! {
    fn scalar()(value in prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|v| json!(v)),
        any::<i64>().prop_map(|v| json!(v)),
        any::<f64>().prop_map(|v| json!(v)),
        any::<String>().prop_map(|v| json!(v)),
        Just(json!("1686793261")),
        Just(json!("L2")),
    ]) -> Value { value }
}

fn anything() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|v| json!(v)),
            prop::collection::btree_map(any::<String>(), inner, 0..4).prop_map(|v| json!(v)),
        ]
    })
}

const NAMES: [&str; 32] = [
    "ID",
    "ATTR",
    "Description",
    "Event",
    "Principal",
    "PType",
    "Entity",
    "EType",
    "RoutingKey",
    "RoutingKeyS",
    "Status",
    "Time",
    "UnixTime",
    "UnixTimeInt",
    "Module",
    "Meta",
    "Meta.AEnd",
    "Meta.AStart",
    "Meta.By",
    "Meta.End",
    "Meta.EscalationLevel",
    "Meta.Name",
    "Meta.Priority",
    "Meta.SourceDeviceIdentifier",
    "Meta.Start",
    "Meta.Status",
    "Meta.TaskId",
    "Meta.Type",
    "Meta.Zone",
    "Meta.ZoneName",
    "Meta.Level",
    "Meta.LevelName",
];

proptest! {
    #[test]
    fn any_text_that_holds_json_beside_a_good_event_costs_it_nothing(
        bad in prop::collection::vec(prop_oneof![anything().prop_map(|json| json.to_string()), any::<String>()], 0..5),
        in_text in any::<bool>(),
    ) {
        let mut batch: Vec<Value> = bad.iter().map(|text| json!(text)).collect();
        batch.push(if in_text { json!(open().to_string()) } else { open() });
        let content = content(&json!(batch));
        prop_assert_eq!(content.facts.len() + content.misfits.len(), batch.len());
        prop_assert_eq!(content.facts.last().map(|fact| fact.0), Some(bad.len()));
    }

    #[test]
    fn any_json_beside_a_good_event_costs_it_nothing(bad in prop::collection::vec(anything(), 0..5)) {
        let mut batch = bad.clone();
        batch.push(open());
        let content = content(&json!(batch));
        prop_assert_eq!(content.facts.len() + content.misfits.len(), batch.len());
        prop_assert_eq!(content.facts.last().map(|fact| fact.0), Some(bad.len()));
    }

    #[test]
    fn any_value_in_any_member_is_read_or_quarantined(name in prop::sample::select(&NAMES[..]), value in anything()) {
        prop_assume!(!(name == "Meta" && value.is_null()));
        let content = content(&json!([with(&[(name, value)]), open()]));
        prop_assert_eq!(content.facts.len() + content.misfits.len(), 2);
        for misfit in &content.misfits {
            prop_assert!(misfit.path.starts_with("$[0]"));
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&bytes, now());
    }
}
