//! Words without meaning of their own: shared strings, secrets that cannot be printed, and how often
//! things are used.
//!
//! Everything here is pure and knows nothing of gateways.

mod secret;
mod uses;

pub use secret::Secret;
pub use uses::Uses;

/// A shared, immutable string: cheap to clone, compared by content.
pub type Text = std::sync::Arc<str>;
