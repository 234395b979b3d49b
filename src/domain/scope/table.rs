//! Which claims cover which rows, table by table: the one place that says it. A table without a word here cannot be read.
//!
//! A property or building covers what is in its buildings as they stand now. A tenant covers its own tasks with what was
//! said on them, and shows of the places they stand in no more than what these are called and where they are.

use entity::Stored;
use entity::{
    activity, building, chase, delivery, delivery_body, incident, level, note, property,
    quarantine, site, status_change, status_type, task, zone,
};
use sea_orm::sea_query::{Condition, Expr, ExprTrait, Query, SelectStatement, UnionType};
use sea_orm::{ColumnTrait, DbBackend, EntityTrait};
use uuid::Uuid;

use super::Claims;
use crate::domain::activity::filter::covered as filed_under;
use crate::domain::read::keys::{Keys, one_of};

/// A table that can be read for a viewer.
pub trait Scoped: Stored {
    /// Whether only operators read it.
    const FOR_OPERATORS: bool = false;

    /// The rows that at least one claim covers.
    fn covered(reach: &Reach<'_>) -> Condition;

    /// Where the value of `column` is shown, if not wherever the row is.
    fn shown(_reach: &Reach<'_>, _column: Self::Column) -> Option<Condition> {
        None
    }
}

/// How far claims reach, in the words of one engine.
#[derive(Clone, Copy, Debug)]
pub struct Reach<'a> {
    claims: &'a Claims,
    backend: DbBackend,
}

impl<'a> Reach<'a> {
    /// The reach of `claims`.
    pub fn new(claims: &'a Claims, backend: DbBackend) -> Self {
        Self { claims, backend }
    }

    fn properties(&self) -> Option<Keys> {
        let keys: Vec<Uuid> = self.claims.properties.iter().map(|id| id.0).collect();
        (!keys.is_empty()).then(|| Keys::new(self.backend, &keys))
    }

    fn tenants(&self) -> Option<Keys> {
        // What is of no tenant has an empty one in `site`.
        let named = self.claims.tenants.iter().filter(|name| !name.is_empty());
        let named: Vec<&str> = named.map(String::as_str).collect();
        (!named.is_empty()).then(|| Keys::texts(self.backend, named))
    }

    /// The claimed buildings, and those of the claimed properties.
    fn buildings(&self) -> Vec<SelectStatement> {
        let keys: Vec<Uuid> = self.claims.buildings.iter().map(|id| id.0).collect();
        let mut sets = Vec::new();
        if !keys.is_empty() {
            sets.push(Keys::new(self.backend, &keys).set());
        }
        if let Some(properties) = self.properties() {
            let of_property = Query::select()
                .expr(building::Column::Id.into_expr())
                .from(building::Entity)
                .and_where(properties.hold(building::Column::PropertyId.into_expr()))
                .take();
            sets.push(of_property);
        }
        sets
    }

    /// The places in which tasks of the claimed tenants stand: `column` of their sites. A site of Urgent holds tasks of
    /// its own tenant only.
    fn stood_in(&self, column: site::Column) -> Option<SelectStatement> {
        let has_task = Query::select()
            .expr(Expr::cust("1"))
            .from(task::Entity)
            .and_where(
                task::Column::SiteId
                    .into_expr()
                    .equals((site::Entity, site::Column::Id)),
            )
            .take();
        let sites = Query::select()
            .expr(column.into_expr())
            .from(site::Entity)
            .and_where(site::Column::Source.eq(entity::Source::Urgent))
            .and_where(self.tenants()?.hold(site::Column::Tenant.into_expr()))
            .and_where(column.into_expr().is_not_null())
            .and_where(Expr::exists(has_task))
            .take();
        Some(sites)
    }

    fn is_one_of(&self, field: Expr, sets: Vec<SelectStatement>) -> Option<Expr> {
        let sets = sets.into_iter().reduce(|mut all, set| {
            all.union(UnionType::All, set);
            all
        });
        Some(one_of(self.backend, field, sets?))
    }

    /// `building` is a covered one.
    fn in_buildings(&self, building: impl ColumnTrait) -> Option<Expr> {
        self.is_one_of(building.into_expr(), self.buildings())
    }

    /// `tenant` is a covered one.
    fn of_tenants(&self, tenant: impl ColumnTrait) -> Option<Expr> {
        Some(self.tenants()?.hold(tenant.into_expr()))
    }

    /// The row of `E` that `pointer` names stands in a covered building.
    fn leads_into_buildings<E: EntityTrait>(
        &self,
        key: E::Column,
        building: E::Column,
        pointer: impl ColumnTrait,
    ) -> Option<Expr> {
        let row = Query::select()
            .expr(Expr::cust("1"))
            .from(E::default())
            .and_where(key.into_expr().eq(pointer.into_expr()))
            .and_where(self.in_buildings(building)?)
            .take();
        Some(Expr::exists(row))
    }

    fn task_is_in_buildings(&self, pointer: impl ColumnTrait) -> Option<Expr> {
        let (key, building) = (task::Column::Id, task::Column::BuildingId);
        self.leads_into_buildings::<task::Entity>(key, building, pointer)
    }
}

