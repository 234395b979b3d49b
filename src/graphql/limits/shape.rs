//! How large a document is once its fragments are opened, found without opening any twice: fragments that double cost
//! nothing here.

use std::collections::HashMap;

use async_graphql::Name;
use async_graphql::parser::types::{
    ExecutableDocument, OperationDefinition, Selection, SelectionSet,
};

use super::super::error::Fault;
use super::{LEVELS, Limit, Limits};

/// How large an operation is once its fragments are opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// How many fields and fragments it selects.
    pub fields: usize,
    /// How deep its fields nest.
    pub depth: usize,
    /// How deep its selections nest, fragments included.
    pub levels: usize,
    /// How many fields have a name of their own.
    pub aliases: usize,
    /// How many directives it has.
    pub directives: usize,
    /// Whether it asks what it costs itself.
    pub asks_usage: bool,
}

/// What is deeper than allowed or has no end.
const ENDLESS: Shape = Shape {
    fields: usize::MAX,
    depth: usize::MAX,
    levels: usize::MAX,
    aliases: usize::MAX,
    directives: usize::MAX,
    asks_usage: false,
};

impl Shape {
    pub(super) fn check(&self, limits: &Limits) -> Result<(), Fault> {
        if self.levels > LEVELS {
            // How deep a fragment within itself goes is not known.
            let asked = Some(self.levels).filter(|levels| *levels != usize::MAX);
            return Err(Fault::over(Limit::Levels, LEVELS, asked));
        }
        Limit::Fields.check(limits.fields, self.fields)?;
        Limit::Depth.check(limits.depth, self.depth)?;
        Limit::Aliases.check(limits.aliases, self.aliases)?;
        Limit::Directives.check(limits.directives, self.directives)
    }

    /// This and `other` side by side.
    fn and(self, other: Self) -> Self {
        Self {
            fields: self.fields.saturating_add(other.fields),
            depth: self.depth.max(other.depth),
            levels: self.levels.max(other.levels),
            aliases: self.aliases.saturating_add(other.aliases),
            directives: self.directives.saturating_add(other.directives),
            asks_usage: self.asks_usage || other.asks_usage,
        }
    }

    /// The larger of both in each respect.
    fn or(self, other: Self) -> Self {
        Self {
            fields: self.fields.max(other.fields),
            aliases: self.aliases.max(other.aliases),
            directives: self.directives.max(other.directives),
            ..self.and(other)
        }
    }

    /// This one level down, below a selection that has directives.
    fn below(self, directives: usize) -> Self {
        Self {
            fields: self.fields.saturating_add(1),
            levels: self.levels.saturating_add(1),
            directives: self.directives.saturating_add(directives),
            ..self
        }
    }
}

/// The shape of the operation that runs.
pub(super) fn of(document: &ExecutableDocument, name: Option<&str>) -> Shape {
    let mut fragments = Fragments::of(document);
    let mut operations = document.operations.iter();
    let found = operations
        .find(|(known, _)| name.is_none() || known.map(|known| known.as_str()) == name)
        .map(|(_, operation)| fragments.operation(&operation.node));
    found.unwrap_or_default()
}

/// The shape of the largest operation in each respect: all are validated, whichever runs.
pub(super) fn largest(document: &ExecutableDocument) -> Shape {
    let mut fragments = Fragments::of(document);
    let shapes = document.operations.iter();
    let shapes = shapes.map(|(_, operation)| fragments.operation(&operation.node));
    shapes.fold(Shape::default(), Shape::or)
}

/// The fragments of a document with the shapes of those that were met; null while one is being measured.
struct Fragments<'a> {
    document: &'a ExecutableDocument,
    known: HashMap<&'a Name, Option<Shape>>,
}

impl<'a> Fragments<'a> {
    fn of(document: &'a ExecutableDocument) -> Self {
        Self {
            document,
            known: HashMap::new(),
        }
    }

    fn operation(&mut self, operation: &'a OperationDefinition) -> Shape {
        let variables = operation.variable_definitions.iter();
        let of_variables: usize = variables.map(|it| it.node.directives.len()).sum();
        let mut shape = self.set(&operation.selection_set.node, LEVELS);
        shape.directives = shape
            .directives
            .saturating_add(operation.directives.len() + of_variables);
        shape
    }

    fn set(&mut self, set: &'a SelectionSet, room: usize) -> Shape {
        if set.items.is_empty() {
            return Shape::default();
        }
        let Some(room) = room.checked_sub(1) else {
            return ENDLESS;
        };
        let mut sum = Shape::default();
        for item in &set.items {
            sum = sum.and(match &item.node {
                Selection::Field(field) => {
                    let field = &field.node;
                    let mut shape = self.set(&field.selection_set.node, room);
                    shape = shape.below(field.directives.len());
                    shape.depth = shape.depth.saturating_add(1);
                    let aliases = usize::from(field.alias.is_some());
                    shape.aliases = shape.aliases.saturating_add(aliases);
                    shape.asks_usage |= field.name.node == "usage";
                    shape
                }
                Selection::InlineFragment(fragment) => {
                    let fragment = &fragment.node;
                    let shape = self.set(&fragment.selection_set.node, room);
                    shape.below(fragment.directives.len())
                }
                Selection::FragmentSpread(spread) => {
                    let spread = &spread.node;
                    let shape = self.fragment(&spread.fragment_name.node, room);
                    shape.below(spread.directives.len())
                }
            });
        }
        sum
    }

    fn fragment(&mut self, name: &'a Name, room: usize) -> Shape {
        match (self.known.get(name), self.document.fragments.get(name)) {
            // A fragment within itself.
            (Some(None), _) => ENDLESS,
            (Some(Some(shape)), _) => *shape,
            // Validation will name it.
            (None, None) => Shape::default(),
            (None, Some(fragment)) => {
                self.known.insert(name, None);
                let mut shape = self.set(&fragment.node.selection_set.node, room);
                shape.directives = shape
                    .directives
                    .saturating_add(fragment.node.directives.len());
                self.known.insert(name, Some(shape));
                shape
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_graphql::parser::parse_query;

    #[test]
    fn fragments_count_each_time_they_are_used() {
        let document = "query Q($v: Int @d) @d { a: x { ...F } b: x { ...F } ... on Q @d { c } } \
             fragment F on X @d { y @d @d z: w { v } }";
        let shape = largest(&parse_query(document).unwrap());
        assert_eq!(
            shape,
            Shape {
                // a, b, the fragment and c in it; twice the spread, y, z, v.
                fields: 12,
                depth: 3,
                levels: 4,
                aliases: 4,
                directives: 9,
                asks_usage: false
            }
        );
    }

    #[test]
    fn the_shape_told_is_that_of_the_operation_that_runs() {
        let document = parse_query("query A { a } query B { b { c } }").unwrap();
        assert_eq!(of(&document, Some("A")).fields, 1);
        assert_eq!(of(&document, Some("B")).depth, 2);
        assert_eq!(largest(&document).fields, 2);
    }

    #[test]
    fn what_goes_deeper_through_a_fragment_that_is_known_is_seen() {
        let deep = |depth: usize| {
            let (open, close) = ("{ a ".repeat(depth), "}".repeat(depth));
            let document = format!(
                "{{ ...F ...G }} fragment F on Q {open}{close} fragment G on Q {{ a {{ ...F }} }}"
            );
            largest(&parse_query(&document).unwrap()).levels
        };
        assert_eq!(deep(20), 23);
        assert!(deep(30) > LEVELS);
    }
}
