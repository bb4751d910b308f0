//! Connections of one worker to endpoints, kept for the next request.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use fg_http::h2;
use fg_lb::Avoidance;
use fg_telemetry::WorkerStats;

use super::socket::Stream;

/// What one worker knows of one endpoint.
#[derive(Debug, Default)]
pub(crate) struct Endpoint {
    idle: RefCell<Vec<Idle>>,
    /// Connections by HTTP/2, each for many requests at a time.
    http2: RefCell<Vec<Rc<Http2Link>>>,
    /// Held while such a connection is made, so that requests that come together share it.
    pub(crate) greeting: tokio::sync::Mutex<()>,
    /// Over TLS it agreed to HTTP/2 only, though HTTP/1.1 was asked for.
    pub(crate) only_http2: Cell<bool>,
    /// Requests on their way.
    pub(crate) active: Cell<usize>,
    pub(crate) avoidance: Cell<Avoidance>,
}

/// An open HTTP/2 connection to an endpoint.
#[derive(Debug)]
pub(crate) struct Http2Link {
    pub(crate) client: h2::Client,
    /// Asks for signs of life.
    pub(crate) pings: tokio::sync::Mutex<Option<h2::Pings>>,
    /// Its settings are known.
    pub(crate) settled: Cell<bool>,
    /// They are not, and nobody waits for them any more to give it more than one request.
    pub(crate) assumed: Cell<bool>,
    /// Requests on it.
    pub(crate) active: Cell<usize>,
    /// It takes no more requests.
    pub(crate) closed: Cell<bool>,
    /// When it was used last. Units: milliseconds of the sweep's clock.
    pub(crate) since: Cell<u64>,
    /// A request was given up because the backend takes nothing: what it has not taken at the end
    /// of the connection is forgotten.
    pub(crate) given_up: Rc<Cell<bool>>,
    /// Ends with the link: whoever moves the connection learns that nobody uses it any more.
    pub(crate) _in_use: tokio::sync::oneshot::Sender<()>,
}

impl Http2Link {
    /// Waits until its settings are known: they come before the answer to any question.
    pub(crate) async fn settle(&self) -> io::Result<()> {
        if self.settled.get() {
            return Ok(());
        }
        let mut pings = self.pings.lock().await;
        if let Some(pings) = pings.as_mut().filter(|_| !self.settled.get()) {
            pings.ask().await?;
            self.settled.set(true);
        }
        Ok(())
    }
}

/// An open connection to an endpoint, counted as long as it lives.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) stream: Stream,
    /// Counts it.
    pub(crate) open: Open,
}

/// Counts an open connection as long as it lives.
#[derive(Debug)]
pub(crate) struct Open(Arc<WorkerStats>);

impl Link {
    pub(crate) fn new(stream: Stream, stats: Arc<WorkerStats>) -> Self {
        stats.upstream_open.increment();
        Self {
            stream,
            open: Open(stats),
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.upstream_open.decrement();
    }
}

#[derive(Debug)]
struct Idle {
    link: Link,
    /// When it was put here. Units: milliseconds of the sweep's clock.
    since: u64,
}

/// Where connections go: an address, and the identity of the TLS on them (0 is clear text).
/// Connections to one place are as good as each other; those to different ones are never mixed.
pub(crate) type Place = (SocketAddr, u64);

/// All endpoints of a worker.
#[derive(Debug, Default)]
pub(crate) struct Pools {
    endpoints: RefCell<HashMap<Place, Rc<Endpoint>, BuildHasherDefault<Mix>>>,
}

/// A quick hash. Not seeded: places come from the configuration, clients only look up.
#[derive(Debug, Default)]
struct Mix(u64);

impl Hasher for Mix {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(8) {
            let mut word = [0; 8];
            word.iter_mut().zip(part).for_each(|(to, from)| *to = *from);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    #[inline]
    fn write_u64(&mut self, word: u64) {
        // An odd number without a pattern in its bits (of the golden ratio); both halves of the
        // product go on, since the table looks at high and at low bits.
        let product = u128::from(self.0 ^ word) * 0x9e37_79b9_7f4a_7c15;
        self.0 = (product as u64) ^ ((product >> 64) as u64);
    }

    #[inline]
    fn write_u8(&mut self, number: u8) {
        self.write_u64(u64::from(number) | 1 << 32);
    }

    #[inline]
    fn write_u16(&mut self, number: u16) {
        self.write_u64(u64::from(number) | 1 << 33);
    }

    #[inline]
    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number) | 1 << 34);
    }

    #[inline]
    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64 | 1 << 35);
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}

impl Pools {
    /// The endpoint at a place.
    pub(crate) fn endpoint(&self, place: Place) -> Rc<Endpoint> {
        if let Some(endpoint) = self.endpoints.borrow().get(&place) {
            return endpoint.clone();
        }
        self.endpoints
            .borrow_mut()
            .entry(place)
            .or_default()
            .clone()
    }

    /// Looks at an endpoint, if it is known.
    pub(crate) fn look<T: Default>(&self, place: Place, look: impl FnOnce(&Endpoint) -> T) -> T {
        self.endpoints
            .borrow()
            .get(&place)
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
            let mut http2 = endpoint.http2.borrow_mut();
            http2.retain(|link| {
                let idle = link.active.get() == 0;
                !link.closed.get() && (!idle || link.since.get() >= oldest)
            });
            let in_use = Rc::strong_count(endpoint) > 1;
            !idle.is_empty()
                || !http2.is_empty()
                || in_use
                || endpoint.avoidance.get().is_active(now)
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

    /// An HTTP/2 connection that takes one more request. How many it takes at a time its settings
    /// say: until they are known it is one, since a backend may refuse the others.
    pub(crate) fn shared(&self) -> Option<Rc<Http2Link>> {
        let http2 = self.http2.borrow();
        let room = |link: &Rc<Http2Link>| match link.settled.get() || link.assumed.get() {
            true => link.client.room(),
            false => 1,
        };
        let has_room = |link: &&Rc<Http2Link>| !link.closed.get() && link.active.get() < room(link);
        http2.iter().find(has_room).cloned()
    }

    /// An HTTP/2 connection whose settings are on their way.
    pub(crate) fn unsettled(&self) -> Option<Rc<Http2Link>> {
        let http2 = self.http2.borrow();
        let is_it = |link: &&Rc<Http2Link>| {
            !link.closed.get() && !link.settled.get() && !link.assumed.get()
        };
        http2.iter().find(is_it).cloned()
    }

    /// Shares a new HTTP/2 connection.
    pub(crate) fn share(&self, link: Rc<Http2Link>) {
        self.http2.borrow_mut().push(link);
    }

    /// Keeps a connection, unless there are `most` already.
    pub(crate) fn put(&self, link: Link, now: u64, most: usize) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() < most {
            idle.push(Idle { link, since: now });
        }
    }
}
