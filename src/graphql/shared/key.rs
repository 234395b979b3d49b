//! What makes two subscriptions the same question: all that an answer depends on, and nothing else.

use std::any::TypeId;

use async_graphql::parser::types::Selection;
use async_graphql::{Name, Request, Value, Variables};
use async_graphql_value::Value as Given;

use super::super::limits;
use super::super::moment;
use super::super::plan::Now;
use crate::domain::scope::{Scope, Viewer};

/// The fields that follow the feed: from any place on they tell the same.
const FEEDS: [&str; 2] = ["activity", "taskTimeline"];
/// Their argument that says where to begin.
const BEGINS: &str = "after";

/// A question: what is asked, and what of the model is shown to who asks. Nothing else of a viewer shows in an event.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    document: String,
    operation_name: Option<String>,
    /// As JSON; without the one that says where to begin.
    variables: String,
    scope: Scope,
}

/// The question of an admitted request; none where it is not one feed, or where its answer depends on when it was asked.
pub(super) fn of(request: &mut Request, viewer: &Viewer) -> Option<Key> {
    let is_feed = limits::may_subscribe(request);
    let has_time = request.data.contains_key(&TypeId::of::<Now>());
    if !is_feed || has_time || is_relative(&request.query, &request.variables) {
        return None;
    }
    let begins = beginning(request)?;
    let mut variables = request.variables.clone();
    if let Some(name) = begins.filter(|name| only_begins(&request.query, name)) {
        variables.remove(&name);
    }
    Some(Key {
        document: request.query.clone(),
        operation_name: request.operation_name.clone(),
        variables: serde_json::to_string(&variables).ok()?,
        scope: viewer.scope.clone(),
    })
}

/// The variable by which a feed says where it begins; `None` where the request is none.
fn beginning(request: &mut Request) -> Option<Option<Name>> {
    let document = request.parsed_query().ok()?;
    let mut operations = document.operations.iter();
    let (Some((_, operation)), None) = (operations.next(), operations.next()) else {
        return None;
    };
    let [root] = operation.node.selection_set.node.items.as_slice() else {
        return None;
    };
    let Selection::Field(field) = &root.node else {
        return None;
    };
    let field = &field.node;
    if !FEEDS.contains(&field.name.node.as_str()) {
        return None;
    }
    Some(match field.get_argument(BEGINS).map(|value| &value.node) {
        Some(Given::Variable(name)) => Some(name.clone()),
        _ => None,
    })
}

/// Whether a variable is declared, says where to begin, and surely stands nowhere else: its name, as a word, does not.
fn only_begins(document: &str, name: &Name) -> bool {
    let is_sign = |sign: char| !(sign.is_ascii_alphanumeric() || sign == '_');
    let words = document
        .split(is_sign)
        .filter(|word| *word == name.as_str());
    words.count() == 2 + usize::from(name == BEGINS)
}

/// Whether any text may be a length of time: in a filter it counts from the moment it was asked.
fn is_relative(document: &str, variables: &Variables) -> bool {
    // Texts may be written with escapes; those are not looked into.
    document.contains('\\')
        || document
            .split('"')
            .any(|text| moment::duration(text.trim()).is_some())
        || variables.values().any(holds_duration)
}

fn holds_duration(value: &Value) -> bool {
    match value {
        Value::String(text) => moment::duration(text).is_some(),
        Value::List(values) => values.iter().any(holds_duration),
        Value::Object(members) => members.values().any(holds_duration),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::scope::Claims;
    use crate::graphql::request;

    const FOLLOW: &str = "subscription($after: String, $filter: ActivityFilter) {
        told: activity(after: $after, filter: $filter) { cursor activity { id } }
    }";

    fn key(document: &str, variables: serde_json::Value, scope: Scope) -> Option<Key> {
        let viewer = Viewer {
            scope,
            ..Viewer::open()
        };
        let mut request = request(document.to_owned(), None, variables);
        of(&mut request, &viewer)
    }

    fn plain(document: &str, variables: serde_json::Value) -> Option<Key> {
        key(document, variables, Scope::All)
    }

    #[test]
    fn where_it_begins_is_no_part_of_a_question_and_all_else_is() {
        let asked = plain(FOLLOW, json!({"after": "a"}));
        assert!(asked.is_some());
        assert_eq!(asked, plain(FOLLOW, json!({"after": "b"})));
        assert_eq!(asked, plain(FOLLOW, json!({})));
        let filter = json!({"filter": {"kind": {"eq": "TASK_CREATED"}}});
        assert_ne!(asked, plain(FOLLOW, filter));
        assert_ne!(asked, plain(&FOLLOW.replace("id", "kind"), json!({})));
        // Another use of the variable shows in the answer.
        let twice = FOLLOW.replace("activity {", "activity @skip(if: $after) {");
        let hidden = FOLLOW.replace("activity {", "activity @skip(if: $,after) {");
        for document in [&twice, &hidden] {
            assert_ne!(
                plain(document, json!({"after": "a"})),
                plain(document, json!({"after": "b"}))
            );
        }
    }

    #[test]
    fn viewers_of_another_scope_ask_another_question_and_other_names_do_not_count() {
        let of = |tenants: &[&str]| {
            let claims = Claims {
                tenants: tenants.iter().map(|name| (*name).to_owned()).collect(),
                ..Claims::default()
            };
            key(FOLLOW, json!({}), Scope::Claims(claims.into()))
        };
        assert_eq!(of(&["a", "b"]), of(&["b", "a"]));
        assert_ne!(of(&["a"]), of(&["b"]));
        assert_ne!(of(&["a"]), of(&["a", "b"]));
        let scopes = [Scope::Operator, Scope::All];
        let [operator, all] = scopes.map(|scope| key(FOLLOW, json!({}), scope));
        assert_ne!(operator, all);
        let of = super::of;
        let named = |name: &str| {
            let viewer = Viewer {
                name: name.to_owned(),
                ..Viewer::open()
            };
            of(&mut request(FOLLOW.to_owned(), None, json!({})), &viewer)
        };
        assert_eq!(named("one"), named("other"));
    }

    #[test]
    fn what_depends_on_the_moment_or_is_no_single_feed_is_asked_alone() {
        let since = |text: &str| json!({"filter": {"and": [{"occurredAt": {"gte": text}}]}});
        assert!(plain(FOLLOW, since("2026-01-01T00:00:00Z")).is_some());
        assert!(plain(FOLLOW, since("-P7D")).is_none());
        for alone in [
            "subscription { activity(filter: {occurredAt: {gte: \"-P7D\"}}) { cursor } }",
            "subscription { activity(filter: {occurredAt: {gte: \"\"\" -PT1H \"\"\"}}) { cursor } }",
            "subscription { activity(filter: {occurredAt: {gte: \"\\u002dP7D\"}}) { cursor } }",
            "subscription { a: activity { cursor } b: activity { cursor } }",
            "subscription { ...F } fragment F on Subscription { activity { cursor } }",
            "subscription { buildingBoard(id: \"x\") { name } }",
            "subscription A { activity { cursor } } subscription B { activity { cursor } }",
            "{ activities { nodes { id } } }",
        ] {
            assert!(plain(alone, json!({})).is_none(), "{alone}");
        }
    }
}
