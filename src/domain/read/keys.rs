//! Sets of keys as one parameter: one prepared statement serves any number of them.
//!
//! PostgreSQL keeps a plan for any keys, unless one for these keys looks cheaper: it expects ten of an array, and what follows
//! from the key that is common most, so it would plan anew for each page of fewer. What is fetched by keys has one good
//! plan; so it is not shown them: they come out of a sub-select that changes nothing else.

use sea_orm::DbBackend;
use sea_orm::sea_query::{
    ArrayType, Expr, ExprTrait, Func, FunctionCall, Query, SelectStatement, Value,
};
use uuid::Uuid;

/// A set of ids or of words as one parameter.
pub(in crate::domain) struct Keys {
    backend: DbBackend,
    keys: Vec<Value>,
    kind: ArrayType,
}

impl Keys {
    /// Ids.
    pub(in crate::domain) fn new(backend: DbBackend, keys: &[Uuid]) -> Self {
        let mut keys: Vec<Uuid> = keys.to_vec();
        keys.sort_unstable();
        keys.dedup();
        Self {
            backend,
            keys: keys.into_iter().map(Value::from).collect(),
            kind: ArrayType::Uuid,
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
            keys: texts.map(Value::from).collect(),
            kind: ArrayType::String,
        }
    }

    /// `field` is one of the keys.
    pub(in crate::domain) fn hold(&self, field: Expr) -> Expr {
        match (self.keys.as_slice(), self.backend) {
            ([one], _) => field.eq(one.clone()),
            (_, DbBackend::Sqlite) => field.in_subquery(self.set()),
            _ => field.eq(Func::cust("any").arg(self.parameter())),
        }
    }

    /// The same where that is what rows are fetched by.
    pub(in crate::domain) fn fetch(&self, field: Expr) -> Expr {
        match (self.keys.as_slice(), self.backend) {
            ([_], _) | (_, DbBackend::Sqlite) => self.hold(field),
            _ => {
                let array = match self.kind {
                    ArrayType::Uuid => "uuid[]",
                    _ => "text[]",
                };
                field.eq(Func::cust("any").arg(self.unseen().cast_as(array)))
            }
        }
    }

    /// The keys as the rows of a statement.
    pub(in crate::domain) fn set(&self) -> SelectStatement {
        let mut select = Query::select();
        select.expr(self.each());
        match self.keys.as_slice() {
            [one] => select.from_subquery(row_of(one), "p"),
            _ => select.from_function(self.function(self.parameter()), "p"),
        };
        select
    }

    /// The statement that tells each key as `parent_`, to be joined with what belongs to it.
    pub(in crate::domain) fn select(&self) -> SelectStatement {
        let mut select = Query::select();
        select.expr_as(self.each(), "parent_");
        match (self.keys.as_slice(), self.backend) {
            ([one], DbBackend::Sqlite) => select.from_subquery(row_of(one), "p"),
            ([one], _) => select.from_subquery(row_of(one).offset(0).take(), "p"),
            (_, DbBackend::Sqlite) => select.from_function(self.function(self.parameter()), "p"),
            _ => select.from_function(self.function(self.unseen()), "p"),
        };
        select
    }

    /// The key at hand, in a statement that begins with [`Keys::select`].
    pub(in crate::domain) fn each(&self) -> Expr {
        match (self.keys.len(), self.backend, &self.kind) {
            (1, _, _) | (_, DbBackend::Postgres, _) => Expr::col(("p", "p")),
            // sqlx binds ids as blobs, and JSON has none.
            (_, _, ArrayType::Uuid) => Expr::cust(r#"unhex("p"."value", '-')"#),
            _ => Expr::cust(r#""p"."value""#),
        }
    }

    fn function(&self, keys: Expr) -> FunctionCall {
        match self.backend {
            DbBackend::Sqlite => Func::cust("json_each").arg(keys),
            _ => Func::cust("unnest").arg(keys),
        }
    }

    fn unseen(&self) -> Expr {
        let keys = Query::select().expr(self.parameter()).take();
        Expr::SubQuery(None, Box::new(keys.into()))
    }

    /// An array, or for SQLite a JSON array of strings.
    fn parameter(&self) -> Expr {
        if self.backend != DbBackend::Sqlite {
            let keys = Box::new(self.keys.clone());
            return Expr::val(Value::Array(self.kind.clone(), Some(keys)));
        }
        let text = |key: &Value| match key {
            Value::Uuid(Some(id)) => id.hyphenated().to_string(),
            Value::String(Some(text)) => text.to_string(),
            _ => String::new(),
        };
        let texts: Vec<String> = self.keys.iter().map(text).collect();
        Expr::val(serde_json::Value::from(texts).to_string())
    }
}

fn row_of(key: &Value) -> SelectStatement {
    Query::select().expr_as(Expr::val(key.clone()), "p").take()
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
