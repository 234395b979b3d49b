//! What a token or a display key says that its holder may see, and the scope that this is.

use std::sync::Arc;

use entity::{BuildingId, PropertyId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::scope::{Claims, Scope};
use crate::graphql::id::{self, Kind};

/// The claim about caretaker in a token. What it does not know is refused, not passed over: a misspelt member would
/// else make a token that sees less, or later more, than was meant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Grant {
    /// The whole model.
    #[serde(skip_serializing_if = "is_false")]
    pub all: bool,
    /// The whole model, the raw calls too, and what operators may do.
    #[serde(skip_serializing_if = "is_false")]
    pub operator: bool,
    /// Properties, by their `id` in GraphQL.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub properties: Vec<String>,
    /// Buildings, by their `id` in GraphQL.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub buildings: Vec<String>,
    /// Urgent tenants, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tenants: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl Grant {
    /// Reads a claim.
    ///
    /// # Errors
    /// What of it is not understood, in plain words.
    pub fn of(claim: &Value) -> Result<Self, String> {
        // A list would pass for an object whose members stand in order.
        if !claim.is_object() {
            return Err("it is no object".to_owned());
        }
        Self::deserialize(claim).map_err(|error| error.to_string())
    }

    /// The scope that is granted; `None` where nothing is.
    ///
    /// # Errors
    /// An id that is none of GraphQL's, or of another type; in plain words.
    pub fn scope(&self) -> Result<Option<Scope>, String> {
        let claims = Claims {
            properties: ids("properties", Kind::Property, &self.properties, PropertyId)?,
            buildings: ids("buildings", Kind::Building, &self.buildings, BuildingId)?,
            tenants: self.tenants.iter().cloned().collect(),
        };
        if claims.tenants.contains("") {
            return Err("`tenants` has an empty name".to_owned());
        }
        Ok(if self.operator {
            Some(Scope::Operator)
        } else if self.all {
            Some(Scope::All)
        } else if claims == Claims::default() {
            None
        } else {
            Some(Scope::Claims(Arc::new(claims)))
        })
    }
}

fn ids<T: Ord>(
    name: &str,
    kind: Kind,
    given: &[String],
    typed: impl Fn(uuid::Uuid) -> T,
) -> Result<std::collections::BTreeSet<T>, String> {
    let read = |text: &String| match id::decode_as(kind, text) {
        Ok(id) => Ok(typed(id)),
        Err(fault) => Err(format!("`{name}`: `{text}`: {}", fault.message)),
    };
    given.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    fn scope(claim: Value) -> Result<Option<Scope>, String> {
        Grant::of(&claim)?.scope()
    }

    #[test]
    fn claims_are_a_union_and_the_widest_counts() {
        let building = id::encode(Kind::Building, Uuid::nil()).to_string();
        let property = id::encode(Kind::Property, Uuid::nil()).to_string();
        let all = json!({"all": true, "buildings": [building], "tenants": ["t"]});
        assert_eq!(scope(all), Ok(Some(Scope::All)));
        let operator = scope(json!({"all": true, "operator": true}));
        assert_eq!(operator, Ok(Some(Scope::Operator)));
        let narrow =
            scope(json!({"properties": [property], "buildings": [building], "tenants": ["t"]}));
        let Ok(Some(Scope::Claims(claims))) = narrow else {
            panic!("{narrow:?}");
        };
        assert!(claims.properties.contains(&PropertyId(Uuid::nil())));
        assert!(claims.buildings.contains(&BuildingId(Uuid::nil())));
        assert!(claims.tenants.contains("t"));
    }

    #[test]
    fn nothing_granted_is_none_and_what_is_not_understood_is_refused() {
        for nothing in [json!({}), json!({"all": false, "buildings": []})] {
            assert_eq!(scope(nothing), Ok(None));
        }
        let property = id::encode(Kind::Property, Uuid::nil()).to_string();
        for wrong in [
            json!({"building": [property]}),
            json!({"buildings": [property]}),
            json!({"buildings": ["x"]}),
            json!({"buildings": "x"}),
            json!({"all": "yes"}),
            json!({"tenants": [""]}),
            json!([]),
            json!(null),
        ] {
            assert!(scope(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
