//! What one request may ask for at most. Depth and complexity are the library's; how deep a text nests, how large a
//! document becomes when its fragments are opened and how it asks for the schema is judged here, before anything
//! walks it: what is refused costs nothing.

use std::collections::HashMap;
use std::time::Duration;

use async_graphql::parser::types::{ExecutableDocument, OperationType, Selection, SelectionSet};
use async_graphql::{Name, Request, Value};

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
    /// How long one request, or one event of a subscription, may take.
    pub timeout: Duration,
}

/// How deep brackets may nest in a document, and values in a variable: every reader of them recurses.
const NESTING: usize = 64;
/// How many operations a document may hold.
const OPERATIONS: usize = 50;
/// How many fragments a document may hold.
const FRAGMENTS: usize = 100;
/// How many variables a document may declare.
const VARIABLES: usize = 100;
/// The lists of introspection. They lead from types to types: one within itself multiplies at each turn.
const LISTS: [&str; 7] = [
    "types",
    "fields",
    "possibleTypes",
    "interfaces",
    "inputFields",
    "args",
    "enumValues",
];

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 15,
            complexity: 200_000,
            fields: 1_000,
            recursion: 32,
            directives: 5,
            introspection: true,
            timeout: Duration::from_secs(10),
        }
    }
}

/// Parses the document of a request and refuses it when it is too large.
///
/// # Errors
/// When the document cannot be read (BAD_INPUT, without echoing it) or is too large (LIMIT_EXCEEDED).
pub fn check(request: &mut Request, limits: &Limits) -> Result<(), Fault> {
    nesting(request)?;
    let document = request.parsed_query().map_err(|error| {
        let at = error.locations.first();
        let place = at.map_or_else(String::new, |at| {
            format!(" at line {}, column {}", at.line, at.column)
        });
        Fault::input(format!("the document is not well-formed GraphQL{place}"))
    })?;
    count("operations", document.operations.iter().count(), OPERATIONS)?;
    count("fragments", document.fragments.len(), FRAGMENTS)?;
    let variables = document.operations.iter();
    let variables = variables.map(|(_, operation)| operation.node.variable_definitions.len());
    count("variables", variables.sum(), VARIABLES)?;
    let size = size(document, limits);
    if size > limits.fields {
        return Err(Fault::limit(format!(
            "a request selects at most {} fields once its fragments are opened",
            limits.fields
        )));
    }
    let mut operations = document.operations.iter();
    if operations.any(|(_, operation)| {
        let set = &operation.node.selection_set.node;
        turns(document, set, &mut Vec::new(), false)
    }) {
        return Err(Fault::limit(
            "a question about the schema does not lead through the same list twice",
        ));
    }
    Ok(())
}

fn count(what: &str, number: usize, most: usize) -> Result<(), Fault> {
    if number > most {
        return Err(Fault::limit(format!(
            "a document has at most {most} {what}"
        )));
    }
    Ok(())
}

/// Refuses a request whose document or variables nest too deeply, before anything parses the document: the parser
/// recurses, and a stack that overflows ends the process.
///
/// # Errors
/// LIMIT_EXCEEDED.
pub fn nesting(request: &Request) -> Result<(), Fault> {
    let values = request.variables.values();
    if brackets(&request.query) > NESTING || values.into_iter().any(|value| depth(value) > NESTING)
    {
        return Err(Fault::limit(format!(
            "a document and its variables nest at most {NESTING} brackets"
        )));
    }
    Ok(())
}

/// How deep brackets nest in a document, outside of strings and comments.
fn brackets(document: &str) -> usize {
    let (mut now, mut most) = (0_usize, 0);
    let mut rest = document.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = match first {
            b'(' | b'[' | b'{' => {
                now += 1;
                most = most.max(now);
                after
            }
            b')' | b']' | b'}' => {
                now = now.saturating_sub(1);
                after
            }
            b'#' => after_line(after),
            b'"' => match after {
                [b'"', b'"', block @ ..] => after_block(block),
                _ => after_text(after),
            },
            _ => after,
        };
    }
    most
}

fn after_line(rest: &[u8]) -> &[u8] {
    let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
    end.map_or(&[], |end| &rest[end..])
}

fn after_text(mut rest: &[u8]) -> &[u8] {
    loop {
        rest = match rest {
            // A string that does not end on its line is no string: what follows is counted.
            [] | [b'\n' | b'\r', ..] => return rest,
            [b'"', after @ ..] => return after,
            [b'\\', b'"' | b'\\', after @ ..] => after,
            [_, after @ ..] => after,
        };
    }
}

fn after_block(mut rest: &[u8]) -> &[u8] {
    loop {
        rest = match rest {
            [] => return rest,
            [b'"', b'"', b'"', after @ ..] => return after,
            [b'\\', b'"', b'"', b'"', after @ ..] | [_, after @ ..] => after,
        };
    }
}

