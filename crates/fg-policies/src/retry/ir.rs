//! The checked form.

use std::time::Duration;

use fg_model::BackendKey;
use serde::{Deserialize, Serialize};

use crate::Around;

/// When and how often a request is sent again.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ir {
    /// Statuses of the backend after which it is asked again, sorted, each once.
    pub codes: Vec<u16>,
    /// How often it may be sent again; 0 switches retries off.
    pub attempts: u32,
    /// The least time between two tries; `None` leaves it to the data plane.
    pub backoff: Option<Duration>,
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
