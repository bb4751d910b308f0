//! Data that the engine reads instead of calling a filter.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use fg_model::BackendKey;

/// Data that the engine reads instead of calling a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// Time for the whole exchange, from the complete request head; `None` is no limit.
    RequestTimeout(Option<Duration>),
    /// Time for one try; `None` is no limit.
    BackendRequestTimeout(Option<Duration>),
    /// When a request is sent again.
    Retries(Retries),
    /// Who else gets a copy of requests.
    Mirrors(Vec<Mirror>),
}

/// When and how often a request is sent again. Source: GEP-1731.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retries {
    /// Statuses of the backend after which it is asked again, sorted.
    pub codes: Arc<[u16]>,
    /// How often a request may be sent again; 0 is never, not even what no backend saw.
    pub attempts: u32,
    /// The least time between two tries, as written.
    pub backoff: Option<Duration>,
}

impl Retries {
    /// The least time between two tries when nothing is written: small, so that a retry fits into
    /// a time limit of half a second.
    pub const BACKOFF: Duration = Duration::from_millis(25);
}

impl fmt::Display for Retries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.attempts == 0 {
            return f.write_str("none");
        }
        write!(f, "up to {}, after ", self.attempts)?;
        for (at, code) in self.codes.iter().enumerate() {
            let between = if at == 0 { "" } else { ", " };
            write!(f, "{between}{code}")?;
        }
        let between = if self.codes.is_empty() { "" } else { " and " };
        let backoff = self.backoff.unwrap_or(Self::BACKOFF);
        write!(f, "{between}failed connections, {backoff:?} apart or more")
    }
}

/// Who gets a copy of which part of the requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror {
    /// Who gets it.
    pub backend: BackendKey,
    /// So many requests of [`Mirror::denominator`]; not more than that.
    pub numerator: u32,
    /// Never 0.
    pub denominator: u32,
}

impl fmt::Display for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            backend,
            numerator,
            denominator,
        } = self;
        if numerator == denominator {
            write!(f, "all requests, to {backend}")
        } else {
            write!(f, "{numerator} of {denominator} requests, to {backend}")
        }
    }
}
