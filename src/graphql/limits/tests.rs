//! What is refused before it is run, and what is not.

use super::super::error::ErrorCode;
use super::*;

fn refusal_within(query: &str, limits: &Limits) -> Option<(&'static str, usize, Option<usize>)> {
    let fault = check(&mut Request::new(query), limits).err()?;
    assert_eq!(fault.code, ErrorCode::LimitExceeded, "{query}");
    let excess = fault.excess.unwrap();
    Some((excess.limit.name(), excess.most, excess.asked))
}

fn refusal(query: &str) -> Option<(&'static str, usize, Option<usize>)> {
    refusal_within(query, &Limits::default())
}

fn limit(query: &str) -> Option<&'static str> {
    refusal(query).map(|(limit, ..)| limit)
}

/// 25 fragments that each open the next one twice: 1.5 kB that would become 100 million fields.
fn doubling() -> String {
    let mut query = String::from("{ ...F0 } ");
    for index in 0..25 {
        let next = index + 1;
        query.push_str(&format!(
            "fragment F{index} on Query {{ a{index}: server {{ version }} ...F{next} ...F{next} }} "
        ));
    }
    query + "fragment F25 on Query { __typename }"
}

#[test]
fn doubling_fragments_are_refused_before_anything_opens_them() {
    let query = doubling();
    assert!(query.len() < 2_000);
    // Were it opened, this would take minutes and gigabytes.
    let (limit, most, asked) = refusal(&query).unwrap();
    assert_eq!((limit, most), ("max_fields", 1_000));
    assert!(asked > Some(100_000_000), "{asked:?}");
}

#[test]
fn a_fragment_within_itself_is_refused() {
    let query = "{ ...F } fragment F on Query { ...F }";
    assert_eq!(refusal(query), Some(("levels", LEVELS, None)));
}

#[test]
fn each_limit_refuses_one_more_than_it_allows() {
    let tight = Limits {
        document_bytes: 200,
        tokens: 30,
        depth: 3,
        fields: 6,
        aliases: 2,
        directives: 2,
        list: 3,
        values: 5,
        ..Limits::default()
    };
    let refused = |query: &str| refusal_within(query, &tight);
    let over = |limit, most| Some((limit, most, Some(most + 1)));
    for (fits, does_not, refusal) in [
        (
            format!("{:200}", "{ a }"),
            format!("{:201}", "{ a }"),
            over("max_document_bytes", 200),
        ),
        (
            format!("{{ a(b: \"{}\") }}", "x ".repeat(80)),
            format!("{{ a {} }}", "! ".repeat(28)),
            over("max_tokens", 30),
        ),
        (
            "{ a { b { c } } }".to_owned(),
            "{ a { b { ... on B { c { d } } } } }".to_owned(),
            over("max_depth", 3),
        ),
        (
            "{ a b c d e f }".to_owned(),
            "{ a b c d e ...F } fragment F on Q { f }".to_owned(),
            over("max_fields", 6),
        ),
        (
            "{ a: x b: x }".to_owned(),
            "{ a: x ...F ...F } fragment F on Q { b: x }".to_owned(),
            over("max_aliases", 2),
        ),
        (
            "{ a @d b @d }".to_owned(),
            "{ a @d ... @d { b @d } }".to_owned(),
            over("max_directives", 2),
        ),
        (
            "{ a(b: [1, 2, 3]) }".to_owned(),
            "{ a(b: {c: [[1], [1, 2, 3, 4]]}) }".to_owned(),
            over("max_list", 3),
        ),
        (
            "{ a(b: [{c: 1, d: 2}, {c: 3}, 4, ]) }".to_owned(),
            "{ a(b: [{c: 1, d: 2}, {c: 3}, [4, 5, 6]]) }".to_owned(),
            over("max_values", 5),
        ),
    ] {
        assert_eq!(refused(&fits), None, "{fits}");
        assert_eq!(refused(&does_not), refusal, "{does_not}");
    }
}

#[test]
fn filters_and_orders_have_lengths_of_their_own() {
    let list = |word: &str, length: usize| {
        let parts = vec!["{a: {eq: 1}}"; length].join(", ");
        format!("{{ a({word}: [{parts}]) }}")
    };
    let filter = |word: &str, length: usize| {
        let parts = vec!["{a: {eq: 1}}"; length].join(", ");
        format!("{{ a(filter: {{{word}: [{parts}]}}) }}")
    };
    assert_eq!(refusal(&list("orderBy", 3)), None);
    assert_eq!(refusal(&list("orderBy", 4)), Some(("order", 3, Some(4))));
    for word in ["and", "or"] {
        assert_eq!(refusal(&filter(word, 20)), None);
        let refused = refusal(&filter(word, 21));
        assert_eq!(refused, Some(("combined_filters", 20, Some(21))));
    }
    let nested = |depth: usize| {
        let (open, close) = ("{not: ".repeat(depth), "}".repeat(depth));
        format!("{{ a(filter: {open}{{a: {{eq: 1}}}}{close}) }}")
    };
    assert_eq!(refusal(&nested(5)), None);
    assert_eq!(refusal(&nested(6)), Some(("filter_depth", 5, Some(6))));
}

