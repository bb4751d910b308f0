//! Words without meaning of their own: shared strings and secrets that cannot be printed.
//!
//! Everything here is pure and knows nothing of gateways.

mod secret;

pub use secret::Secret;

/// A shared, immutable string: cheap to clone, compared by content.
pub type Text = std::sync::Arc<str>;