/// At least one of these holds; without any, nothing is covered.
fn any<const N: usize>(covers: [Option<Expr>; N]) -> Condition {
    let covers: Vec<Expr> = covers.into_iter().flatten().collect();
    if covers.is_empty() {
        return Condition::all().add(Expr::cust("1=0"));
    }
    let any = covers.into_iter().fold(Condition::any(), Condition::add);
    Condition::all().add(any)
}

impl Scoped for property::Entity {
    fn covered(reach: &Reach<'_>) -> Condition {
        let claimed = reach.properties();
        any([claimed.map(|keys| keys.hold(property::Column::Id.into_expr()))])
    }
}

impl Scoped for building::Entity {
    fn covered(reach: &Reach<'_>) -> Condition {
        let mut sets = reach.buildings();
        sets.extend(reach.stood_in(site::Column::BuildingId));
        any([reach.is_one_of(building::Column::Id.into_expr(), sets)])
    }

    fn shown(reach: &Reach<'_>, column: building::Column) -> Option<Condition> {
        // The property itself is in no building.
        matches!(column, building::Column::PropertyId).then(|| {
            let claimed = reach.properties();
            any([claimed.map(|keys| keys.hold(column.into_expr()))])
        })
    }
}

impl Scoped for site::Entity {
    fn covered(reach: &Reach<'_>) -> Condition {
        any([
            reach.in_buildings(site::Column::BuildingId),
            reach.of_tenants(site::Column::Tenant),
        ])
    }
}

impl Scoped for level::Entity {
    fn covered(reach: &Reach<'_>) -> Condition {
        any([reach.in_buildings(level::Column::BuildingId)])
    }
}

impl Scoped for zone::Entity {
    /// What is seen for a tenant is a site of Urgent's: nothing that Matrix tells of zones is in it.
    fn covered(reach: &Reach<'_>) -> Condition {
        let stood_in = reach.stood_in(site::Column::ZoneId);
        let stood_in = stood_in.into_iter().collect();
        any([
            reach.in_buildings(zone::Column::BuildingId),
            reach.is_one_of(zone::Column::Id.into_expr(), stood_in),
        ])
    }
}

impl Scoped for incident::Entity {
    fn covered(reach: &Reach<'_>) -> Condition {
        any([reach.in_buildings(incident::Column::BuildingId)])
    }
}

impl Scoped for task::Entity {
    fn covered(reach: &Reach<'_>) -> Condition {
        any([
            reach.in_buildings(task::Column::BuildingId),
            reach.of_tenants(task::Column::Tenant),
        ])
    }

    fn shown(reach: &Reach<'_>, column: task::Column) -> Option<Condition> {
        use incident::Column::{BuildingId, Id};
        // It is named by a word of Urgent's and may be in another building than the task.
        matches!(column, task::Column::IncidentId)
            .then(|| any([reach.leads_into_buildings::<incident::Entity>(Id, BuildingId, column)]))
    }
}

/// What was said on tasks is seen where the task is. Its tenant is that of the task.
macro_rules! said_on_tasks {
    ($($noun:ident),+) => {$(
        impl Scoped for $noun::Entity {
            fn covered(reach: &Reach<'_>) -> Condition {
                any([
                    reach.of_tenants($noun::Column::Tenant),
                    reach.task_is_in_buildings($noun::Column::TaskId),
                ])
            }
        }
    )+};
}

said_on_tasks!(status_change, note, chase);

impl Scoped for activity::Entity {
    /// Beside what the feed shows: what happened in a place or to a task that turned out later to be in a covered
    /// building.
    fn covered(reach: &Reach<'_>) -> Condition {
        use activity::Column::{SiteId, TaskId};
        let filed = filed_under(reach.claims).to_condition();
        let (key, building) = (site::Column::Id, site::Column::BuildingId);
        let place = reach.leads_into_buildings::<site::Entity>(key, building, SiteId);
        let found = any([place, reach.task_is_in_buildings(TaskId)]);
        Condition::any().add(filed).add(found)
    }
}

impl Scoped for status_type::Entity {
    /// What statuses mean to everybody, to the claimed tenants, and to those that have sites in covered buildings.
    fn covered(reach: &Reach<'_>) -> Condition {
        let tenant = status_type::Column::Tenant;
        let housed = reach.in_buildings(site::Column::BuildingId).map(|within| {
            Query::select()
                .expr(site::Column::Tenant.into_expr())
                .from(site::Entity)
                .and_where(within)
                .take()
        });
        any([
            Some(tenant.into_expr().eq("*")),
            reach.of_tenants(tenant),
            reach.is_one_of(tenant.into_expr(), housed.into_iter().collect()),
        ])
    }
}

/// Raw calls, and what could not be taken in.
macro_rules! for_operators {
    ($($noun:ident),+) => {$(
        impl Scoped for $noun::Entity {
            const FOR_OPERATORS: bool = true;

            fn covered(_reach: &Reach<'_>) -> Condition {
                any([])
            }
        }
    )+};
}

for_operators!(delivery, delivery_body, quarantine);
