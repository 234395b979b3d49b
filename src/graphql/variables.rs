//! The variables of a request: what does not fit the type that its operation declares refuses the request before anything
//! is read (GraphQL specification, section 6.1.2). The library looks at values only where they stand as arguments, with
//! all that it validates; here they are held against their types, so that a document is validated once.

use std::fmt::Write;

use async_graphql::registry::{MetaType, MetaTypeName, Registry};
use async_graphql::{Name, Request, Value};

use super::error::Fault;

/// Refuses a request with a variable that does not fit its type: also one without a value whose type demands one.
///
/// # Errors
/// BAD_INPUT, with the variable, the place in it and what was expected.
pub fn check(request: &mut Request, types: &Registry) -> Result<(), Fault> {
    let wanted = request.operation_name.clone();
    let variables = std::mem::take(&mut request.variables);
    let checked = request
        .parsed_query()
        .map_err(|_| Fault::input("the document is not well-formed GraphQL"))
        .and_then(|document| {
            let is_only = document.operations.iter().count() == 1;
            let mut operations = document.operations.iter();
            // A request that names none of several operations is refused by the library.
            let operation =
                operations.find(|(name, _)| is_only || name.map(Name::as_str) == wanted.as_deref());
            let definitions = operation.map(|(_, operation)| &operation.node.variable_definitions);
            for definition in definitions.into_iter().flatten() {
                let definition = &definition.node;
                let name = &definition.name.node;
                let kind = &definition.var_type.node;
                match variables.get(name) {
                    None if kind.nullable || definition.default_value.is_some() => {}
                    None => return Err(missing(name)),
                    Some(Value::Null) if !kind.nullable => return Err(missing(name)),
                    Some(value) => fits(types, &kind.to_string(), value, &Path::Variable(name))?,
                }
            }
            Ok(())
        });
    request.variables = variables;
    checked
}

fn missing(name: &Name) -> Fault {
    Fault::input(format!("the variable ${name} needs a value"))
}

/// Where in a variable a value stands.
enum Path<'a> {
    Variable(&'a str),
    Member(&'a Path<'a>, &'a str),
    Element(&'a Path<'a>, usize),
}

impl Path<'_> {
    fn push(&self, text: &mut String) {
        // Writing to a text does not fail.
        let _ = match self {
            Self::Variable(name) => write!(text, "${name}"),
            Self::Member(above, name) => {
                above.push(text);
                write!(text, ".{name}")
            }
            Self::Element(above, nth) => {
                above.push(text);
                write!(text, "[{nth}]")
            }
        };
    }

    fn wrong(&self, what: &str) -> Fault {
        let mut text = String::from("the variable ");
        self.push(&mut text);
        Fault::input(format!("{text}: {what}"))
    }

    fn expected(&self, kind: &str) -> Fault {
        self.wrong(&format!("a value of the type {kind} is expected"))
    }
}

