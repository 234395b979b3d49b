//! An error with all that caused it, for the log.

use std::error::Error;

/// The error and its causes in one line: what helps, such as "connection refused", often stands at the end.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words.push_str(": ");
        words.push_str(&error.to_string());
        cause = error.source();
    }
    words
}
