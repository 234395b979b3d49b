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

/// Refuses a list of introspection below itself, and all of it where the schema is not told. Asked only of documents whose opened size is known to be small.
///
/// # Errors
/// LIMIT_EXCEEDED.
pub(super) fn check(document: &ExecutableDocument, is_open: bool) -> Result<(), Fault> {
    let most = usize::from(is_open);
    let mut operations = document.operations.iter();
    if operations.any(|(_, operation)| {
        let set = &operation.node.selection_set.node;
        turns(document, set, &mut Vec::new(), false, most)
    }) {
        return Err(Fault::over(Limit::Introspection, most, None));
    }
    Ok(())
}

/// Whether a list of introspection occurs below itself; where the schema is not told (`most` is 0), whether anything of it
/// is asked for.
fn turns<'a>(
    document: &'a ExecutableDocument,
    set: &'a SelectionSet,
    path: &mut Vec<&'a str>,
    inside: bool,
    most: usize,
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
                let turns = turns(document, below, path, true, most);
                path.pop();
                turns
            } else {
                let inside = inside || matches!(name, "__schema" | "__type");
                (inside && most == 0) || turns(document, below, path, inside, most)
            }
        }
        Selection::InlineFragment(fragment) => {
            let below = &fragment.node.selection_set.node;
            turns(document, below, path, inside, most)
        }
        Selection::FragmentSpread(spread) => document
            .fragments
            .get(&spread.node.fragment_name.node)
            .is_some_and(|fragment| {
                let below = &fragment.node.selection_set.node;
                turns(document, below, path, inside, most)
            }),
    })
}
