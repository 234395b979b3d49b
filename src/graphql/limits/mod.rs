//! What one request may ask for at most, judged before anything is run: what is refused costs next to nothing. The text
//! is looked over before it is parsed (`text`), its shape is measured without opening a fragment twice (`shape`), then
//! what it says (`value`) and how it asks for the schema (`introspection`) and for a feed (`roots`). What it costs needs the schema
//! (`cost`), how many buckets statistics have a clock (`bucket`).

pub(super) mod bucket;
pub(super) mod cost;
mod excess;
mod introspection;
pub(super) mod roots;
mod shape;
mod text;
mod value;

use std::time::Duration;

use async_graphql::Request;
use async_graphql::parser::types::{ExecutableDocument, OperationType};

use super::error::Fault;

pub use cost::{Usage, UsageLimits};
pub use excess::{Excess, Limit};
pub use shape::Shape;
pub(super) use value::{DEEPEST_FILTER, LONGEST_ORDER, MOST_STEPS, MOST_WORDS, WIDEST_FILTER};

/// The limits of one request.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many bytes its document may have.
    pub document_bytes: usize,
    /// How many words, numbers, strings and signs the document may have.
    pub tokens: usize,
    /// How deep fields may nest.
    pub depth: usize,
    /// How much it may cost: each field counts one, below a list as often as the list's page is long.
    pub cost: usize,
    /// How many fields it may select once its fragments are opened.
    pub fields: usize,
    /// How many of these may have a name of their own.
    pub aliases: usize,
    /// How many directives it may have once its fragments are opened.
    pub directives: usize,
    /// How many elements any list of an argument or a variable may have.
    pub list: usize,
    /// How many values any argument may hold in all.
    pub values: usize,
    /// How many buckets the statistics of one place may be cut into.
    pub buckets: usize,
    /// Whether the schema can be asked for.
    pub introspection: bool,
    /// How long one request, or one event of a subscription, may take.
    pub timeout: Duration,
    /// Whether every answer says what it cost; else those to requests that ask for it.
    pub show_usage: bool,
}

/// How many operations a document may hold.
const OPERATIONS: usize = 50;
/// How many fragments a document may hold.
const FRAGMENTS: usize = 100;
/// How many variables a document may declare.
const VARIABLES: usize = 100;
/// How deep selections may nest, fragments included: whatever walks a document recurses.
pub(super) const LEVELS: usize = 32;

impl Default for Limits {
    fn default() -> Self {
        Self {
            document_bytes: 64 * 1024,
            tokens: 5_000,
            depth: 15,
            cost: 200_000,
            fields: 1_000,
            aliases: 50,
            directives: 50,
            list: 100,
            values: 500,
            buckets: 1_000,
            introspection: true,
            timeout: Duration::from_secs(10),
            show_usage: false,
        }
    }
}

/// Parses the document of a request, refuses it when it is too large, and tells how large it is.
///
/// # Errors
/// When the document cannot be read (BAD_INPUT, without echoing it) or is too large (LIMIT_EXCEEDED).
pub fn check(request: &mut Request, limits: &Limits) -> Result<Shape, Fault> {
    text::check(&request.query, limits)?;
    value::check_nesting(&request.variables)?;
    check_document(parsed(request)?, limits)?;
    check_values(request, limits)
}

/// The same for a document that was within the limits before: it is its variables that may be too large.
///
/// # Errors
/// LIMIT_EXCEEDED.
pub(super) fn check_again(request: &mut Request, limits: &Limits) -> Result<Shape, Fault> {
    value::check_nesting(&request.variables)?;
    check_values(request, limits)
}

fn check_values(request: &mut Request, limits: &Limits) -> Result<Shape, Fault> {
    let name = request.operation_name.clone();
    let variables = std::mem::take(&mut request.variables);
    let checked = parsed(request).and_then(|document| {
        value::check(document, &variables, limits)?;
        Ok(shape::of(document, name.as_deref()))
    });
    request.variables = variables;
    checked
}

fn parsed(request: &mut Request) -> Result<&ExecutableDocument, Fault> {
    request.parsed_query().map_err(|error| {
        let at = error.locations.first();
        let place = at.map_or_else(String::new, |at| {
            format!(" at line {}, column {}", at.line, at.column)
        });
        Fault::input(format!("the document is not well-formed GraphQL{place}"))
    })
}

fn check_document(document: &ExecutableDocument, limits: &Limits) -> Result<(), Fault> {
    let declared = document.operations.iter();
    let declared = declared.map(|(_, operation)| operation.node.variable_definitions.len());
    for (limit, most, asked) in [
        (
            Limit::Operations,
            OPERATIONS,
            document.operations.iter().count(),
        ),
        (Limit::Fragments, FRAGMENTS, document.fragments.len()),
        (Limit::Variables, VARIABLES, declared.sum()),
    ] {
        limit.check(most, asked)?;
    }
    shape::largest(document).check(limits)?;
    introspection::check(document, limits.introspection)?;
    roots::check(document)
}

/// Whether a request may start a subscription; one that does not is answered once.
pub(super) fn may_subscribe(request: &mut Request) -> bool {
    runs(request, |kind| kind == OperationType::Subscription)
}

/// Whether a request changes nothing and follows nothing.
pub(super) fn is_query(request: &mut Request) -> bool {
    !runs(request, |kind| kind != OperationType::Query)
}

/// Whether a request may change something.
pub(super) fn may_mutate(request: &mut Request) -> bool {
    runs(request, |kind| kind == OperationType::Mutation)
}

/// Whether one of the operations that may be meant is of such a kind.
fn runs(request: &mut Request, is_such: impl Fn(OperationType) -> bool) -> bool {
    let wanted = request.operation_name.clone();
    request.parsed_query().is_ok_and(|document| {
        document.operations.iter().any(|(name, operation)| {
            is_such(operation.node.ty)
                && (wanted.is_none() || name.map(|name| name.as_str()) == wanted.as_deref())
        })
    })
}

impl Limits {
    /// What took too long.
    pub(super) fn too_long(&self) -> Fault {
        let most = self.timeout.as_secs_f32().ceil() as usize;
        Fault {
            message: format!(
                "this took longer than {} seconds: ask for less at once",
                self.timeout.as_secs_f32()
            ),
            ..Fault::over(Limit::Time, most, None)
        }
    }
}

#[cfg(test)]
mod tests;
