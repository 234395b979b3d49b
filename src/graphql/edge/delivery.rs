//! Where deliveries and quarantined elements lead.

use std::collections::HashMap;
use std::sync::Arc;

use entity::{delivery, delivery_body, quarantine};
use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::edges;
use crate::domain::page::Direction;
use crate::domain::read;
use crate::graphql::edge_field::{always, costly, fixed, one};
use crate::graphql::error::Fault;
use crate::graphql::filter::DeliveryFilter;
use crate::graphql::id::Kind;
use crate::graphql::object::{Activity, Delivery, QuarantinedElement};
use crate::graphql::order::DeliveryOrder;
use crate::graphql::plan::{Listed, Loader, Noun, relations};
use crate::graphql::selection::{Selected, Selection};
use crate::graphql::slot::Slots;

/// What a body costs: under the usual limit 20 of them leave room for the fields beside them, and 21 do not fit.
const BODY: usize = 9_600;

edges!(Delivery, registry => [
    costly::<BODY>(one::<String>(
        registry,
        "body",
        "The body as received, as text (what is no UTF-8 is replaced); null when it is no longer kept. \
         It is large: one request reads at most 20 under the limit that is set when nothing is said.",
    )),
    fixed::<Activity>(
        registry,
        "activities",
        "What it told that was new, in the order it was recorded; with feed cursors.",
        Vec::new(),
    ),
    fixed::<QuarantinedElement>(
        registry,
        "quarantine",
        "Its elements that could not be taken in, in their order.",
        Vec::new(),
    ),
]);

edges!(QuarantinedElement, registry => [
    always::<Delivery>(registry, "delivery", "The delivery it came in."),
]);

impl Noun for Delivery {
    const KIND: Kind = Kind::Delivery;
    type Entity = delivery::Entity;
    const KEY: delivery::Column = delivery::Column::Id;

    fn load<'a>(
        loader: &'a Loader<'a>,
        rows: Vec<delivery::Model>,
        selection: Selection<'a>,
    ) -> BoxFuture<'a, Result<Vec<Arc<Self>>, Fault>> {
        Box::pin(async move {
            let mut slots = vec![Slots::default(); rows.len()];
            let ids: Vec<Uuid> = rows.iter().map(|row| row.id.0).collect();
            for (name, aliases) in relations(&selection, "Delivery") {
                let (slots, aliases) = (&mut slots, &aliases);
                match name {
                    "body" => bodies(loader, slots, aliases, &ids).await?,
                    "activities" => loader.told(slots, aliases, &ids).await?,
                    "quarantine" => {
                        use quarantine::Column::{DeliveryId, Element};
                        loader
                            .plain::<QuarantinedElement>(slots, aliases, DeliveryId, &ids, Element)
                            .await?;
                    }
                    _ => {}
                }
            }
            let objects = std::iter::zip(rows, slots);
            Ok(objects
                .map(|(row, slots)| Arc::new(Self::new(row, slots)))
                .collect())
        })
    }
}

impl Listed for Delivery {
    type Filter = DeliveryFilter;
    type OrderBy = DeliveryOrder;
    const ORDER: (delivery::Column, Direction) =
        (delivery::Column::ReceivedAt, Direction::Descending);
    const ORDER_HINT: &'static str =
        "By what they are sorted, at most three fields; the latest first when not given.";
}

/// The raw bodies, fetched only when they are selected: they are large.
async fn bodies(
    loader: &Loader<'_>,
    slots: &mut [Slots],
    aliases: &[Selected<'_>],
    deliveries: &[Uuid],
) -> Result<(), Fault> {
    let column = delivery_body::Column::DeliveryId;
    let rows =
        read::by_keys::<delivery_body::Entity>(loader.scope, loader.database, column, deliveries)
            .await?;
    let bodies: HashMap<Uuid, Arc<String>> = rows
        .into_iter()
        .map(|row| {
            let text = String::from_utf8_lossy(&row.body).into_owned();
            (row.delivery_id.0, Arc::new(text))
        })
        .collect();
    for (slots, delivery) in std::iter::zip(slots, deliveries) {
        for alias in aliases {
            let body = bodies.get(delivery).cloned();
            slots.put(alias.place(), body.map(|body| body as _));
        }
    }
    Ok(())
}

impl Noun for QuarantinedElement {
    const KIND: Kind = Kind::QuarantinedElement;
    type Entity = quarantine::Entity;
    const KEY: quarantine::Column = quarantine::Column::Id;

    fn load<'a>(
        loader: &'a Loader<'a>,
        rows: Vec<quarantine::Model>,
        selection: Selection<'a>,
    ) -> BoxFuture<'a, Result<Vec<Arc<Self>>, Fault>> {
        Box::pin(async move {
            let mut slots = vec![Slots::default(); rows.len()];
            let keys: Vec<_> = rows.iter().map(|row| Some(row.delivery_id.0)).collect();
            for (name, aliases) in relations(&selection, "QuarantinedElement") {
                if name == "delivery" {
                    let column = delivery::Column::Id;
                    loader
                        .one::<Delivery>(&mut slots, &aliases, column, &keys)
                        .await?;
                }
            }
            let objects = std::iter::zip(rows, slots);
            Ok(objects
                .map(|(row, slots)| Arc::new(Self::new(row, slots)))
                .collect())
        })
    }
}
