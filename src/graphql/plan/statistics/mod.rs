//! Statistics: one statement for each sort of numbers, however many places and stretches of time there are.

mod measured;
mod wanted;

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::InputType;
use uuid::Uuid;

use super::noun::Column;
use super::{Loader, relations};
use crate::domain::filter::Filter;
use crate::domain::statistics::read::{self, Question};
use crate::domain::statistics::{Asked, Interval, Period, Unfit};
use crate::graphql::error::Fault;
use crate::graphql::expand::{self, Members};
use crate::graphql::filter::FilterInput;
use crate::graphql::limits::Limit;
use crate::graphql::object::{Found, Frame, Sheet, Statistics};
use crate::graphql::selection::Selected;
use crate::graphql::slot::{Fetched, Slots};

pub(in crate::graphql) use measured::{Measured, Spot, asked};
use wanted::Wanted;

/// What of a filter the numbers add to it: they have to be asked for with it.
const OWN_VALUES: usize = 40;

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
                        slots.put(inner.place(), statistics);
                    }
                }
            }
            for (slots, below) in std::iter::zip(slots.iter_mut(), below) {
                let statistics = Statistics::new(period.whole, below);
                slots.put(alias.place(), Some(Arc::new(statistics)));
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

    /// What the filter of a field means, and what of it stands in the filters that open its numbers.
    fn narrowing<T: Measured>(
        &self,
        selected: &Selected<'a>,
    ) -> Result<(Filter<Column<T>>, Members), Fault> {
        let Some(given) = selected.argument::<Option<T::Filter>>("filter")? else {
            return Ok((Filter::default(), Members::new()));
        };
        let given = given.fixed(self.now);
        let written = expand::given(given.to_value());
        // What opens a number has this filter in its `and`, and a few values beside.
        let filter = given.meaning_within(1, OWN_VALUES)?;
        let is_empty = written.as_object().is_none_or(|members| members.is_empty());
        let and = (!is_empty).then(|| ("and".to_owned(), serde_json::json!([written])));
        Ok((filter, and.into_iter().collect()))
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
        let (filter, base) = self.narrowing::<T>(selected)?;
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
            expand::add(&mut base, spot.question(place));
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