#[test]
fn what_stands_in_variables_counts_where_it_is_used() {
    let refused = |query: &str, variables: serde_json::Value| {
        let variables = async_graphql::Variables::from_json(variables);
        let mut request = Request::new(query).variables(variables);
        let fault = check(&mut request, &Limits::default()).err()?;
        Some(fault.excess.unwrap().limit.name())
    };
    let ones = |length: usize| vec![1; length];
    let one = |name: &str, length: usize| serde_json::json!({ name: ones(length) });
    let ids = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }";
    assert_eq!(refused(ids, one("ids", 100)), None);
    assert_eq!(refused(ids, one("ids", 101)), Some("max_list"));
    let order = "query ($o: [O!]) { a(orderBy: $o) }";
    assert_eq!(refused(order, one("o", 4)), Some("order"));
    let page = "query ($n: Int = 100) { a(first: $n) { b(last: 100) } }";
    assert_eq!(refused(page, serde_json::json!({})), None);
    assert_eq!(refused(page, serde_json::json!({"n": 101})), Some("page"));
    assert_eq!(limit("{ a { b(last: 101) } }"), Some("page"));
    let filter = "query ($f: [F!], $g: F) { a(filter: {and: $f, or: [$g]}) }";
    assert_eq!(refused(filter, one("f", 21)), Some("combined_filters"));
    // Five deep in the variable, and one more where it stands.
    let deep = serde_json::json!({"not": {"not": {"not": {"not": {"not": {"a": 1}}}}}});
    let used = serde_json::json!({ "g": deep });
    assert_eq!(refused(filter, used), Some("filter_depth"));
    // Six variables that fit singly.
    let six = "query ($v: [Int!]) { a(b: {c: $v, d: $v, e: $v, f: $v, g: $v, h: $v}) }";
    assert_eq!(refused(six, one("v", 83)), None);
    assert_eq!(refused(six, one("v", 84)), Some("max_values"));
    let default = format!("query ($ids: [ID!]! = {:?}) {{ a(ids: $ids) }}", ones(101));
    assert_eq!(refused(&default, serde_json::json!({})), Some("max_list"));
    assert_eq!(refused("{ a }", one("nobody asked", 101)), Some("max_list"));
}

#[test]
fn what_nests_too_deeply_is_refused_before_it_is_parsed() {
    for (open, close) in [("{not:", "}"), ("[", "]")] {
        let (open, close) = (open.repeat(600), close.repeat(600));
        let value = format!("{open}{close}");
        assert_eq!(limit(&format!("{{ a(filter: {value}) }}")), Some("nesting"));
        let document = format!("query($f: F = {value}) {{ a(filter: $f) }}");
        assert_eq!(limit(&document), Some("nesting"));
        // Where the lexer stops believing in a string, brackets count.
        let document = format!("{{ a(b: \"\n{value}) }}");
        assert_eq!(limit(&document), Some("nesting"));
    }
    assert_eq!(limit(&"{a".repeat(600)), Some("nesting"));
}

#[test]
fn variables_that_nest_too_deeply_are_refused() {
    let of = |depth: usize| {
        let text = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let variables = async_graphql::Variables::from_json(serde_json::json!({ "a": value }));
        let mut request = Request::new("{ server { version } }").variables(variables);
        let fault = check(&mut request, &Limits::default()).err()?;
        Some(fault.excess.unwrap().limit)
    };
    assert_eq!(of(63), None);
    assert_eq!(of(64), Some(Limit::Nesting));
}

#[test]
fn a_list_of_introspection_within_itself_is_refused() {
    let lists =
        "{ __type(name: \"Node\") { possibleTypes { interfaces { possibleTypes { name } } } } }";
    assert_eq!(limit(lists), Some("introspection"));
    let hidden = "{ __schema { types { ...T } } } fragment T on __Type { fields { type { ofType { ...U } } } } \
                  fragment U on __Type { ... on __Type { a: fields { name } } }";
    assert_eq!(limit(hidden), Some("introspection"));
    // What GraphiQL asks.
    let usual = "{ __schema { types { ...T } directives { args { ...V } } } } \
         fragment T on __Type { fields { args { ...V } type { ...R } } inputFields { ...V } interfaces { ...R } \
         enumValues { name } possibleTypes { ...R } } \
         fragment V on __InputValue { name type { ...R } } \
         fragment R on __Type { kind ofType { ofType { ofType { ofType { ofType { ofType { ofType { ofType { \
         ofType { name } } } } } } } } } }";
    assert_eq!(limit(usual), None);
}

#[test]
fn a_crowd_of_operations_fragments_or_variables_is_refused() {
    let operations = |count: usize| -> String {
        let operation = |number| format!("query Q{number} {{ a }} ");
        (0..count).map(operation).collect()
    };
    assert_eq!(limit(&operations(50)), None);
    assert_eq!(refusal(&operations(51)), Some(("operations", 50, Some(51))));
    let fragment = |number| format!("fragment F{number} on Query {{ a }} ");
    let fragments: String = (0..101).map(fragment).collect();
    assert_eq!(limit(&format!("{{ a }} {fragments}")), Some("fragments"));
    let variable = |number| format!("$v{number}: Int ");
    let variables: String = (0..101).map(variable).collect();
    assert_eq!(
        limit(&format!("query({variables}) {{ a }}")),
        Some("variables")
    );
}

#[test]
fn an_ordinary_document_passes() {
    let ordinary = "{ server { ...S } } fragment S on Server { version }";
    assert_eq!(limit(ordinary), None);
}
