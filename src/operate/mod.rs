//! What operators run, beside a server or within one: kept calls driven again.
//! It joins the decoders with the writer's own way of storing; the SQL stands in `domain`.

pub mod replay;
