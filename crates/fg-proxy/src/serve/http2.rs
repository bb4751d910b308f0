//! A client's HTTP/2 connection: a task moves it, and each of its requests is a task of its own.

use std::cell::{Cell, RefCell};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use fg_exchange::{Fault, Reason};
use fg_http::h2::{Arrival, Broken, Cut, Server};
use fg_telemetry::Http2Failure;

use super::connection::Connection;
use super::exchange::Exchange;
use super::finish;
use super::outlet::{Outlet, Watch};
use crate::shared::SocketKey;
use crate::worker::Worker;
use crate::worker::handshake::TlsFacts;
use crate::worker::socket::Stream;
use crate::worker::sweep::Timer;

/// How many requests a client may give up in a while; more end its connection
/// (`ENHANCE_YOUR_CALM`).
const RESETS: u32 = 500;
/// That while. Units: milliseconds.
const RESETS_WINDOW: u64 = 10_000;

/// How large the heads of a connection's open requests may be together, in largest heads: header
/// compression makes many large ones out of a few bytes. A request beyond is refused
/// (`REFUSED_STREAM`), so that the client may send it again.
const HEADS: usize = 16;

/// How long a client has to read why its connection is ended.
const FAREWELL: Duration = Duration::from_secs(2);

/// What the requests of one connection have in common.
#[derive(Clone)]
pub(super) struct Origin {
    pub(super) worker: Rc<Worker>,
    pub(super) peer: SocketAddr,
    pub(super) socket: SocketKey,
    /// What is known from the handshake, with TLS.
    pub(super) tls: Option<Rc<TlsFacts>>,
    /// The address of this side.
    pub(super) local: Option<IpAddr>,
}

/// Serves a connection to its end. `ahead` was read from it already.
pub(super) async fn serve(origin: Origin, timer: Timer, stream: Stream, ahead: Vec<u8>) {
    let settings = &origin.worker.shared.settings;
    timer.set(settings.head_timeout);
    let (outlet, watch) = Outlet::new(stream, ahead);
    let mut greeting = std::pin::pin!(Server::greet(outlet, &settings.http2, &settings.limits));
    let greeted = std::future::poll_fn(|context| {
        timer.attach(context);
        if timer.is_expired() {
            return Poll::Ready(None);
        }
        greeting.as_mut().poll(context).map(Result::ok)
    });
    let Some(server) = greeted.await else {
        watch.give_up_if_stuck();
        return;
    };
    let mut session = Session {
        origin: origin.clone(),
        timer,
        server,
        watch,
        unread: None,
        open: Rc::new(Counts::new()),
        resets: 0,
        resets_since: origin.worker.sweep.now_millis(),
        was_open: None,
        requests: 0,
        drains: false,
        aborted: false,
    };
    std::future::poll_fn(|context| session.poll(context)).await;
}

/// A connection that was greeted.
struct Session {
    origin: Origin,
    timer: Timer,
    server: Server<Outlet>,
    watch: Rc<Watch>,
    /// Runs while the client reads nothing of what waits for it. Few connections ever have one.
    unread: Option<Timer>,
    /// Requests that are being served.
    open: Rc<Counts>,
    /// Requests that the client gave up, in the time since.
    resets: u32,
    /// Units: milliseconds of the sweep's clock.
    resets_since: u64,
    /// Whether there were any when the timer was set.
    was_open: Option<bool>,
    requests: u64,
    /// The client was told to open no more.
    drains: bool,
    /// The client was told that it asked too much.
    aborted: bool,
}

