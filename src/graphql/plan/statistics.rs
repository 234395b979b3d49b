//! Statistics: the period of a question, what of the numbers is selected, and one statement for each sort of them, however
//! many places and stretches of time there are.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::{InputType, OutputType};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::noun::{Column, Listed};
use super::{Loader, relations};
use crate::domain::filter::{Filter, Operand, Test};
use crate::domain::key::Key;
use crate::domain::statistics::read::{self, Place, Question};
use crate::domain::statistics::{Asked, Interval, Length, Period, Unfit, zone};
use crate::graphql::enums::Bucket;
use crate::graphql::error::Fault;
use crate::graphql::expand::{self, Members};
use crate::graphql::filter::FilterInput;
use crate::graphql::limits::Limit;
use crate::graphql::moment::Moment;
use crate::graphql::object::{self, Found, Frame, Sheet, Statistics};
use crate::graphql::selection::Selected;
use crate::graphql::slot::{Fetched, Slots};

/// What of a filter the numbers add to it: they have to be asked for with it.
const OWN_VALUES: usize = 40;

/// Everywhere is one place.
static EVERYWHERE: [Uuid; 1] = [Uuid::nil()];

/// A noun of which there are statistics.
pub(in crate::graphql) trait Measured: Listed {
    /// A number of its rows.
    type Number: Copy + PartialEq + Send + Sync + 'static;
    /// The numbers of one stretch of time.
    type Numbers: OutputType;
    /// The statistics of a period.
    type Statistics: OutputType + 'static;

