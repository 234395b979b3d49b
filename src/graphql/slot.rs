//! What was fetched for an object, by response key: resolvers look here and never ask the database.

use std::sync::Arc;

use async_graphql::parser::types::Field;
use async_graphql::{
    Context, ContextSelectionSet, Name, OutputType, Positioned, ServerResult, Value,
};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::error::Fault;

/// Anything that can stand in a response.
pub(super) trait Resolve: Send + Sync {
    fn resolve_here<'a>(
        &'a self,
        context: &'a ContextSelectionSet<'a>,
        field: &'a Positioned<Field>,
    ) -> BoxFuture<'a, ServerResult<Value>>;
}

impl<T: OutputType> Resolve for T {
    fn resolve_here<'a>(
        &'a self,
        context: &'a ContextSelectionSet<'a>,
        field: &'a Positioned<Field>,
    ) -> BoxFuture<'a, ServerResult<Value>> {
        self.resolve(context, field).boxed()
    }
}

/// A fetched value; null when there is none.
pub(super) type Fetched = Option<Arc<dyn Resolve>>;

/// What was fetched for one object.
#[derive(Clone, Default)]
pub(super) struct Slots(Vec<(Name, Fetched)>);

impl Slots {
    /// Keeps a value under its response key.
    pub(super) fn put(&mut self, key: Name, value: Fetched) {
        self.0.push((key, value));
    }

    /// Writes the value of the field at hand into the response.
    pub(super) async fn resolve(&self, context: &Context<'_>) -> ServerResult<Option<Value>> {
        let key = &context.item.node.response_key().node;
        match self.0.iter().find(|(known, _)| known == key) {
            Some((_, value)) => write(value, context).await.map(Some),
            None => {
                let fault =
                    Fault::internal(format!("the field {key} was selected but not planned"));
                Err(context.set_error_path(fault.to_server_error()))
            }
        }
    }
}

/// Writes a fetched value into the response as the field at hand.
pub(super) async fn write(value: &Fetched, context: &Context<'_>) -> ServerResult<Value> {
    match value {
        None => Ok(Value::Null),
        Some(value) => {
            let below = context.with_selection_set(&context.item.node.selection_set);
            value.resolve_here(&below, context.item).await
        }
    }
}
