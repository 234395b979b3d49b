//! An estate of several owners. Every text that the platforms tell begins with whose it is, `«A1,T1» …`: it may be shown
//! to whoever holds the building A1 or the tenant T1. Ids take their owners from such a text of their row.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use caretaker::config::{Place, Property, UrgentSite};
use caretaker::domain::database::Database;
use caretaker::domain::id::{self, SiteKey};
use caretaker::domain::refusal::Refusals;
use caretaker::domain::scope::{Claims, Scope, Viewer};
use caretaker::domain::wake::Wake;
use caretaker::feed::{self, Tail};
use caretaker::graphql::limits::Limits;
use caretaker::graphql::{Schema, request, to_json};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::client::Call;
use crate::support::payload::{START, description, event, guid, with};
use crate::support::{TestDatabase, TestServer};

/// Whose something is.
pub type Owners = BTreeSet<String>;

/// `«A1,T1» what`
pub fn of(owners: &str, what: &str) -> String {
    format!("«{owners}» {what}")
}

/// All owners that a text names, one set for each mark.
pub fn marks(text: &str) -> impl Iterator<Item = Owners> {
    text.split('«').skip(1).filter_map(|rest| {
        let (owners, _) = rest.split_once('»')?;
        Some(owners.split(',').map(str::to_owned).collect())
    })
}

fn owners(text: Option<&str>) -> Owners {
    let first = text.and_then(|text| marks(text).next());
    first.unwrap_or_else(|| panic!("no owners in {text:?}"))
}

/// The names of the tenants: whoever sees one of their tasks sees the name.
pub const T1: &str = "«T1,A1,U1» tenant";
pub const T2: &str = "«T2,A1,U2,D1» tenant";

/// A thing with a global id.
#[derive(Clone, Debug)]
pub struct Thing {
    pub kind: &'static str,
    pub id: Uuid,
    pub owners: Owners,
}

impl Thing {
    pub fn global(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(format!("{}:{}", self.kind, self.id))
    }

    pub fn is_for(&self, viewer: &Narrow) -> bool {
        is_for(&self.owners, viewer)
    }
}

/// Whether one of the owners is the viewer.
pub fn is_for(owners: &Owners, viewer: &Narrow) -> bool {
    viewer.holds.is_none() && !owners.contains("OPERATOR")
        || owners
            .iter()
            .any(|owner| viewer.holds.iter().flatten().any(|held| held == owner))
}

/// A viewer who is no operator.
#[derive(Clone, Debug)]
pub struct Narrow {
    pub name: &'static str,
    /// Whose things it may see; everybody's when none are named.
    pub holds: Option<Vec<&'static str>>,
    pub scope: Scope,
}

impl Narrow {
    fn new(name: &'static str, holds: &[&'static str], claims: Claims) -> Self {
        Self {
            name,
            holds: Some(holds.to_vec()),
            scope: Scope::Claims(Arc::new(claims)),
        }
    }

    pub fn viewer(&self) -> Viewer {
        Viewer {
            name: self.name.to_owned(),
            scope: self.scope.clone(),
            expires_at: None,
        }
    }
}

fn matrix(building: &str) -> SiteKey {
    SiteKey::matrix(&of(building, "code"))
}

/// A viewer of each kind.
pub fn viewers() -> Vec<Narrow> {
    let building = |name: &str| [matrix(name).building()].into();
    let property = |name: &str| [id::property(&code_of_property(name))].into();
    let tenant = |name: &str| [name.to_owned()].into();
    let none = Claims::default;
    vec![
        Narrow::new("nobody", &[], none()),
        Narrow::new(
            "a building",
            &["A1"],
            Claims {
                buildings: building("A1"),
                ..none()
            },
        ),
        Narrow::new(
            "a linked building",
            &["D1"],
            Claims {
                buildings: building("D1"),
                ..none()
            },
        ),
        Narrow::new(
            "a building of Urgent",
            &["U1"],
            Claims {
                buildings: [SiteKey::urgent(T1, "s2").building()].into(),
                ..none()
            },
        ),
        Narrow::new(
            "a property",
            &["P1", "A1", "A2"],
            Claims {
                properties: property("P1"),
                ..none()
            },
        ),
        Narrow::new(
            "a tenant",
            &["T1"],
            Claims {
                tenants: tenant(T1),
                ..none()
            },
        ),
        Narrow::new(
            "another tenant",
            &["T2"],
            Claims {
                tenants: tenant(T2),
                ..none()
            },
        ),
        Narrow::new(
            "a union",
            &["P2", "B1", "C1", "T2"],
            Claims {
                properties: property("P2"),
                buildings: building("C1"),
                tenants: [T2.to_owned(), String::new()].into(),
            },
        ),
        Narrow {
            name: "all",
            holds: None,
            scope: Scope::All,
        },
    ]
}

