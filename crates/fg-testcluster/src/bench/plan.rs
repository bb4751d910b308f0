//! How much of everything.

use std::time::Duration;

/// Numbers of a run.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// Routes that are added one by one, and later edited.
    pub(super) edited: usize,
    /// Edits that are timed.
    pub(super) edits: usize,
    /// Routes that are added at a rate.
    pub(super) added: usize,
    /// The rate: so many a second.
    pub(super) rate: usize,
    /// Namespaces of the many routes.
    pub(super) namespaces: usize,
    /// The many routes.
    pub(super) routes: usize,
    /// Services behind them.
    pub(super) services: usize,
    /// Endpoints of each.
    pub(super) endpoints: usize,
    /// Routes of the largest configuration.
    pub(super) most: usize,
    /// Routes that are added, edited and deleted under load.
    pub(super) changed: usize,
    /// Pods that a backend is scaled to.
    pub(super) pods: usize,
    /// Restarts of the control plane.
    pub(super) restarts: usize,
    /// How long the steady churn goes on.
    pub(super) churn: Duration,
}

impl Plan {
    /// The whole of it.
    pub(super) fn whole() -> Self {
        Self {
            edited: 100,
            edits: 200,
            added: 3000,
            rate: 50,
            namespaces: 50,
            routes: 5000,
            services: 2000,
            endpoints: 5,
            most: 10_000,
            changed: 200,
            pods: 50,
            restarts: 3,
            churn: Duration::from_secs(60),
        }
    }

    /// Fewer edits, of which each takes the better part of two seconds where a control plane does everything again.
    pub(super) fn slower(self) -> Self {
        Self {
            edits: self.edits.min(40),
            ..self
        }
    }

    /// Small numbers: does it all work?
    pub(super) fn quick() -> Self {
        Self {
            edited: 20,
            edits: 30,
            added: 150,
            namespaces: 10,
            routes: 300,
            services: 100,
            most: 600,
            changed: 30,
            pods: 8,
            restarts: 1,
            churn: Duration::from_secs(6),
            ..Self::whole()
        }
    }
}
