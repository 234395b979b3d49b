//! What one request may ask for at most. Depth and complexity are the library's; how large a document becomes when its
//! fragments are opened is counted here, before anything walks it: fragments that double cost nothing to refuse.

use std::collections::HashMap;

use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};
use async_graphql::{Name, Request};

use super::error::Fault;

/// The limits of one request.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How deep fields may nest.
    pub depth: usize,
    /// How much it may cost: each field counts one, below a list as often as the list's page is long.
    pub complexity: usize,
    /// How many fields it may select once its fragments are opened.
    pub fields: usize,
    /// How deep the document itself may nest, fragments included.
    pub recursion: usize,
    /// How many directives one field may have.
    pub directives: usize,
    /// Whether the schema can be asked for.
    pub introspection: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 15,
            complexity: 200_000,
            fields: 1_000,
            recursion: 32,
            directives: 5,
            introspection: true,
        }
    }
}

/// Parses the document of a request and refuses it when it is too large.
///
/// # Errors
/// When the document cannot be read (BAD_INPUT, without echoing it) or is too large (LIMIT_EXCEEDED).
pub fn check(request: &mut Request, limits: &Limits) -> Result<(), Fault> {
    let document = request.parsed_query().map_err(|error| {
        let at = error.locations.first();
        let place = at.map_or_else(String::new, |at| {
            format!(" at line {}, column {}", at.line, at.column)
        });
        Fault::input(format!("the document is not well-formed GraphQL{place}"))
    })?;
    let size = size(document, limits);
    if size > limits.fields {
        return Err(Fault::limit(format!(
            "a request selects at most {} fields once its fragments are opened",
            limits.fields
        )));
    }
    Ok(())
}

/// The number of selections of the largest operation with its fragments opened, or more than the limit.
fn size(document: &ExecutableDocument, limits: &Limits) -> usize {
    let mut known = HashMap::new();
    document
        .operations
        .iter()
        .map(|(_, operation)| {
            let set = &operation.node.selection_set.node;
            expanded(document, set, &mut known, limits.recursion)
        })
        .max()
        .unwrap_or(0)
}

fn expanded<'a>(
    document: &'a ExecutableDocument,
    set: &'a SelectionSet,
    known: &mut HashMap<&'a Name, Option<usize>>,
    room: usize,
) -> usize {
    // Deeper than allowed, or a fragment within itself: too large whatever the number.
    let Some(room) = room.checked_sub(1) else {
        return usize::MAX;
    };
    let mut sum: usize = 0;
    for item in &set.items {
        let below = match &item.node {
            Selection::Field(field) => {
                expanded(document, &field.node.selection_set.node, known, room)
            }
            Selection::InlineFragment(fragment) => {
                expanded(document, &fragment.node.selection_set.node, known, room)
            }
            Selection::FragmentSpread(spread) => {
                let name = &spread.node.fragment_name.node;
                match (known.get(name), document.fragments.get(name)) {
                    (Some(size), _) => size.unwrap_or(usize::MAX),
                    // Validation will name it.
                    (None, None) => 0,
                    (None, Some(fragment)) => {
                        known.insert(name, None);
                        let set = &fragment.node.selection_set.node;
                        let size = expanded(document, set, known, room);
                        known.insert(name, Some(size));
                        size
                    }
                }
            }
        };
        sum = sum.saturating_add(1).saturating_add(below);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(query: &str) -> Result<(), super::super::error::ErrorCode> {
        check(&mut Request::new(query), &Limits::default()).map_err(|fault| fault.code)
    }

    #[test]
    fn doubling_fragments_are_refused_before_anything_opens_them() {
        let mut query = String::from("{ ...F0 } ");
        for index in 0..25 {
            let next = index + 1;
            query.push_str(&format!(
                "fragment F{index} on Query {{ a{index}: server {{ version }} ...F{next} ...F{next} }} "
            ));
        }
        query.push_str("fragment F25 on Query { __typename }");
        assert_eq!(
            verdict(&query),
            Err(super::super::error::ErrorCode::LimitExceeded)
        );
    }

    #[test]
    fn a_fragment_within_itself_is_refused() {
        let query = "{ ...F } fragment F on Query { ...F }";
        assert_eq!(
            verdict(query),
            Err(super::super::error::ErrorCode::LimitExceeded)
        );
    }

    #[test]
    fn an_ordinary_document_passes() {
        assert_eq!(
            verdict("{ server { ...S } } fragment S on Server { version }"),
            Ok(())
        );
    }
}