/// The code of a property: every event of its buildings names it.
fn code_of_property(name: &str) -> String {
    match name {
        "P1" => of("P1,A1,A2", "property"),
        other => of(&format!("{other},B1"), "property"),
    }
}

/// The estate, told to a real server, and a schema on its database that takes any viewer.
pub struct Estate {
    pub database: Database,
    pub things: Vec<Thing>,
    /// The feed: ids in order, each with whom the feed shows it to.
    pub feed: Vec<(Uuid, Owners)>,
    /// What is asked.
    pub schema: Schema,
    _wake: Wake,
}

impl Estate {
    pub async fn build(test: &TestDatabase) -> anyhow::Result<Self> {
        let server = TestServer::start_with(test, |config| {
            config.places = Some(places());
            let named = |name: &str| Property {
                matrix: code_of_property(name),
                name: of(name, "estate"),
            };
            config.properties = vec![named("P1"), named("P2")];
        })
        .await?;
        tell(&server).await?;
        server.stop().await?;
        let database = Database::open(test.url(), 2).await?;
        let (wake, wakes) = Wake::new();
        let settings = feed::Settings {
            poll: Duration::from_millis(50),
            buffer: 64,
            heartbeat: Duration::from_millis(50),
        };
        let (tail, _) = Tail::start(database.readers.clone(), wakes, settings).await?;
        let limits = Limits {
            document_bytes: usize::MAX,
            tokens: usize::MAX,
            depth: 100,
            cost: usize::MAX,
            fields: usize::MAX,
            timeout: Duration::from_secs(60),
            ..Limits::default()
        };
        let refusals = Arc::new(Refusals::default());
        let bus = of("OPERATOR", "bus");
        refusals.expect(entity::Source::Matrix, [bus.as_str()]);
        let schema = Schema::new(
            database.readers.clone(),
            Some(tail),
            None,
            None,
            Some(refusals),
            limits,
        );
        let buildings = buildings(&database).await?;
        Ok(Self {
            things: things(&database, &buildings).await?,
            feed: filed(&database, &buildings).await?,
            database,
            schema,
            _wake: wake,
        })
    }

    /// The whole answer.
    pub async fn ask(&self, viewer: Viewer, query: &str, variables: Value) -> Value {
        let request = request(query.to_owned(), None, variables);
        let response = self.schema.execute(request, viewer, Uuid::nil()).await;
        serde_json::from_str(&to_json(&response)).unwrap()
    }

    /// The data of an answer without errors, with nothing in it that is not the viewer's.
    pub async fn data(&self, viewer: &Narrow, query: &str, variables: Value) -> Value {
        let mut answer = self.ask(viewer.viewer(), query, variables).await;
        assert!(
            answer.get("errors").is_none(),
            "{} {query}\n{answer:#}",
            viewer.name
        );
        self.inspect(viewer, query, &answer);
        answer["data"].take()
    }

