//! What Urgent says: descriptions of tasks and of their sites, and the acts on them.

use chrono::{DateTime, Utc};
use entity::Version;
use entity::status_change::Compliance;
use serde_json::Value;

/// Whether a member of a description was there, and if so what it said.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Told<T> {
    /// Not mentioned.
    #[default]
    Absent,
    /// Explicitly null.
    Null,
    /// A value.
    Value(T),
}

impl<T> Told<T> {
    /// The same, with the value made into another.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Told<U> {
        match self {
            Self::Absent => Told::Absent,
            Self::Null => Told::Null,
            Self::Value(value) => Told::Value(make(value)),
        }
    }
}

/// The "Read Task" JSON of "task created" and "task changed".
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Description {
    /// Tenant.
    pub tenant: String,
    /// TaskIdentifier, lower case.
    pub identifier: String,
    /// Whether it came as "changed": then it overwrites, and explicit nulls write.
    pub is_change: bool,
    /// The payload's own modification time, else the signed time.
    pub as_of: DateTime<Utc>,
    /// TaskReference as text.
    pub reference: Told<String>,
    /// ExternalIdentifier.
    pub external_identifier: Told<String>,
    /// InitiatorName.
    pub initiator: Told<String>,
    /// Description.
    pub description: Told<String>,
    /// DefectSource.
    pub defect_source: Told<String>,
    /// MatrixItemCode.
    pub category: Told<String>,
    /// Chargeability.
    pub chargeability: Told<String>,
    /// Workflow.
    pub workflow: Told<String>,
    /// ServiceLevel.
    pub service_level: Told<String>,
    /// Supplier.
    pub supplier: Told<String>,
    /// Assets.
    pub assets: Told<Vec<String>>,
    /// IsAssetAvailable.
    pub is_asset_available: Told<bool>,
    /// CustomFields.
    pub custom_fields: Told<Value>,
    /// Relate.
    pub related: Told<Value>,
    /// Status, a name in the user's language.
    pub status: Told<String>,
    /// The site, where a site code is given; null where it is said that there is none.
    pub site: Told<SiteDescription>,
    /// The whole JSON as text.
    pub raw: String,
}

/// A site as an Urgent description gives it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SiteDescription {
    /// SiteCode.
    pub code: String,
    /// ParentCode.
    pub parent_code: Told<String>,
    /// Name.
    pub name: Told<String>,
    /// Address.
    pub address: Told<Value>,
    /// Location/Latitude, degrees north.
    pub latitude: Told<f64>,
    /// Location/Longitude, degrees east.
    pub longitude: Told<f64>,
}

/// An Urgent task as a call names it.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskName {
    /// Tenant.
    pub tenant: String,
    /// TaskIdentifier, lower case; null only in notes.
    pub identifier: Option<String>,
    /// TaskReference as text; one of the two is there.
    pub reference: Option<String>,
}

/// A call whose task is named by a reference only, where an identifier must be.
#[derive(Clone, Debug, PartialEq)]
pub struct Stray {
    /// Tenant.
    pub tenant: String,
    /// TaskReference as text.
    pub reference: Option<String>,
}

/// A change of status.
#[derive(Clone, Debug, PartialEq)]
pub struct StatusChange {
    /// Tenant.
    pub tenant: String,
    /// TaskIdentifier, lower case.
    pub task: String,
    /// TaskReference as text.
    pub reference: Option<String>,
    /// StatusChangeIdentifier, lower case.
    pub identifier: String,
    /// Status, a name in the user's language.
    pub status: String,
    /// Note.
    pub note: Option<String>,
    /// TaskCompliance.
    pub compliance: Vec<Compliance>,
    /// AssetDowntime/Reason.
    pub downtime_reason: Option<String>,
    /// AssetDowntime/IsAssetBackUp.
    pub is_asset_back_up: Option<bool>,
    /// Which version of the act this is.
    pub version: Version,
}

/// A note.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    /// The task as the call names it.
    pub task: TaskName,
    /// NoteIdentifier, lower case.
    pub identifier: String,
    /// Note.
    pub text: String,
    /// Which version of the act this is.
    pub version: Version,
}

/// A chase.
#[derive(Clone, Debug, PartialEq)]
pub struct Chase {
    /// Tenant.
    pub tenant: String,
    /// TaskIdentifier, lower case.
    pub task: String,
    /// TaskReference as text.
    pub reference: Option<String>,
    /// ChaseIdentifier, lower case.
    pub identifier: String,
    /// Note.
    pub text: String,
    /// Which version of the act this is.
    pub version: Version,
}
