//! What a request costs. The library adds it up while it validates and tells nobody but its extensions, and a schema with
//! an extension runs every field through it. So a schema beside the one that answers is asked, only when somebody wants
//! to know; it runs nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_graphql::async_trait::async_trait;
use async_graphql::extensions::{
    Extension, ExtensionContext, ExtensionFactory, NextExecute, NextValidation,
};
use async_graphql::{
    ObjectType, Request, Response, Schema, ServerError, SubscriptionType, ValidationResult,
};

use super::{Limits, Shape};

/// What one request asks for, beside what it may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// What it costs.
    pub cost: usize,
    /// How large it is once its fragments are opened.
    pub shape: Shape,
    /// What it may ask for.
    pub limits: UsageLimits,
}

/// What a request may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsageLimits {
    /// What it may cost.
    pub cost: usize,
    /// How deep its fields may nest.
    pub depth: usize,
    /// How many fields and fragments it may select.
    pub fields: usize,
}

impl Usage {
    /// What a request of such a shape and cost asks for.
    pub fn new(cost: usize, shape: Shape, limits: &Limits) -> Self {
        Self {
            cost,
            shape,
            limits: UsageLimits {
                cost: limits.cost,
                depth: limits.depth,
                fields: limits.fields,
            },
        }
    }

    /// As `extensions.usage` of an answer.
    pub fn to_extension(self) -> async_graphql::Value {
        async_graphql::value!({
            "cost": self.cost,
            "maxCost": self.limits.cost,
            "depth": self.shape.depth,
            "maxDepth": self.limits.depth,
            "fields": self.shape.fields,
            "maxFields": self.limits.fields,
        })
    }
}

/// The cost of the request at hand, once it is known.
type Found = Arc<AtomicUsize>;

/// What a schema that only measures has as its extension.
pub(in crate::graphql) struct Measuring;

/// What a request costs on a schema that only measures. Its document has to be within the other limits.
pub(in crate::graphql) async fn of<Q, M, S>(schema: &Schema<Q, M, S>, request: Request) -> usize
where
    Q: ObjectType + 'static,
    M: ObjectType + 'static,
    S: SubscriptionType + 'static,
{
    let found = Found::default();
    schema.execute(request.data(Arc::clone(&found))).await;
    found.load(Ordering::Relaxed)
}

impl ExtensionFactory for Measuring {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Measuring)
    }
}

#[async_trait]
impl Extension for Measuring {
    async fn validation(
        &self,
        context: &ExtensionContext<'_>,
        next: NextValidation<'_>,
    ) -> Result<ValidationResult, Vec<ServerError>> {
        let result = next.run(context).await?;
        if let Some(found) = context.data_opt::<Found>() {
            found.store(result.complexity, Ordering::Relaxed);
        }
        Ok(result)
    }

    async fn execute(
        &self,
        _: &ExtensionContext<'_>,
        _: Option<&str>,
        _: NextExecute<'_>,
    ) -> Response {
        Response::default()
    }
}
