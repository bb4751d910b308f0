//! Our own proxy in this process, and the names of what it serves.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};
use std::time::Duration;

use fg_control::Names;
use fg_ir::{Change, Ir};
use fg_proxy::{Ack, Proxy};
use fg_telemetry::{ControlStats, Registry};

/// The proxy. Its metrics keep only series of what it serves.
pub(crate) struct Native {
    proxy: Proxy,
    registry: Arc<Registry>,
    /// Of what serves. The registry reads them when a worker asks for a new series.
    names: Arc<RwLock<Names>>,
}

impl Native {
    /// Serves nothing yet.
    pub(crate) fn new(proxy: Proxy, registry: Arc<Registry>) -> Self {
        let names = Arc::new(RwLock::new(Names::default()));
        let wanted = names.clone();
        registry.set_wanted(move |labels| {
            let names = wanted.read().unwrap_or_else(PoisonError::into_inner);
            names.has_listener(&labels.gateway, &labels.listener)
                && (labels.route.is_empty() || names.has_route(&labels.route))
                && (labels.backend.is_empty() || names.has_backend(&labels.backend))
        });
        Self {
            proxy,
            registry,
            names,
        }
    }

    /// Serves a change, and gives the state of every listener. `ir` is the configuration after it.
    pub(crate) fn apply(&mut self, change: &Change, ir: &Ir) -> Vec<Ack> {
        self.names().extend(change);
        let acks = self.proxy.apply(change);
        let gone = self.names().shrink(change, ir);
        if gone {
            self.registry.purge();
        }
        acks
    }

    /// Tries again to bind what could not be bound; see [`Proxy::bind_again`].
    pub(crate) fn bind_again(&mut self) -> Option<Vec<Ack>> {
        self.proxy.bind_again()
    }

    /// Says which ports another part of this process has; see [`Proxy::share_ports`].
    pub(crate) fn share_ports(&mut self, ports: BTreeSet<u16>) {
        self.proxy.share_ports(ports);
    }

    /// The number of what serves.
    pub(crate) fn generation(&self) -> u64 {
        self.proxy.generation()
    }

    /// Changes what the metrics say of the configuration.
    pub(crate) fn note(&self, change: impl FnOnce(&mut ControlStats)) {
        self.registry.control(change);
    }

    fn names(&self) -> RwLockWriteGuard<'_, Names> {
        // Each change of it is whole before anything can panic.
        self.names.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets requests under way finish.
    pub(crate) fn drain(self, timeout: Duration) {
        let connections = self.proxy.connections();
        tracing::info!(connections, ?timeout, "draining");
        if self.proxy.drain(timeout) {
            tracing::info!("drained");
        } else {
            tracing::warn!("requests under way were cut off at the drain timeout");
        }
    }
}
