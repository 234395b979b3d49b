//! Relay connections: a page of a list with its edges.

use std::borrow::Cow;
use std::sync::Arc;

use async_graphql::{Object, OutputType, SimpleObject, TypeName};
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

/// An element of a page.
pub struct Edge<T> {
    /// Where the element stands in the list.
    pub cursor: String,
    /// The element.
    pub node: Arc<T>,
}

impl<T: OutputType> TypeName for Edge<T> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Edge", T::type_name()).into()
    }
}

/// An element of a list with its place in it.
#[Object(name_type)]
impl<T: OutputType> Edge<T> {
    /// Where the element stands in the list: give it as `after` or `before` together with the same filter and order.
    async fn cursor(&self) -> &str {
        &self.cursor
    }

    /// The element.
    async fn node(&self) -> &T {
        &self.node
    }
}

/// A page of a list.
pub struct Connection<T> {
    /// The elements in order.
    pub edges: Vec<Edge<T>>,
    /// Where the page stands.
    pub page_info: PageInfo,
    /// The length of the whole list.
    pub total_count: Option<u64>,
}

impl<T: OutputType> TypeName for Connection<T> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Connection", T::type_name()).into()
    }
}

/// A page of a list.
#[Object(name_type)]
impl<T: OutputType> Connection<T> {
    /// The elements of the page with their cursors, in the order of the list.
    async fn edges(&self) -> &[Edge<T>] {
        &self.edges
    }

    /// The elements of the page without their cursors, in the order of the list.
    async fn nodes(&self) -> Vec<&T> {
        self.edges.iter().map(|edge| &*edge.node).collect()
    }

    /// Where the page stands in the list.
    async fn page_info(&self) -> &PageInfo {
        &self.page_info
    }

    /// How many elements the whole list has under its filter; null when there are more than 10,000. It is counted only when asked for.
    async fn total_count(&self) -> Option<u64> {
        self.total_count
    }
}
