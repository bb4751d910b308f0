//! The checked form.

use std::time::Duration;

use serde::Serialize;

/// When and how often a request is sent again.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Ir {
    /// Statuses of the backend after which it is asked again, sorted, each once.
    pub codes: Vec<u16>,
    /// How often it may be sent again; 0 switches retries off.
    pub attempts: u32,
    /// The least time between two tries; `None` leaves it to the data plane.
    pub backoff: Option<Duration>,
}