    pub fn stream(
        &self,
        viewer: &Narrow,
        query: &str,
        variables: Value,
    ) -> BoxStream<'static, Value> {
        let request = request(query.to_owned(), None, variables);
        let stream = self
            .schema
            .execute_stream(request, viewer.viewer(), Uuid::nil());
        stream
            .map(|response| serde_json::from_str(&to_json(&response)).unwrap())
            .boxed()
    }

    /// Fails on any text or id in `answer` that is not the viewer's, also inside cursors and ids.
    pub fn inspect(&self, viewer: &Narrow, asked: &str, answer: &Value) {
        let mut text = String::new();
        open(answer, &mut text);
        let strange = marks(&text).find(|owners| !is_for(owners, viewer));
        let asked = asked.get(..300).unwrap_or(asked);
        assert!(
            strange.is_none(),
            "{}: a text of {strange:?} through {asked}\n{answer:#}",
            viewer.name
        );
        for thing in self.things.iter().filter(|thing| !thing.is_for(viewer)) {
            let id = thing.id.to_string();
            assert!(
                !text.contains(&id),
                "{}: the id of {thing:?} through {asked}\n{answer:#}",
                viewer.name
            );
        }
    }

    pub async fn close(self) {
        drop(self.schema);
        self.database.close().await;
    }
}

/// All texts of a value, line by line, and what they hold when they are opaque.
fn open(value: &Value, text: &mut String) {
    match value {
        Value::String(word) => {
            let inside = BASE64_URL_SAFE_NO_PAD.decode(word).ok();
            let inside = inside.and_then(|bytes| String::from_utf8(bytes).ok());
            for word in [Some(word.clone()), inside].into_iter().flatten() {
                text.push_str(&word);
                text.push('\n');
            }
        }
        Value::Array(items) => items.iter().for_each(|item| open(item, text)),
        Value::Object(members) => members.values().for_each(|member| open(member, text)),
        other => text.push_str(&other.to_string()),
    }
}

fn places() -> Vec<Place> {
    let place = |owners: &str, building: &str, tenants: &[&str]| Place {
        name: of(owners, "building"),
        matrix: vec![of(building, "code")],
        urgent: tenants
            .iter()
            .map(|tenant| UrgentSite {
                tenant: (*tenant).to_owned(),
                site: "s1".to_owned(),
            })
            .collect(),
    };
    vec![
        place("A1,T1,T2", "A1", &[T1, T2]),
        place("A2", "A2", &[]),
        place("B1", "B1", &[]),
        place("C1", "C1", &[]),
    ]
}

/// The TaskId of the incident of a building.
fn code(building: &str) -> String {
    format!("70{}", building.bytes().map(u32::from).sum::<u32>())
}

/// What Matrix tells of a building: an incident, a task, zones, a level, a shift.
fn of_building(owner: &str, property: Option<&str>) -> Vec<Value> {
    let mark = |what: &str| of(owner, what);
    let at = |name: &str, second: i64, meta: Value| {
        let place = json!({
            "Zone": mark("zone"), "ZoneName": mark("zone name"), "Level": mark("level"), "LevelName": mark("level name"),
        });
        let told = event(name, second, with(place, meta));
        let entity = property.map_or_else(|| mark("organisation"), code_of_property);
        let kind = if property.is_some() {
            "property"
        } else {
            "organisation"
        };
        with(
            told,
            json!({
                "ID": mark("code"), "Principal": mark("code"), "Entity": entity, "EType": kind,
                "ATTR": mark(name), "Description": mark("what happened"),
            }),
        )
    };
    let work = |task: &str, status: &str| {
        json!({
            "AEnd": 0, "AStart": 0, "By": mark("by"), "End": START + 900, "EscalationLevel": "L1",
            "Name": mark("work"), "Priority": "H", "SourceDeviceIdentifier": [mark("sensor")],
            "Start": START, "Status": status, "TaskId": task,
        })
    };
    vec![
        at(
            "INCIDENT_CREATED_OPEN",
            0,
            work(&code(owner), "NOT_ASSIGNED"),
        ),
        at("INCIDENT_ESCALATED", 10, work(&code(owner), "ASSIGNED")),
        at("TASK_STARTED", 20, work(&mark("task"), "STARTED")),
        at(
            "ZONE_STATUS_MODIFIED",
            30,
            json!({"Status": mark("zone status")}),
        ),
        at(
            "ZONE_REMOVED",
            40,
            json!({"Zone": mark("old zone"), "ZoneName": mark("old zone name")}),
        ),
        at(
            "LEVEL_NAME_MODIFIED",
            50,
            json!({"LevelName": mark("new level name")}),
        ),
        at("SHIFT_ABSENT", 60, json!({"Who": mark("who")})),
    ]
}

