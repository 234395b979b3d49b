//! What is searched for, and the statement that finds it.

use entity::Searched;
use sea_orm::DbBackend;
use sea_orm::sea_query::{BinOper, Expr, ExprTrait, Query, SelectStatement};

use super::word::words;

/// The words of a question. What is found has all of them, in any order; each may be the beginning of a longer word,
/// but a single letter has to be the whole word: too many words begin with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phrase(Vec<String>);

impl Phrase {
    /// The words of `text`; none when it has none.
    pub fn of(text: &str) -> Option<Self> {
        let words: Vec<String> = words(text).into_iter().collect();
        (!words.is_empty()).then_some(Self(words))
    }

    /// How many words are asked for.
    pub fn words(&self) -> usize {
        self.0.len()
    }

    /// The statement that tells the ids of what is found.
    pub(in crate::domain) fn rows(&self, backend: DbBackend, kind: Searched) -> SelectStatement {
        let (index, is_kind) = match kind {
            Searched::Building => ("search_building", "kind = 'BUILDING'"),
            Searched::Zone => ("search_zone", "kind = 'ZONE'"),
            Searched::Incident => ("search_incident", "kind = 'INCIDENT'"),
            Searched::Task => ("search_task", "kind = 'TASK'"),
        };
        let mut query = Query::select();
        match backend {
            DbBackend::Sqlite => query
                .expr(Expr::cust(r#""search"."id""#))
                .from(index)
                .cross_join("search")
                .and_where(Expr::cust(format!("search.seq = {index}.rowid")))
                .and_where(Expr::cust(index).binary(BinOper::Custom("MATCH"), self.fts5())),
            // Written out and not bound: a partial index is used only where its condition is read.
            _ => query
                .expr(Expr::cust(r#""search"."id""#))
                .from("search")
                .and_where(Expr::cust(is_kind))
                .and_where(
                    Expr::cust("array_to_tsvector(string_to_array(words, ' '))").binary(
                        BinOper::Custom("@@"),
                        Expr::val(self.tsquery()).cast_as("tsquery"),
                    ),
                ),
        };
        query.take()
    }

    /// No word has a quote or any other sign in it.
    fn fts5(&self) -> String {
        self.joined(" AND ", |word, is_start| {
            format!("\"{word}\"{}", if is_start { "*" } else { "" })
        })
    }

    fn tsquery(&self) -> String {
        self.joined(" & ", |word, is_start| {
            format!("'{word}'{}", if is_start { ":*" } else { "" })
        })
    }

    fn joined(&self, and: &str, written: impl Fn(&str, bool) -> String) -> String {
        let written = |word: &String| written(word, word.chars().nth(1).is_some());
        self.0.iter().map(written).collect::<Vec<_>>().join(and)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_without_a_word_is_none() {
        assert_eq!(Phrase::of(" -?! "), None);
        assert_eq!(Phrase::of("Tap, tap"), Phrase::of("tap"));
    }

    #[test]
    fn a_single_letter_is_a_whole_word() {
        let written = |text: &str| Phrase::of(text).map(|phrase| (phrase.fts5(), phrase.tsquery()));
        let (fts5, tsquery) = written("Leak b").unwrap_or_default();
        assert_eq!(fts5, r#""b" AND "leak"*"#);
        assert_eq!(tsquery, "'b' & 'leak':*");
    }
}
