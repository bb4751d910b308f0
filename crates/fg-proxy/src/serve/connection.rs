//! A client's connection: one request after the other until either side has enough.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::{Instant, SystemTime};

use fg_exchange::{Fault, Reason, Verdict};
use fg_http::h1::{HeadScan, ParsedRequest, parse_request};
use fg_http::h2::PREFACE;
use fg_router::SocketTable;
use fg_telemetry::{Gauge, WorkerStats};
use tokio::net::TcpStream;

use super::exchange::Exchange;
use super::http2::{self, Origin};
use super::{ask, finish, forward, local, route};
use crate::generation::{CompiledRule, Generation};
use crate::shared::SocketKey;
use crate::worker::Worker;
use crate::worker::handshake::{self, Alpn, TlsFacts};
use crate::worker::socket::Stream;
use crate::worker::sweep::Timer;

/// Room for the first read of a request. Units: bytes.
const FIRST_READ: usize = 4096;
/// Pipelined bytes that are read while a request is under way. Units: bytes.
const PIPELINE: usize = 16 * 1024;

/// One client connection.
pub(crate) struct Connection {
    pub(crate) worker: Rc<Worker>,
    pub(crate) client: Stream,
    pub(crate) peer: SocketAddr,
    pub(crate) socket: SocketKey,
    pub(crate) timer: Timer,
    /// Bytes of requests to come.
    pub(crate) carry: Vec<u8>,
    /// The client will send nothing more.
    pub(crate) half_closed: bool,
    requests: u64,
    /// What is known from the handshake, with TLS.
    pub(crate) tls: Option<Rc<TlsFacts>>,
    /// The address of this side, for streams of HTTP/2, which have no socket of their own.
    local: Option<IpAddr>,
}

/// How the connection goes on after an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// With another request.
    KeepAlive,
    /// It ends.
    Close,
    /// It ends, but the client may still be sending: let it read the reply first.
    Linger,
}

/// What the request says about how its connection goes on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) parsed: ParsedRequest,
    /// Another request may follow, as far as the client and our limits go.
    pub(crate) keep_alive: bool,
}

