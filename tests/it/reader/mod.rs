//! Who may read: tokens over HTTP and sockets, display keys, the commands that make both.

mod display;
mod hostile;
mod socket;
mod token;

use crate::support::Case;

pub fn tests() -> Vec<Case> {
    [
        token::tests(),
        hostile::tests(),
        socket::tests(),
        display::tests(),
    ]
    .concat()
}
