//! Connections of one worker to endpoints, kept for the next request.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use fg_lb::Avoidance;
use fg_telemetry::WorkerStats;

use super::socket::Stream;

/// What one worker knows of one endpoint.
#[derive(Debug, Default)]
pub(crate) struct Endpoint {
    idle: RefCell<Vec<Idle>>,
    /// Requests on their way.
    pub(crate) active: Cell<usize>,
    pub(crate) avoidance: Cell<Avoidance>,
}

/// An open connection to an endpoint, counted as long as it lives.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) stream: Stream,
    stats: Arc<WorkerStats>,
}

impl Link {
    pub(crate) fn new(stream: Stream, stats: Arc<WorkerStats>) -> Self {
        stats.upstream_open.increment();
        Self { stream, stats }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.stats.upstream_open.decrement();
    }
}

#[derive(Debug)]
struct Idle {
    link: Link,
    /// When it was put here. Units: milliseconds of the sweep's clock.
    since: u64,
}

/// All endpoints of a worker.
#[derive(Debug, Default)]
pub(crate) struct Pools {
    endpoints: RefCell<HashMap<SocketAddr, Rc<Endpoint>>>,
}

impl Pools {
    /// The endpoint at an address.
    pub(crate) fn endpoint(&self, address: SocketAddr) -> Rc<Endpoint> {
        if let Some(endpoint) = self.endpoints.borrow().get(&address) {
            return endpoint.clone();
        }
        self.endpoints
            .borrow_mut()
            .entry(address)
            .or_default()
            .clone()
    }

    /// Looks at an endpoint, if it is known.
    pub(crate) fn look<T: Default>(
        &self,
        address: SocketAddr,
        look: impl FnOnce(&Endpoint) -> T,
    ) -> T {
        self.endpoints
            .borrow()
            .get(&address)
            .map(|endpoint| look(endpoint))
            .unwrap_or_default()
    }

    /// Drops connections that are idle since before `oldest` or were closed by the other side, and
    /// forgets endpoints of which nothing is left. Gives the number of idle connections kept.
    pub(crate) fn clean(&self, oldest: u64, now: u64) -> usize {
        let mut kept = 0;
        self.endpoints.borrow_mut().retain(|_, endpoint| {
            let mut idle = endpoint.idle.borrow_mut();
            idle.retain_mut(|idle| idle.since >= oldest && idle.link.stream.is_quiet());
            let room = idle.len() * 2;
            idle.shrink_to(room);
            kept += idle.len();
            let in_use = Rc::strong_count(endpoint) > 1;
            !idle.is_empty() || in_use || endpoint.avoidance.get().is_active(now)
        });
        kept
    }
}

impl Endpoint {
    /// The connection used last that is still open.
    pub(crate) fn take(&self) -> Option<Link> {
        let mut idle = self.idle.borrow_mut();
        while let Some(Idle { mut link, .. }) = idle.pop() {
            if link.stream.is_quiet() {
                return Some(link);
            }
        }
        None
    }

    /// Keeps a connection, unless there are `most` already.
    pub(crate) fn put(&self, link: Link, now: u64, most: usize) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() < most {
            idle.push(Idle { link, since: now });
        }
    }
}
