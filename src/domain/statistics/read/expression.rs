//! What is told of rows, in the words of each engine.

use sea_orm::sea_query::{CaseStatement, Condition, Expr, ExprTrait, Func};
use sea_orm::{ColumnTrait, DbBackend};

use crate::domain::statistics::Length;

/// The sum of `what` of the rows for which `condition` holds.
pub(super) fn sum_where(condition: Condition, what: Expr) -> Expr {
    let case = CaseStatement::new()
        .case(condition, what)
        .finally(Expr::cust("0"));
    let case: Expr = case.into();
    let sum = Func::sum(case);
    Func::coalesce([sum.into(), Expr::cust("0")]).into()
}

/// Whole seconds from one time of a row to another, none when they run backward.
pub(super) fn seconds<C: ColumnTrait>(backend: DbBackend, length: &Length<C>) -> Expr {
    let second = |column: C| -> Expr {
        match backend {
            // The fraction is cut off before SQLite can round it; stored times are all in UTC.
            DbBackend::Sqlite => {
                let cut = Func::cust("substr").args([
                    column.into_expr(),
                    Expr::cust("1"),
                    Expr::cust("19"),
                ]);
                Func::cust("unixepoch").arg(cut).into()
            }
            _ => {
                let cut = Func::cust("date_part").args([
                    Expr::cust("'epoch'"),
                    Func::cust("date_trunc")
                        .args([Expr::cust("'second'"), column.into_expr()])
                        .into(),
                ]);
                Expr::from(cut).cast_as("bigint")
            }
        }
    };
    let passed = second(length.until).sub(second(length.from));
    let most = match backend {
        DbBackend::Sqlite => "max",
        _ => "greatest",
    };
    Func::cust(most).args([passed, Expr::cust("0")]).into()
}

/// `expressions` as one text that is a JSON array.
pub(super) fn array(backend: DbBackend, expressions: impl IntoIterator<Item = Expr>) -> Expr {
    let name = match backend {
        DbBackend::Sqlite => "json_array",
        _ => "json_build_array",
    };
    Expr::from(Func::cust(name).args(expressions)).cast_as("text")
}
