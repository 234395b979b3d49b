//! Building the schema, running a request on it, and printing it.

use std::any::TypeId;
use std::sync::Arc;

use async_graphql::parser::types::OperationType;
use async_graphql::registry::Registry;
use async_graphql::{
    OutputType, Request, Response, SDLExportOptions, SchemaBuilder, SubscriptionType,
    ValidationMode, Value, Variables,
};
use chrono::{DateTime, Utc};
use futures_util::stream::{self, BoxStream, StreamExt};
use uuid::Uuid;

use super::document::Documents;
use super::document::valid::{IsValid, Valid};
use super::error::{self, Fault};
use super::limits::cost::{self, Measuring, Usage};
use super::limits::{self, Limit, Limits, Shape};
use super::mutation::Mutation;
use super::plan::Now;
use super::query::Query;
use super::response::{order, propagate, refusal};
use super::shared::Questions;
use super::slot::Roots;
use super::subscription::Subscription;
use super::variables;
use crate::domain::operator::Operator;
use crate::domain::refusal::Refusals;
use crate::domain::scope::Viewer;
use crate::domain::table::Connection;
use crate::domain::writer::Clock;
use crate::feed::Tail;
use crate::operate::replay::Replay;

type Inner = async_graphql::Schema<Query, Mutation, Subscription>;

/// With what the library refuses a subscription that is run as a query: after it was found valid.
const NO_SUBSCRIPTIONS: &str = "Subscriptions are not supported on this transport.";
/// How many errors an answer tells.
const MOST_ERRORS: usize = 20;
/// How many documents are kept for clients that name them by hash, unless the settings say otherwise.
const REGISTERED: usize = 1_000;

/// The schema with everything that its resolvers need.
#[derive(Clone)]
pub struct Schema {
    /// Runs what is known to be valid.
    inner: Inner,
    /// Runs nothing: validates, and says what a request would cost.
    measuring: Inner,
    /// All types, to hold variables against.
    types: Arc<Registry>,
    documents: Documents,
    valid: Valid,
    limits: Limits,
    /// The server's clock.
    clock: Option<Clock>,
    /// What several follow at once; `None` where each is run by itself.
    questions: Option<Questions>,
}

