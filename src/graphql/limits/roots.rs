//! The root fields of an operation. A subscription selects one (GraphQL specification, section 5.2.3.1), which the library
//! does not ask for: several would each go their own way, and have no one place to come back to. Those of a query are
//! answered in the order asked (section 6.3), while the library gives them in the order in which they are done.

use async_graphql::parser::types::{ExecutableDocument, OperationType, Selection, SelectionSet};
use async_graphql::{Name, Request};

use super::super::error::Fault;

/// Refuses a document with a subscription of several fields, or with a mutation that has one twice. Its fragments must not go round in circles.
///
/// # Errors
/// BAD_INPUT.
pub(super) fn check(document: &ExecutableDocument) -> Result<(), Fault> {
    let mut operations = document.operations.iter();
    let selects_several = operations.any(|(_, operation)| {
        let operation = &operation.node;
        let mut room = 1;
        operation.ty == OperationType::Subscription
            && !has_room(document, &operation.selection_set.node, &mut room)
    });
    if selects_several {
        return Err(Fault::input(
            "a subscription selects one field: ask for each in an operation of its own",
        ));
    }
    let mut operations = document.operations.iter();
    let repeats = operations.any(|(_, operation)| {
        let operation = &operation.node;
        operation.ty == OperationType::Mutation
            && !are_distinct(document, &operation.selection_set.node, &mut Vec::new())
    });
    if repeats {
        // The library would do it as often as it stands there.
        return Err(Fault::input(
            "a mutation selects each of its fields once: what is done twice needs two response keys",
        ));
    }
    Ok(())
}

/// Whether no response key comes twice. Stops at the first that does, so that fragments that double cost nothing.
fn are_distinct<'a>(
    document: &'a ExecutableDocument,
    set: &'a SelectionSet,
    seen: &mut Vec<&'a Name>,
) -> bool {
    set.items.iter().all(|item| match &item.node {
        Selection::Field(field) => {
            let key = &field.node.response_key().node;
            let is_new = !seen.contains(&key);
            seen.push(key);
            is_new
        }
        Selection::InlineFragment(fragment) => {
            are_distinct(document, &fragment.node.selection_set.node, seen)
        }
        Selection::FragmentSpread(spread) => {
            let fragment = document.fragments.get(&spread.node.fragment_name.node);
            fragment.is_none_or(|it| are_distinct(document, &it.node.selection_set.node, seen))
        }
    })
}

/// The response keys of the root fields of what a request runs, in the order asked. Its document must be within the limits.
pub(in crate::graphql) fn keys(request: &mut Request) -> Vec<Name> {
    let named = request.operation_name.clone();
    let mut keys = Vec::new();
    if let Ok(document) = request.parsed_query() {
        let mut operations = document.operations.iter();
        let found = match named {
            Some(named) => operations.find(|(name, _)| name.is_some_and(|name| *name == named)),
            None => operations.next(),
        };
        if let Some((_, operation)) = found {
            collect(document, &operation.node.selection_set.node, &mut keys);
        }
    }
    keys
}

fn collect(document: &ExecutableDocument, set: &SelectionSet, keys: &mut Vec<Name>) {
    for item in &set.items {
        match &item.node {
            Selection::Field(field) => {
                let key = &field.node.response_key().node;
                if !keys.contains(key) {
                    keys.push(key.clone());
                }
            }
            Selection::InlineFragment(fragment) => {
                collect(document, &fragment.node.selection_set.node, keys);
            }
            Selection::FragmentSpread(spread) => {
                let name = &spread.node.fragment_name.node;
                if let Some(fragment) = document.fragments.get(name) {
                    collect(document, &fragment.node.selection_set.node, keys);
                }
            }
        }
    }
}

/// Whether so many fields are all that is selected. Stops at the first that is too many, so that fragments that double
/// cost nothing.
fn has_room(document: &ExecutableDocument, set: &SelectionSet, room: &mut usize) -> bool {
    set.items.iter().all(|item| match &item.node {
        Selection::Field(_) => match room.checked_sub(1) {
            Some(left) => {
                *room = left;
                true
            }
            None => false,
        },
        Selection::InlineFragment(fragment) => {
            has_room(document, &fragment.node.selection_set.node, room)
        }
        Selection::FragmentSpread(spread) => {
            let fragment = document.fragments.get(&spread.node.fragment_name.node);
            // One that is not there is for the validation to name.
            fragment.is_none_or(|it| has_room(document, &it.node.selection_set.node, room))
        }
    })
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    #[test]
    fn a_subscription_selects_one_field_and_a_mutation_each_once() {
        let takes = |document: &str| check(&parse_query(document).unwrap()).is_ok();
        for one in [
            "subscription { a { b c } }",
            "subscription { ... on S { ...F } } fragment F on S { x: a { b } }",
            "subscription A { a } subscription B { b }",
            "{ a b }",
            "mutation { a b c: a }",
            "subscription { a ...Missing }",
        ] {
            assert!(takes(one), "{one}");
        }
        for several in [
            "subscription { a b }",
            "subscription { x: a y: a }",
            "subscription { a ...F } fragment F on S { b }",
            "subscription { ...F ...F } fragment F on S { a }",
            "query Q { a } subscription S { a b }",
            "mutation { a a }",
            "mutation { a ...F ...F } fragment F on M { b }",
            "mutation { x: a ... on M { x: b } }",
        ] {
            assert!(!takes(several), "{several}");
        }
    }
}
