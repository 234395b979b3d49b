//! What a viewer may see. Every read function takes a scope; without one it cannot be called.

/// The scope of a viewer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Everything: an operator, or anybody on an open loopback server.
    All,
}
