//! Answers are written, not resolved: what was fetched is in memory, so an object appends what is selected of it to the
//! JSON of the answer, in the order asked, without a future, a map or a copy for each field.

mod scalar;
mod time;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use serde::Serialize;

use super::error::Fault;
use super::selection::{Place, Selected, Selection};

/// Anything that can stand in an answer.
pub(super) trait Written: Send + Sync {
    /// Appends itself to `json`, an object with what is selected `below`.
    fn write(&self, below: &Below<'_>, json: &mut Json);
}

/// The JSON of an answer as far as it is written.
#[derive(Default)]
pub(super) struct Json {
    text: Vec<u8>,
    fault: Option<Fault>,
}

impl Json {
    /// `value` as far as `selected` asks for it.
    pub(super) fn of(value: &dyn Written, selected: &Selected<'_>) -> Result<Vec<u8>, Fault> {
        let mut json = Self::default();
        value.write(&Below::new(selected.selection()), &mut json);
        match json.fault {
            Some(fault) => Err(fault),
            None => Ok(json.text),
        }
    }

    /// Appends an object of the type `name`; `field` appends the value of each field but `__typename`.
    pub(super) fn object(
        &mut self,
        name: &str,
        below: &Below<'_>,
        mut field: impl FnMut(&Step<'_>, &mut Self),
    ) {
        self.text.push(b'{');
        for (nth, step) in below.on(name).iter().enumerate() {
            if nth > 0 {
                self.text.push(b',');
            }
            self.text.extend_from_slice(step.label.as_bytes());
            if step.field == "__typename" {
                self.scalar(name);
            } else {
                field(step, self);
            }
        }
        self.text.push(b'}');
    }

    /// Appends a list.
    pub(super) fn list<T: Written>(
        &mut self,
        values: impl IntoIterator<Item = T>,
        below: &Below<'_>,
    ) {
        self.text.push(b'[');
        for (nth, value) in values.into_iter().enumerate() {
            if nth > 0 {
                self.text.push(b',');
            }
            value.write(below, self);
        }
        self.text.push(b']');
    }

    /// Appends a value that has no fields.
    pub(super) fn scalar<T: Serialize + ?Sized>(&mut self, value: &T) {
        // Only a map whose keys are no text could fail, and there is none.
        if let Err(error) = serde_json::to_writer(&mut self.text, value) {
            self.fail(Fault::internal(error));
        }
    }

    /// The answer cannot be given.
    pub(super) fn fail(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
    }
}

/// What is selected below a field, worked out once for each type of object that stands there.
pub(super) struct Below<'a> {
    selection: Selection<'a>,
    known: RefCell<Vec<(String, Rc<[Step<'a>]>)>>,
}

/// One response key of what is selected.
pub(super) struct Step<'a> {
    /// The response key as JSON, with its colon.
    label: String,
    /// Where what was fetched for it is kept.
    pub(super) place: Place,
    /// The name of the field as Rust writes it.
    pub(super) field: String,
    /// What is selected below it.
    pub(super) below: Below<'a>,
}

impl<'a> Below<'a> {
    fn new(selection: Selection<'a>) -> Self {
        Self {
            selection,
            known: RefCell::default(),
        }
    }

    fn on(&self, name: &str) -> Rc<[Step<'a>]> {
        let mut known = self.known.borrow_mut();
        if let Some((_, steps)) = known.iter().find(|(known, _)| known == name) {
            return Rc::clone(steps);
        }
        let mut steps: Vec<Step<'a>> = Vec::new();
        for selected in self.selection.on(name) {
            let step = Step::of(&selected);
            // Two under one key contradict each other; what the validation did not see is not answered twice.
            if !steps.iter().any(|known| known.label == step.label) {
                steps.push(step);
            }
        }
        let steps: Rc<[Step<'a>]> = steps.into();
        known.push((name.to_owned(), Rc::clone(&steps)));
        steps
    }
}

impl<'a> Step<'a> {
    fn of(selected: &Selected<'a>) -> Self {
        let place = selected.place();
        Self {
            // Response keys are names: nothing in them needs to be escaped.
            label: format!("\"{}\":", place.key),
            place,
            field: snake(selected.name()),
            below: Below::new(selected.selection()),
        }
    }
}

/// `statusAt` is the field `status_at`.
pub(super) fn snake(name: &str) -> String {
    let mut field = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            field.push('_');
        }
        field.push(letter.to_ascii_lowercase());
    }
    field
}

/// Writes an object by its fields; those that lead to others are in its `slots`, where it has any. A field that is left
/// out here does not compile.
macro_rules! written {
    ($type:ident { $($field:ident),* $(,)? }) => {
        written!($type [$($field),*] [$($field),*] |step, json| json.fail(step.unknown()));
    };
    ($type:ident { $($field:ident),* $(,)? } and slots) => {
        written!($type [$($field),*] [$($field,)* slots] |step, json| slots.write(step, json));
    };
    ($type:ident [$($field:ident),*] [$($part:ident),*] |$step:ident, $json:ident| $else:expr) => {
        impl $type {
            fn write_as(
                &self,
                name: &str,
                below: &$crate::graphql::written::Below<'_>,
                json: &mut $crate::graphql::written::Json,
            ) {
                let Self { $($part),* } = self;
                json.object(name, below, |$step, $json| match $step.field.as_str() {
                    $(stringify!($field) => {
                        $crate::graphql::written::Written::write($field, &$step.below, $json)
                    })*
                    _ => $else,
                });
            }
        }

        impl $crate::graphql::written::Written for $type {
            fn write(
                &self,
                below: &$crate::graphql::written::Below<'_>,
                json: &mut $crate::graphql::written::Json,
            ) {
                self.write_as(&<Self as async_graphql::OutputType>::type_name(), below, json);
            }
        }
    };
}
pub(super) use written;

impl Step<'_> {
    /// The field is selected, and nobody has its value.
    pub(super) fn unknown(&self) -> Fault {
        Fault::internal(format!(
            "the field {} was selected but not planned",
            self.place.key
        ))
    }
}

impl<T: Written + ?Sized> Written for &T {
    fn write(&self, below: &Below<'_>, json: &mut Json) {
        (**self).write(below, json);
    }
}

impl<T: Written + ?Sized> Written for Arc<T> {
    fn write(&self, below: &Below<'_>, json: &mut Json) {
        (**self).write(below, json);
    }
}

impl<T: Written> Written for Option<T> {
    fn write(&self, below: &Below<'_>, json: &mut Json) {
        match self {
            Some(value) => value.write(below, json),
            None => json.text.extend_from_slice(b"null"),
        }
    }
}

impl<T: Written> Written for Vec<T> {
    fn write(&self, below: &Below<'_>, json: &mut Json) {
        json.list(self, below);
    }
}

impl<T: Written> Written for Result<T, Fault> {
    fn write(&self, below: &Below<'_>, json: &mut Json) {
        match self {
            Ok(value) => value.write(below, json),
            Err(fault) => json.fail(fault.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_fields_are_those_of_the_structs() {
        assert_eq!(snake("statusAt"), "status_at");
        assert_eq!(snake("p90"), "p90");
        assert_eq!(snake("__typename"), "__typename");
    }
}