fn fits(types: &Registry, kind: &str, value: &Value, path: &Path<'_>) -> Result<(), Fault> {
    let name = match (MetaTypeName::create(kind), value) {
        (MetaTypeName::NonNull(_), Value::Null) => return Err(path.expected(kind)),
        (_, Value::Null) => return Ok(()),
        (MetaTypeName::NonNull(kind), _) => return fits(types, kind, value, path),
        (MetaTypeName::List(kind), Value::List(values)) => {
            let mut values = values.iter().enumerate();
            return values
                .try_for_each(|(nth, value)| fits(types, kind, value, &Path::Element(path, nth)));
        }
        // One value stands for a list of one.
        (MetaTypeName::List(kind), _) => return fits(types, kind, value, path),
        (MetaTypeName::Named(name), _) => name,
    };
    match (types.types.get(name), value) {
        (Some(MetaType::Scalar { is_valid, .. }), _) => {
            let is_valid = is_valid.as_ref().is_none_or(|is_valid| is_valid(value));
            is_valid.then_some(()).ok_or_else(|| path.expected(name))
        }
        (Some(MetaType::Enum { enum_values, .. }), value) => {
            let is_known = match value {
                Value::Enum(word) => enum_values.contains_key(word.as_str()),
                Value::String(word) => enum_values.contains_key(word.as_str()),
                _ => false,
            };
            is_known.then_some(()).ok_or_else(|| path.expected(name))
        }
        (
            Some(MetaType::InputObject {
                input_fields,
                oneof,
                ..
            }),
            Value::Object(members),
        ) => {
            if *oneof && (members.len() != 1 || members.values().any(|it| *it == Value::Null)) {
                return Err(path.wrong(&format!("{name} takes exactly one of its fields")));
            }
            if let Some(unknown) = members
                .keys()
                .find(|key| !input_fields.contains_key(key.as_str()))
            {
                return Err(path.wrong(&format!("{name} has no field `{unknown}`")));
            }
            input_fields.values().try_for_each(|field| {
                let path = Path::Member(path, &field.name);
                match members.get(field.name.as_str()) {
                    Some(value) => fits(types, &field.ty, value, &path),
                    None if field.ty.ends_with('!') && field.default_value.is_none() => {
                        Err(path.expected(&field.ty))
                    }
                    None => Ok(()),
                }
            })
        }
        (Some(MetaType::InputObject { .. }), _) => Err(path.expected(name)),
        // What is no type of input is for the validation to name.
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graphql::query::Query;
    use crate::graphql::request;
    use async_graphql::OutputType;
    use serde_json::json;

    fn refusal(query: &str, variables: serde_json::Value, operation: Option<&str>) -> String {
        let mut types = Registry::default();
        Query::create_type_info(&mut types);
        let operation = operation.map(ToOwned::to_owned);
        let checked = check(&mut request(query.to_owned(), operation, variables), &types);
        checked.err().map(|fault| fault.message).unwrap_or_default()
    }

    fn is_refused(query: &str, variables: serde_json::Value, operation: Option<&str>) -> bool {
        !refusal(query, variables, operation).is_empty()
    }

    #[test]
    fn a_variable_that_needs_a_value_has_one() {
        let plain = "query ($a: ID!, $b: Int) { f(a: $a, b: $b) }";
        assert!(is_refused(plain, json!({}), None));
        assert!(is_refused(plain, json!({"a": null}), None));
        assert!(!is_refused(plain, json!({"a": "x"}), None));
        let default = "query ($a: ID! = \"x\") { f(a: $a) }";
        assert!(!is_refused(default, json!({}), None));
        assert!(is_refused(default, json!({"a": null}), None));
    }

    #[test]
    fn only_the_operation_that_runs_is_asked() {
        let two = "query A ($a: ID!) { f(a: $a) } query B { f }";
        assert!(is_refused(two, json!({}), Some("A")));
        assert!(!is_refused(two, json!({}), Some("B")));
    }

    #[test]
    fn a_value_fits_its_type_down_to_the_last_member() {
        let filter = "query ($f: IncidentFilter) { f(f: $f) }";
        for fitting in [
            json!(null),
            json!({}),
            json!({"isOpen": {"eq": true}}),
            json!({"priority": {"in": ["HIGH", "LOW"]}}),
            json!({"priority": {"in": "HIGH"}}),
            json!({"or": [{"isOpen": {"eq": null}}, {"not": {}}]}),
        ] {
            assert_eq!(refusal(filter, json!({"f": fitting}), None), "");
        }
        for (wrong, words) in [
            (
                json!(1),
                "the variable $f: a value of the type IncidentFilter is expected",
            ),
            (
                json!({"isOpen": {"eq": "yes"}}),
                "the variable $f.isOpen.eq: a value of the type Boolean is expected",
            ),
            (
                json!({"priority": {"in": ["HIGH", "SOME"]}}),
                "the variable $f.priority.in[1]: a value of the type Priority is expected",
            ),
            (
                json!({"or": [{"what": 1}]}),
                "the variable $f.or[0]: IncidentFilter has no field `what`",
            ),
        ] {
            assert_eq!(refusal(filter, json!({"f": wrong}), None), words);
        }
        let by = "query ($by: TaskBy!) { f(by: $by) }";
        assert_eq!(
            refusal(by, json!({"by": {}}), None),
            "the variable $by: TaskBy takes exactly one of its fields"
        );
        let first = "query ($first: Int) { f(first: $first) }";
        assert!(!is_refused(first, json!({"first": 3}), None));
        assert!(is_refused(first, json!({"first": "3"}), None));
    }
}
