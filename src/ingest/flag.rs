//! The list of what is odd about a call but accepted, each as `JSON path: what`. Bounded, so that a batch of oddities stays small.

/// As many flags as one delivery keeps; the rest is counted.
pub const MOST: usize = 100;

/// What is odd about a call.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    list: Vec<String>,
    left_out: usize,
}

impl Flags {
    /// Adds an oddity.
    pub fn raise(&mut self, path: &str, what: impl std::fmt::Display) {
        if self.list.len() < MOST {
            self.list.push(format!("{path}: {what}"));
        } else {
            self.left_out += 1;
        }
    }

    /// Adds the flags of a part.
    pub fn append(&mut self, part: Self) {
        let room = MOST.saturating_sub(self.list.len());
        self.left_out += part.left_out + part.list.len().saturating_sub(room);
        self.list.extend(part.list.into_iter().take(room));
    }

    /// The flags, with a last line that counts those left out.
    pub fn into_list(mut self) -> Vec<String> {
        if self.left_out > 0 {
            self.list.push(format!("$: {} more", self.left_out));
        }
        self.list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_beyond_the_limit_are_counted() {
        let mut flags = Flags::default();
        for n in 0..MOST + 5 {
            flags.raise("$", n);
        }
        let list = flags.into_list();
        assert_eq!(list.len(), MOST + 1);
        assert_eq!(list[MOST], "$: 5 more");
    }
}
