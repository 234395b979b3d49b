//! The interface `Node`, and finding things of any type by their global ids.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::indexmap::{IndexMap, IndexSet};
use async_graphql::parser::types::Field;
use async_graphql::registry::{MetaType, MetaTypeId, Registry};
use async_graphql::{ContextSelectionSet, ID, OutputType, Positioned, ServerResult, Value};
use uuid::Uuid;

use super::edge_field::field;
use super::error::Fault;
use super::id::{self, Kind};
use super::limits::Limit;
use super::object::{
    Activity, Building, Chase, Delivery, Incident, Level, Note, Property, QuarantinedElement,
    StatusChange, Task, Zone,
};
use super::plan::{Loader, Noun};
use super::selection::Selection;
use super::slot::Fetched;
use super::written::Written;

/// How many nodes can be asked for at once.
pub(super) const MOST_NODES: usize = 100;

/// What was found. The type is part of the key: an id can be made up of one type and the row of another.
type Found = HashMap<(Kind, Uuid), Arc<dyn Written>>;

/// A thing of any type that has a global id. It is only declared: what is found writes itself.
pub(super) struct Node;

/// Registers a type and that it is a node.
fn is_node<T: Noun>(registry: &mut Registry, types: &mut IndexSet<String>) {
    T::create_type_info(registry);
    let name = T::type_name().into_owned();
    registry.add_implements(&name, "Node");
    types.insert(name);
}

impl OutputType for Node {
    fn type_name() -> Cow<'static, str> {
        "Node".into()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        registry.create_output_type::<Self, _>(MetaTypeId::Interface, |registry| {
            let mut possible_types = IndexSet::new();
            let types = &mut possible_types;
            is_node::<Building>(registry, types);
            is_node::<Chase>(registry, types);
            is_node::<Delivery>(registry, types);
            is_node::<Incident>(registry, types);
            is_node::<Level>(registry, types);
            is_node::<Note>(registry, types);
            is_node::<Property>(registry, types);
            is_node::<QuarantinedElement>(registry, types);
            is_node::<StatusChange>(registry, types);
            is_node::<Task>(registry, types);
            is_node::<Zone>(registry, types);
            // An activity is always of one of the types that stand for the kinds.
            Activity::create_type_info(registry);
            for name in Activity::types() {
                registry.add_implements(name, "Node");
                types.insert(name.to_owned());
            }
            let ty = ID::create_type_info_of(registry);
            MetaType::Interface {
                name: "Node".to_owned(),
                description: Some("Something with a global id (Relay).".to_owned()),
                fields: IndexMap::from([field("id", "The global id.", ty, Vec::new())]),
                possible_types,
                extends: false,
                keys: None,
                visible: None,
                inaccessible: false,
                tags: Vec::new(),
                rust_typename: Some(std::any::type_name::<Self>()),
                directive_invocations: Vec::new(),
                requires_scopes: Vec::new(),
            }
        })
    }

    async fn resolve(
        &self,
        _: &ContextSelectionSet<'_>,
        _: &Positioned<Field>,
    ) -> ServerResult<Value> {
        Ok(Value::Null)
    }
}

/// `ID` is an input and an output type; here the output is meant.
trait OutputInfo: OutputType {
    fn create_type_info_of(registry: &mut Registry) -> String {
        <Self as OutputType>::create_type_info(registry)
    }
}

impl OutputInfo for ID {}

/// The thing with a global id.
pub(super) async fn one<'a>(
    loader: &'a Loader<'a>,
    id: &ID,
    selection: Selection<'a>,
) -> Result<Fetched, Fault> {
    let found = by_ids(loader, std::slice::from_ref(id), &selection).await?;
    Ok(found.into_iter().next().flatten())
}

/// The things with these global ids, null where there is none, in their order.
pub(super) async fn many<'a>(
    loader: &'a Loader<'a>,
    ids: &[ID],
    selection: Selection<'a>,
) -> Result<Fetched, Fault> {
    Limit::List.check(MOST_NODES, ids.len())?;
    let found = by_ids(loader, ids, &selection).await?;
    Ok(Some(Arc::new(found)))
}

async fn by_ids<'a>(
    loader: &'a Loader<'a>,
    ids: &[ID],
    selection: &Selection<'a>,
) -> Result<Vec<Fetched>, Fault> {
    let named: Vec<(Kind, Uuid)> = ids
        .iter()
        .map(|id| id::decode(id))
        .collect::<Result<_, _>>()?;
    let mut kinds: Vec<Kind> = Vec::new();
    for (kind, _) in &named {
        if !kinds.contains(kind) {
            kinds.push(*kind);
        }
    }
    let mut found = Found::new();
    for kind in kinds {
        let keys = named.iter().filter(|(known, _)| *known == kind);
        let keys: Vec<Uuid> = keys.map(|(_, key)| *key).collect();
        let found = &mut found;
        match kind {
            Kind::Activity => add::<Activity>(found, loader, &keys, selection).await?,
            Kind::Building => add::<Building>(found, loader, &keys, selection).await?,
            Kind::Chase => add::<Chase>(found, loader, &keys, selection).await?,
            Kind::Delivery => add::<Delivery>(found, loader, &keys, selection).await?,
            Kind::Incident => add::<Incident>(found, loader, &keys, selection).await?,
            Kind::Level => add::<Level>(found, loader, &keys, selection).await?,
            Kind::Note => add::<Note>(found, loader, &keys, selection).await?,
            Kind::Property => add::<Property>(found, loader, &keys, selection).await?,
            Kind::QuarantinedElement => {
                add::<QuarantinedElement>(found, loader, &keys, selection).await?;
            }
            Kind::StatusChange => add::<StatusChange>(found, loader, &keys, selection).await?,
            Kind::Task => add::<Task>(found, loader, &keys, selection).await?,
            Kind::Zone => add::<Zone>(found, loader, &keys, selection).await?,
        }
    }
    let node = |named: &(Kind, Uuid)| found.get(named).cloned();
    Ok(named.iter().map(node).collect())
}

async fn add<'a, T: Noun>(
    found: &mut Found,
    loader: &'a Loader<'a>,
    keys: &[Uuid],
    selection: &Selection<'a>,
) -> Result<(), Fault> {
    let objects = loader.keyed::<T>(keys, selection.clone()).await?;
    let objects = objects.into_iter();
    found.extend(objects.map(|(key, object)| ((T::KIND, key), object as _)));
    Ok(())
}