/// Counts a connection as long as it lives.
struct Open(Rc<Worker>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.stats.connections_open.decrement();
        self.0.shared.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Counts something as long as it lives, also when a panic ends it.
pub(super) struct Counted {
    worker: Rc<Worker>,
    gauge: fn(&WorkerStats) -> &Gauge,
}

impl Counted {
    pub(super) fn new(worker: &Rc<Worker>, gauge: fn(&WorkerStats) -> &Gauge) -> Self {
        gauge(&worker.stats).increment();
        Self {
            worker: worker.clone(),
            gauge,
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        (self.gauge)(&self.worker.stats).decrement();
    }
}

/// Serves a connection to its end.
pub(crate) async fn connection(
    worker: Rc<Worker>,
    client: TcpStream,
    peer: SocketAddr,
    socket: SocketKey,
) {
    let _open = Open(worker.clone());
    let timer = worker.sweep.register(socket);
    let (client, tls) = if worker.generation().servers.speaks_tls(socket) {
        // In a box of its own: no connection pays for it after its handshake.
        let accepted = handshake::accept(&worker, client, peer, socket, &timer);
        match Box::pin(accepted).await {
            Some((client, facts)) => (Stream::Tls(Box::new(client)), Some(Rc::new(facts))),
            None => return,
        }
    } else {
        (client.into(), None)
    };
    let http2 = tls.as_ref().is_some_and(|tls| tls.alpn == Alpn::Http2);
    let mut connection = Connection {
        worker,
        client,
        peer,
        socket,
        timer,
        carry: Vec::new(),
        half_closed: false,
        requests: 0,
        tls,
        local: None,
    };
    if http2 {
        return connection.become_http2(Vec::new()).await;
    }
    loop {
        let Some(mut exchange) = connection.wait().await else {
            return connection.client.say_goodbye();
        };
        if connection.requests == 0 && connection.is_preface(&mut exchange).await {
            let ahead = std::mem::take(exchange.request.head.bytes_mut());
            connection.worker.put_exchange(exchange);
            return connection.become_http2(ahead).await;
        }
        let next = connection.guarded(&mut exchange, None).await;
        connection.worker.put_exchange(exchange);
        match next {
            Next::KeepAlive => {}
            Next::Close => return,
            Next::Linger => return connection.linger().await,
        }
    }
}

impl Connection {
    /// One request of an HTTP/2 connection, as a connection that has no other.
    pub(super) fn of_stream(origin: Origin, client: Stream, timer: Timer) -> Self {
        Self {
            worker: origin.worker,
            client,
            peer: origin.peer,
            socket: origin.socket,
            timer,
            carry: Vec::new(),
            half_closed: false,
            requests: 0,
            tls: origin.tls,
            local: origin.local,
        }
    }

    /// Whether the client begins with HTTP/2's preface (prior knowledge, RFC 9113 §3.3). Waits until
    /// that is known.
    async fn is_preface(&mut self, exchange: &mut Exchange) -> bool {
        self.timer.set(self.worker.shared.settings.head_timeout);
        let Self { client, timer, .. } = self;
        let buffer = exchange.request.head.bytes_mut();
        std::future::poll_fn(|context| {
            timer.attach(context);
            loop {
                let seen = buffer.len().min(PREFACE.len());
                // Up to here it might be a method that begins with the same letters.
                if buffer.get(..seen) != PREFACE.get(..seen) {
                    return Poll::Ready(false);
                }
                if seen == PREFACE.len() {
                    return Poll::Ready(true);
                }
                if timer.is_expired() {
                    return Poll::Ready(false);
                }
                match client.poll_recv(context, buffer, FIRST_READ) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Ok(count)) if count > 0 => {}
                    Poll::Ready(_) => return Poll::Ready(false),
                }
            }
        })
        .await
    }

    /// Goes on by HTTP/2, with what was read of it.
    async fn become_http2(self, ahead: Vec<u8>) {
        let origin = Origin {
            local: self.client.local_addr().ok().map(|local| local.ip()),
            worker: self.worker,
            peer: self.peer,
            socket: self.socket,
            tls: self.tls,
        };
        // In a box of its own: connections by HTTP/1 do not pay for it.
        Box::pin(http2::serve(origin, self.timer, self.client, ahead)).await;
    }

    /// Waits for the first bytes of a request, holding no buffer until they are there. `None` when
    /// there will be no request.
    async fn wait(&mut self) -> Option<Box<Exchange>> {
        if !self.carry.is_empty() {
            let mut exchange = self.worker.take_exchange();
            exchange.request.head.bytes_mut().append(&mut self.carry);
            return Some(exchange);
        }
        // An idle connection owns no buffer.
        self.carry = Vec::new();
        if self.half_closed || (self.requests > 0 && self.is_draining()) {
            return None;
        }
        let settings = &self.worker.shared.settings;
        let patience = if self.requests == 0 {
            settings.head_timeout
        } else {
            settings.idle_timeout
        };
        self.timer.set(patience);
        self.timer.set_idle(true);
        let Self {
            client,
            timer,
            worker,
            ..
        } = self;
        let exchange = std::future::poll_fn(|context| {
            timer.attach(context);
            if timer.is_expired() {
                return Poll::Ready(None);
            }
            if client.poll_read_ready(context).is_pending() {
                return Poll::Pending;
            }
            // Ready may turn out to be a false alarm: then the buffers go back.
            let mut exchange = worker.take_exchange();
            match client.poll_recv(context, exchange.request.head.bytes_mut(), FIRST_READ) {
                Poll::Ready(Ok(count)) if count > 0 => Poll::Ready(Some(exchange)),
                other => {
                    worker.put_exchange(exchange);
                    other.map(|_| None)
                }
            }
        })
        .await;
        self.timer.set_idle(false);
        exchange
    }

    /// Whether the process drains.
    fn is_draining(&self) -> bool {
        self.worker.shared.draining.load(Ordering::Relaxed)
    }

    /// One exchange. A panic ends it with a 500 if nothing was sent yet, and the connection.
    ///
    /// `head` is what became of reading its head, where that is done.
    pub(super) async fn guarded(
        &mut self,
        exchange: &mut Exchange,
        head: Option<Result<ParsedRequest, Fault>>,
    ) -> Next {
        let outcome = {
            let mut future = pin!(self.exchange(exchange, head));
            std::future::poll_fn(|context| {
                match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
                    Ok(poll) => poll.map(Some),
                    Err(_) => Poll::Ready(None),
                }
            })
            .await
        };
        if let Some(next) = outcome {
            return next;
        }
        self.worker.stats.panics.increment();
        tracing::error!("a panic ended a request; this is a bug, please report it");
        let replied = exchange.record.replied;
        exchange.down.clear();
        if replied {
            exchange.record.fault = Some(Fault::new(Reason::Internal));
        } else {
            local::fault(self, exchange, Fault::new(Reason::Internal)).await;
        }
        finish::exchange(self, exchange, None);
        Next::Linger
    }

    async fn exchange(
        &mut self,
        exchange: &mut Exchange,
        head: Option<Result<ParsedRequest, Fault>>,
    ) -> Next {
        let head = match head {
            Some(head) => head.map(Some),
            None => self.read_head(exchange).await,
        };
        let parsed = match head {
            Ok(Some(parsed)) => parsed,
            Ok(None) => return Next::Close,
            Err(fault) => {
                exchange.record.started = Some(Instant::now());
                exchange.record.time = Some(SystemTime::now());
                local::fault(self, exchange, fault).await;
                finish::exchange(self, exchange, None);
                return Next::Linger;
            }
        };
        self.requests += 1;
        exchange.record.started = Some(Instant::now());
        let _in_flight = Counted::new(&self.worker, |stats| &stats.requests_in_flight);
        self.answer(exchange, parsed).await
    }

    /// The listeners of this connection's socket, or, when that socket is gone, those that serve its
    /// address and port now.
    fn table<'g>(&self, generation: &'g Generation) -> Option<&'g Arc<SocketTable<CompiledRule>>> {
        generation.table(self.socket, || match self.local {
            Some(local) => Some(local),
            None => Some(self.client.local_addr().ok()?.ip()),
        })
    }

    /// Answers a request by the newest generation, which it keeps to its end.
    async fn answer(&mut self, exchange: &mut Exchange, parsed: ParsedRequest) -> Next {
        let generation = self.worker.generation();
        let table = self.table(&generation);
        let last = self.requests >= self.worker.shared.settings.max_requests_per_connection;
        // Of a socket that is gone, requests are still answered, but no more than that.
        let ends = last || table.is_none() || self.is_draining();
        let mut terms = Terms {
            parsed,
            keep_alive: parsed.hop.keep_alive && !ends,
        };
        let (route, next) = match route::find(table, self, exchange) {
            Ok(route) => {
                let verdict = if route.rule.chain.waiting.is_empty() {
                    Ok(route::request_filters(&route, exchange))
                } else {
                    let filters =
                        ask::request_filters(self, exchange, &generation, &route, &mut terms);
                    // Few rules have such filters: the others do not pay for their state.
                    Box::pin(filters).await
                };
                let next = match verdict {
                    Ok(Verdict::Continue) => {
                        forward::forward(self, exchange, &generation, &route, terms).await
                    }
                    Ok(Verdict::Reply(reply)) => {
                        local::answer(self, exchange, *reply, Some((&route, None)), terms).await
                    }
                    Err(fault) => {
                        let route = Some((&route, None));
                        local::answer_fault(self, exchange, fault, route, terms).await
                    }
                };
                (Some(route), next)
            }
            Err(fault) => (
                None,
                local::answer_fault(self, exchange, fault, None, terms).await,
            ),
        };
        finish::exchange(self, exchange, route.as_ref());
        next
    }

    /// Reads a request head. `None` when the client left without asking anything.
    async fn read_head(&mut self, exchange: &mut Exchange) -> Result<Option<ParsedRequest>, Fault> {
        let limits = self.worker.shared.settings.limits;
        self.timer.set(self.worker.shared.settings.head_timeout);
        let mut scan = HeadScan::new();
        loop {
            let bytes = exchange.request.head.bytes();
            if scan.may_be_complete(bytes)
                && let Some(parsed) = parse_request(&mut exchange.request, &limits)?
            {
                self.split(exchange, &parsed);
                return Ok(Some(parsed));
            }
            let timer = &self.timer;
            let client = &mut self.client;
            let buffer = exchange.request.head.bytes_mut();
            let read = std::future::poll_fn(|context| {
                timer.attach(context);
                if timer.is_expired() {
                    return Poll::Ready(None);
                }
                client.poll_recv(context, buffer, FIRST_READ).map(Some)
            })
            .await;
            match read {
                None => return Err(Fault::new(Reason::RequestTimeout)),
                Some(Ok(0)) => {
                    self.half_closed = true;
                    return Err(Fault::new(Reason::BadRequest)
                        .detail("the client closed in the middle of a head"));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) => return Ok(None),
            }
        }
    }

    /// Gives what follows the head to the body, or keeps it for the next request.
    fn split(&mut self, exchange: &mut Exchange, parsed: &ParsedRequest) {
        let bytes = exchange.request.head.bytes();
        let rest = bytes.get(parsed.head_len..).unwrap_or_default();
        if rest.is_empty() {
            return;
        }
        if parsed.body == fg_http::h1::Framing::Length(0) {
            self.carry.extend_from_slice(rest);
        } else {
            exchange.up.input.extend_from_slice(rest);
        }
    }

    /// Takes note of what the client does while its request is under way: pipelined requests are
    /// kept, the end of its side is noted. An error means that it is gone.
    pub(crate) fn poll_watch(&mut self, context: &mut std::task::Context<'_>) -> Result<(), ()> {
        if let Some(stream) = self.client.http2() {
            return match stream.poll_gone(context) {
                Poll::Pending => Ok(()),
                Poll::Ready(()) => Err(()),
            };
        }
        while !self.half_closed && self.carry.len() < PIPELINE {
            match self.client.poll_read_ready(context) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Err(_)) => return Err(()),
                Poll::Ready(Ok(())) => {}
            }
            match self.client.poll_recv(context, &mut self.carry, FIRST_READ) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Ok(0)) => self.half_closed = true,
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(_)) => return Err(()),
            }
        }
        Ok(())
    }
}