/// An Urgent task: whose it is, its tenant, and where it stands.
struct Work {
    owners: &'static str,
    tenant: &'static str,
    number: u32,
    site: Option<Value>,
    external: Option<String>,
}

impl Work {
    fn named(&self) -> Value {
        json!({
            "Tenant": self.tenant, "TaskReference": self.number, "TaskIdentifier": guid(self.number),
        })
    }

    fn description(&self) -> Value {
        let mark = |what: &str| of(self.owners, what);
        let told = json!({
            "Site": self.site, "ExternalIdentifier": self.external, "Description": mark("description"),
            "InitiatorName": mark("initiator"), "Supplier": mark("supplier"), "Workflow": mark("workflow"),
            "ServiceLevel": mark("level of service"), "MatrixItemCode": mark("category"),
            "DefectSource": mark("source"), "Chargeability": mark("who pays"), "Status": mark("dispatched"),
            "CustomFields": [{"Name": mark("question"), "Answer": mark("answer")}], "Relate": [{"Of": mark("related")}],
        });
        with(with(description(), self.named()), told)
    }

    fn status(&self) -> Value {
        let mark = |what: &str| of(self.owners, what);
        with(
            self.named(),
            json!({
                "StatusChangeIdentifier": guid(1000 + self.number), "StatusChangeDateTimeUtc": "2023-06-15T02:00:00Z",
                "Status": mark("attended"), "Note": mark("note of a status"),
                "TaskCompliance": [{"Name": mark("safe"), "Answer": mark("yes")}],
                "AssetDowntime": {"Reason": mark("bulb"), "IsAssetBackUp": true},
            }),
        )
    }

    fn note(&self) -> Value {
        with(
            self.named(),
            json!({
                "NoteIdentifier": guid(2000 + self.number), "Note": of(self.owners, "note"),
                "NoteDateTimeUtc": "2023-06-15T03:00:00Z",
            }),
        )
    }

    fn chase(&self) -> Value {
        with(
            self.named(),
            json!({
                "ChaseIdentifier": guid(3000 + self.number), "Note": of(self.owners, "chase"),
                "ChasedDateTimeUtc": "2023-06-15T04:00:00Z",
            }),
        )
    }
}

fn site(code: &str, parent: Option<&str>, owners: &str) -> Value {
    json!({
        "SiteCode": code, "ParentCode": parent, "Name": of(owners, "site"),
        "Address": {"Line1": of(owners, "address")}, "Location": {"Latitude": 51.5, "Longitude": -0.1},
    })
}

fn works() -> Vec<Work> {
    let work = |owners, tenant, number, site, external: Option<&str>| Work {
        owners,
        tenant,
        number,
        site,
        external: external.map(code),
    };
    // An address of a place is for whoever's tasks stand in it, whoever told it.
    let s1 = || Some(site("s1", None, "A1,T1,T2"));
    let sub = Some(site("s2-sub", Some("s2"), "U1,T1"));
    vec![
        // For an incident that is in another building.
        work("A1,T1", T1, 11, s1(), Some("B1")),
        work("A1,T1", T1, 12, s1(), Some("A1")),
        work("U1,T1", T1, 13, sub, None),
        work("T1", T1, 14, None, None),
        work("A1,T2", T2, 21, s1(), None),
        work("U2,T2", T2, 22, Some(site("s2", None, "U2,T2")), None),
        work("T2", T2, 23, None, Some("C1")),
        work("D1,T2", T2, 24, Some(site("s9", None, "D1,T2")), None),
    ]
}

