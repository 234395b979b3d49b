//! Looking ahead: what a request selects below a field, with fragments opened, type conditions obeyed and everything
//! under one response key merged.

use std::sync::Arc;

use async_graphql::parser::types::{Field, OperationType, Selection as Item, SelectionSet};
use async_graphql::{Context, InputType, Name, Value};

use super::error::{Fault, in_our_words};

/// What is selected on an object.
#[derive(Clone)]
pub struct Selection<'a> {
    context: &'a Context<'a>,
    sets: Vec<&'a SelectionSet>,
}

/// Where in a selection a value belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The response key.
    pub(super) key: Name,
    field: Name,
    arguments: Option<Arc<str>>,
}

/// One field of a selection, as often as it stands there under the same response key with the same arguments.
#[derive(Clone)]
pub(super) struct Selected<'a> {
    context: &'a Context<'a>,
    fields: Vec<&'a Field>,
}

impl<'a> Selected<'a> {
    /// The root field that is being resolved, with all that the operation selects under its response key.
    pub(super) fn here(context: &'a Context<'a>) -> Self {
        let operation = &context.query_env.operation.node;
        let all = Selection {
            context,
            sets: vec![&operation.selection_set.node],
        };
        let root = root_of(context, operation.ty);
        let mut fields = all.on(root).into_iter();
        fields
            .find(|selected| selected.is_asked_by(&context.item.node))
            .unwrap_or_else(|| Self {
                context,
                fields: vec![&context.item.node],
            })
    }

    /// The name of the field.
    pub(super) fn name(&self) -> &'a str {
        self.fields.first().map_or("", |field| &field.name.node)
    }

    /// The key in the response: the alias, else the name.
    fn key(&self) -> Name {
        self.fields
            .first()
            .map_or_else(|| Name::new(""), |field| field.response_key().node.clone())
    }

    /// What tells it from all that is selected beside it. A response key alone does not where a list is asked for twice:
    /// below `nodes` and below `edges { node }` it may stand for two fields.
    pub(super) fn place(&self) -> Place {
        let arguments = self.fields.first().map(|field| field.arguments.as_slice());
        let arguments = arguments.filter(|arguments| !arguments.is_empty());
        Place {
            key: self.key(),
            field: self
                .fields
                .first()
                .map_or_else(|| Name::new(""), |field| field.name.node.clone()),
            arguments: arguments.map(|arguments| {
                let mut written: Vec<String> = arguments
                    .iter()
                    .map(|(name, value)| format!("{}:{}", name.node, value.node))
                    .collect();
                written.sort_unstable();
                written.join(",").into()
            }),
        }
    }

    /// Whether `field` asks the same under the same key.
    fn is_asked_by(&self, field: &Field) -> bool {
        self.fields.first().is_some_and(|first| {
            first.response_key().node == field.response_key().node
                && first.name.node == field.name.node
                && first.arguments.len() == field.arguments.len()
                && first.arguments.iter().all(|(name, value)| {
                    let given = field.get_argument(&name.node);
                    given.is_some_and(|given| given.node == value.node)
                })
        })
    }

    /// What is selected below it.
    pub(super) fn selection(&self) -> Selection<'a> {
        Selection {
            context: self.context,
            sets: self
                .fields
                .iter()
                .map(|field| &field.selection_set.node)
                .collect(),
        }
    }

    /// An argument. Fields under one response key have the same arguments, so the first speaks for all.
    pub(super) fn argument<T: InputType>(&self, name: &str) -> Result<T, Fault> {
        let given = self
            .fields
            .first()
            .and_then(|field| field.get_argument(name));
        let given = match given {
            Some(value) => {
                let variable = |name: Name| self.variable(&name);
                given_of(value.node.clone().into_const_with(variable)?)
            }
            None => None,
        };
        T::parse(given).map_err(|error| {
            let error = error.into_server_error(async_graphql::Pos::default());
            Fault::input(format!("{name}: {}", in_our_words(&error.message)))
        })
    }

    /// The value of a variable, or that it has none and need not have one.
    fn variable(&self, name: &Name) -> Result<Value, Fault> {
        let environment = self.context.query_env;
        let definitions = &environment.operation.node.variable_definitions;
        let defined = definitions
            .iter()
            .find(|definition| definition.node.name.node == *name)
            .map(|definition| &definition.node)
            .ok_or_else(|| Fault::input(format!("the variable ${name} is not declared")))?;
        // Not the library's `default_value()`: that takes a nullable variable without one for null.
        let default = defined.default_value.as_ref().map(|value| &value.node);
        match environment.variables.get(name).or(default) {
            Some(value) => Ok(value.clone()),
            None if defined.var_type.node.nullable => Ok(absent()),
            None => Err(Fault::input(format!("the variable ${name} needs a value"))),
        }
    }

    /// Whether two stand for the same places in the document.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.fields.len() == other.fields.len()
            && std::iter::zip(&self.fields, &other.fields).all(|(a, b)| std::ptr::eq(*a, *b))
    }
}

