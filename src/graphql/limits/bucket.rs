//! How many buckets statistics are asked for. Their arguments and the clock say so before anything is run.

use std::convert::Infallible;

use async_graphql::parser::types::{Field, Selection, SelectionSet, VariableDefinition};
use async_graphql::{InputType, Name, Positioned, Request, Value, Variables};
use chrono::{DateTime, Utc};

use super::super::error::Fault;
use super::super::plan::asked;
use super::Limit;
use crate::domain::statistics::Unfit;

/// The fields that take a period, a bucket and a time zone.
const FIELDS: [&str; 3] = ["statistics", "incidentStatistics", "taskStatistics"];

/// Refuses a request that asks, by the clock of `now`, for statistics of more than `most` buckets. Its document has to be
/// within the other limits. What cannot be read of the arguments is refused when it is validated.
///
/// # Errors
/// LIMIT_EXCEEDED.
pub(in crate::graphql) fn check(
    request: &mut Request,
    most: usize,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    let wanted = request.operation_name.clone();
    let variables = std::mem::take(&mut request.variables);
    let checked = request.parsed_query().map_or(Ok(()), |document| {
        let is_only = document.operations.iter().count() == 1;
        let operation = document
            .operations
            .iter()
            .find(|(name, _)| is_only || name.map(Name::as_str) == wanted.as_deref());
        // A request that names none of several operations is refused by the library.
        let Some((_, operation)) = operation else {
            return Ok(());
        };
        let given = Given {
            variables: &variables,
            defined: &operation.node.variable_definitions,
            most,
            now,
        };
        let fragments = document.fragments.values();
        let fragments = fragments.map(|fragment| &fragment.node.selection_set.node);
        std::iter::once(&operation.node.selection_set.node)
            .chain(fragments)
            .try_for_each(|set| given.check(set))
    });
    request.variables = variables;
    checked
}

/// What was given with a document.
struct Given<'a> {
    variables: &'a Variables,
    defined: &'a [Positioned<VariableDefinition>],
    most: usize,
    now: DateTime<Utc>,
}

impl Given<'_> {
    fn check(&self, set: &SelectionSet) -> Result<(), Fault> {
        set.items.iter().try_for_each(|item| match &item.node {
            Selection::Field(field) => {
                let field = &field.node;
                if FIELDS.contains(&field.name.node.as_str()) {
                    self.count(field)?;
                }
                self.check(&field.selection_set.node)
            }
            Selection::InlineFragment(fragment) => self.check(&fragment.node.selection_set.node),
            // Each fragment is looked at once.
            Selection::FragmentSpread(_) => Ok(()),
        })
    }

    fn count(&self, field: &Field) -> Result<(), Fault> {
        let asked = asked(
            self.argument(field, "period"),
            self.argument(field, "bucket"),
            self.argument(field, "timeZone"),
            self.now,
        );
        match asked.map(|asked| asked.cut(self.now, self.most)) {
            Ok(Err(Unfit::TooMany(buckets))) => {
                Err(Fault::over(Limit::Buckets, self.most, buckets))
            }
            _ => Ok(()),
        }
    }

    fn argument<T: InputType>(&self, field: &Field, name: &str) -> Option<T> {
        let value = field.get_argument(name)?.node.clone();
        let value = value.into_const_with(|name| Ok::<_, Infallible>(self.value(&name)));
        let Ok(value) = value;
        Option::<T>::parse(Some(value)).ok().flatten()
    }

    /// The value of a variable; null when it has none.
    fn value(&self, name: &Name) -> Value {
        let default = || {
            let mut defined = self.defined.iter();
            let variable = defined.find(|variable| variable.node.name.node == *name)?;
            variable.node.default_value().cloned()
        };
        let given = self.variables.get(name).cloned();
        given.or_else(default).unwrap_or_default()
    }
}
