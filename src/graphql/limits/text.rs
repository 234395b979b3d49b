//! The text of a document, before anything parses it: its length, its tokens, and how deep its brackets nest. The parser
//! recurses, and a stack that overflows ends the process.

use super::super::error::Fault;
use super::{Limit, Limits};

/// How deep brackets may nest in a document, and values in a variable: every reader of them recurses.
pub(super) const NESTING: usize = 64;

/// Refuses a text that is too long, has too many tokens or nests too deeply.
///
/// # Errors
/// LIMIT_EXCEEDED.
pub(super) fn check(document: &str, limits: &Limits) -> Result<(), Fault> {
    Limit::DocumentBytes.check(limits.document_bytes, document.len())?;
    let seen = scan(document);
    Limit::Nesting.check(NESTING, seen.nesting)?;
    Limit::Tokens.check(limits.tokens, seen.tokens)
}

/// What is seen of a text without understanding it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) tokens: usize,
    /// How deep brackets nest, outside of strings and comments.
    pub(super) nesting: usize,
}

pub(super) fn scan(document: &str) -> Seen {
    let mut seen = Seen::default();
    let mut depth = 0_usize;
    let mut rest = document.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        // Blanks, commas and the mark of the byte order are nothing.
        if matches!(first, b' ' | b'\t' | b'\n' | b'\r' | b',') {
            rest = after;
            continue;
        }
        if let Some(after) = rest.strip_prefix("\u{feff}".as_bytes()) {
            rest = after;
            continue;
        }
        if *first == b'#' {
            rest = after_line(after);
            continue;
        }
        seen.tokens += 1;
        rest = match first {
            b'(' | b'[' | b'{' => {
                depth += 1;
                seen.nesting = seen.nesting.max(depth);
                after
            }
            b')' | b']' | b'}' => {
                depth = depth.saturating_sub(1);
                after
            }
            b'"' => match after {
                [b'"', b'"', block @ ..] => after_block(block),
                _ => after_text(after),
            },
            b'.' => after_run(after, |byte| byte == b'.'),
            b'-' | b'0'..=b'9' => after_run(after, |byte| is_word(byte) || byte == b'.'),
            _ if is_word(*first) => after_run(after, is_word),
            _ => after,
        };
    }
    seen
}

/// Of a name or a number. What is not ASCII stands in strings only, or is no GraphQL.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+') || !byte.is_ascii()
}

fn after_run(rest: &[u8], is_part: impl Fn(u8) -> bool) -> &[u8] {
    let end = rest.iter().position(|byte| !is_part(*byte));
    end.map_or(&[], |end| &rest[end..])
}

fn after_line(rest: &[u8]) -> &[u8] {
    after_run(rest, |byte| !matches!(byte, b'\n' | b'\r'))
}

fn after_text(mut rest: &[u8]) -> &[u8] {
    loop {
        rest = match rest {
            // A string that does not end on its line is no string: what follows is counted.
            [] | [b'\n' | b'\r', ..] => return rest,
            [b'"', after @ ..] => return after,
            [b'\\', b'"' | b'\\', after @ ..] => after,
            [_, after @ ..] => after,
        };
    }
}

fn after_block(mut rest: &[u8]) -> &[u8] {
    loop {
        rest = match rest {
            [] => return rest,
            [b'"', b'"', b'"', after @ ..] => return after,
            [b'\\', b'"', b'"', b'"', after @ ..] | [_, after @ ..] => after,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(document: &str) -> usize {
        scan(document).tokens
    }

    #[test]
    fn tokens_are_counted_as_the_specification_counts_them() {
        assert_eq!(tokens("\u{feff}# a b c\n , \t\r\n"), 0);
        assert_eq!(tokens("{ a }"), 3);
        assert_eq!(
            tokens("query Q($a: [Int!] = [-1, 2.5]) @x { ...F b: c }"),
            25
        );
        assert_eq!(
            tokens("{ a(b: \"x y { \\\" z\", c: \"\"\"one \\\"\"\" two\"\"\") }"),
            11
        );
    }

    #[test]
    fn brackets_in_strings_and_comments_do_not_nest() {
        let many = "[{(".repeat(100);
        let document = format!(
            "{{ a(b: \"{many}\\\"{many}\", c: \"\", d: \"\"\"{many}\n\\\"\"\"{many}\"\"\") # {many}\n b }}"
        );
        assert_eq!(scan(&document).nesting, 2);
    }
}
