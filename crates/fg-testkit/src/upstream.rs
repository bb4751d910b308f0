//! Backends that keep a record of every byte and behave, or misbehave, as a test says.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::canonical::{self, Request};
use rustls::{HandshakeKind, ServerConnection, Stream};

use crate::tls::{Greeted, Serving};
use crate::{PATIENCE, address, client, queue};

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
        let mut connection = Connection {
            stream: Some(stream),
            tls: serving.map(|serving| {
                ServerConnection::new(serving.config.clone()).expect("a configuration that works")
            }),
            shared: shared.clone(),
            number,
            read: 0,
        };
        let behaviour = behaviour.clone();
        std::thread::spawn(move || {
            if connection.greet() {
                behaviour(&mut connection, number);
            }
            connection.close();
            connection.shared.change(|state| state.ended += 1);
        });
    }
}

/// One connection, in the hands of a [`Behaviour`].
pub struct Connection {
    stream: Option<TcpStream>,
    tls: Option<ServerConnection>,
    shared: Arc<Shared>,
    number: usize,
    /// Bytes of the record that were given out as requests.
    read: usize,
}

impl Connection {
    fn unread<T>(&self, look: impl FnOnce(&[u8]) -> T) -> T {
        let state = self.shared.lock();
        look(&state.received[self.number][self.read..])
    }

    /// Tells the test that this point was reached, see [`Upstream::wait_for_marks`].
    pub fn mark(&self) {
        self.shared.change(|state| state.marks += 1);
    }

    /// Shakes hands, with TLS; `false` when that failed.
    fn greet(&mut self) -> bool {
        let (Some(stream), Some(tls)) = (&mut self.stream, &mut self.tls) else {
            return true;
        };
        while tls.is_handshaking() {
            if tls.complete_io(stream).is_err() {
                return false;
            }
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let chain = tls.peer_certificates();
        let greeted = Greeted {
            name: tls.server_name().map(str::to_owned),
            protocol: tls.alpn_protocol().map(text),
            certificate: chain.and_then(|chain| Some(chain.first()?.to_vec())),
            resumed: tls.handshake_kind() == Some(HandshakeKind::Resumed),
        };
        self.shared.change(|state| state.greeted.push(greeted));
        true
    }

    /// Receives more; `false` at the end of the connection.
    pub fn receive(&mut self) -> bool {
        let mut piece = [0; 16 * 1024];
        let count = match &mut self.stream {
            Some(stream) => match &mut self.tls {
                None => stream.read(&mut piece).unwrap_or(0),
                Some(tls) => Stream::new(tls, stream).read(&mut piece).unwrap_or(0),
            },
            None => 0,
        };
        let number = self.number;
        self.shared
            .change(|state| state.received[number].extend_from_slice(&piece[..count]));
        count > 0
    }

    /// Reads a whole request; `None` at the end of the connection, or when it is not canonical
    /// (which [`Upstream::requests`] reports).
    pub fn request(&mut self) -> Option<Request> {
        loop {
            if let Some((used, request)) = self.unread(canonical::first).ok()? {
                self.read += used;
                return Some(request);
            }
            if !self.receive() {
                return None;
            }
        }
    }

    /// Reads the head of a request and leaves the body; `None` at the end of the connection.
    pub fn request_head(&mut self) -> Option<Request> {
        loop {
            if let Some((head_len, request, _)) = self.unread(canonical::head).ok()? {
                self.read += head_len;
                return Some(request);
            }
            if !self.receive() {
                return None;
            }
        }
    }

    /// Reads until so many bytes beyond what was given out as requests were received; `false` at
    /// the end of the connection.
    pub fn receive_at_least(&mut self, count: usize) -> bool {
        while self.unread(<[u8]>::len) < count {
            if !self.receive() {
                return false;
            }
        }
        true
    }

    /// Bytes received that were not given out, which are given out by this.
    pub fn take_unread(&mut self) -> Vec<u8> {
        let unread = self.unread(<[u8]>::to_vec);
        self.read += unread.len();
        unread
    }

    /// Reads whatever comes until the end of the connection.
    pub fn drain(&mut self) {
        while self.receive() {}
    }

    /// Sends bytes; `false` when the other side is gone.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        let bytes = bytes.as_ref();
        let sent = match &mut self.stream {
            Some(stream) => match &mut self.tls {
                None => stream.write_all(bytes),
                Some(tls) => Stream::new(tls, stream).write_all(bytes),
            },
            None => Err(io::ErrorKind::NotConnected.into()),
        };
        if sent.is_ok() {
            self.shared.change(|state| state.sent += bytes.len());
        }
        sent.is_ok()
    }

