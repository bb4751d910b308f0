//! Backends that keep a record of every byte and behave, or misbehave, as a test says.

mod connection;

use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rustls::ServerConnection;

use crate::canonical::{self, Request};
use crate::tls::{Greeted, Serving};
use crate::{PATIENCE, address};
pub use connection::Connection;

/// What an upstream does with a connection. The number counts connections from 0.
pub type Behaviour = dyn Fn(&mut Connection, usize) + Send + Sync;

/// A backend on an address of its own. Dropping it ends it and its connections.
pub struct Upstream {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    stopped: AtomicBool,
}

#[derive(Default)]
struct State {
    /// What was received, by connection.
    received: Vec<Vec<u8>>,
    /// Connections whose other side, or whose behaviour, ended.
    ended: usize,
    /// Bytes sent, all connections together.
    sent: usize,
    /// Times that [`Upstream::release`] was called.
    released: usize,
    /// Times that [`Connection::mark`] was called.
    marks: usize,
    streams: Vec<TcpStream>,
    /// Handshakes that succeeded.
    greeted: Vec<Greeted>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    /// Waits until `is_so`.
    fn wait(&self, what: &str, is_so: impl Fn(&State) -> bool) {
        let end = Instant::now() + PATIENCE;
        let mut state = self.lock();
        while !is_so(&state) {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "waited too long for {what}");
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Upstream {
    /// Starts an upstream on an own address.
    ///
    /// # Panics
    /// When no socket can be had.
    pub fn start(behaviour: impl Fn(&mut Connection, usize) + Send + Sync + 'static) -> Self {
        Self::start_at(SocketAddr::new(address::own_ip(), 0), behaviour)
    }

    /// Starts an upstream on a certain address.
    pub fn start_at(
        at: SocketAddr,
        behaviour: impl Fn(&mut Connection, usize) + Send + Sync + 'static,
    ) -> Self {
        Self::listen(at, None, behaviour)
    }

    /// Starts an upstream on an own address that speaks TLS.
    pub fn start_secure(
        serving: Serving,
        behaviour: impl Fn(&mut Connection, usize) + Send + Sync + 'static,
    ) -> Self {
        Self::listen(
            SocketAddr::new(address::own_ip(), 0),
            Some(serving),
            behaviour,
        )
    }

    fn listen(
        at: SocketAddr,
        serving: Option<Serving>,
        behaviour: impl Fn(&mut Connection, usize) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(at).expect("a loopback address can be bound");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let shared = Arc::new(Shared::default());
        let behaviour: Arc<Behaviour> = Arc::new(behaviour);
        let mine = shared.clone();
        std::thread::spawn(move || accept(&listener, &mine, serving.as_ref(), &behaviour));
        Self { address, shared }
    }

    /// Answers every request with these bytes, after reading it whole.
    pub fn replying(reply: impl Into<Vec<u8>>) -> Self {
        let reply = reply.into();
        Self::start(move |connection, _| {
            while connection.request().is_some() {
                connection.send(&reply);
            }
        })
    }

    /// Answers every request with 200 and a body that holds the request's own, after reading it.
    pub fn echo() -> Self {
        Self::start(|connection, _| {
            while let Some(request) = connection.request() {
                connection.send(ok(&request.body));
            }
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens: the address alone.
    pub fn ip(&self) -> IpAddr {
        self.address.ip()
    }

    /// What was received so far, by connection.
    pub fn received(&self) -> Vec<Vec<u8>> {
        self.shared.lock().received.clone()
    }

    /// All complete requests so far, in the order of connections.
    ///
    /// # Panics
    /// When anything received is not in canonical form.
    pub fn requests(&self) -> Vec<Request> {
        let read = |bytes: &Vec<u8>| canonical::requests(bytes).map(|(requests, _)| requests);
        let all = self
            .received()
            .iter()
            .map(read)
            .collect::<Result<Vec<_>, _>>();
        all.expect("canonical requests").concat()
    }

    /// `METHOD host target` of all complete requests so far.
    pub fn lines(&self) -> Vec<String> {
        self.requests().iter().map(Request::line).collect()
    }

    /// The one request that was received, when it is complete.
    pub fn only_request(&self) -> Request {
        self.wait_for_requests(1);
        let mut requests = self.requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests.remove(0)
    }

    /// Bytes of incomplete requests at the ends of connections.
    pub fn left_over(&self) -> Vec<u8> {
        let left = |bytes: &Vec<u8>| canonical::requests(bytes).map(|(_, rest)| rest);
        let left = self
            .received()
            .iter()
            .map(left)
            .collect::<Result<Vec<_>, _>>();
        left.expect("canonical requests").concat()
    }

    /// Waits until so many complete requests were received.
    pub fn wait_for_requests(&self, count: usize) {
        self.shared.wait("requests", |state| {
            let count_of =
                |bytes: &Vec<u8>| canonical::requests(bytes).map_or(0, |all| all.0.len());
            state.received.iter().map(count_of).sum::<usize>() >= count
        });
    }

    /// Waits until so many bytes were received.
    pub fn wait_for_bytes(&self, count: usize) {
        self.shared.wait("bytes", |state| {
            state.received.iter().map(Vec::len).sum::<usize>() >= count
        });
    }

    /// How the handshakes went that succeeded so far.
    pub fn greeted(&self) -> Vec<Greeted> {
        self.shared.lock().greeted.clone()
    }

    /// Connections accepted so far.
    pub fn connections(&self) -> usize {
        self.shared.lock().received.len()
    }

    /// Waits until so many connections ended, by either side.
    pub fn wait_for_ends(&self, count: usize) {
        self.shared
            .wait("ends of connections", |state| state.ended >= count);
    }

    /// Bytes sent so far, all connections together.
    pub fn sent(&self) -> usize {
        self.shared.lock().sent
    }

    /// Waits until so many bytes were sent, all connections together.
    pub fn wait_for_sent(&self, count: usize) {
        self.shared
            .wait("bytes to leave", |state| state.sent >= count);
    }

    /// Waits until [`Connection::mark`] was called so often.
    pub fn wait_for_marks(&self, count: usize) {
        self.shared.wait("marks", |state| state.marks >= count);
    }

    /// Lets one [`Connection::stall`] go on.
    pub fn release(&self) {
        self.shared.change(|state| state.released += 1);
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Release);
        for stream in self.shared.lock().streams.drain(..) {
            // It may be closed already.
            let _ = stream.shutdown(Shutdown::Both);
        }
        self.shared.changed.notify_all();
        // Wakes whoever accepts, so that the port is given back.
        drop(TcpStream::connect(self.address));
    }
}

fn accept(
    listener: &TcpListener,
    shared: &Arc<Shared>,
    serving: Option<&Serving>,
    behaviour: &Arc<Behaviour>,
) {
    for number in 0.. {
        let Ok((stream, _)) = listener.accept() else {
            return;
        };
        if shared.stopped.load(Ordering::Acquire) {
            return;
        }
        stream.set_nodelay(true).expect("a socket option");
        let copy = stream.try_clone().expect("a descriptor is left");
        shared.change(|state| {
            state.received.push(Vec::new());
            state.streams.push(copy);
        });
        let tls = serving.map(|serving| {
            ServerConnection::new(serving.config.clone()).expect("a configuration that works")
        });
        let mut connection = Connection::new(stream, tls, shared.clone(), number);
        let (behaviour, shared) = (behaviour.clone(), shared.clone());
        std::thread::spawn(move || {
            if connection.greet() {
                behaviour(&mut connection, number);
            }
            connection.close();
            shared.change(|state| state.ended += 1);
        });
    }
}

/// A reply 200 with a body and its length.
pub fn ok(body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut reply =
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
    reply.extend_from_slice(body);
    reply
}
