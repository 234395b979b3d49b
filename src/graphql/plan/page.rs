//! The arguments of a page: how many elements, from which end, between which cursors.

use crate::domain::page::{Page, Position};
use crate::graphql::error::Fault;
use crate::graphql::limits::Limit;
use crate::graphql::selection::Selected;

/// How many elements a page has when nothing is said.
pub(in crate::graphql) const DEFAULT_PAGE: i32 = 50;
/// How many elements a page has at most.
pub(in crate::graphql) const LARGEST_PAGE: i32 = 100;

pub(super) fn page_of(
    selected: &Selected<'_>,
    position: impl Fn(&str) -> Result<Position, Fault>,
) -> Result<Page, Fault> {
    let first: Option<i32> = selected.argument("first")?;
    let last: Option<i32> = selected.argument("last")?;
    let after: Option<String> = selected.argument("after")?;
    let before: Option<String> = selected.argument("before")?;
    if first.is_some() && last.is_some() {
        return Err(Fault::input("give `first` or `last`, not both"));
    }
    let size = first.or(last).unwrap_or(DEFAULT_PAGE);
    if size < 1 {
        return Err(Fault::input("a page has at least one element"));
    }
    Limit::Page.check(LARGEST_PAGE as usize, size as usize)?;
    let at = |cursor: Option<String>| cursor.map(|cursor| position(&cursor)).transpose();
    Ok(Page {
        size: u64::from(size.unsigned_abs()),
        from_end: last.is_some(),
        after: at(after)?,
        before: at(before)?,
    })
}