/// What became of an operation that was tried out.
#[derive(Debug)]
pub struct Rehearsed {
    /// The names of its variables.
    pub variables: Vec<String>,
    /// What it answers with null, by its name in the answer; a subscription is not run.
    pub nulls: Vec<String>,
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
        let mut types = Registry::default();
        Query::create_type_info(&mut types);
        Mutation::create_type_info(&mut types);
        <Subscription as SubscriptionType>::create_type_info(&mut types);
        let mut builder = builder()
            .validation_mode(ValidationMode::Fast)
            .limit_complexity(limits.cost)
            .limit_recursive_depth(limits::LEVELS)
            .data(limits)
            .data(readers);
        if !limits.introspection {
            builder = builder.disable_introspection();
        }
        if let Some(tail) = tail {
            builder = builder.data(tail);
        }
        let clock = operator
            .as_ref()
            .map(|operator| Clock::clone(&operator.clock));
        if let Some(operator) = operator {
            // One clock for all that the server does.
            builder = builder.data(Clock::clone(&operator.clock)).data(operator);
        }
        if let Some(replay) = replay {
            builder = builder.data(replay);
        }
        if let Some(refusals) = refusals {
            builder = builder.data(refusals);
        }
        Self {
            inner: builder.finish(),
            measuring: self::builder()
                .limit_recursive_depth(limits::LEVELS)
                .extension(Measuring)
                .finish(),
            types: Arc::new(types),
            documents: Documents::registered(REGISTERED),
            valid: Valid::default(),
            limits,
            clock,
            questions: Some(Questions::default()),
        }
    }

    /// The time that a request goes by: its own, else the server's.
    fn now(&self, request: &Request) -> DateTime<Utc> {
        let own = request.data.get(&TypeId::of::<Now>());
        match (own.and_then(|now| now.downcast_ref()), &self.clock) {
            (Some(Now(now)), _) => *now,
            (None, Some(clock)) => clock(),
            (None, None) => Utc::now(),
        }
    }

    /// The same, which runs each live subscription by itself unless they are `shared`.
    #[must_use]
    pub fn with_sharing(self, is_shared: bool) -> Self {
        let questions = is_shared.then(Questions::default);
        Self { questions, ..self }
    }

    pub(super) fn questions(&self) -> Option<&Questions> {
        self.questions.as_ref()
    }

    /// Whether answers say what they cost: each for itself.
    pub(super) fn tells_usage(&self, request: &Request) -> bool {
        let shape = shape_of(request).unwrap_or_default();
        self.limits.show_usage || shape.asks_usage || request.extensions.contains_key("usage")
    }

    /// The same with other documents that can be named.
    #[must_use]
    pub fn with_documents(self, documents: Documents) -> Self {
        Self { documents, ..self }
    }

    /// Finds the document that a request names and refuses what is too large, before anything is run. A request is looked
    /// at once, however often this is called.
    ///
    /// # Errors
    /// Why the request is not run.
    pub fn admit(&self, request: &mut Request) -> Result<(), Fault> {
        if shape_of(request).is_some() {
            return Ok(());
        }
        let registration = self.documents.settle(request)?;
        let shape = match self.valid.recall(request) {
            true => limits::check_again(request, &self.limits)?,
            false => limits::check(request, &self.limits)?,
        };
        variables::check(request, &self.types)?;
        let now = self.now(request);
        limits::bucket::check(request, self.limits.buckets, now)?;
        if let Some(registration) = registration {
            self.documents.register(registration, &request.query);
        }
        request.data.insert(shape);
        Ok(())
    }

    /// Tries out what a display is to run, for the viewer that it will be: one operation, which is no mutation, and which
    /// this schema takes with these variables.
    ///
    /// # Errors
    /// What is wrong with it, in plain words.
    pub async fn rehearse(
        &self,
        mut request: Request,
        viewer: Viewer,
    ) -> Result<Rehearsed, String> {
        self.admit(&mut request).map_err(|fault| fault.message)?;
        let document = request.parsed_query().map_err(|error| error.to_string())?;
        let mut operations = document.operations.iter();
        let (Some((_, operation)), None) = (operations.next(), operations.next()) else {
            return Err("it must hold exactly one operation".to_owned());
        };
        let kind = operation.node.ty;
        let variables = operation.node.variable_definitions.iter();
        let variables = variables.map(|variable| variable.node.name.node.to_string());
        let variables: Vec<String> = variables.collect();
        if kind == OperationType::Mutation {
            return Err("a display runs no mutations".to_owned());
        }
        let response = self.execute(request, viewer, Uuid::new_v4()).await;
        let is_subscription = kind == OperationType::Subscription;
        match response.errors.first() {
            Some(error) if is_subscription && error.message == NO_SUBSCRIPTIONS => {}
            Some(error) => return Err(error.message.clone()),
            None => {}
        }
        let nulls = match response.data {
            Value::Object(data) => {
                let nulls = data.into_iter().filter(|(_, value)| *value == Value::Null);
                nulls.map(|(key, _)| key.to_string()).collect()
            }
            _ => Vec::new(),
        };
        Ok(Rehearsed { variables, nulls })
    }

    /// Whether an admitted request only reads.
    pub fn is_query(&self, request: &mut Request) -> bool {
        limits::is_query(request)
    }

    /// Whether an admitted request may change something.
    pub fn is_mutation(&self, request: &mut Request) -> bool {
        limits::may_mutate(request)
    }

    /// Whether an admitted request may follow something.
    pub fn is_subscription(&self, request: &mut Request) -> bool {
        limits::may_subscribe(request)
    }

    /// Runs one request for a viewer. Every error of the answer has a code and the id of the request.
    pub async fn execute(&self, request: Request, viewer: Viewer, request_id: Uuid) -> Response {
        let mut underway = Underway(Some(request_id));
        let run = self.run(request, viewer);
        let run = tokio::time::timeout(self.limits.timeout, run).await;
        let mut response = run.unwrap_or_else(|_| refusal(&self.limits.too_long()));
        underway.0 = None;
        error::complete(&mut response.errors, request_id);
        propagate(&mut response);
        response.errors.truncate(MOST_ERRORS);
        response
    }

    async fn run(&self, mut request: Request, viewer: Viewer) -> Response {
        if let Err(fault) = self.admit(&mut request) {
            return refusal(&fault);
        }
        if let Err(refused) = self.validate(&mut request).await {
            return *refused;
        }
        let told = match self.weigh(&mut request).await {
            Ok(told) => told,
            Err(refused) => return *refused,
        };
        let asked = Asked::of(&request);
        let roots = limits::roots::keys(&mut request);
        let request = request.data(viewer).data(Roots::default());
        let mut response = self.inner.execute(request).await;
        order(&mut response, &roots);
        with_usage(self.reworded(response, asked).await, told)
    }

    /// Validates the document of an admitted request unless it was valid before. Its variables fit their types already, so
    /// the verdict holds for all others that do.
    async fn validate(&self, request: &mut Request) -> Result<(), Box<Response>> {
        if request.data.contains_key(&TypeId::of::<IsValid>()) {
            return Ok(());
        }
        let Ok(document) = request.parsed_query().cloned() else {
            return Ok(());
        };
        let mut asked = Asked {
            variables: Variables::default(),
            ..Asked::of(request)
        }
        .request();
        asked.set_parsed_query(document.clone());
        let response = self.measuring.execute(asked).await;
        match response.errors.first() {
            Some(error) if error.message != NO_SUBSCRIPTIONS => Err(Box::new(response)),
            _ => {
                self.valid.keep(&request.query, document);
                Ok(())
            }
        }
    }

    /// Finds out what a request costs if anybody wants to know; gives it when the answer is to say so. What is too costly
    /// is refused, with what it costs.
    async fn weigh(&self, request: &mut Request) -> Result<Option<Usage>, Box<Response>> {
        let is_told = self.limits.show_usage
            || request.extensions.get("usage") == Some(&Value::Boolean(true));
        let shape = shape_of(request).unwrap_or_default();
        if !is_told && !shape.asks_usage {
            return Ok(None);
        }
        let cost = cost::of(&self.measuring, Asked::of(request).request()).await;
        let usage = Usage::new(cost, shape, &self.limits);
        let told = is_told.then_some(usage);
        Limit::Cost
            .check(self.limits.cost, cost)
            .map_err(|fault| Box::new(with_usage(refusal(&fault), told)))?;
        request.data.insert(usage);
        Ok(told)
    }

    /// The library does not say by how much a request is too costly.
    async fn reworded(&self, response: Response, asked: Asked) -> Response {
        if !error::is_too_costly(&response.errors) {
            return response;
        }
        let cost = cost::of(&self.measuring, asked.request()).await;
        let cost = Some(cost).filter(|cost| *cost > self.limits.cost);
        refusal(&Fault::over(Limit::Cost, self.limits.cost, cost))
    }

    /// Runs one request for a viewer that may be a subscription. A [`Position`](super::subscription::Position) among its data is kept up to date.
    pub fn execute_stream(
        &self,
        request: Request,
        viewer: Viewer,
        request_id: Uuid,
    ) -> BoxStream<'static, Response> {
        let schema = self.clone();
        let begun = async move { schema.begin(request, viewer, request_id).await };
        stream::once(begun).flatten().boxed()
    }

    async fn begin(
        self,
        mut request: Request,
        viewer: Viewer,
        request_id: Uuid,
    ) -> BoxStream<'static, Response> {
        let admitted = self.admit(&mut request);
        if admitted.is_ok() && !limits::may_subscribe(&mut request) {
            let run = async move { self.execute(request, viewer, request_id).await };
            return stream::once(run).boxed();
        }
        let weighed = async {
            admitted.map_err(|fault| Box::new(refusal(&fault)))?;
            self.validate(&mut request).await?;
            self.weigh(&mut request).await
        };
        let mut told = match weighed.await {
            Ok(told) => told,
            Err(mut refused) => {
                error::complete(&mut refused.errors, request_id);
                return stream::iter([*refused]).boxed();
            }
        };
        let asked = Asked::of(&request);
        let responses = self.inner.execute_stream(request.data(viewer));
        responses
            .then(move |response| {
                let (schema, asked, told) = (self.clone(), asked.clone(), told.take());
                async move {
                    let mut response = schema.reworded(response, asked).await;
                    error::complete(&mut response.errors, request_id);
                    response.errors.truncate(MOST_ERRORS);
                    with_usage(response, told)
                }
            })
            .boxed()
    }
}

