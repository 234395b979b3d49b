//! Building the schema, running a request on it, and printing it.

use std::sync::Arc;

use async_graphql::{
    PathSegment, Request, Response, SDLExportOptions, SchemaBuilder, ServerError, Value, Variables,
};
use futures_util::stream::{BoxStream, StreamExt};
use serde::Serialize;
use uuid::Uuid;

use super::error::{self, Fault};
use super::limits::{self, Limits};
use super::mutation::Mutation;
use super::query::Query;
use super::subscription::Subscription;
use super::variables;
use crate::domain::operator::Operator;
use crate::domain::refusal::Refusals;
use crate::domain::scope::Viewer;
use crate::domain::table::Connection;
use crate::feed::Tail;
use crate::operate::replay::Replay;

type Inner = async_graphql::Schema<Query, Mutation, Subscription>;

/// How many errors an answer tells.
const MOST_ERRORS: usize = 20;

/// The schema with everything that its resolvers need.
#[derive(Clone)]
pub struct Schema {
    inner: Inner,
    limits: Limits,
}

impl std::fmt::Debug for Schema {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Schema").finish_non_exhaustive()
    }
}

impl Schema {
    /// A schema that reads from `readers`, whose subscriptions follow `tail`, and through which operators decide on places
    /// (`operator`), drive calls again (`replay`) and see who was turned away (`refusals`).
    pub fn new(
        readers: Connection,
        tail: Option<Tail>,
        operator: Option<Operator>,
        replay: Option<Replay>,
        refusals: Option<Arc<Refusals>>,
        limits: Limits,
    ) -> Self {
        let mut builder = builder()
            .limit_depth(limits.depth)
            .limit_complexity(limits.complexity)
            .limit_recursive_depth(limits.recursion)
            .limit_directives(limits.directives)
            .data(limits)
            .data(readers);
        if !limits.introspection {
            builder = builder.disable_introspection();
        }
        if let Some(tail) = tail {
            builder = builder.data(tail);
        }
        if let Some(operator) = operator {
            builder = builder.data(operator);
        }
        if let Some(replay) = replay {
            builder = builder.data(replay);
        }
        if let Some(refusals) = refusals {
            builder = builder.data(refusals);
        }
        Self {
            inner: builder.finish(),
            limits,
        }
    }

    /// Runs one request for a viewer. Every error of the answer has a code and the id of the request.
    pub async fn execute(
        &self,
        mut request: Request,
        viewer: Viewer,
        request_id: Uuid,
    ) -> Response {
        let mut response = match self.check(&mut request) {
            Ok(()) => {
                let run = self.inner.execute(request.data(viewer));
                let run = tokio::time::timeout(self.limits.timeout, run).await;
                run.unwrap_or_else(|_| refusal(&self.limits.too_long()))
            }
            Err(fault) => refusal(&fault),
        };
        error::complete(&mut response.errors, request_id);
        propagate(&mut response);
        response.errors.truncate(MOST_ERRORS);
        response
    }

    fn check(&self, request: &mut Request) -> Result<(), Fault> {
        limits::check(request, &self.limits)?;
        variables::check(request)
    }

    /// Runs one request for a viewer that may be a subscription.
    pub fn execute_stream(
        &self,
        mut request: Request,
        viewer: Viewer,
        request_id: Uuid,
    ) -> BoxStream<'static, Response> {
        let responses = match self.check(&mut request) {
            Ok(()) if !limits::may_subscribe(&mut request) => {
                let schema = self.clone();
                let run = async move { schema.execute(request, viewer, request_id).await };
                return futures_util::stream::once(run).boxed();
            }
            Ok(()) => self.inner.execute_stream(request.data(viewer)).boxed(),
            Err(fault) => futures_util::stream::iter([refusal(&fault)]).boxed(),
        };
        responses
            .map(move |mut response| {
                error::complete(&mut response.errors, request_id);
                response.errors.truncate(MOST_ERRORS);
                response
            })
            .boxed()
    }
}

/// A request with its parts.
pub fn request(
    query: String,
    operation_name: Option<String>,
    variables: serde_json::Value,
) -> Request {
    let request = Request::new(query).variables(Variables::from_json(variables));
    match operation_name {
        Some(name) => request.operation_name(name),
        None => request,
    }
}

/// A root field that cannot be null and failed leaves nothing: the library leaves it out and answers the rest.
fn propagate(response: &mut Response) {
    let Value::Object(data) = &response.data else {
        return;
    };
    let is_missing = |error: &async_graphql::ServerError| match error.path.as_slice() {
        [PathSegment::Field(key)] => !data.contains_key(key.as_str()),
        _ => false,
    };
    if response.errors.iter().any(is_missing) {
        response.data = Value::Null;
    }
}

/// Whether the request was refused before anything ran: an answer without `data`.
pub fn is_refused(response: &Response) -> bool {
    response.data == Value::Null
        && !response.errors.is_empty()
        && response.errors.iter().all(|error| error.path.is_empty())
}

/// The answer as JSON; without `data` when the request was refused.
pub fn to_json(response: &Response) -> String {
    #[derive(Serialize)]
    struct Members<'a> {
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        errors: &'a [ServerError],
        #[serde(skip_serializing_if = "Option::is_none")]
        data: Option<&'a Value>,
    }
    let members = Members {
        errors: &response.errors,
        data: (!is_refused(response)).then_some(&response.data),
    };
    // Values of GraphQL have text keys only, so this cannot fail.
    serde_json::to_string(&members).unwrap_or_default()
}

fn refusal(fault: &Fault) -> Response {
    Response::from_errors(vec![fault.to_server_error()])
}

fn builder() -> SchemaBuilder<Query, Mutation, Subscription> {
    Inner::build(Query::default(), Mutation::default(), Subscription)
        .register_output_type::<super::node::Node>()
        .disable_suggestions()
}

/// The schema in its definition language, sorted.
pub fn sdl() -> String {
    let options = SDLExportOptions::new()
        .sorted_fields()
        .sorted_arguments()
        .sorted_enum_items()
        .use_space_ident();
    builder().finish().sdl_with_options(options)
}
