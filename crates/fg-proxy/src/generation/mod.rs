//! One generation of the configuration, compiled: what a request sees from start to end.

mod chain;
mod compiler;
mod rule;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use fg_ir::BackendProtocol;
use fg_router::{Router, SocketTable};

pub(crate) use chain::{Chain, CompiledMirror, CompiledWaiting};
pub(crate) use compiler::Compiler;
pub(crate) use rule::{CompiledAction, CompiledBackend, CompiledRule};

use crate::shared::SocketKey;
use crate::tls::{ClusterTls, Servers};

/// A snapshot that workers serve.
pub(crate) struct Generation {
    /// Counts up with each change.
    pub(crate) number: u64,
    /// Sockets, hosts, rules.
    pub(crate) router: Arc<Router<CompiledRule>>,
    /// Backends by the index that compiled rules hold.
    pub(crate) clusters: Vec<Option<Arc<Cluster>>>,
    /// TLS of listeners.
    pub(crate) servers: Arc<Servers>,
}

impl Generation {
    /// The listeners of a socket, or, when that socket is gone, those that serve its address and
    /// port now. `local` gives the address.
    pub(crate) fn table(
        &self,
        (address, port): SocketKey,
        local: impl FnOnce() -> Option<IpAddr>,
    ) -> Option<&Arc<SocketTable<CompiledRule>>> {
        let router = &self.router;
        router.socket(address, port).or_else(|| {
            router
                .socket(Some(local()?), port)
                .or_else(|| router.socket(None, port))
        })
    }
}

/// A backend with its present endpoints.
pub(crate) struct Cluster {
    /// Where requests may go; empty is 503.
    pub(crate) endpoints: Vec<SocketAddr>,
    /// What it speaks.
    pub(crate) protocol: BackendProtocol,
    /// Whether and how it is called over TLS.
    pub(crate) tls: ClusterTls,
}
