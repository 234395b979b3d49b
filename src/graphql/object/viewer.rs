//! Who is asking.

use async_graphql::{ComplexObject, Context, ID, SimpleObject};
use chrono::{DateTime, Utc};

use crate::domain::scope::{self, Claims, Scope};
use crate::graphql::error::Fault;
use crate::graphql::id::{self, Kind};
use crate::graphql::limits;
use crate::graphql::object::Usage;

/// Who is asking, and what this API shows to whom asks so.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct Viewer {
    /// The name in the reader's token.
    name: String,
    /// Whether raw calls can be read and operators' decisions made.
    is_operator: bool,
    /// What can be seen; null for all there is.
    claims: Option<ViewerClaims>,
    /// When the token ends (UTC), and with it every stream that it opened; null when it does not end.
    expires_at: Option<DateTime<Utc>>,
}

#[ComplexObject]
impl Viewer {
    /// What the request costs in which this is asked, beside what a request may cost.
    async fn usage(&self, context: &Context<'_>) -> async_graphql::Result<Usage> {
        let usage = context.data::<limits::Usage>();
        let usage = usage.map_err(|_| Fault::internal("a request came without its usage"))?;
        Ok((*usage).into())
    }
}

/// What a viewer can see: what at least one of these covers. All else is null or absent, in lists and counts too.
#[derive(SimpleObject)]
pub struct ViewerClaims {
    /// The global ids of properties: all their buildings, and all that is filed in those.
    properties: Vec<ID>,
    /// The global ids of buildings: all that is filed in them.
    buildings: Vec<ID>,
    /// Urgent tenants: their tasks with what was said on them, and what the places are called in which these stand.
    tenants: Vec<String>,
}

impl From<&scope::Viewer> for Viewer {
    fn from(viewer: &scope::Viewer) -> Self {
        Self {
            name: viewer.name.clone(),
            is_operator: viewer.scope.is_operator(),
            claims: match &viewer.scope {
                Scope::Operator | Scope::All => None,
                Scope::Claims(claims) => Some((&**claims).into()),
            },
            expires_at: viewer.expires_at,
        }
    }
}

impl From<&Claims> for ViewerClaims {
    fn from(claims: &Claims) -> Self {
        let properties = claims.properties.iter();
        let buildings = claims.buildings.iter();
        Self {
            properties: properties
                .map(|key| id::encode(Kind::Property, key.0))
                .collect(),
            buildings: buildings
                .map(|key| id::encode(Kind::Building, key.0))
                .collect(),
            tenants: claims.tenants.iter().cloned().collect(),
        }
    }
}
