//! The schema as its reader sees it.

use super::*;

#[test]
fn the_committed_schema_is_the_one_that_is_served() {
    let committed = include_str!("../../schema.graphql");
    assert!(
        committed == sdl(),
        "schema.graphql is stale: run `cargo run -- schema > schema.graphql`"
    );
}
