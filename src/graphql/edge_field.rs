//! How fields that lead to other objects stand in the schema. They are declared here and not derived, because their
//! values come from the plan and not from a resolver, and so that every list has the same described arguments.

use std::sync::Arc;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{Field, VariableDefinition};
use async_graphql::registry::{Deprecation, MetaField, MetaInputValue, Registry};
use async_graphql::{InputType, OutputType, Positioned, VisitorContext};

use super::connection::Connection;
use super::plan::Listed;
use super::relation;

/// A field that leads to one object; null when there is none.
pub(super) fn one<T: OutputType>(
    registry: &mut Registry,
    name: &str,
    description: &str,
) -> (String, MetaField) {
    let ty = <Option<T> as OutputType>::create_type_info(registry);
    field(name, description, ty, Vec::new())
}

/// A field that leads to exactly one object.
pub(super) fn always<T: OutputType>(
    registry: &mut Registry,
    name: &str,
    description: &str,
) -> (String, MetaField) {
    let ty = T::create_type_info(registry);
    field(name, description, ty, Vec::new())
}

/// A list that can be filtered and ordered.
pub(super) fn list<T: Listed>(
    registry: &mut Registry,
    name: &str,
    description: &str,
) -> (String, MetaField) {
    let mut arguments = vec![
        argument::<Option<T::Filter>>(
            registry,
            "filter",
            "Only the elements that fulfil all of this.",
        ),
        argument::<Option<Vec<T::OrderBy>>>(registry, "orderBy", T::ORDER_HINT),
    ];
    arguments.extend(page_arguments(registry));
    let (name, mut field) = connection::<T>(registry, name, description, arguments);
    field.compute_complexity = Some(|context, variables, field, below| {
        let filter = context.param_value::<Option<T::Filter>>(variables, field, "filter", None);
        let asking = relation::cost(filter.ok().flatten());
        let page = page_size(context, variables, field);
        Ok(bounded(below.saturating_mul(page).saturating_add(asking)))
    });
    (name, field)
}

/// A list in a fixed order, with arguments of its own.
pub(super) fn fixed<T: OutputType + 'static>(
    registry: &mut Registry,
    name: &str,
    description: &str,
    mut arguments: Vec<MetaInputValue>,
) -> (String, MetaField) {
    arguments.extend(page_arguments(registry));
    connection::<T>(registry, name, description, arguments)
}

/// An argument.
pub(super) fn argument<T: InputType>(
    registry: &mut Registry,
    name: &str,
    description: &str,
) -> MetaInputValue {
    MetaInputValue {
        name: name.to_owned(),
        description: Some(description.to_owned()),
        ty: T::create_type_info(registry),
        deprecation: Deprecation::NoDeprecated,
        default_value: None,
        visible: None,
        inaccessible: false,
        tags: Vec::new(),
        is_secret: false,
        directive_invocations: Vec::new(),
    }
}

/// A field with its arguments.
pub(super) fn field(
    name: &str,
    description: &str,
    ty: String,
    arguments: Vec<MetaInputValue>,
) -> (String, MetaField) {
    let args: IndexMap<String, MetaInputValue> = arguments
        .into_iter()
        .map(|argument| (argument.name.clone(), argument))
        .collect();
    let field = MetaField {
        name: name.to_owned(),
        description: Some(description.to_owned()),
        args,
        ty,
        deprecation: Deprecation::NoDeprecated,
        cache_control: Default::default(),
        external: false,
        requires: None,
        provides: None,
        visible: None,
        shareable: false,
        inaccessible: false,
        tags: Vec::new(),
        override_from: None,
        compute_complexity: None,
        directive_invocations: Vec::new(),
        requires_scopes: Vec::new(),
    };
    (name.to_owned(), field)
}

/// A field that costs as much as `COST` plain ones.
pub(super) fn costly<const COST: usize>(
    (name, mut field): (String, MetaField),
) -> (String, MetaField) {
    field.compute_complexity = Some(|_, _, _, below| Ok(bounded(below.saturating_add(COST - 1))));
    (name, field)
}

/// The cost of a field with what is below it. The library adds these up without looking for an overflow.
pub(super) fn bounded(below: usize) -> usize {
    below.saturating_add(1).min(u32::MAX as usize)
}

fn connection<T: OutputType>(
    registry: &mut Registry,
    name: &str,
    description: &str,
    arguments: Vec<MetaInputValue>,
) -> (String, MetaField) {
    let ty = <Arc<Connection<T>> as OutputType>::create_type_info(registry);
    let (name, mut field) = field(name, description, ty, arguments);
    field.compute_complexity = Some(|context, variables, field, below| {
        let page = page_size(context, variables, field);
        Ok(bounded(below.saturating_mul(page)))
    });
    (name, field)
}

/// How many elements a page has that is asked for.
fn page_size(
    context: &VisitorContext<'_>,
    variables: &[Positioned<VariableDefinition>],
    field: &Field,
) -> usize {
    // A variable without a value is an error here, and an argument that is not given elsewhere.
    let size = |name| {
        let size = context.param_value::<Option<i32>>(variables, field, name, None);
        size.ok().flatten()
    };
    let size = size("first")
        .or(size("last"))
        .unwrap_or(super::plan::DEFAULT_PAGE);
    usize::try_from(size.clamp(1, super::plan::LARGEST_PAGE)).unwrap_or(1)
}

fn page_arguments(registry: &mut Registry) -> [MetaInputValue; 4] {
    [
        argument::<Option<i32>>(
            registry,
            "first",
            "How many elements from the beginning, 1 to 100; 50 when neither this nor `last` is given.",
        ),
        argument::<Option<String>>(registry, "after", "Only what stands after this cursor."),
        argument::<Option<i32>>(
            registry,
            "last",
            "How many elements from the end, 1 to 100; they still come in the order of the list.",
        ),
        argument::<Option<String>>(registry, "before", "Only what stands before this cursor."),
    ]
}