    /// Sends bytes in two pieces: the second leaves when the gateway has read the first.
    pub fn send_cut(&mut self, bytes: impl AsRef<[u8]>, cut: usize) -> bool {
        let (first, second) = bytes.as_ref().split_at(cut);
        if !self.send(first) {
            return false;
        }
        self.wait_until_read();
        self.send(second)
    }

    /// Waits until the gateway has read everything that was sent, or has closed.
    pub fn wait_until_read(&self) {
        if let Some(stream) = &self.stream {
            queue::wait_until_read(stream);
        }
    }

    /// Lets the system keep no more than about this of what is sent and not read. Units: bytes.
    /// Default: as much as the system likes, megabytes.
    pub fn keep_little(&self, bytes: usize) {
        if let Some(stream) = &self.stream {
            socket2::SockRef::from(stream)
                .set_send_buffer_size(bytes)
                .expect("a socket option");
        }
    }

    /// Sends so many bytes `x` in pieces, counting as it goes; `false` when the other side is gone.
    pub fn send_many(&mut self, mut count: usize) -> bool {
        let piece = [b'x'; 16 * 1024];
        while count > 0 {
            let part = count.min(piece.len());
            if !self.send(&piece[..part]) {
                return false;
            }
            count -= part;
        }
        true
    }

    /// Sends as much as the sockets take without anybody reading, at most `limit`; gives how much.
    pub fn send_until_stuck(&mut self, limit: usize) -> usize {
        let piece = [b'x'; 64 * 1024];
        let mut sent = 0;
        let Some(stream) = &mut self.stream else {
            return sent;
        };
        let set = |stream: &TcpStream, timeout| {
            stream.set_write_timeout(timeout).expect("a socket option");
        };
        set(stream, Some(crate::STUCK));
        while sent < limit {
            match stream.write(&piece[..piece.len().min(limit - sent)]) {
                Ok(count) => sent += count,
                Err(_) => break,
            }
        }
        set(stream, None);
        self.shared.change(|state| state.sent += sent);
        sent
    }

    /// Does nothing until the test calls [`Upstream::release`] for the `nth` time (from 1), or
    /// drops the upstream.
    pub fn stall(&mut self, nth: usize) {
        let shared = self.shared.clone();
        let mut state = shared.lock();
        while state.released < nth && !shared.stopped.load(Ordering::Acquire) {
            state = shared
                .changed
                .wait_timeout(state, PATIENCE)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Sends nothing more, but goes on receiving.
    pub fn half_close(&mut self) {
        if let Some(stream) = &self.stream {
            // It may be closed already.
            let _ = stream.shutdown(Shutdown::Write);
        }
    }

    /// Ends the connection without an end of TLS.
    pub fn cut(&mut self) {
        self.tls = None;
        self.close();
    }

    /// Ends the connection in an orderly way.
    pub fn close(&mut self) {
        self.forget_copy();
        if let Some(mut stream) = self.stream.take() {
            if let Some(tls) = &mut self.tls {
                tls.send_close_notify();
                let _ = tls.complete_io(&mut stream);
            }
            // It may be closed already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Ends the connection with a reset.
    pub fn reset(&mut self) {
        self.forget_copy();
        if let Some(stream) = self.stream.take() {
            client::reset(stream);
        }
    }

    /// The descriptor that the upstream keeps to end connections would keep the socket open.
    fn forget_copy(&mut self) {
        let Some(stream) = &self.stream else {
            return;
        };
        let peer = stream.peer_addr().ok();
        let same = |copy: &TcpStream| copy.peer_addr().ok() == peer;
        self.shared.lock().streams.retain(|copy| !same(copy));
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