fn with_usage(response: Response, told: Option<Usage>) -> Response {
    match told {
        Some(usage) => response.extension("usage", usage.to_extension()),
        None => response,
    }
}

/// The shape of a request that was admitted.
fn shape_of(request: &Request) -> Option<Shape> {
    let shape = request.data.get(&TypeId::of::<Shape>())?;
    shape.downcast_ref().copied()
}

/// What is kept of a request that runs, to find out what it costs or to run it again.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    document: String,
    operation_name: Option<String>,
    variables: async_graphql::Variables,
}

impl Asked {
    pub(super) fn of(request: &Request) -> Self {
        Self {
            document: request.query.clone(),
            operation_name: request.operation_name.clone(),
            variables: request.variables.clone(),
        }
    }

    pub(super) fn request(self) -> Request {
        let request = Request::new(self.document).variables(self.variables);
        match self.operation_name {
            Some(name) => request.operation_name(name),
            None => request,
        }
    }
}

/// Says in the log when a request is dropped before it was answered: its caller left.
struct Underway(Option<Uuid>);

impl Drop for Underway {
    fn drop(&mut self) {
        if let Some(request) = self.0 {
            tracing::debug!(%request, "a caller left: what it asked for is no longer run");
        }
    }
}

fn builder() -> SchemaBuilder<Query, Mutation, Subscription> {
    Inner::build(Query::default(), Mutation::default(), Subscription)
        .register_output_type::<super::node::Node>()
        .disable_suggestions()
        .override_output_type_description::<DateTime<Utc>>(
            "A time in UTC, as RFC 3339 with at most six digits after the second: `2026-03-01T08:00:00.250+00:00`.",
        )
}

/// Holds the documents of a manifest, if there is one, against the schema.
///
/// # Errors
/// Which document would be refused whatever its variables are, and why.
pub async fn prove(documents: &Documents) -> Result<(), String> {
    let schema = builder()
        .extension(Measuring)
        .limit_recursive_depth(limits::LEVELS)
        .finish();
    for (id, document) in documents.trusted_ones() {
        let wrong = |why: &str| format!("the document `{id}`: {why}");
        let mut request = Request::new(document);
        // All operations are validated, whichever is named.
        let parsed = request
            .parsed_query()
            .map_err(|error| wrong(&error.message))?;
        let name = parsed.operations.iter().find_map(|(name, _)| name.cloned());
        let request = match name {
            Some(name) => request.operation_name(name.as_str()),
            None => request,
        };
        let errors = schema.execute(request).await.errors;
        match errors.first() {
            Some(error) if error.message != NO_SUBSCRIPTIONS => return Err(wrong(&error.message)),
            _ => {}
        }
    }
    Ok(())
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
