//! Reads through the schema, on rows written straight into the tables: no way in is needed to try the way out.

mod estate;
mod explain;
mod filter;
mod page;
mod plan;
mod related;
mod shape;
mod statistics;

use crate::support::Case;

pub fn tests() -> Vec<Case> {
    [
        explain::tests(),
        filter::tests(),
        page::tests(),
        plan::tests(),
        related::tests(),
        shape::tests(),
        statistics::tests(),
    ]
    .concat()
}