    /// The time by which a row belongs to a period.
    const BY: Column<Self>;
    /// The building that a row is in.
    const BUILDING: Column<Self>;
    /// The zone that a row is in.
    const ZONE: Column<Self>;
    /// What a filter asks for the property of the building.
    const PROPERTY: Column<Self>;
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
    fn places(self) -> &'a [Uuid] {
        match self {
            Self::Everywhere => &EVERYWHERE,
            Self::Buildings(ids) | Self::Zones(ids) | Self::Properties(ids) => ids,
        }
    }

    fn place<T: Measured>(self) -> Place<'a, Column<T>> {
        match self {
            Self::Everywhere => Place::Everywhere,
            Self::Buildings(ids) => Place::Each(T::BUILDING, ids),
            Self::Zones(ids) => Place::Each(T::ZONE, ids),
            Self::Properties(ids) => Place::EachProperty(T::BUILDING, ids),
        }
    }

    /// What a filter asks for one of the places.
    fn question<T: Measured>(self, id: Uuid) -> Filter<Column<T>> {
        let is = |column| Filter::Is(column, Test::Eq(Operand::Key(Key::Id(id))));
        match self {
            Self::Everywhere => Filter::default(),
            Self::Buildings(_) => is(T::BUILDING),
            Self::Zones(_) => is(T::ZONE),
            Self::Properties(_) => is(T::PROPERTY),
        }
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

/// What of the numbers is selected.
struct Wanted<T: Measured> {
    whole: bool,
    buckets: bool,
    numbers: Vec<T::Number>,
    lengths: bool,
    response: bool,
    resolution: bool,
    words: bool,
}

impl<T: Measured> Wanted<T> {
    fn of(selected: &Selected<'_>) -> Self {
        let statistics = <T::Statistics as OutputType>::type_name();
        let numbers = <T::Numbers as OutputType>::type_name();
        let selection = selected.selection();
        let [whole, buckets] = ["whole", "buckets"].map(|part| selection.has(&statistics, part));
        let below = selection
            .below(&statistics, "whole")
            .and(selection.below(&statistics, "buckets"));
        let mut wanted = Self {
            whole,
            buckets,
            numbers: Vec::new(),
            lengths: false,
            response: false,
            resolution: false,
            words: false,
        };
        for field in below.on(&numbers) {
            let name = field.name();
            for number in T::numbers(name) {
                if !wanted.numbers.contains(&number) {
                    wanted.numbers.push(number);
                }
            }
            // Averages are of the same statement as the counts; percentiles are asked for only where they are shown.
            let ranks = || {
                let length = field.selection();
                length.has("Length", "median") || length.has("Length", "p90")
            };
            match name {
                "responseSeconds" => {
                    wanted.lengths = true;
                    wanted.response |= ranks();
                }
                "resolutionSeconds" => {
                    wanted.lengths = true;
                    wanted.resolution |= ranks();
                }
                name => wanted.words |= T::WORDS.is_some_and(|(field, _)| field == name),
            }
        }
        wanted
    }
}

impl<'a> Loader<'a> {
    /// The statistics of each place, for the fields `statistics` of their objects.
    pub(in crate::graphql) async fn statistics<Incident: Measured, Task: Measured>(
        &'a self,
        slots: &mut [Slots],
        aliases: &[Selected<'a>],
        spot: Spot<'_>,
    ) -> Result<(), Fault> {
        for alias in aliases {
            let (asked, period) = self.period(alias)?;
            let mut below = vec![Slots::default(); slots.len()];
            for (name, inner) in relations(&alias.selection(), "Statistics") {
                for inner in inner {
                    let each = match name {
                        "incidents" => {
                            self.measured::<Incident>(&inner, spot, &asked, &period)
                                .await?
                        }
                        "tasks" => self.measured::<Task>(&inner, spot, &asked, &period).await?,
                        _ => continue,
                    };
                    for (slots, statistics) in std::iter::zip(&mut below, each) {
                        slots.put(inner.key(), statistics);
                    }
                }
            }
            for (slots, below) in std::iter::zip(slots.iter_mut(), below) {
                let statistics = Statistics::new(period.whole, below);
                slots.put(alias.key(), Some(Arc::new(statistics)));
            }
        }
        Ok(())
    }

    /// The statistics of all that a viewer may see.
    pub(in crate::graphql) async fn all_statistics<T: Measured>(
        &'a self,
        selected: &Selected<'a>,
    ) -> Result<Fetched, Fault> {
        let (asked, period) = self.period(selected)?;
        let mut all = self
            .measured::<T>(selected, Spot::Everywhere, &asked, &period)
            .await?;
        all.pop()
            .ok_or_else(|| Fault::internal("statistics of nothing"))
    }

    /// The period that a field is asked for.
    fn period(&self, selected: &Selected<'a>) -> Result<(Asked, Period), Fault> {
        let asked = asked(
            selected.argument("period")?,
            selected.argument("bucket")?,
            selected.argument("timeZone")?,
            self.now,
        )?;
        let period = asked
            .cut(self.now, self.buckets)
            .map_err(|unfit| match unfit {
                Unfit::Backward => Fault::input("period: it ends before it begins"),
                Unfit::TooMany(buckets) => Fault::over(Limit::Buckets, self.buckets, buckets),
            })?;
        Ok((asked, period))
    }

    /// The statistics of each place, in the order of the places.
    async fn measured<T: Measured>(
        &'a self,
        selected: &Selected<'a>,
        spot: Spot<'_>,
        asked: &Asked,
        period: &Period,
    ) -> Result<Vec<Fetched>, Fault> {
        let wanted = Wanted::<T>::of(selected);
        let given: Option<T::Filter> = selected.argument("filter")?;
        let mut base = Members::new();
        let mut filter = Filter::default();
        if let Some(given) = given {
            let given = given.fixed(self.now);
            // What opens a number has this filter in its `and`, and a few values beside.
            let written = expand::given(given.to_value());
            filter = given.meaning_within(1, OWN_VALUES)?;
            if written
                .as_object()
                .is_some_and(|members| !members.is_empty())
            {
                base.insert("and".to_owned(), serde_json::json!([written]));
            }
        }
        let unasked = T::unasked(&filter);
        let is_kind_asked = T::is_kind_asked(&filter);
        let mut all = vec![Filter::All(vec![unasked, filter.at(self.now)])];
        let numbers = wanted.numbers.iter();
        all.extend(numbers.map(|number| T::rows(*number, self.now)));
        // Settled together, so that the operator's tables are asked once.
        let (filter, numbers) = match T::settled(self, Filter::All(all)).await? {
            Filter::All(mut all) if !all.is_empty() => {
                let numbers = all.split_off(1);
                (Filter::All(all), numbers)
            }
            other => (other, Vec::new()),
        };
        let mut intervals: Vec<Interval> = Vec::new();
        if wanted.whole {
            intervals.push(period.whole);
        }
        if wanted.buckets {
            intervals.extend(&period.buckets);
        }
        let question = Question {
            filter: &filter,
            by: T::BY,
            place: spot.place::<T>(),
            intervals: &intervals,
        };
        let found = self.found::<T>(&question, &wanted, &numbers).await?;
        let sheets = |place: Uuid| {
            let mut base = base.clone();
            let question = expand::members::<T::Filter>(&spot.question::<T>(place));
            let question =
                question.ok_or_else(|| Fault::internal("a place that no filter asks for"))?;
            expand::add(&mut base, question);
            let frame = Arc::new(Frame {
                base,
                now: self.now,
                wanted: wanted.numbers.clone(),
                is_kind_asked,
            });
            let sheet = |nth: usize, interval: Interval| {
                let found = found.get(&(place, nth)).cloned().unwrap_or_default();
                Sheet::new(Arc::clone(&frame), interval, found)
            };
            let first = usize::from(wanted.whole);
            let buckets = period.buckets.iter().enumerate();
            let buckets = buckets.filter(|_| wanted.buckets);
            let buckets = buckets.map(|(nth, interval)| sheet(first + nth, *interval));
            // Without `whole` there is nothing to show there.
            let whole = if wanted.whole {
                sheet(0, period.whole)
            } else {
                sheet(usize::MAX, period.whole)
            };
            let statistics = T::statistics(period, asked, whole, buckets.collect());
            Ok(Some(Arc::new(statistics) as _))
        };
        spot.places().iter().copied().map(sheets).collect()
    }

    async fn found<T: Measured>(
        &'a self,
        question: &Question<'_, T::Entity>,
        wanted: &Wanted<T>,
        numbers: &[Filter<Column<T>>],
    ) -> Result<HashMap<(Uuid, usize), Found>, Fault> {
        let (scope, database) = (self.scope, self.database);
        let mut all: HashMap<(Uuid, usize), Found> = HashMap::new();
        let lengths = [T::response(), T::resolution()];
        if !numbers.is_empty() || wanted.lengths {
            let lengths = if wanted.lengths { &lengths[..] } else { &[] };
            let counts = read::counts(scope, database, question, numbers, lengths).await?;
            for (at, counts) in counts {
                all.entry(at).or_default().counts = counts;
            }
        }
        let [response, resolution] = &lengths;
        if wanted.response {
            for (at, ranks) in read::ranks(scope, database, question, response).await? {
                all.entry(at).or_default().response = Some(ranks);
            }
        }
        if wanted.resolution {
            for (at, ranks) in read::ranks(scope, database, question, resolution).await? {
                all.entry(at).or_default().resolution = Some(ranks);
            }
        }
        if let Some((_, column)) = T::WORDS.filter(|_| wanted.words) {
            for (at, kinds) in read::kinds(scope, database, question, column).await? {
                all.entry(at).or_default().kinds = kinds;
            }
        }
        Ok(all)
    }
}
