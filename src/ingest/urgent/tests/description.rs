//! Descriptions of tasks, whose shape is not public.

use super::*;

#[test]
fn the_created_task_is_read_whole() {
    let body = with(CREATED, &[]);
    let told = fact(Operation::TaskCreated, &body);
    assert_eq!(told.kind, ActivityKind::TaskCreated);
    assert_eq!(told.occurred_at, time("2020-05-29T09:15:02.1Z"));
    assert!(flags(Operation::TaskCreated, &body).is_empty());
    let told = created(&body);
    assert_eq!(told.identifier, "f5e99171-db8a-42f5-9822-1385f055f42c");
    assert!(!told.is_change);
    assert_eq!(told.as_of, signed());
    assert_eq!(told.reference, value("80027"));
    assert_eq!(told.external_identifier, value("1686793261034749182"));
    assert_eq!(told.initiator, value("Facilities help desk"));
    assert_eq!(told.defect_source, value("Unknown"));
    assert_eq!(told.category, value("01-04-02"));
    assert_eq!(told.chargeability, Told::Null);
    assert_eq!(told.workflow, value("Reactive - standard"));
    assert_eq!(told.service_level, value("P2 - attend in 4 hours"));
    assert_eq!(told.supplier, value("Northside Mechanical Ltd"));
    let assets = vec!["3f0d1c52-6a57-4be0-9c0e-1f1f2a9b7f10".to_owned()];
    assert_eq!(told.assets, Told::Value(assets));
    assert_eq!(told.is_asset_available, Told::Value(false));
    assert_eq!(
        told.custom_fields,
        Told::Value(body["CustomFields"].clone())
    );
    assert_eq!(told.related, Told::Null);
    assert_eq!(told.status, value("Dispatched"));
    let Told::Value(site) = told.site else {
        panic!("{:?}", told.site)
    };
    assert_eq!(site.code, "LON-014");
    assert_eq!(site.parent_code, Told::Null);
    assert_eq!(site.name, value("14 Canal Wharf"));
    assert_eq!(site.address, Told::Value(body["Site"]["Address"].clone()));
    assert_eq!(site.latitude, Told::Value(51.5049));
    assert_eq!(site.longitude, Told::Value(-0.0197));
}

#[test]
fn a_description_needs_only_tenant_and_identifier() {
    let bare = json!({"Tenant": "T", "TaskIdentifier": "f5e99171-db8a-42f5-9822-1385f055f42c"});
    let told = created(&bare);
    assert_eq!(told.reference, Told::Absent);
    assert_eq!(told.status, Told::Absent);
    assert_eq!(told.site, Told::Absent);
    assert_eq!(told.raw, bare.to_string());
}

#[test]
fn names_are_read_wherever_they_stand() {
    let flat = json!({
        "Tenant": "T", "TaskIdentifier": "f5e99171-db8a-42f5-9822-1385f055f42c",
        "SiteCode": "S", "ParentCode": "P", "Name": "Room", "Address": {"Town": "X"},
        "Location": {"Latitude": "51.5", "Longitude": 200}, "Status": {"Name": "Open", "Id": 4},
        "Supplier": {"Name": "Northside"},
    });
    let told = created(&flat);
    assert_eq!(told.status, value("Open"));
    assert_eq!(told.supplier, value("Northside"));
    let Told::Value(site) = told.site else {
        panic!("{:?}", told.site)
    };
    assert_eq!((site.code.as_str(), site.parent_code), ("S", value("P")));
    assert_eq!(
        (site.name, site.latitude),
        (value("Room"), Told::Value(51.5))
    );
    assert_eq!(site.longitude, Told::Absent);
    assert_eq!(
        flags(Operation::TaskCreated, &flat),
        ["$.Location.Longitude: Expected degrees between -180 and 180; found 200."]
    );
    let nested = json!({
        "Tenant": "T", "TaskIdentifier": "f5e99171-db8a-42f5-9822-1385f055f42c",
        "Name": "The task", "SiteCode": null,
        "Site": {"SiteCode": "S", "Name": "Room", "Status": "Open", "TaskReference": 7, "Latitude": 1},
    });
    let told = created(&nested);
    assert_eq!((told.status, told.reference), (value("Open"), value("7")));
    let Told::Value(site) = told.site else {
        panic!("{:?}", told.site)
    };
    assert_eq!((site.code.as_str(), site.name), ("S", value("Room")));
    assert_eq!(site.latitude, Told::Value(1.0));
}

