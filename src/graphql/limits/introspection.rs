//! Questions about the schema: its lists lead from types to types, and one within itself multiplies at each turn.

use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};

use super::super::error::Fault;
use super::Limit;

/// The lists of introspection.
const LISTS: [&str; 7] = [
    "types",
    "fields",
    "possibleTypes",
    "interfaces",
    "inputFields",
    "args",
    "enumValues",
];

/// Refuses a list of introspection below itself. Asked only of documents whose opened size is known to be small.
///
/// # Errors
/// LIMIT_EXCEEDED.
pub(super) fn check(document: &ExecutableDocument) -> Result<(), Fault> {
    let mut operations = document.operations.iter();
    if operations.any(|(_, operation)| {
        let set = &operation.node.selection_set.node;
        turns(document, set, &mut Vec::new(), false)
    }) {
        return Err(Fault::over(Limit::Introspection, 1, None));
    }
    Ok(())
}

/// Whether a list of introspection occurs below itself.
fn turns<'a>(
    document: &'a ExecutableDocument,
    set: &'a SelectionSet,
    path: &mut Vec<&'a str>,
    inside: bool,
) -> bool {
    set.items.iter().any(|item| match &item.node {
        Selection::Field(field) => {
            let name = field.node.name.node.as_str();
            let below = &field.node.selection_set.node;
            if inside && LISTS.contains(&name) {
                if path.contains(&name) {
                    return true;
                }
                path.push(name);
                let turns = turns(document, below, path, true);
                path.pop();
                turns
            } else {
                let inside = inside || matches!(name, "__schema" | "__type");
                turns(document, below, path, inside)
            }
        }
        Selection::InlineFragment(fragment) => {
            turns(document, &fragment.node.selection_set.node, path, inside)
        }
        Selection::FragmentSpread(spread) => document
            .fragments
            .get(&spread.node.fragment_name.node)
            .is_some_and(|fragment| {
                turns(document, &fragment.node.selection_set.node, path, inside)
            }),
    })
}
