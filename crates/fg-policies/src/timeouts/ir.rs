//! The checked form.

use std::time::Duration;

use fg_model::BackendKey;
use serde::{Deserialize, Serialize};

use crate::Around;

/// Time limits; `None` is no limit, also over a more general policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ir {
    /// The whole exchange.
    pub request: Option<Duration>,
    /// One try.
    pub backend_request: Option<Duration>,
}

impl Ir {
    /// The backends that it sends something to: none.
    pub fn backends(&self) -> impl Iterator<Item = &BackendKey> {
        std::iter::empty()
    }

    /// What of it Envoy cannot do, in words for the user; nothing.
    pub fn lacks_on_envoy(&self, _: Around) -> Option<&'static str> {
        None
    }
}
