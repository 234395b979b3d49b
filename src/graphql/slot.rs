//! What was fetched for an object, by its place in the selection: it is written from here, and the database is asked no
//! more.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

use async_graphql::parser::types::Field;
use async_graphql::registry::Registry;
use async_graphql::{Context, ContextSelectionSet, OutputType, Positioned, ServerResult, Value};

use tokio::sync::OnceCell;

use super::error::Fault;
use super::selection::{Place, Selected};
use super::written::{Json, Step, Written};

/// A fetched value; null when there is none.
pub(super) type Fetched = Option<Arc<dyn Written>>;

/// What was fetched for one object.
#[derive(Clone, Default)]
pub(super) struct Slots(Vec<(Place, Fetched)>);

impl Slots {
    /// Keeps a value.
    pub(super) fn put(&mut self, place: Place, value: Fetched) {
        self.0.push((place, value));
    }

    /// Appends the value of a field to the answer.
    pub(super) fn write(&self, step: &Step<'_>, json: &mut Json) {
        match self.0.iter().find(|(known, _)| *known == step.place) {
            Some((_, value)) => value.write(&step.below, json),
            None => json.fail(step.unknown()),
        }
    }
}

/// A fetched value as it stands in the answer. What is written is no tree of values any more: it is JSON, which the library
/// hands through as bytes, and which no other value is.
pub(super) fn write(value: &Fetched, selected: &Selected<'_>) -> Result<Value, Fault> {
    match value {
        None => Ok(Value::Null),
        Some(value) => Ok(Value::Binary(Json::of(value, selected)?.into())),
    }
}

/// What the root fields of an operation answer. The library runs a field as often as the operation has it; asked for once,
/// it costs what it was priced at.
#[derive(Default)]
pub(super) struct Roots(Mutex<Vec<(Place, Answer)>>);

type Answer = Arc<OnceCell<Result<Value, Fault>>>;

impl Roots {
    /// The answer of the root field at `place`, which `fetch` brings when it is asked for first.
    pub(super) async fn get(
        &self,
        place: Place,
        fetch: impl Future<Output = Result<Value, Fault>>,
    ) -> Result<Value, Fault> {
        let answer = {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match known.iter().find(|(known, _)| *known == place) {
                Some((_, answer)) => Arc::clone(answer),
                None => {
                    let answer = Answer::default();
                    known.push((place, Arc::clone(&answer)));
                    answer
                }
            }
        };
        answer.get_or_init(|| fetch).await.clone()
    }
}

/// A `T` that is written already.
pub(super) struct Answered<T>(Value, PhantomData<fn() -> T>);

impl<T: Written> Answered<T> {
    /// `value` as far as the field at hand asks for it.
    pub(super) fn here(value: &T, context: &Context<'_>) -> Result<Self, Fault> {
        let json = Json::of(value, &Selected::here(context))?;
        Ok(Self::from(Value::Binary(json.into())))
    }
}

impl<T> From<Value> for Answered<T> {
    fn from(written: Value) -> Self {
        Self(written, PhantomData)
    }
}

impl<T: OutputType> OutputType for Answered<T> {
    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn qualified_type_name() -> String {
        T::qualified_type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::create_type_info(registry)
    }

    async fn resolve(
        &self,
        _: &ContextSelectionSet<'_>,
        _: &Positioned<Field>,
    ) -> ServerResult<Value> {
        Ok(self.0.clone())
    }
}
