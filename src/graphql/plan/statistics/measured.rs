//! The nouns of which there are statistics, where they are counted, and for which period.

use async_graphql::OutputType;
use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use crate::domain::filter::{Filter, Operand};
use crate::domain::key::Key;
use crate::domain::statistics::read::Place;
use crate::domain::statistics::{Asked, Length, Period, zone};
use crate::graphql::enums::Bucket;
use crate::graphql::error::Fault;
use crate::graphql::expand::Members;
use crate::graphql::id::{self, Kind};
use crate::graphql::moment::Moment;
use crate::graphql::object::{self, Sheet};
use crate::graphql::plan::noun::{Column, Listed};
use crate::graphql::written::Written;

/// Everywhere is one place.
static EVERYWHERE: [Uuid; 1] = [Uuid::nil()];

/// A noun of which there are statistics.
pub(in crate::graphql) trait Measured: Listed {
    /// A number of its rows.
    type Number: Copy + PartialEq + Send + Sync + 'static;
    /// The numbers of one stretch of time.
    type Numbers: OutputType;
    /// The statistics of a period.
    type Statistics: OutputType + Written + 'static;

    /// The time by which a row belongs to a period.
    const BY: Column<Self>;
    /// The building that a row is in.
    const BUILDING: Column<Self>;
    /// The zone that a row is in.
    const ZONE: Column<Self>;
    /// The words that rows are counted by, where they are; the field that shows it.
    const WORDS: Option<(&'static str, Column<Self>)>;

    /// The numbers that a field shows.
    fn numbers(field: &str) -> Vec<Self::Number>;
    /// Which rows a number counts.
    fn rows(number: Self::Number, now: DateTime<Utc>) -> Filter<Column<Self>>;
    /// The response time.
    fn response() -> Length<Column<Self>>;
    /// The resolution time.
    fn resolution() -> Length<Column<Self>>;
    /// Whether a filter asks for what is otherwise left out.
    fn is_kind_asked(filter: &Filter<Column<Self>>) -> bool;
    /// The statistics with these numbers.
    fn statistics(
        period: &Period,
        asked: &Asked,
        whole: Sheet<Self::Number>,
        buckets: Vec<Sheet<Self::Number>>,
    ) -> Self::Statistics;
}

/// Where things are counted.
#[derive(Clone, Copy)]
pub(in crate::graphql) enum Spot<'a> {
    /// Everywhere.
    Everywhere,
    /// In each of these buildings.
    Buildings(&'a [Uuid]),
    /// In each of these zones.
    Zones(&'a [Uuid]),
    /// In the buildings of each of these properties.
    Properties(&'a [Uuid]),
}

impl<'a> Spot<'a> {
    pub(super) fn places(self) -> &'a [Uuid] {
        match self {
            Self::Everywhere => &EVERYWHERE,
            Self::Buildings(ids) | Self::Zones(ids) | Self::Properties(ids) => ids,
        }
    }

    pub(super) fn place<T: Measured>(self) -> Place<'a, Column<T>> {
        match self {
            Self::Everywhere => Place::Everywhere,
            Self::Buildings(ids) => Place::Each(T::BUILDING, ids),
            Self::Zones(ids) => Place::Each(T::ZONE, ids),
            Self::Properties(ids) => Place::EachProperty(T::BUILDING, ids),
        }
    }

    /// What a filter asks for one of the places.
    pub(super) fn question(self, id: Uuid) -> Members {
        let asked = |kind| json!({ "eq": id::encode(kind, id).0 });
        let question = match self {
            Self::Everywhere => return Members::new(),
            Self::Buildings(_) => ("building", asked(Kind::Building)),
            Self::Zones(_) => ("zone", asked(Kind::Zone)),
            Self::Properties(_) => ("inBuilding", json!({ "property": asked(Kind::Property) })),
        };
        let (name, value) = question;
        [(name.to_owned(), value)].into_iter().collect()
    }
}

/// What the three arguments of statistics ask for.
pub(in crate::graphql) fn asked(
    period: Option<object::Period>,
    bucket: Option<Bucket>,
    time_zone: Option<String>,
    now: DateTime<Utc>,
) -> Result<Asked, Fault> {
    let period = period.unwrap_or_default();
    let fixed = |moment: Option<Moment>| match moment?.0.at(now) {
        Operand::Key(Key::Time(time)) => Some(time),
        _ => None,
    };
    let zone = zone(time_zone.as_deref().unwrap_or("UTC")).ok_or_else(|| {
        Fault::input("timeZone: not a name of the IANA time zone database, such as Europe/Berlin")
    })?;
    Ok(Asked {
        from: fixed(period.from),
        to: fixed(period.to),
        bucket: bucket.map(Into::into),
        zone,
    })
}