/// How deep a value nests.
fn depth(value: &Value) -> usize {
    let (mut left, mut most) = (vec![(value, 1)], 0);
    while let Some((value, depth)) = left.pop() {
        most = most.max(depth);
        match value {
            Value::List(values) => left.extend(values.iter().map(|value| (value, depth + 1))),
            Value::Object(values) => left.extend(values.values().map(|value| (value, depth + 1))),
            _ => {}
        }
    }
    most
}

/// Whether a list of introspection occurs below itself. Asked only of documents whose opened size is known to be small.
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

/// Whether a request may start a subscription; one that does not is answered once.
pub(super) fn may_subscribe(request: &mut Request) -> bool {
    let wanted = request.operation_name.clone();
    request.parsed_query().is_ok_and(|document| {
        document.operations.iter().any(|(name, operation)| {
            operation.node.ty == OperationType::Subscription
                && (wanted.is_none() || name.map(|name| name.as_str()) == wanted.as_deref())
        })
    })
}

impl Limits {
    /// What took too long.
    pub(super) fn too_long(&self) -> Fault {
        Fault::limit(format!(
            "this took longer than {} seconds: ask for less at once",
            self.timeout.as_secs_f32()
        ))
    }
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

    const REFUSED: Result<(), super::super::error::ErrorCode> =
        Err(super::super::error::ErrorCode::LimitExceeded);

    #[test]
    fn what_nests_too_deeply_is_refused_before_it_is_parsed() {
        for (open, close) in [("{not:", "}"), ("[", "]")] {
            let (open, close) = (open.repeat(600), close.repeat(600));
            let value = format!("{open}{close}");
            assert_eq!(verdict(&format!("{{ a(filter: {value}) }}")), REFUSED);
            let document = format!("query($f: F = {value}) {{ a(filter: $f) }}");
            assert_eq!(verdict(&document), REFUSED);
            // Where the lexer stops believing in a string, brackets count.
            assert_eq!(verdict(&format!("{{ a(b: \"\n{value}) }}")), REFUSED);
        }
        assert_eq!(verdict(&"{a".repeat(600)), REFUSED);
    }

    #[test]
    fn brackets_in_strings_and_comments_do_not_nest() {
        let many = "[{(".repeat(100);
        let document = format!(
            "{{ a(b: \"{many}\\\"{many}\", c: \"\", d: \"\"\"{many}\n\\\"\"\"{many}\"\"\") # {many}\n b }}"
        );
        assert_eq!(brackets(&document), 2);
        assert_eq!(verdict(&document), Ok(()));
    }

    #[test]
    fn variables_that_nest_too_deeply_are_refused() {
        let of = |depth: usize| {
            let text = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
            let value: serde_json::Value = serde_json::from_str(&text).unwrap();
            let variables = async_graphql::Variables::from_json(serde_json::json!({ "a": value }));
            let mut request = Request::new("{ server { version } }").variables(variables);
            check(&mut request, &Limits::default()).map_err(|fault| fault.code)
        };
        assert_eq!(of(63), Ok(()));
        assert_eq!(of(64), REFUSED);
    }

    #[test]
    fn a_list_of_introspection_within_itself_is_refused() {
        let lists = "{ __type(name: \"Node\") { possibleTypes { interfaces { possibleTypes { name } } } } }";
        assert_eq!(verdict(lists), REFUSED);
        let hidden = "{ __schema { types { ...T } } } fragment T on __Type { fields { type { ofType { ...U } } } } \
                      fragment U on __Type { ... on __Type { a: fields { name } } }";
        assert_eq!(verdict(hidden), REFUSED);
        // What GraphiQL asks.
        let usual = "{ __schema { types { ...T } directives { args { ...V } } } } \
             fragment T on __Type { fields { args { ...V } type { ...R } } inputFields { ...V } interfaces { ...R } \
             enumValues { name } possibleTypes { ...R } } \
             fragment V on __InputValue { name type { ...R } } \
             fragment R on __Type { kind ofType { ofType { ofType { ofType { ofType { ofType { ofType { ofType { \
             ofType { name } } } } } } } } } }";
        assert_eq!(verdict(usual), Ok(()));
    }

    #[test]
    fn a_crowd_of_operations_fragments_or_variables_is_refused() {
        let operations = |count: usize| -> String {
            let operation = |number| format!("query Q{number} {{ a }} ");
            (0..count).map(operation).collect()
        };
        assert_eq!(verdict(&operations(50)), Ok(()));
        assert_eq!(verdict(&operations(51)), REFUSED);
        let fragment = |number| format!("fragment F{number} on Query {{ a }} ");
        let fragments: String = (0..101).map(fragment).collect();
        assert_eq!(verdict(&format!("{{ a }} {fragments}")), REFUSED);
        let variable = |number| format!("$v{number}: Int ");
        let variables: String = (0..101).map(variable).collect();
        assert_eq!(verdict(&format!("query({variables}) {{ a }}")), REFUSED);
    }

    #[test]
    fn an_ordinary_document_passes() {
        assert_eq!(
            verdict("{ server { ...S } } fragment S on Server { version }"),
            Ok(())
        );
    }
}
