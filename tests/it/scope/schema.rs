//! The schema as introspection tells it, and the selections that go everywhere from a type.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use caretaker::domain::scope::Viewer;
use serde_json::{Value, json};

use super::estate::Estate;

const INTROSPECTION: &str = "{ __schema {
    queryType { name } mutationType { name } subscriptionType { name }
    types { kind name possibleTypes { name } interfaces { name }
        inputFields { name type { ...Ref } }
        fields { name args { name defaultValue type { ...Ref } } type { ...Ref } } }
} }
fragment Ref on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } }";

/// How far the walk goes from a thing.
pub const FAR: usize = 2;

/// The types by name.
pub struct Shape(BTreeMap<String, Value>);

fn list<'a>(value: &'a Value, member: &str) -> &'a [Value] {
    value[member].as_array().map_or(&[], Vec::as_slice)
}

fn name(value: &Value) -> &str {
    value["name"].as_str().unwrap_or_default()
}

/// The name of a type without the wrapping.
fn named(reference: &Value) -> &str {
    match reference["kind"].as_str() {
        Some("NON_NULL" | "LIST") => named(&reference["ofType"]),
        _ => name(reference),
    }
}

fn is_required(argument: &Value) -> bool {
    argument["type"]["kind"] == "NON_NULL" && argument["defaultValue"].is_null()
}

impl Shape {
    pub async fn of(estate: &Estate) -> Self {
        let answer = estate.ask(Viewer::open(), INTROSPECTION, json!({})).await;
        let types = list(&answer["data"]["__schema"], "types");
        assert!(!types.is_empty(), "{answer}");
        Self(
            types
                .iter()
                .map(|ty| (name(ty).to_owned(), ty.clone()))
                .collect(),
        )
    }

    fn ty(&self, name: &str) -> &Value {
        self.0.get(name).unwrap_or_else(|| panic!("no type {name}"))
    }

    /// The fields of a type, each with its arguments that must be given and the name of its type.
    pub fn fields(&self, of: &str) -> Vec<(String, Vec<String>, String)> {
        let field = |field: &Value| {
            let required = list(field, "args")
                .iter()
                .filter(|argument| is_required(argument));
            let required = required.map(|argument| name(argument).to_owned()).collect();
            (
                name(field).to_owned(),
                required,
                named(&field["type"]).to_owned(),
            )
        };
        list(self.ty(of), "fields").iter().map(field).collect()
    }

    /// The fields of an input type with the names of their types.
    pub fn inputs(&self, of: &str) -> Vec<(String, String)> {
        let fields = list(self.ty(of), "inputFields").iter();
        fields
            .map(|field| (name(field).to_owned(), named(&field["type"]).to_owned()))
            .collect()
    }

    /// The object types that `of` stands for.
    pub fn objects(&self, of: &str) -> Vec<String> {
        match list(self.ty(of), "possibleTypes") {
            [] => vec![of.to_owned()],
            possible => possible.iter().map(|ty| name(ty).to_owned()).collect(),
        }
    }

    /// What is asked of a field of this type that goes no further than it must.
    pub fn below(&self, of: &str) -> String {
        match self.is_leaf(of) {
            true => String::new(),
            false => self.selection(of, 0),
        }
    }

    fn is_leaf(&self, of: &str) -> bool {
        matches!(self.ty(of)["kind"].as_str(), Some("SCALAR" | "ENUM"))
    }

    /// Whether a type stands for something with a global id.
    fn is_thing(&self, of: &str) -> bool {
        of == "Activity"
            || list(self.ty(of), "interfaces")
                .iter()
                .any(|interface| name(interface) == "Node")
    }

    /// Everything that can be asked of a type without leaving it, and of what it leads to `far` steps away.
    pub fn selection(&self, of: &str, far: usize) -> String {
        let mut text = String::from("{ __typename");
        self.select(of, far, &[], &mut text);
        let shared: Vec<String> = self
            .fields(of)
            .into_iter()
            .map(|(name, _, _)| name)
            .collect();
        for possible in list(self.ty(of), "possibleTypes") {
            let _ = write!(text, " ... on {} {{ __typename", name(possible));
            self.select(name(possible), far, &shared, &mut text);
            text.push('}');
        }
        text.push('}');
        text
    }

    fn select(&self, of: &str, far: usize, without: &[String], text: &mut String) {
        for (field, required, ty) in self.fields(of) {
            if without.contains(&field) {
                continue;
            }
            assert!(
                required.is_empty(),
                "{of}.{field} asks for {required:?}: teach the walk to give it"
            );
            // Each place is walked from itself too: its numbers are asked for there, and not wherever something leads to it.
            if ty == "Statistics" && far < FAR {
                continue;
            }
            if self.is_leaf(&ty) {
                let _ = write!(text, " {field}");
            } else if ty.ends_with("Connection") {
                if far > 0 {
                    let _ = write!(text, " {field}(first: 100) {}", self.selection(&ty, far));
                }
            } else if ty.ends_with("Edge") || !self.is_thing(&ty) {
                let _ = write!(text, " {field} {}", self.selection(&ty, far));
            } else if of.ends_with("Connection") {
                // The edges have the same.
                let _ = write!(text, " {field} {{ __typename }}");
            } else if far > 0 {
                let _ = write!(text, " {field} {}", self.selection(&ty, far - 1));
            }
        }
    }
}
