//! What the arguments and variables of a document hold: how long their lists are, how many values they have in all, how
//! filters nest. Values are measured where they stand; a variable is measured once, however often it is used.

use std::collections::HashMap;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{Directive, ExecutableDocument, Selection, SelectionSet};
use async_graphql::{Name, Number, Positioned, Value as Given, Variables};
use async_graphql_value::Value as Written;

use super::super::error::Fault;
use super::super::plan::LARGEST_PAGE;
use super::text::NESTING;
use super::{Limit, Limits};
use crate::domain::search::Phrase;

/// How many filters `and` and `or` may combine.
pub(in crate::graphql) const WIDEST_FILTER: usize = 20;
/// How deep `and`, `or` and `not` may nest.
pub(in crate::graphql) const DEEPEST_FILTER: usize = 5;
/// How many fields an order may name.
pub(in crate::graphql) const LONGEST_ORDER: usize = 3;

/// How many searches and questions to related things one filter holds: each is a statement within the statement.
pub(in crate::graphql) const MOST_STEPS: usize = 8;
/// How many words one search may have.
pub(in crate::graphql) const MOST_WORDS: usize = 20;

/// The words that make filters of filters.
const COMBINING: [&str; 3] = ["and", "or", "not"];
/// The words by which filters ask other rows.
const ASKING: [&str; 8] = [
    "search",
    "inProperty",
    "inBuilding",
    "inZone",
    "hasIncident",
    "hasTask",
    "hasWorkOrder",
    "ofIncident",
];

/// Refuses variables that nest too deeply, before anything else walks them.
///
/// # Errors
/// LIMIT_EXCEEDED.
pub(super) fn check_nesting(variables: &Variables) -> Result<(), Fault> {
    let deepest = variables.values().map(depth).max().unwrap_or(0);
    Limit::Nesting.check(NESTING, deepest)
}

/// How deep a value nests.
fn depth(value: &Given) -> usize {
    let (mut left, mut most) = (vec![(value, 1)], 0);
    while let Some((value, depth)) = left.pop() {
        most = most.max(depth);
        match value {
            Given::List(values) => left.extend(values.iter().map(|value| (value, depth + 1))),
            Given::Object(values) => left.extend(values.values().map(|value| (value, depth + 1))),
            _ => {}
        }
    }
    most
}

/// Refuses a document with an argument that holds too much.
///
/// # Errors
/// LIMIT_EXCEEDED.
pub(super) fn check(
    document: &ExecutableDocument,
    variables: &Variables,
    limits: &Limits,
) -> Result<(), Fault> {
    let mut scale = Scale {
        limits,
        variables: HashMap::new(),
    };
    let defaults = document.operations.iter().flat_map(|(_, operation)| {
        let variables = &operation.node.variable_definitions;
        variables.iter().filter_map(|variable| {
            let default = variable.node.default_value.as_ref()?;
            Some((&variable.node.name.node, &default.node))
        })
    });
    for (name, value) in defaults.chain(variables.iter()) {
        let measure = scale.checked(value, "")?;
        // Of a default and a value, or of two operations' defaults, the larger one counts.
        let known = scale.variables.entry(name).or_default();
        *known = known.or(Measure {
            length: value.length(),
            ..measure
        });
    }
    for (_, operation) in document.operations.iter() {
        let operation = &operation.node;
        scale.directives(&operation.directives)?;
        scale.set(&operation.selection_set.node)?;
    }
    for fragment in document.fragments.values() {
        scale.directives(&fragment.node.directives)?;
        scale.set(&fragment.node.selection_set.node)?;
    }
    Ok(())
}

/// How many words a search for `text` has; at most so many, as long as that is few enough.
fn words(text: &str) -> usize {
    // Words of ASCII are parted by signs: mostly there is nothing to look up in Unicode's tables.
    let signs = text.bytes().filter(|byte| !byte.is_ascii_alphanumeric());
    let most = signs.count() + 1;
    if text.is_ascii() && most <= MOST_WORDS {
        return most;
    }
    Phrase::of(text).map_or(0, |phrase| phrase.words())
}

/// How much a value holds.
#[derive(Clone, Copy, Debug, Default)]
struct Measure {
    /// Its values, those in lists and objects counted singly.
    values: usize,
    /// How deep filters are combined in it.
    combined: usize,
    /// How many questions to other rows are in it.
    steps: usize,
    /// How many words it has if it is a text.
    words: usize,
    /// How long it is if it is a list, how much if it is a number.
    length: usize,
}

impl Measure {
    fn and(self, other: Self) -> Self {
        Self {
            values: self.values.saturating_add(other.values),
            combined: self.combined.max(other.combined),
            steps: self.steps.saturating_add(other.steps),
            words: 0,
            length: 0,
        }
    }

    fn or(self, other: Self) -> Self {
        Self {
            values: self.values.max(other.values),
            combined: self.combined.max(other.combined),
            steps: self.steps.max(other.steps),
            words: self.words.max(other.words),
            length: self.length.max(other.length),
        }
    }
}

