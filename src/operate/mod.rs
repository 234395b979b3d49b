//! What operators run, beside a server or within one: kept calls driven again, the model rebuilt from them,
//! what is too old taken away; and what a server does beside its calls.
//! It joins the decoders with the writer's own way of storing; the SQL stands in `domain`.

pub mod notices;
pub mod prune;
pub mod rebuild;
pub mod replay;
pub mod upkeep;
