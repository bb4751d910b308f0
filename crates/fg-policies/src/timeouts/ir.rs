//! The checked form.

use std::time::Duration;

use serde::Serialize;

/// Time limits; `None` is no limit, also over a more general policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Ir {
    /// The whole exchange.
    pub request: Option<Duration>,
    /// One try.
    pub backend_request: Option<Duration>,
}
