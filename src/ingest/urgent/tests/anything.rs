//! Any JSON at all: read or refused, and never at the cost of what stands beside it.

use proptest::prelude::*;

use super::*;

fn anything() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|v| json!(v)),
        any::<i64>().prop_map(|v| json!(v)),
        any::<f64>().prop_map(|v| json!(v)),
        any::<String>().prop_map(|v| json!(v)),
        Just(json!("2020-05-29T10:47:34.9156329+01:00")),
    ];
    scalar.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|v| json!(v)),
            prop::collection::btree_map(any::<String>(), inner, 0..4).prop_map(|v| json!(v)),
        ]
    })
}

const NAMES: [&str; 20] = [
    "Tenant",
    "TaskIdentifier",
    "TaskReference",
    "StatusChangeIdentifier",
    "Status",
    "Note",
    "StatusChangeDateTimeUtc",
    "TaskCompliance",
    "AssetDowntime",
    "NoteIdentifier",
    "NoteDateTimeUtc",
    "ChaseIdentifier",
    "ChasedDateTimeUtc",
    "Site",
    "SiteCode",
    "Location",
    "Assets",
    "ModifiedDateTimeUtc",
    "CreatedDateTimeUtc",
    "ParentCode",
];

const OPTIONAL: [&str; 12] = [
    "Site",
    "Task",
    "SiteCode",
    "Status",
    "Assets",
    "CustomFields",
    "Relate",
    "Address",
    "Location",
    "IsAssetAvailable",
    "ExternalIdentifier",
    "Anything",
];

proptest! {
    #[test]
    fn any_value_in_an_optional_member_of_a_description_costs_its_siblings_nothing(
        name in prop::sample::select(&OPTIONAL[..]),
        value in anything(),
    ) {
        let told = created(&with(CREATED, &[(name, value)]));
        let sound = created(&with(CREATED, &[]));
        prop_assert_eq!(told.reference, sound.reference);
        prop_assert_eq!(told.description, sound.description);
        prop_assert_eq!(told.supplier, sound.supplier);
        prop_assert_eq!(told.workflow, sound.workflow);
        prop_assert_eq!(told.as_of, sound.as_of);
    }

    #[test]
    fn any_json_is_read_or_refused(call in prop::sample::select(&CALLS[..]), body in anything()) {
        let _ = read(call.0, &body);
    }

    #[test]
    fn any_value_in_any_member_is_read_or_refused_by_a_path(
        call in prop::sample::select(&CALLS[..]),
        name in prop::sample::select(&NAMES[..]),
        value in anything(),
    ) {
        match read(call.0, &with(call.1, &[(name, value)])) {
            Ok(content) => prop_assert_eq!(content.facts.len(), 1),
            Err(unusable) => {
                prop_assert_eq!(unusable.fault, Fault::WrongShape);
                let start = format!("$.{name}");
                prop_assert!(unusable.misfit.path.starts_with(&start), "{}", unusable.misfit.path);
            }
        }
    }
}
