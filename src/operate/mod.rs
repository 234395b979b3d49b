//! What operators run beside the server: each command opens the database itself and takes turns with the writer.

pub mod oauth;
