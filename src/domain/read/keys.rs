//! Sets of keys as one parameter: one prepared statement serves any number of them. A single key is compared by itself: a
//! plan for one is then a plan for each, and is kept.

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

    /// The keys as the rows of a statement.
    pub(in crate::domain) fn set(&self) -> SelectStatement {
        self.from(Query::select().expr(self.each()))
    }

    /// The statement that tells each key as `parent_`, to be joined with what belongs to it.
    pub(in crate::domain) fn select(&self) -> SelectStatement {
        self.from(Query::select().expr_as(self.each(), "parent_"))
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

    fn from(&self, select: &mut SelectStatement) -> SelectStatement {
        match self.keys.as_slice() {
            [one] => {
                let one = Query::select().expr_as(Expr::val(one.clone()), "p").take();
                select.from_subquery(one, "p").take()
            }
            _ => select.from_function(self.function(), "p").take(),
        }
    }

    fn function(&self) -> FunctionCall {
        match self.backend {
            DbBackend::Sqlite => Func::cust("json_each").arg(self.parameter()),
            _ => Func::cust("unnest").arg(self.parameter()),
        }
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
