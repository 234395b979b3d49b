//! Sets of keys as one parameter: one prepared statement serves any number of them.

use sea_orm::DbBackend;
use sea_orm::sea_query::{Expr, ExprTrait, Func, FunctionCall, Query, SelectStatement};
use uuid::Uuid;

/// A set of ids or of words as one parameter.
pub(in crate::domain) struct Keys {
    backend: DbBackend,
    literal: String,
    is_text: bool,
}

impl Keys {
    /// Ids.
    pub(in crate::domain) fn new(backend: DbBackend, keys: &[Uuid]) -> Self {
        let mut keys: Vec<Uuid> = keys.to_vec();
        keys.sort_unstable();
        keys.dedup();
        let texts = keys.iter().map(|key| key.hyphenated().to_string());
        Self {
            backend,
            literal: literal(backend, texts),
            is_text: false,
        }
    }

    /// Words; what no column can hold (a NUL) is left out.
    pub(in crate::domain) fn texts<'a>(
        backend: DbBackend,
        texts: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let texts = texts.into_iter().filter(|text| !text.contains('\0'));
        Self {
            backend,
            literal: literal(backend, texts.map(str::to_owned)),
            is_text: true,
        }
    }

    /// `field` is one of the keys.
    pub(in crate::domain) fn hold(&self, field: Expr) -> Expr {
        match self.backend {
            DbBackend::Sqlite => field.in_subquery(self.set()),
            _ => field.eq(Func::cust("any").arg(self.array())),
        }
    }

    /// The keys as the rows of a statement.
    pub(in crate::domain) fn set(&self) -> SelectStatement {
        Query::select()
            .expr(self.each())
            .from_function(self.function(), "p")
            .take()
    }

    /// The statement that tells each key as `parent_`, to be joined with what belongs to it.
    pub(in crate::domain) fn select(&self) -> SelectStatement {
        Query::select()
            .expr_as(self.each(), "parent_")
            .from_function(self.function(), "p")
            .take()
    }

    /// The key at hand, in a statement that begins with [`Keys::select`].
    pub(in crate::domain) fn each(&self) -> Expr {
        match self.backend {
            DbBackend::Sqlite if self.is_text => Expr::cust(r#""p"."value""#),
            // sqlx binds ids as blobs, and JSON has none.
            DbBackend::Sqlite => Expr::cust(r#"unhex("p"."value", '-')"#),
            _ => Expr::col(("p", "p")),
        }
    }

    fn function(&self) -> FunctionCall {
        match self.backend {
            DbBackend::Sqlite => Func::cust("json_each").arg(Expr::val(self.literal.clone())),
            _ => Func::cust("unnest").arg(self.array()),
        }
    }

    fn array(&self) -> Expr {
        let element = if self.is_text { "text[]" } else { "uuid[]" };
        Expr::val(self.literal.clone()).cast_as(element)
    }
}

/// `field` is one of the values that `rows` tells; the values are found once, and an index of the field serves.
pub(in crate::domain) fn one_of(backend: DbBackend, field: Expr, rows: SelectStatement) -> Expr {
    match backend {
        DbBackend::Sqlite => field.in_subquery(rows),
        // An array and not IN: within an OR, PostgreSQL enters no index for a sub-select.
        _ => {
            let rows = Expr::SubQuery(None, Box::new(rows.into()));
            field.eq(Func::cust("any").arg(Func::cust("array").arg(rows)))
        }
    }
}

/// A JSON array of strings, or an array literal of PostgreSQL.
fn literal(backend: DbBackend, keys: impl Iterator<Item = String>) -> String {
    let is_json = backend == DbBackend::Sqlite;
    let (open, close) = if is_json { ('[', ']') } else { ('{', '}') };
    let mut literal = String::from(open);
    for key in keys {
        if literal.len() > 1 {
            literal.push(',');
        }
        if is_json {
            literal.push_str(&serde_json::Value::from(key).to_string());
            continue;
        }
        literal.push('"');
        for letter in key.chars() {
            if matches!(letter, '"' | '\\') {
                literal.push('\\');
            }
            literal.push(letter);
        }
        literal.push('"');
    }
    literal.push(close);
    literal
}