#[test]
fn a_null_site_code_or_site_says_that_there_is_none() {
    let told = |changes: Value| {
        let mut body =
            json!({"Tenant": "T", "TaskIdentifier": "f5e99171-db8a-42f5-9822-1385f055f42c"});
        body.as_object_mut()
            .unwrap()
            .append(&mut changes.as_object().unwrap().clone());
        description(Operation::TaskChanged, &body).site
    };
    for null in [
        json!({"SiteCode": null}),
        json!({"Site": null}),
        json!({"Site": {"SiteCode": null, "Name": "Room"}}),
        json!({"Task": {"Site": null}}),
        json!({"SiteCode": null, "Site": {"Name": "Room"}}),
    ] {
        assert_eq!(told(null.clone()), Told::Null, "{null}");
    }
    for absent in [
        json!({}),
        json!({"SiteCode": ""}),
        json!({"Site": {}}),
        json!({"Site": "Room"}),
    ] {
        assert_eq!(told(absent.clone()), Told::Absent, "{absent}");
    }
    let both = told(json!({"SiteCode": null, "Site": {"SiteCode": "S"}}));
    assert!(matches!(both, Told::Value(_)), "{both:?}");
}

#[test]
fn odd_optional_members_of_a_description_are_flagged_and_absent() {
    let body = with(
        CREATED,
        &[
            ("IsAssetAvailable", json!("perhaps")),
            ("Assets", json!({})),
            ("Workflow", json!([])),
            ("Status", json!({"Id": 4})),
            ("ExternalIdentifier", json!("x".repeat(256))),
            ("CreatedDateTimeUtc", json!("soon")),
            ("Site", json!("LON-014")),
        ],
    );
    let told = created(&body);
    assert_eq!(told.is_asset_available, Told::Absent);
    assert_eq!(told.assets, Told::Absent);
    assert_eq!(told.workflow, Told::Absent);
    assert_eq!(told.status, Told::Absent);
    let Told::Value(code) = told.external_identifier else {
        panic!("{:?}", told.external_identifier)
    };
    assert_eq!(code.len(), 255);
    assert_eq!(told.site, Told::Absent);
    assert_eq!(flags(Operation::TaskCreated, &body).len(), 7);
}

#[test]
fn a_modification_time_goes_before_the_signed_time_and_the_creation_is_none() {
    let at = "2020-05-29T10:00:00.1234567Z";
    let changed = |changes: &[(&str, Value)]| {
        let body = with(CREATED, changes);
        let told = description(Operation::TaskChanged, &body);
        (told.as_of, fact(Operation::TaskChanged, &body).occurred_at)
    };
    assert_eq!(changed(&[]), (signed(), signed()));
    let cut = time("2020-05-29T10:00:00.123456Z");
    assert_eq!(
        changed(&[("LastModifiedDateTimeUtc", json!(at))]),
        (cut, cut)
    );
    let mut uncreated = without(CREATED, "CreatedDateTimeUtc");
    uncreated["ModifiedDateTimeUtc"] = json!(at);
    assert_eq!(fact(Operation::TaskCreated, &uncreated).occurred_at, cut);
}

#[test]
fn descriptions_are_told_apart_by_operation_content_and_time() {
    let body = with(CREATED, &[]);
    let id = |operation, body: &Value, signed_at| {
        let body = body.to_string();
        let arrived = Utc::now();
        decode(operation, body.as_bytes(), signed_at, arrived, 0)
            .unwrap()
            .facts[0]
            .1
            .id
    };
    let one = id(Operation::TaskChanged, &body, Some(signed()));
    assert_eq!(id(Operation::TaskChanged, &body, Some(signed())), one);
    assert_ne!(id(Operation::TaskCreated, &body, Some(signed())), one);
    assert_ne!(
        id(
            Operation::TaskChanged,
            &body,
            Some(time("2020-05-29T11:00:01Z"))
        ),
        one
    );
    assert_ne!(
        id(
            Operation::TaskChanged,
            &with(CREATED, &[("Extra", json!(1))]),
            Some(signed())
        ),
        one
    );
    let dated = with(
        CREATED,
        &[("ModifiedDateTimeUtc", json!("2020-05-29T10:00:00Z"))],
    );
    assert_eq!(
        id(Operation::TaskChanged, &dated, Some(signed())),
        id(Operation::TaskChanged, &dated, None)
    );
    // Without any time a repeat is still a repeat, whenever it comes.
    assert_eq!(
        id(Operation::TaskChanged, &body, None),
        id(Operation::TaskChanged, &body, None)
    );
}

#[test]
fn raw_is_the_body_as_sent_without_nul() {
    let body = r#"{ "Tenant":"T", "TaskIdentifier":"f5e99171-db8a-42f5-9822-1385f055f42c", "X":"a\u0000b", "X":1.50 }"#;
    let content = decode(
        Operation::TaskCreated,
        body.as_bytes(),
        Some(signed()),
        signed(),
        0,
    )
    .unwrap();
    let What::Description(told) = &content.facts[0].1.what else {
        panic!()
    };
    assert_eq!(told.raw, body.replace("\\u0000", "\\ufffd"));
}
