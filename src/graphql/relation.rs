//! What the filters ask of other rows: the words of a search, and the things that a thing leads to.

use entity::{Searched, building, incident, property, task, zone};

use super::error::Fault;
use super::filter::{FilterInput, Level};
use super::limits::{Limit, MOST_WORDS};
use crate::domain::filter::{Filter, Operand, Test};
use crate::domain::key::Key;
use crate::domain::relation::Among;
use crate::domain::search::Phrase;
use crate::domain::table::ActiveEnum;

/// What each question to other rows costs beside a plain field, as often as its list is asked for: it may look through
/// all of them.
const STEP_COST: usize = 500;

/// The rows that have the words of `text`; none asked when it has no word.
pub(super) fn found<C>(id: C, kind: Searched, text: &str) -> Result<Option<Filter<C>>, Fault> {
    let Some(phrase) = Phrase::of(text) else {
        return Ok(None);
    };
    Limit::SearchWords.check(MOST_WORDS, phrase.words())?;
    Ok(Some(Filter::Among(
        id,
        Box::new(Among::Found(kind, phrase)),
    )))
}

/// What the questions to other rows in a filter cost: however many they are, so that too many cost too much before
/// anything runs. What cannot be read costs nothing here and is refused when it is read.
pub(super) fn cost<F: FilterInput>(filter: Option<F>) -> usize {
    let meaning = filter.and_then(|filter| filter.meaning_at(Level::default()).ok());
    meaning.map_or(0, |meaning| meaning.steps().saturating_mul(STEP_COST))
}

pub(super) fn properties(column: property::Column, filter: Filter<property::Column>) -> Among {
    Among::Properties(column, filter)
}

pub(super) fn buildings(column: building::Column, filter: Filter<building::Column>) -> Among {
    Among::Buildings(column, filter)
}

pub(super) fn zones(column: zone::Column, filter: Filter<zone::Column>) -> Among {
    Among::Zones(column, filter)
}

pub(super) fn incidents(column: incident::Column, filter: Filter<incident::Column>) -> Among {
    Among::Incidents(column, filter)
}

pub(super) fn tasks(column: task::Column, filter: Filter<task::Column>) -> Among {
    let unasked = unasked_tasks(&filter);
    Among::Tasks(column, Filter::All(vec![unasked, filter]))
}

/// Leaves out incidents' own work orders unless a filter of tasks asks for kinds.
pub(super) fn unasked_tasks(filter: &Filter<task::Column>) -> Filter<task::Column> {
    if filter.mentions(task::Column::Kind) {
        return Filter::default();
    }
    // Not a list of what is wanted: an engine would gather each kind by itself and sort, instead of reading in order.
    let work = Key::Text(entity::TaskKind::IncidentWork.to_value());
    let work = Filter::Is(task::Column::Kind, Test::Eq(Operand::Key(work)));
    Filter::Not(Box::new(work))
}
