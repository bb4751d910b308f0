//! The counters of one worker that no label set owns.

use crate::{Counter, Gauge};

/// Numbers of one worker, written by it only; see [`crate::Registry::worker`].
#[derive(Debug, Default)]
pub struct WorkerStats {
    /// Client connections that are open.
    pub connections_open: Gauge,
    /// Client connections accepted.
    pub connections_accepted: Counter,
    /// Client connections refused, because a limit was reached.
    pub connections_refused: Counter,
    /// Times accepting paused, because the process ran out of descriptors.
    pub accept_pauses: Counter,
    /// Requests between their head and the end of their reply.
    pub requests_in_flight: Gauge,
    /// Connections to backends that are open, idle ones included.
    pub upstream_open: Gauge,
    /// Connections to backends that were opened.
    pub upstream_opened: Counter,
    /// Requests sent on a connection that had served before.
    pub upstream_reused: Counter,
    /// Connections to backends that could not be opened.
    pub upstream_failed: Counter,
    /// Requests sent a second time after a first try that sent nothing, or met a stale connection.
    pub upstream_retried: Counter,
    /// Idle connections in the pools.
    pub pool_idle: Gauge,
    /// Connections that were tunnelled after an upgrade and are still open.
    pub tunnels_open: Gauge,
    /// Panics that were caught.
    pub panics: Counter,
    /// Requests that no rule ever saw (malformed, too large, no such host), by number of the reason.
    unrouted: Box<[Counter]>,
}

impl WorkerStats {
    pub(crate) fn new(reasons: usize) -> Self {
        Self {
            unrouted: (0..reasons).map(|_| Counter::new()).collect(),
            ..Self::default()
        }
    }

    /// Counts a request that was answered before any rule was chosen, by number of the reason.
    pub fn unrouted(&self, reason: usize) {
        if let Some(cell) = self.unrouted.get(reason) {
            cell.increment();
        }
    }

    /// The counts of [`WorkerStats::unrouted`], by number of the reason.
    pub(crate) fn unrouted_counts(&self) -> impl Iterator<Item = u64> + '_ {
        self.unrouted.iter().map(Counter::get)
    }

    /// Sets to zero what a dead worker left open; its connections died with it.
    pub(crate) fn reset_gauges(&self) {
        for gauge in [
            &self.connections_open,
            &self.requests_in_flight,
            &self.upstream_open,
            &self.pool_idle,
            &self.tunnels_open,
        ] {
            gauge.set(0);
        }
    }
}