/// Tells the whole story, with what was known late and what moved.
async fn tell(server: &TestServer) -> anyhow::Result<()> {
    for (owner, property) in [
        ("A1", Some("P1")),
        ("A2", Some("P1")),
        ("B1", Some("P2")),
        ("C1", None),
    ] {
        server.push(json!(of_building(owner, property))).await?;
    }
    let published = with(
        event(
            "SHIFTS_PUBLISHED",
            70,
            json!({"Who": of("P1", "everybody")}),
        ),
        json!({
            "ID": code_of_property("P1"), "Principal": code_of_property("P1"), "PType": "property",
            "Entity": "estate", "EType": "organisation", "Description": of("P1", "shifts"),
        }),
    );
    server.push(json!([published])).await?;
    for work in works() {
        // The status comes first: then the task has no place yet.
        server.tell(Call::StatusChanged, work.status()).await?;
        server.tell(Call::TaskCreated, work.description()).await?;
        server.tell(Call::NoteAdded, work.note()).await?;
        server.tell(Call::TaskChased, work.chase()).await?;
        let changed = with(
            work.description(),
            json!({"Description": of(work.owners, "changed")}),
        );
        server.tell(Call::TaskChanged, changed).await?;
    }
    // It was in A1 and went to U1.
    let before = Work {
        owners: "A1,U1,T1",
        tenant: T1,
        number: 15,
        site: Some(site("s1", None, "A1,T1,T2")),
        external: None,
    };
    server.tell(Call::TaskCreated, before.description()).await?;
    let after = Work {
        owners: "U1,T1",
        site: Some(site("s2", None, "U1,T1")),
        ..before
    };
    server.tell(Call::TaskChanged, after.description()).await?;
    server.tell(Call::NoteAdded, after.note()).await?;
    for (owners, tenant, number) in [("T1", T1, 91), ("T2", T2, 92)] {
        let lost = Work {
            owners,
            tenant,
            number,
            site: None,
            external: None,
        };
        let nameless = with(lost.note(), json!({"TaskIdentifier": null}));
        server.tell(Call::NoteAdded, nameless).await?;
    }
    // What cannot be understood is for operators.
    let wrong = with(
        of_building("A1", None).swap_remove(0),
        json!({"Meta": {"TaskId": {"no": of("OPERATOR", "id")}}}),
    );
    let wrong = with(
        wrong,
        json!({"ATTR": of("OPERATOR", "wrong"), "Description": of("OPERATOR", "wrong")}),
    );
    server.matrix(json!([wrong])).await?;
    link(server).await
}

/// A building of Matrix turns out to be a site of Urgent's that was a building of its own.
async fn link(server: &TestServer) -> anyhow::Result<()> {
    server.push(json!(of_building("D1", None))).await?;
    let places = json!([
        {"source": "MATRIX", "code": of("D1", "code")}, {"source": "URGENT", "tenant": T2, "code": "s9"}
    ]);
    let mutation = "mutation($places: [PlaceKey!]!, $name: String) { linkPlaces(places: $places, name: $name) { id } }";
    let variables = json!({"places": places, "name": of("D1,T2", "building")});
    server.graphql(mutation, variables).await?;
    Ok(())
}

/// By id, the building's own mark first.
async fn buildings(database: &Database) -> anyhow::Result<BTreeMap<Uuid, (String, Owners)>> {
    let rows = entity::building::Entity::find()
        .all(&database.readers)
        .await?;
    let own = |name: &str| {
        name.trim_start_matches('«')
            .get(..2)
            .unwrap_or_default()
            .to_owned()
    };
    Ok(rows
        .into_iter()
        .map(|row| (row.id.0, (own(&row.name), owners(Some(&row.name)))))
        .collect())
}