/// A value as it stands in a document, where variables may stand in it, or as it was given.
trait Value: Sized {
    fn part(&self) -> Part<'_, Self>;

    /// How long a list is, how much a number.
    fn length(&self) -> usize {
        match self.part() {
            Part::List(values) => values.len(),
            Part::Number(number) => number.as_u64().unwrap_or(0) as usize,
            _ => 0,
        }
    }
}

enum Part<'a, V> {
    Variable(&'a Name),
    List(&'a [V]),
    Object(&'a IndexMap<Name, V>),
    Number(&'a Number),
    Text(&'a str),
    One,
}

impl Value for Given {
    fn part(&self) -> Part<'_, Self> {
        match self {
            Self::List(values) => Part::List(values),
            Self::Object(members) => Part::Object(members),
            Self::Number(number) => Part::Number(number),
            Self::String(text) => Part::Text(text),
            _ => Part::One,
        }
    }
}

impl Value for Written {
    fn part(&self) -> Part<'_, Self> {
        match self {
            Self::Variable(name) => Part::Variable(name),
            Self::List(values) => Part::List(values),
            Self::Object(members) => Part::Object(members),
            Self::Number(number) => Part::Number(number),
            Self::String(text) => Part::Text(text),
            _ => Part::One,
        }
    }
}

struct Scale<'a> {
    limits: &'a Limits,
    /// What each variable holds.
    variables: HashMap<&'a Name, Measure>,
}

impl Scale<'_> {
    fn set(&self, set: &SelectionSet) -> Result<(), Fault> {
        for item in &set.items {
            match &item.node {
                Selection::Field(field) => {
                    for (name, value) in &field.node.arguments {
                        self.checked(&value.node, &name.node)?;
                    }
                    self.directives(&field.node.directives)?;
                    self.set(&field.node.selection_set.node)?;
                }
                Selection::InlineFragment(fragment) => {
                    self.directives(&fragment.node.directives)?;
                    self.set(&fragment.node.selection_set.node)?;
                }
                Selection::FragmentSpread(spread) => self.directives(&spread.node.directives)?,
            }
        }
        Ok(())
    }

    fn directives(&self, directives: &[Positioned<Directive>]) -> Result<(), Fault> {
        for directive in directives {
            for (name, value) in &directive.node.arguments {
                self.checked(&value.node, &name.node)?;
            }
        }
        Ok(())
    }

    /// Measures an argument or a variable and refuses it when it holds too much.
    fn checked<V: Value>(&self, value: &V, name: &str) -> Result<Measure, Fault> {
        let measure = self.measure(value, name)?;
        Limit::Values.check(self.limits.values, measure.values)?;
        Limit::FilterDepth.check(DEEPEST_FILTER, measure.combined)?;
        Limit::Steps.check(MOST_STEPS, measure.steps)?;
        Ok(measure)
    }

    /// Measures what stands under a name.
    fn measure<V: Value>(&self, value: &V, name: &str) -> Result<Measure, Fault> {
        match value.part() {
            Part::One | Part::Number(_) => {
                if matches!(name, "first" | "last") {
                    Limit::Page.check(LARGEST_PAGE as usize, value.length())?;
                }
                Ok(Measure {
                    values: 1,
                    ..Measure::default()
                })
            }
            Part::Text(text) => {
                // A variable is named by nothing: how it is used is seen later.
                let words = match name {
                    "search" | "" => words(text),
                    _ => 0,
                };
                if name == "search" {
                    Limit::SearchWords.check(MOST_WORDS, words)?;
                }
                Ok(Measure {
                    values: 1,
                    words,
                    ..Measure::default()
                })
            }
            Part::Variable(variable) => {
                let measure = self.variables.get(variable).copied().unwrap_or_default();
                match name {
                    "first" | "last" => Limit::Page.check(LARGEST_PAGE as usize, measure.length)?,
                    "and" | "or" | "orderBy" => self.check_length(name, measure.length)?,
                    "search" => Limit::SearchWords.check(MOST_WORDS, measure.words)?,
                    // Any other list was looked at where it was given.
                    _ => {}
                }
                Ok(measure)
            }
            Part::List(values) => {
                self.check_length(name, values.len())?;
                let mut parts = values.iter().map(|value| self.measure(value, ""));
                parts.try_fold(Measure::default(), |sum, part| Ok(sum.and(part?)))
            }
            Part::Object(members) => {
                let mut sum = Measure::default();
                for (name, value) in members {
                    let mut part = self.measure(value, name)?;
                    part.combined += usize::from(COMBINING.contains(&name.as_str()));
                    part.steps += usize::from(ASKING.contains(&name.as_str()));
                    sum = sum.and(part);
                }
                Ok(sum)
            }
        }
    }

    fn check_length(&self, name: &str, length: usize) -> Result<(), Fault> {
        match name {
            "and" | "or" => Limit::Combined.check(WIDEST_FILTER, length),
            "orderBy" => Limit::Order.check(LONGEST_ORDER, length),
            _ => Limit::List.check(self.limits.list, length),
        }
    }
}
