//! How a client is, for readiness and for people.

use std::time::SystemTime;

use crate::Serial;

/// How a client is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Its stream.
    pub link: Link,
    /// The newest transaction that was answered, by this stream or an earlier one. None before the
    /// first: then there is nothing complete yet.
    pub serial: Option<Serial>,
    /// Resources that are here and were not rejected.
    pub resources: usize,
    /// Why the last stream, or the last try to get one, ended. None if none did.
    pub last_error: Option<String>,
}

/// A client's stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// There is none, or nothing came on it yet.
    Connecting {
        /// Since then.
        since: SystemTime,
        /// Tries that failed since then.
        tries: u32,
    },
    /// There is one, and the server has spoken.
    Connected {
        /// Since then.
        since: SystemTime,
    },
}

impl Default for State {
    fn default() -> Self {
        Self {
            link: Link::Connecting {
                since: SystemTime::now(),
                tries: 0,
            },
            serial: None,
            resources: 0,
            last_error: None,
        }
    }
}
