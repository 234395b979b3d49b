//! Kept deliveries as operators' commands look for them: by key, by what they are, by when they came.

use chrono::{DateTime, Utc};
use entity::{DeliveryId, Operation, Outcome, Source, delivery, delivery_body, quarantine};
use sea_orm::sea_query::Condition;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use crate::domain::bulk::{self, Keys};
use crate::domain::filter::{Filter, Test};

/// Which deliveries are meant: those for which all of this holds.
#[derive(Clone, Debug, Default)]
pub struct Which {
    /// The platform.
    pub source: Option<Source>,
    /// The call.
    pub operation: Option<Operation>,
    /// What became of it.
    pub outcome: Option<Outcome>,
    /// The name of the credential that proved the sender.
    pub credential: Option<String>,
    /// Only those with elements in quarantine.
    pub is_quarantined: bool,
    /// First received then or later.
    pub since: Option<DateTime<Utc>>,
    /// First received before.
    pub until: Option<DateTime<Utc>>,
}

impl Which {
    fn condition(&self) -> Condition {
        use delivery::Column;
        Condition::all()
            .add_option(self.source.map(|is| Column::Source.eq(is)))
            .add_option(self.operation.map(|is| Column::Operation.eq(is)))
            .add_option(self.outcome.map(|is| Column::Outcome.eq(is)))
            .add_option(
                self.credential
                    .as_deref()
                    .map(|is| Column::Credential.eq(is)),
            )
            .add_option(
                self.is_quarantined
                    .then(|| quarantined_ones().to_condition()),
            )
            .add_option(self.since.map(|at| Column::ReceivedAt.gte(at)))
            .add_option(self.until.map(|at| Column::ReceivedAt.lt(at)))
    }
}

/// Those that have elements in quarantine which did not go through since.
pub fn quarantined_ones() -> Filter<delivery::Column> {
    Filter::Is(delivery::Column::Quarantined, Test::IsPositive)
}

/// Where a page ended: first receipt and key.
pub type Place = (DateTime<Utc>, DeliveryId);

/// Up to `limit` deliveries after `after`, in the order of their first receipt.
///
/// # Errors
/// What the database says.
pub async fn page(
    connection: &impl ConnectionTrait,
    which: &Which,
    after: Option<Place>,
    limit: u64,
) -> Result<Vec<delivery::Model>, DbErr> {
    use delivery::Column;
    let beyond = after.map(|(at, id)| {
        let same = Condition::all()
            .add(Column::ReceivedAt.eq(at))
            .add(Column::Id.gt(id));
        // The first bound is what an index can begin at.
        Condition::all()
            .add(Column::ReceivedAt.gte(at))
            .add(Condition::any().add(Column::ReceivedAt.gt(at)).add(same))
    });
    delivery::Entity::find()
        .filter(which.condition().add_option(beyond))
        .order_by_asc(Column::ReceivedAt)
        .order_by_asc(Column::Id)
        .limit(limit)
        .all(connection)
        .await
}

/// The latest deliveries, the latest first.
///
/// # Errors
/// What the database says.
pub async fn latest(
    connection: &impl ConnectionTrait,
    which: &Which,
    limit: u64,
) -> Result<Vec<delivery::Model>, DbErr> {
    delivery::Entity::find()
        .filter(which.condition())
        .order_by_desc(delivery::Column::ReceivedAt)
        .order_by_desc(delivery::Column::Id)
        .limit(limit)
        .all(connection)
        .await
}

/// One delivery; none when it is not known, or not any more.
///
/// # Errors
/// What the database says.
pub async fn by_id(
    connection: &impl ConnectionTrait,
    id: DeliveryId,
) -> Result<Option<delivery::Model>, DbErr> {
    delivery::Entity::find_by_id(id).one(connection).await
}

/// Those of these deliveries that are kept, in no order.
///
/// # Errors
/// What the database says.
pub async fn by_ids(
    connection: &impl ConnectionTrait,
    ids: &[DeliveryId],
) -> Result<Vec<delivery::Model>, DbErr> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    bulk::rows::<delivery::Entity>(connection, "id IN {0}", &[Keys::Uuids(&ids)]).await
}

/// The kept bodies of deliveries.
///
/// # Errors
/// What the database says.
pub async fn bodies(
    connection: &impl ConnectionTrait,
    ids: &[DeliveryId],
) -> Result<Vec<delivery_body::Model>, DbErr> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let of = "delivery_id IN {0}";
    bulk::rows::<delivery_body::Entity>(connection, of, &[Keys::Uuids(&ids)]).await
}

/// The elements of a delivery that were put into quarantine, in their order; resolved ones too.
///
/// # Errors
/// What the database says.
pub async fn quarantined(
    connection: &impl ConnectionTrait,
    id: DeliveryId,
) -> Result<Vec<quarantine::Model>, DbErr> {
    quarantine::Entity::find()
        .filter(quarantine::Column::DeliveryId.eq(id))
        .order_by_asc(quarantine::Column::Element)
        .all(connection)
        .await
}