async fn things(
    database: &Database,
    buildings: &BTreeMap<Uuid, (String, Owners)>,
) -> anyhow::Result<Vec<Thing>> {
    let readers = &database.readers;
    let mut things = Vec::new();
    let mut add = |kind, id: Uuid, owners: Owners| things.push(Thing { kind, id, owners });
    for (id, (_, owners)) in buildings {
        add("Building", *id, owners.clone());
    }
    macro_rules! add_all {
        ($($kind:literal = $noun:ident by $text:ident,)+) => {$(
            for row in entity::$noun::Entity::find().all(readers).await? {
                let text: Option<String> = row.$text.into();
                add($kind, row.id.0, owners(text.as_deref()));
            }
        )+};
    }
    add_all! {
        "Property" = property by name,
        "Zone" = zone by name,
        "Level" = level by name,
        "Incident" = incident by name,
        "StatusChange" = status_change by note,
        "Note" = note by text,
        "Chase" = chase by text,
    }
    for row in entity::task::Entity::find().all(readers).await? {
        let text = row.supplier.or(row.name);
        add("Task", row.id.0, owners(text.as_deref()));
    }
    let operators = || Owners::from(["OPERATOR".to_owned()]);
    for row in entity::delivery::Entity::find().all(readers).await? {
        add("Delivery", row.id.0, operators());
    }
    for row in entity::quarantine::Entity::find().all(readers).await? {
        add("QuarantinedElement", row.id.0, operators());
    }
    // An activity is also for those in whose building its place or its task turned out to be.
    let places = entity::site::Entity::find().all(readers).await?;
    let places: BTreeMap<Uuid, Uuid> = places
        .iter()
        .map(|row| (row.id.0, row.building_id.0))
        .collect();
    let tasks = entity::task::Entity::find().all(readers).await?;
    let tasks: BTreeMap<Uuid, Option<Uuid>> = tasks
        .iter()
        .map(|row| (row.id.0, row.building_id.map(|id| id.0)))
        .collect();
    let own = |building: Option<Uuid>| Some(buildings.get(&building?)?.0.clone());
    let properties = properties(database).await?;
    for row in entity::activity::Entity::find().all(readers).await? {
        let mut owners = filed_owners(&row, buildings, &properties);
        let place = row.site_id.and_then(|site| places.get(&site.0)).copied();
        let task = row
            .task_id
            .and_then(|task| tasks.get(&task.0))
            .copied()
            .flatten();
        for building in [place, task] {
            owners.extend(own(building));
            let property = match building {
                Some(building) => {
                    entity::building::Entity::find_by_id(entity::BuildingId(building))
                        .one(readers)
                        .await?
                }
                None => None,
            };
            let property = property.and_then(|building| building.property_id);
            owners.extend(
                property
                    .and_then(|property| properties.get(&property.0))
                    .cloned(),
            );
        }
        add("Activity", row.id.0, owners);
    }
    Ok(things)
}

async fn properties(database: &Database) -> anyhow::Result<BTreeMap<Uuid, String>> {
    let rows = entity::property::Entity::find()
        .all(&database.readers)
        .await?;
    let own = |row: entity::property::Model| {
        let owner = owners(row.name.as_deref()).pop_first();
        (row.id.0, owner.unwrap_or_default())
    };
    Ok(rows.into_iter().map(own).collect())
}

fn filed_owners(
    row: &entity::activity::Model,
    buildings: &BTreeMap<Uuid, (String, Owners)>,
    properties: &BTreeMap<Uuid, String>,
) -> Owners {
    let building = row.building_id.and_then(|id| buildings.get(&id.0));
    let property = row.property_id.and_then(|id| properties.get(&id.0));
    let tenant = row
        .tenant
        .as_deref()
        .map(|tenant| if tenant == T1 { "T1" } else { "T2" });
    let mut owners = Owners::new();
    owners.extend(building.map(|(own, _)| own.clone()));
    owners.extend(property.cloned());
    owners.extend(tenant.map(str::to_owned));
    owners
}

async fn filed(
    database: &Database,
    buildings: &BTreeMap<Uuid, (String, Owners)>,
) -> anyhow::Result<Vec<(Uuid, Owners)>> {
    use sea_orm::QueryOrder;
    let rows = entity::activity::Entity::find()
        .order_by_asc(entity::activity::Column::Seq)
        .all(&database.readers)
        .await?;
    let properties = properties(database).await?;
    Ok(rows
        .iter()
        .map(|row| (row.id.0, filed_owners(row, buildings, &properties)))
        .collect())
}
