//! "Task created" and "task changed": the "Read Task" JSON, whose full shape is not public. Known names are read
//! wherever they stand, anything else stays in `raw`; only tenant and identifier are required.

use chrono::{DateTime, Utc};
use entity::{ActivityKind, Operation, Source};
use serde_json::Value;
use uuid::Uuid;

use super::call::{self, Call, REFERENCE, over_long};
use crate::domain::fact::{Description, Fact, SiteDescription, Told, What};
use crate::domain::id;
use crate::ingest::flag::Flags;
use crate::ingest::member::{self, Members, Wrong, bounded, indexable, scalar, tolerate, wrong};
use crate::ingest::{body, canonical, time};

/// Where a modification time may stand. `CreatedDateTimeUtc` is none.
const MODIFIED: [&str; 6] = [
    "ModifiedDateTimeUtc",
    "LastModifiedDateTimeUtc",
    "UpdatedDateTimeUtc",
    "LastUpdatedDateTimeUtc",
    "ChangedDateTimeUtc",
    "LastChangedDateTimeUtc",
];

impl Call<'_> {
    /// The fact that a description tells.
    pub(super) fn described(&self, flags: &mut Flags) -> Result<Fact, Wrong> {
        let places = self.places(flags);
        let tenant = call::tenant(holder(&places, "Tenant"), flags)?;
        let named = call::guid(holder(&places, "TaskIdentifier"), "TaskIdentifier");
        let identifier = match named {
            Ok(identifier) => identifier,
            Err(wrong) => {
                // Asked for only where it has to stand in: a description may leave it out.
                let instead = holder(&places, "TaskReference");
                let Ok(reference) = instead.required_code("TaskReference", REFERENCE, flags) else {
                    return Err(wrong);
                };
                return Ok(self.nameless(&places, tenant, reference, wrong, flags));
            }
        };
        let Dated {
            known,
            as_of,
            occurred_at,
        } = self.dated(&places, flags);
        let is_change = self.operation == Operation::TaskChanged;
        let key = (
            Source::Urgent,
            self.operation,
            &tenant,
            &identifier,
            canonical::hash(self.body),
            known.map(|at| at.timestamp_micros()),
        );
        Ok(Fact {
            id: id::activity(&key),
            kind: if is_change {
                ActivityKind::TaskChanged
            } else {
                ActivityKind::TaskCreated
            },
            occurred_at,
            content: 0,
            data: None,
            what: What::Description(Box::new(
                self.description(places, tenant, identifier, is_change, as_of, flags),
            )),
        })
    }

    /// A description that names its task by the reference only.
    fn nameless(
        &self,
        places: &[Members<'_>],
        tenant: String,
        reference: String,
        wrong: Wrong,
        flags: &mut Flags,
    ) -> Fact {
        flags.raise(
            &wrong.path,
            format_args!("{} The reference counts.", wrong.reason),
        );
        let dated = self.dated(places, flags);
        self.stray(tenant, Some(reference), dated.occurred_at, dated.known)
    }

    fn dated(&self, places: &[Members<'_>], flags: &mut Flags) -> Dated {
        let modified = MODIFIED.iter().filter_map(|name| time(places, name, flags));
        let known = modified.max().or(self.signed_at);
        let created = time(places, "CreatedDateTimeUtc", flags);
        // A fact must not depend on when it came: arrival stands in only where nothing else is told.
        let is_change = self.operation == Operation::TaskChanged;
        let by_creation = created.filter(|_| !is_change);
        let as_of = known.or(by_creation).unwrap_or_else(|| {
            flags.raise(
                "$",
                "neither a modification time nor a signed time; its arrival counts",
            );
            self.received_at
        });
        Dated {
            known,
            as_of,
            occurred_at: by_creation.unwrap_or(as_of),
        }
    }

    /// Where known names may stand: at the top, in a `Task` around them, in the `Site`. Never empty.
    fn places(&self, flags: &mut Flags) -> Vec<Members<'_>> {
        // A task around the others would be an object; its name as a text is no place.
        let task = match self.members.get("Task") {
            Some(Value::Object(_)) => inside(&self.members, "Task", flags),
            _ => None,
        };
        let site = inside(&self.members, "Site", flags).or_else(|| {
            let task = task.as_ref()?;
            inside(task, "Site", flags)
        });
        [Some(self.members.clone()), task, site]
            .into_iter()
            .flatten()
            .collect()
    }

    fn description(
        &self,
        places: Vec<Members<'_>>,
        tenant: String,
        identifier: String,
        is_change: bool,
        as_of: DateTime<Utc>,
        flags: &mut Flags,
    ) -> Description {
        let mut read = Reader { places, flags };
        let status = read.indexed("Status");
        if let Told::Value(status) = &status {
            over_long(status, 100, "$.Status", read.flags);
        }
        Description {
            tenant,
            identifier,
            is_change,
            as_of,
            reference: read.code("TaskReference"),
            external_identifier: read.code("ExternalIdentifier"),
            initiator: read.text("InitiatorName"),
            description: read.text("Description"),
            defect_source: read.text("DefectSource"),
            category: read.text("MatrixItemCode"),
            chargeability: read.text("Chargeability"),
            workflow: read.text("Workflow"),
            service_level: read.text("ServiceLevel"),
            supplier: read.text("Supplier"),
            assets: read.assets(),
            is_asset_available: read.boolean("IsAssetAvailable"),
            custom_fields: read.json("CustomFields"),
            related: read.json("Relate"),
            status,
            site: read.site(),
            raw: body::mend(self.raw, true).0.into_owned(),
        }
    }
}