/// The name of the root type of an operation.
fn root_of<'a>(context: &'a Context<'a>, operation: OperationType) -> &'a str {
    let registry = &context.schema_env.registry;
    match operation {
        OperationType::Query => Some(&registry.query_type),
        OperationType::Mutation => registry.mutation_type.as_ref(),
        OperationType::Subscription => registry.subscription_type.as_ref(),
    }
    .map_or("", String::as_str)
}

/// Stands for a variable without a value: no document and no JSON has a binary value.
fn absent() -> Value {
    Value::Binary(Default::default())
}

/// What is given once the variables without a value are left out: a member of an object is omitted, an element of a list
/// is null.
fn given_of(value: Value) -> Option<Value> {
    match value {
        Value::Binary(_) => None,
        Value::List(items) => {
            let given = |item| given_of(item).unwrap_or(Value::Null);
            Some(Value::List(items.into_iter().map(given).collect()))
        }
        Value::Object(members) => {
            let given = |(name, member)| Some((name, given_of(member)?));
            Some(Value::Object(
                members.into_iter().filter_map(given).collect(),
            ))
        }
        value => Some(value),
    }
}

impl<'a> Selection<'a> {
    /// What is selected on an object of the type `name`, in the order of the document: one entry for all that asks the same
    /// under one response key.
    pub(super) fn on(&self, name: &str) -> Vec<Selected<'a>> {
        let mut found = Vec::new();
        for set in &self.sets {
            self.collect(name, set, &mut found);
        }
        found
    }

    /// The names of all fields that are selected, on objects of whatever type.
    pub(super) fn names(&self) -> Vec<&'a str> {
        let mut names = Vec::new();
        for set in &self.sets {
            self.name(set, &mut names);
        }
        names
    }

    fn name(&self, set: &'a SelectionSet, names: &mut Vec<&'a str>) {
        for item in &set.items {
            match &item.node {
                Item::Field(field) => {
                    let name = field.node.name.node.as_str();
                    if !names.contains(&name) {
                        names.push(name);
                    }
                }
                Item::FragmentSpread(spread) => {
                    let fragments = &self.context.query_env.fragments;
                    if let Some(fragment) = fragments.get(&spread.node.fragment_name.node) {
                        self.name(&fragment.node.selection_set.node, names);
                    }
                }
                Item::InlineFragment(fragment) => {
                    self.name(&fragment.node.selection_set.node, names);
                }
            }
        }
    }

    /// Whether `name` is selected on an object of the type `on`.
    pub(super) fn has(&self, on: &str, name: &str) -> bool {
        self.on(on).iter().any(|selected| selected.name() == name)
    }

    /// All selections below the fields `name` of an object of the type `on`, merged.
    pub(super) fn below(&self, on: &str, name: &str) -> Self {
        let sets = self
            .on(on)
            .into_iter()
            .filter(|selected| selected.name() == name)
            .flat_map(|selected| selected.selection().sets)
            .collect();
        Self {
            context: self.context,
            sets,
        }
    }

    /// This and `other` together.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.sets.extend(other.sets);
        self
    }

    fn collect(&self, name: &str, set: &'a SelectionSet, found: &mut Vec<Selected<'a>>) {
        for item in &set.items {
            let (condition, below) = match &item.node {
                Item::Field(field) => {
                    match found
                        .iter_mut()
                        .find(|known| known.is_asked_by(&field.node))
                    {
                        Some(known) => known.fields.push(&field.node),
                        None => found.push(Selected {
                            context: self.context,
                            fields: vec![&field.node],
                        }),
                    }
                    continue;
                }
                Item::FragmentSpread(spread) => {
                    let fragments = &self.context.query_env.fragments;
                    let Some(fragment) = fragments.get(&spread.node.fragment_name.node) else {
                        continue;
                    };
                    (
                        Some(&fragment.node.type_condition.node.on.node),
                        &fragment.node.selection_set.node,
                    )
                }
                Item::InlineFragment(fragment) => (
                    fragment
                        .node
                        .type_condition
                        .as_ref()
                        .map(|condition| &condition.node.on.node),
                    &fragment.node.selection_set.node,
                ),
            };
            if condition.is_none_or(|condition| self.applies(name, condition)) {
                self.collect(name, below, found);
            }
        }
    }

    fn applies(&self, name: &str, condition: &Name) -> bool {
        let implements = &self.context.schema_env.registry.implements;
        name == condition.as_str()
            || implements
                .get(name)
                .is_some_and(|interfaces| interfaces.contains(condition.as_str()))
    }
}
