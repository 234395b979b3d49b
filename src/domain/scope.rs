//! Who is reading, and what of the model that viewer may see. Every read function takes a scope; without one it cannot
//! be called. `table` says which claims cover which rows.

mod table;

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use entity::{BuildingId, PropertyId};

pub use table::{Reach, Scoped};

/// What a viewer may see.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Everything, the raw calls too, and what operators may do.
    Operator,
    /// The whole model; no raw calls.
    All,
    /// What at least one of these claims covers.
    Claims(Arc<Claims>),
}

impl Scope {
    /// Whether raw calls may be read and operators' decisions made.
    pub fn is_operator(&self) -> bool {
        matches!(self, Self::Operator)
    }
}

/// A union of claims; without any, nothing is covered.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Claims {
    /// Properties: all their buildings, and all that is filed in those.
    pub properties: BTreeSet<PropertyId>,
    /// Buildings, and all that is filed in them.
    pub buildings: BTreeSet<BuildingId>,
    /// Urgent tenants: their tasks with their changes, and the names and addresses of the places these stand in.
    pub tenants: BTreeSet<String>,
}

/// Who is reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Viewer {
    /// The name that the reader's token gives it.
    pub name: String,
    /// What it may see.
    pub scope: Scope,
    /// When its token ends; null when it does not.
    pub expires_at: Option<DateTime<Utc>>,
}

impl Viewer {
    /// Anybody on a server that is open, on loopback, because no readers are configured.
    pub fn open() -> Self {
        Self {
            name: "anybody on this machine".to_owned(),
            scope: Scope::Operator,
            expires_at: None,
        }
    }
}
