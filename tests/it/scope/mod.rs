//! Who may see what: one estate, walked through every door by viewers of each kind.

mod alone;
mod door;
mod estate;
mod live;
mod schema;
mod statistics;
mod walk;

use crate::support::Case;

pub fn tests() -> Vec<Case> {
    [
        alone::tests(),
        door::tests(),
        live::tests(),
        statistics::tests(),
        walk::tests(),
    ]
    .concat()
}
