//! What a proxy could not use.

/// A resource that a proxy does not use as it was sent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rejection {
    /// The name of the resource.
    pub name: String,
    /// Why, in words for a status: lower-case, no full stop.
    pub reason: String,
}