impl Session {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.timer.attach(context);
        self.open
            .connection
            .borrow_mut()
            .clone_from(context.waker());
        let worker = self.origin.worker.clone();
        let settings = &worker.shared.settings;
        if self.aborted {
            return self.poll_end(context);
        }
        loop {
            match self.server.poll_arrival(context) {
                Poll::Ready(Some(Ok(arrival))) => {
                    self.requests += 1;
                    let open = Open::new(&self.open);
                    tokio::task::spawn_local(request(self.origin.clone(), arrival, open));
                    if self.was_open == Some(true) {
                        self.timer.set(settings.silence);
                    }
                }
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Ready(Some(Err(broken))) => {
                    match broken {
                        Broken::Flood(detail) => self.failed(Http2Failure::Flood, &detail),
                        Broken::Protocol(detail) => self.failed(Http2Failure::Protocol, &detail),
                        Broken::Gone => {}
                    }
                    return Poll::Ready(());
                }
                Poll::Pending => break,
            }
        }
        let draining = worker.shared.draining.load(Ordering::Relaxed);
        let outgrown = self.open.ends.get();
        if !self.drains
            && (outgrown || draining || self.requests >= settings.max_requests_per_connection)
        {
            self.drain();
            // What the client is told leaves when the connection is moved on.
            return self.poll(context);
        }
        if self.is_storm() {
            self.server.abort();
            self.failed(Http2Failure::Flood, "too many requests are given up");
            self.aborted = true;
            self.timer.set(FAREWELL);
            return self.poll_end(context);
        }
        if self.is_unread(context) {
            self.failed(Http2Failure::Silent, "it reads nothing of what it is sent");
            self.watch.give_up();
            return Poll::Ready(());
        }
        let is_open = self.open.requests.get() > 0;
        if self.timer.is_expired() {
            if is_open {
                if !self.server.ask() {
                    self.failed(Http2Failure::Silent, "it does not answer a PING");
                    self.watch.give_up();
                    return Poll::Ready(());
                }
                self.timer.set(settings.silence);
            } else if self.drains {
                self.watch.give_up_if_stuck();
                return Poll::Ready(());
            } else {
                self.drain();
                return self.poll(context);
            }
        }
        if self.was_open != Some(is_open) {
            self.was_open = Some(is_open);
            self.timer.set_idle(!is_open);
            self.timer.set(match (is_open, self.drains) {
                (true, _) => settings.silence,
                (false, true) => settings.body_timeout,
                (false, false) => settings.idle_timeout,
            });
        }
        Poll::Pending
    }

    /// Tells the client why its connection ends, if it reads that.
    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            match self.server.poll_arrival(context) {
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending if self.timer.is_expired() => {
                    self.watch.give_up_if_stuck();
                    return Poll::Ready(());
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Whether the client read nothing for as long as a body may make no progress, though something
    /// waits for it. Requests that wait for the same may say so first.
    fn is_unread(&mut self, context: &mut Context<'_>) -> bool {
        if !self.watch.is_stuck() {
            return false;
        }
        let Origin { worker, socket, .. } = &self.origin;
        let unread = self
            .unread
            .get_or_insert_with(|| worker.sweep.register(*socket));
        unread.attach(context);
        if self.watch.is_anew() {
            unread.set(worker.shared.settings.body_timeout + FAREWELL);
        }
        unread.is_expired()
    }

    /// Whether the client opens requests only to give them up: the budget is for a while, and a
    /// client that gives up many of many is let be.
    fn is_storm(&mut self) -> bool {
        let now = self.origin.worker.sweep.now_millis();
        if now.saturating_sub(self.resets_since) > RESETS_WINDOW {
            self.resets_since = now;
            self.resets = 0;
        }
        self.resets += self.open.resets.take();
        self.resets > RESETS
    }

    /// Counts and logs that the connection is ended.
    fn failed(&self, why: Http2Failure, detail: &str) {
        let Origin { worker, peer, .. } = &self.origin;
        worker.stats.http2_failed(why);
        tracing::debug!(%peer, reason = why.text(), detail, "a client's HTTP/2 connection was ended");
    }

    fn drain(&mut self) {
        self.drains = true;
        self.server.drain();
        if self.open.requests.get() == 0 {
            self.timer
                .set(self.origin.worker.shared.settings.body_timeout);
        }
    }
}

/// Counts a request as long as it is served.
struct Open {
    counts: Rc<Counts>,
    /// Size of its head. Units: bytes.
    head: usize,
}

/// What the requests of a connection tell it.
struct Counts {
    /// Requests that are being served.
    requests: Cell<usize>,
    /// Their heads together. Units: bytes.
    heads: Cell<usize>,
    /// Requests that the client gave up and nobody has looked at yet.
    resets: Cell<u32>,
    /// A request was told to come by a new connection.
    ends: Cell<bool>,
    /// Wakes the connection's task. A stream that ends does so too, but not when the connection
    /// waits to write to a client that reads nothing.
    connection: RefCell<Waker>,
}

impl Counts {
    fn new() -> Self {
        Self {
            requests: Cell::default(),
            heads: Cell::default(),
            resets: Cell::default(),
            ends: Cell::default(),
            connection: RefCell::new(Waker::noop().clone()),
        }
    }
}

impl Open {
    fn new(open: &Rc<Counts>) -> Self {
        open.requests.set(open.requests.get() + 1);
        Self {
            counts: open.clone(),
            head: 0,
        }
    }

    /// Notes the size of its head; `false` when all of them together are larger than `most`.
    fn has_room(&mut self, head: usize, most: usize) -> bool {
        self.head = head;
        self.counts.heads.set(self.counts.heads.get() + head);
        self.counts.heads.get() <= most
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let counts = &self.counts;
        counts.requests.set(counts.requests.get() - 1);
        counts.heads.set(counts.heads.get() - self.head);
        if counts.requests.get() == 0 {
            counts.connection.borrow().wake_by_ref();
        }
    }
}

/// Serves one request.
async fn request(origin: Origin, arrival: Arrival, mut open: Open) {
    let worker = origin.worker.clone();
    let mut exchange = worker.take_exchange();
    let limits = &worker.shared.settings.limits;
    let (stream, parsed) = arrival.read(&mut exchange.request, limits);
    let timer = worker.sweep.register(origin.socket);
    let mut connection = Connection::of_stream(origin, Stream::Http2(Box::new(stream)), timer);
    let head = exchange.request.head.bytes().len();
    if !open.has_room(head, limits.head.saturating_mul(HEADS)) {
        return refuse(connection, exchange);
    }
    connection.guarded(&mut exchange, Some(parsed)).await;
    if exchange.record.fault.is_some()
        && let Some(stream) = connection.client.http2()
    {
        stream.cut(Cut::Internal);
    }
    let reason = exchange.record.fault.as_ref().map(|fault| fault.reason);
    if reason == Some(Reason::ClientClosed) {
        open.counts.resets.set(open.counts.resets.get() + 1);
    }
    if exchange.record.ends_connection {
        open.counts.ends.set(true);
    }
    worker.put_exchange(exchange);
}

/// Refuses a request for which its connection has no room, without holding on to its head.
fn refuse(mut connection: Connection, mut exchange: Box<Exchange>) {
    let record = &mut exchange.record;
    record.started = Some(Instant::now());
    record.status = Reason::Overloaded.status();
    record.fault = Some(
        Fault::new(Reason::Overloaded)
            .detail("refused: the heads of the connection's requests are too large together"),
    );
    finish::exchange(&connection, &exchange, None);
    if let Some(stream) = connection.client.http2() {
        stream.cut(Cut::Refused);
    }
    connection.worker.put_exchange(exchange);
}
