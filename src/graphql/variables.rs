//! The variables of a request: one that must have a value and has none refuses the request before anything is read.

use async_graphql::{Name, Request, Value};

use super::error::Fault;

/// Refuses a request that leaves a variable without the value that its type demands.
///
/// # Errors
/// BAD_INPUT when a variable that is not nullable is null, or is absent and has no default.
pub fn check(request: &mut Request) -> Result<(), Fault> {
    let wanted = request.operation_name.clone();
    let document = request
        .parsed_query()
        .map_err(|_| Fault::input("the document is not well-formed GraphQL"))?;
    let is_only = document.operations.iter().count() == 1;
    // A request that names none of several operations is refused by the library.
    let operation = document
        .operations
        .iter()
        .find(|(name, _)| is_only || name.map(Name::as_str) == wanted.as_deref());
    let Some((_, operation)) = operation else {
        return Ok(());
    };
    let demanded: Vec<(Name, bool)> = operation
        .node
        .variable_definitions
        .iter()
        .filter(|variable| !variable.node.var_type.node.nullable)
        .map(|variable| {
            let has_default = variable.node.default_value.is_some();
            (variable.node.name.node.clone(), has_default)
        })
        .collect();
    for (name, has_default) in demanded {
        let is_missing = match request.variables.get(&name) {
            Some(value) => *value == Value::Null,
            None => !has_default,
        };
        if is_missing {
            return Err(Fault::input(format!("the variable ${name} needs a value")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graphql::request;
    use serde_json::json;

    fn is_refused(query: &str, variables: serde_json::Value, operation: Option<&str>) -> bool {
        let operation = operation.map(ToOwned::to_owned);
        check(&mut request(query.to_owned(), operation, variables)).is_err()
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
}
