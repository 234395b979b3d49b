//! Relay connections: a page of a list with its edges.

use std::borrow::Cow;
use std::sync::Arc;

use crate::graphql::written::{Below, Json, Written, written};
use async_graphql::{OutputType, SimpleObject, TypeName};
use chrono::{DateTime, Utc};

/// Where a page stands in its list.
#[derive(Clone, Debug, SimpleObject)]
pub struct PageInfo {
    /// Whether there are elements after this page. When paging backwards it only says whether `before` was given.
    pub has_next_page: bool,
    /// Whether there are elements before this page. When paging forwards it only says whether `after` was given.
    pub has_previous_page: bool,
    /// The cursor of the first element of this page; null when the page is empty.
    pub start_cursor: Option<String>,
    /// The cursor of the last element of this page; null when the page is empty.
    pub end_cursor: Option<String>,
    /// In timelines and in the feed: only what was recorded from this time on is kept whole (UTC). Null when nothing was
    /// ever pruned, and in every other list.
    pub history_from: Option<DateTime<Utc>>,
}

written!(PageInfo {
    has_next_page,
    has_previous_page,
    start_cursor,
    end_cursor,
    history_from
});

/// An element of a list with its place in it.
#[derive(SimpleObject)]
#[graphql(name_type)]
pub struct Edge<T: OutputType> {
    /// Where the element stands in the list: give it as `after` or `before` together with the same filter and order.
    pub cursor: String,
    /// The element.
    pub node: Arc<T>,
}

impl<T: OutputType> TypeName for Edge<T> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Edge", T::type_name()).into()
    }
}

impl<T: OutputType + Written> Written for Edge<T> {
    fn write(&self, below: &Below<'_>, json: &mut Json) {
        let name = <Self as TypeName>::type_name();
        json.object(&name, below, |step, json| match step.field.as_str() {
            "cursor" => self.cursor.write(&step.below, json),
            "node" => self.node.write(&step.below, json),
            _ => json.fail(step.unknown()),
        });
    }
}

/// A page of a list.
#[derive(SimpleObject)]
#[graphql(name_type)]
pub struct Connection<T: OutputType> {
    /// The elements of the page with their cursors, in the order of the list.
    pub edges: Vec<Edge<T>>,
    /// The elements of the page without their cursors, in the order of the list.
    pub nodes: Vec<Arc<T>>,
    /// Where the page stands in the list.
    pub page_info: PageInfo,
    /// How many elements the whole list has under its filter; null when there are more than 10,000. It is counted only when asked for.
    pub total_count: Option<u64>,
}

impl<T: OutputType> TypeName for Connection<T> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Connection", T::type_name()).into()
    }
}

impl<T: OutputType + Written> Written for Connection<T> {
    fn write(&self, below: &Below<'_>, json: &mut Json) {
        let name = <Self as TypeName>::type_name();
        json.object(&name, below, |step, json| match step.field.as_str() {
            "edges" => self.edges.write(&step.below, json),
            "nodes" => self.nodes.write(&step.below, json),
            "page_info" => self.page_info.write(&step.below, json),
            "total_count" => self.total_count.write(&step.below, json),
            _ => json.fail(step.unknown()),
        });
    }
}