/// The times of a description.
struct Dated {
    /// Its modification time, else the signed time: part of what it is.
    known: Option<DateTime<Utc>>,
    /// Its place among the descriptions of its task.
    as_of: DateTime<Utc>,
    /// When what it tells of happened.
    occurred_at: DateTime<Utc>,
}

fn inside<'v>(members: &Members<'v>, name: &str, flags: &mut Flags) -> Option<Members<'v>> {
    tolerate(members.object(name), flags)
}

/// The place that tells a member; the top where none does.
fn holder<'p, 'v>(places: &'p [Members<'v>], name: &str) -> &'p Members<'v> {
    let told = places.iter().find(|place| place.get(name).is_some());
    told.unwrap_or(&places[0])
}

fn time(places: &[Members<'_>], name: &str, flags: &mut Flags) -> Option<DateTime<Utc>> {
    let place = holder(places, name);
    let told = place.get(name)?;
    let time = time::date_time(told.as_str().unwrap_or_default());
    time.inspect_err(|expected| {
        let odd = place.wrong(name, expected);
        flags.raise(&odd.path, odd.reason);
    })
    .ok()
}

/// Reads members wherever they stand, first one place, then the next. What cannot be read is flagged and counts as absent.
struct Reader<'r, 'v> {
    places: Vec<Members<'v>>,
    flags: &'r mut Flags,
}

impl<'v> Reader<'_, 'v> {
    /// A value told in any place goes before a null told in another.
    fn find(&self, name: &str) -> (String, Told<&'v Value>) {
        let mut found = (format!("$.{name}"), Told::Absent);
        for place in &self.places {
            match place.told(name) {
                Told::Value(value) => return (place.path(name), Told::Value(value)),
                Told::Null if found.1 == Told::Absent => found = (place.path(name), Told::Null),
                _ => {}
            }
        }
        found
    }

    fn read<T>(
        &mut self,
        name: &str,
        expected: &str,
        read: impl FnOnce(&'v Value, &str, &mut Flags) -> Option<T>,
    ) -> Told<T> {
        match self.find(name) {
            (_, Told::Absent) => Told::Absent,
            (_, Told::Null) => Told::Null,
            (path, Told::Value(value)) => match read(value, &path, self.flags) {
                Some(read) => Told::Value(read),
                None => {
                    let odd = wrong(path, expected, Some(value));
                    self.flags.raise(&odd.path, odd.reason);
                    Told::Absent
                }
            },
        }
    }

    /// A text, or an object with a `Name`.
    fn text(&mut self, name: &str) -> Told<String> {
        self.read(name, "a text, or an object with a Name", |value, _, _| {
            name_or_text(value)
        })
    }

    fn indexed(&mut self, name: &str) -> Told<String> {
        self.read(
            name,
            "a text, or an object with a Name",
            |value, path, flags| Some(indexable(name_or_text(value)?, path, flags)),
        )
    }

    /// A text by which things are found.
    fn code(&mut self, name: &str) -> Told<String> {
        self.read(name, "a number or a text", |value, path, flags| {
            Some(bounded(scalar(value)?, path, flags))
        })
    }

    fn boolean(&mut self, name: &str) -> Told<bool> {
        self.read(name, "true, false or null", |value, _, _| {
            member::boolean(value)
        })
    }

    fn json(&mut self, name: &str) -> Told<Value> {
        self.read(name, "JSON", |value, _, _| Some(value.clone()))
    }

    fn assets(&mut self) -> Told<Vec<String>> {
        self.read("Assets", "an array of GUIDs", |value, _, _| {
            let assets = value.as_array()?.iter().map(|asset| {
                let asset = scalar(asset)?;
                Some(match Uuid::try_parse(asset.trim()) {
                    Ok(guid) => guid.hyphenated().to_string(),
                    Err(_) => asset,
                })
            });
            assets.collect()
        })
    }

    fn degrees(&mut self, name: &str, most: f64) -> Told<f64> {
        let expected = format!("degrees between -{most} and {most}");
        self.read(name, &expected, |value, _, _| {
            let degrees = match value {
                Value::String(text) => text.trim().parse().ok()?,
                value => value.as_f64()?,
            };
            (-most..=most).contains(&degrees).then_some(degrees)
        })
    }

    /// The site; without a code there is nothing to tell of. A null says that there is none: that of the code, or of
    /// the object around it where no code is told at all.
    fn site(&mut self) -> Told<SiteDescription> {
        let code = match self.code("SiteCode") {
            Told::Value(code) if code.trim().is_empty() => return Told::Absent,
            Told::Value(code) => code,
            Told::Null => return Told::Null,
            Told::Absent => {
                return match self.find("Site").1 {
                    Told::Null => Told::Null,
                    Told::Value(_) | Told::Absent => Told::Absent,
                };
            }
        };
        // The site's own members go before those beside it: a task may come to have a Name, too.
        self.places.reverse();
        let (parent_code, name) = (self.code("ParentCode"), self.indexed("Name"));
        let address = self.json("Address");
        let (path, location) = self.find("Location");
        let (latitude, longitude) = match location {
            Told::Null => (Told::Null, Told::Null),
            Told::Absent => (
                self.degrees("Latitude", 90.0),
                self.degrees("Longitude", 180.0),
            ),
            Told::Value(value) => match Members::of(value, path) {
                Ok(location) => {
                    let mut inside = Reader {
                        places: vec![location],
                        flags: self.flags,
                    };
                    (
                        inside.degrees("Latitude", 90.0),
                        inside.degrees("Longitude", 180.0),
                    )
                }
                Err(wrong) => {
                    self.flags.raise(&wrong.path, wrong.reason);
                    (Told::Absent, Told::Absent)
                }
            },
        };
        self.places.reverse();
        Told::Value(SiteDescription {
            code,
            parent_code,
            name,
            address,
            latitude,
            longitude,
        })
    }
}

/// A text, or the `Name` of an object.
pub(super) fn name_or_text(value: &Value) -> Option<String> {
    match value {
        Value::Object(members) => members.get("Name").and_then(scalar),
        value => scalar(value),
    }
}
