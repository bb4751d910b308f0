//! Sends a request to a backend and its reply to the client.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use fg_exchange::body::BodyStep;
use fg_exchange::{Fault, LocalReply, Method, Name, Reason, Retry, Verdict, Version};
use fg_http::h1::{
    Expectation, Framing, HeadScan, ParsedReply, ReplyConnection, parse_reply, write_reply_head,
    write_request_head,
};
use tokio::time::Sleep;

use super::connection::{Connection, Next, Terms};
use super::exchange::Exchange;
use super::flow::{FlowError, Sink};
use super::route::{self, Route};
use super::upstream::{self, Upstream};
use super::{local, tunnel};
use crate::generation::{CompiledAction, CompiledBackend, Generation};

/// How much of a request's body is read at once. Units: bytes.
const UP_ROOM: usize = 32 * 1024;
/// How much of a reply is read at once. Units: bytes.
const DOWN_ROOM: usize = 64 * 1024;

/// Why there is no reply from the backend.
enum Failure {
    Fault(Fault),
    /// A body filter answers instead.
    Answer(Box<LocalReply>),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// One request on its way: what does not change from try to try.
struct Job<'a> {
    connection: &'a mut Connection,
    exchange: &'a mut Exchange,
    route: &'a Route<'a>,
    backend: &'a CompiledBackend,
    terms: Terms,
    clocks: Clocks,
}

/// The route's time limits, running. Rules without limits have no timer.
#[derive(Default)]
struct Clocks {
    /// When the time for the whole exchange is over.
    exchange: Option<Pin<Box<Sleep>>>,
    /// When the time for this try is over: connecting, the reply, and its body.
    attempt: Option<Pin<Box<Sleep>>>,
}

impl Clocks {
    /// The fault of the limit that is over.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Fault> {
        let is_over = |sleep: &mut Option<Pin<Box<Sleep>>>, context: &mut Context<'_>| {
            sleep
                .as_mut()
                .is_some_and(|sleep| sleep.as_mut().poll(context).is_ready())
        };
        if is_over(&mut self.exchange, context) {
            return Poll::Ready(Fault::new(Reason::RouteTimeout));
        }
        if is_over(&mut self.attempt, context) {
            return Poll::Ready(Fault::new(Reason::UpstreamTimeout));
        }
        Poll::Pending
    }
}

/// A timer for a limit.
fn clock(limit: Option<Duration>) -> Option<Pin<Box<Sleep>>> {
    limit.map(|limit| Box::pin(tokio::time::sleep(limit)))
}

/// Forwards a request by its rule.
pub(super) async fn forward(
    connection: &mut Connection,
    exchange: &mut Exchange,
    generation: &Generation,
    route: &Route<'_>,
    terms: Terms,
) -> Next {
    let (total, backends) = match &route.rule.action {
        CompiledAction::Forward { total, backends } => (*total, backends),
        CompiledAction::Refuse(reason, _) => {
            return local::answer_fault(
                connection,
                exchange,
                Fault::new(*reason),
                Some((route, None)),
                terms,
            )
            .await;
        }
    };
    let index = fg_lb::by_weight(
        backends.iter().map(|backend| backend.cumulative),
        total,
        &connection.worker.random,
    );
    let Some(backend) = backends.get(index) else {
        let fault = Fault::new(Reason::NoBackends);
        return local::answer_fault(connection, exchange, fault, Some((route, None)), terms).await;
    };
    exchange.record.backend = Some(index);
    if let Verdict::Reply(reply) = route::backend_filters(&backend.chain, exchange) {
        return local::answer(
            connection,
            exchange,
            *reply,
            Some((route, Some(&*backend.chain))),
            terms,
        )
        .await;
    }
    let clocks = Clocks {
        exchange: clock(route.rule.chain.request_timeout),
        attempt: None,
    };
    let mut job = Job {
        connection,
        exchange,
        route,
        backend,
        terms,
        clocks,
    };
    match job.run(generation).await {
        Ok(next) => next,
        Err(failure) => {
            let Job {
                connection,
                exchange,
                ..
            } = job;
            let route = Some((route, Some(&*backend.chain)));
            match failure {
                Failure::Fault(fault) => {
                    local::answer_fault(connection, exchange, fault, route, terms).await
                }
                Failure::Answer(reply) => {
                    local::answer(connection, exchange, *reply, route, terms).await
                }
            }
        }
    }
}

impl Job<'_> {
    async fn run(&mut self, generation: &Generation) -> Result<Next, Failure> {
        let cluster = match self.backend.target {
            Ok(index) => generation.clusters.get(index).and_then(Option::as_ref),
            Err(reason) => return Err(Fault::new(reason).into()),
        };
        let cluster = cluster.ok_or_else(|| Fault::new(Reason::InvalidBackend))?;
        self.compose().await?;
        let mut failed = None;
        let mut stale = false;
        loop {
            let worker = self.connection.worker.clone();
            self.clocks.attempt = clock(self.route.rule.chain.backend_timeout);
            let got = self
                .within(upstream::get(&worker, cluster, failed, stale))
                .await?;
            let mut upstream = match got {
                Ok(upstream) => upstream,
                // Once more, elsewhere: nothing was sent.
                Err(upstream::Refused { fault, address })
                    if fault.retry == Retry::Unsent
                        && failed.is_none()
                        && cluster.endpoints.len() > 1 =>
                {
                    failed = address;
                    worker.stats.upstream_retried.increment();
                    continue;
                }
                Err(refused) => return Err(refused.fault.into()),
            };
            self.exchange.record.endpoint = Some(upstream.address);
            let sent_at = Instant::now();
            match self.attempt(&mut upstream).await {
                Ok(parsed) => {
                    self.exchange.record.upstream_time = Some(sent_at.elapsed());
                    return self.reply(upstream, parsed).await;
                }
                Err(Failure::Fault(fault)) if fault.retry == Retry::Stale && !stale => {
                    stale = true;
                    worker.stats.upstream_retried.increment();
                    self.exchange.up.rewind();
                    self.exchange.reply.clear();
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    /// Waits for something, but not longer than the route allows.
    async fn within<T>(&mut self, future: impl Future<Output = T>) -> Result<T, Fault> {
        let mut future = std::pin::pin!(future);
        let clocks = &mut self.clocks;
        std::future::poll_fn(|context| match future.as_mut().poll(context) {
            Poll::Ready(value) => Poll::Ready(Ok(value)),
            Poll::Pending => clocks.poll(context).map(Err),
        })
        .await
    }

    /// Puts the request's head, and what is there of its body, into the flow to the backend.
    async fn compose(&mut self) -> Result<(), Failure> {
        let limits = self.connection.worker.shared.settings.limits;
        let parsed = self.terms.parsed;
        let steps = if parsed.body == Framing::Length(0) {
            Vec::new()
        } else {
            self.request_steps()
        };
        if parsed.body == Framing::Chunked {
            let names = route::owned_fields(self.route, &self.backend.chain, false);
            self.exchange.up.refuse_trailers(names);
        }
        let collecting = !steps.is_empty();
        let Exchange { request, up, .. } = &mut *self.exchange;
        let sink = if parsed.body == Framing::Chunked || collecting {
            Sink::Chunked
        } else {
            Sink::Raw
        };
        if !collecting {
            up.begin(parsed.body, sink, steps, &limits);
            write_request_head(request, parsed.body, parsed.hop.upgrade, &mut up.output);
            return Ok(());
        }
        up.begin(parsed.body, Sink::Raw, steps, &limits);
        if parsed.expectation == Expectation::Continue {
            // We want the body before a backend is asked, so it is on us to say so.
            request.head.remove(Name::Expect);
            self.invite_body().await?;
        }
        self.collect_request().await?;
        let Exchange { request, up, .. } = &mut *self.exchange;
        up.collected(sink, |length, output| {
            let framing = length.map_or(Framing::Chunked, |length| Framing::Length(length as u64));
            write_request_head(request, framing, false, output);
        });
        Ok(())
    }

    /// Tells a client that waits for it to go on with its body.
    async fn invite_body(&mut self) -> Result<(), Failure> {
        let down = &mut self.exchange.down;
        down.restart_output();
        down.output
            .extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
        let client = &mut self.connection.client;
        let sent = std::future::poll_fn(|context| down.poll_output(context, client)).await;
        self.exchange.down.restart_output();
        sent.map_err(|_| Fault::new(Reason::ClientClosed).into())
    }

    async fn collect_request(&mut self) -> Result<(), Failure> {
        let patience = self.connection.worker.shared.settings.body_timeout;
        self.connection.timer.set(patience);
        let Connection { client, timer, .. } = &mut *self.connection;
        let up = &mut self.exchange.up;
        let outcome = std::future::poll_fn(|context| {
            timer.attach(context);
            if timer.is_expired() {
                return Poll::Ready(Err(Failure::from(Fault::new(Reason::RequestTimeout))));
            }
            up.poll_collect(context, client, UP_ROOM, || timer.set(patience))
                .map_err(request_failure)
        });
        outcome.await
    }

    /// What body filters want with the request's body.
    fn request_steps(&mut self) -> Vec<Box<dyn BodyStep>> {
        let facts = self.exchange.record.facts();
        let filters = self
            .route
            .rule
            .chain
            .bodies
            .iter()
            .chain(&self.backend.chain.bodies);
        filters
            .filter_map(|filter| filter.request(&mut self.exchange.request, &facts))
            .collect()
    }

    /// What body filters want with the reply's body, in the reverse order.
    fn reply_steps(&mut self) -> Vec<Box<dyn BodyStep>> {
        let facts = self.exchange.record.facts();
        let filters = self
            .route
            .rule
            .chain
            .bodies
            .iter()
            .chain(&self.backend.chain.bodies)
            .rev();
        filters
            .filter_map(|filter| filter.reply(&mut self.exchange.reply, &facts))
            .collect()
    }

    /// Sends the request and waits for the head of the final reply, or a 101.
    async fn attempt(&mut self, upstream: &mut Upstream) -> Result<ParsedReply, Failure> {
        let limits = self.connection.worker.shared.settings.limits;
        let mut informational = 0;
        self.connection
            .timer
            .set(self.connection.worker.shared.settings.body_timeout);
        loop {
            let mut waiting = Waiting {
                job: self,
                upstream,
                scan: HeadScan::new(),
                sent: false,
                broken: false,
            };
            let parsed = std::future::poll_fn(|context| waiting.poll(context)).await?;
            if self.exchange.reply.status >= 200 {
                return Ok(parsed);
            }
            if self.exchange.reply.status == 101 {
                self.check_upgrade(&parsed)?;
                return Ok(parsed);
            }
            informational += 1;
            if informational > limits.informational {
                return Err(Fault::new(Reason::BadReply)
                    .detail("too many informational replies")
                    .into());
            }
            self.pass_informational(parsed.head_len).await?;
        }
    }

    /// A 101 is good only for what the client asked.
    fn check_upgrade(&self, parsed: &ParsedReply) -> Result<(), Fault> {
        let asked = self.exchange.request.head.get(Name::Upgrade);
        let got = self.exchange.reply.head.get(Name::Upgrade);
        let matches = match (asked, got) {
            (Some(asked), Some(got)) => asked.eq_ignore_ascii_case(got),
            _ => false,
        };
        if self.terms.parsed.hop.upgrade && parsed.hop.upgrade && matches {
            return Ok(());
        }
        Err(Fault::new(Reason::BadReply)
            .detail("the backend switched to a protocol that nobody asked for"))
    }

    /// Sends an informational reply on, to clients that know them.
    async fn pass_informational(&mut self, head_len: usize) -> Result<(), Failure> {
        // What a rule removes from replies is not let through early either.
        route::reply_filters(self.route, Some(&self.backend.chain), self.exchange);
        let Exchange {
            reply,
            down,
            request,
            record,
            ..
        } = &mut *self.exchange;
        let rest = reply
            .head
            .bytes()
            .get(head_len..)
            .unwrap_or_default()
            .to_vec();
        if request.version() == Version::Http11 {
            down.restart_output();
            write_reply_head(reply, None, ReplyConnection::Implied, b"", &mut down.output);
            record.replied = true;
        }
        reply.clear();
        reply.head.bytes_mut().extend_from_slice(&rest);
        let Connection { client, timer, .. } = &mut *self.connection;
        let sent = std::future::poll_fn(|context| {
            timer.attach(context);
            if timer.is_expired() {
                return Poll::Ready(Err(Failure::from(Fault::new(Reason::ClientClosed))));
            }
            down.poll_output(context, client)
                .map_err(|_| Fault::new(Reason::ClientClosed).into())
        })
        .await;
        // Only the head of the final reply counts as the reply.
        record.replied = false;
        down.restart_output();
        sent
    }

    /// Sends the reply to the client, while the request's body may still be on its way.
    async fn reply(
        &mut self,
        mut upstream: Upstream,
        parsed: ParsedReply,
    ) -> Result<Next, Failure> {
        if self.exchange.reply.status == 101 {
            return Ok(self.tunnel(upstream, parsed).await);
        }
        route::reply_filters(self.route, Some(&self.backend.chain), self.exchange);
        let plan = self.plan(&parsed);
        let limits = self.connection.worker.shared.settings.limits;
        let steps = if plan.has_body {
            self.reply_steps()
        } else {
            Vec::new()
        };
        let collecting = !steps.is_empty();
        let Exchange { reply, down, .. } = &mut *self.exchange;
        let worker = self.connection.worker.clone();
        if parsed.body == Framing::Chunked {
            down.refuse_trailers(route::owned_fields(self.route, &self.backend.chain, true));
        }
        down.restart_output();
        if collecting {
            down.begin(parsed.body, Sink::Raw, steps, &limits);
            take_rest(reply, &mut down.input, &mut down.at, parsed.head_len);
            self.collect_reply(&mut upstream).await?;
            let chunked = self.exchange.request.version() == Version::Http11;
            let Exchange { reply, down, .. } = &mut *self.exchange;
            down.collected(
                if chunked { Sink::Chunked } else { Sink::Raw },
                |length, output| {
                    let framing = match length {
                        Some(length) => Some(Framing::Length(length as u64)),
                        None => chunked.then_some(Framing::Chunked),
                    };
                    worker.with_date(|date| {
                        write_reply_head(reply, framing, plan.connection, date, output)
                    });
                },
            );
        } else {
            down.begin(parsed.body, plan.sink, steps, &limits);
            worker.with_date(|date| {
                write_reply_head(reply, plan.framing, plan.connection, date, &mut down.output)
            });
            take_rest(reply, &mut down.input, &mut down.at, parsed.head_len);
        }
        self.exchange.record.status = self.exchange.reply.status;
        self.exchange.record.replied = true;
        Ok(self.relay(upstream, parsed, plan).await)
    }

    /// How the reply goes on to the client.
    fn plan(&self, parsed: &ParsedReply) -> Plan {
        let old_client = self.exchange.request.version() == Version::Http10;
        let status = self.exchange.reply.status;
        let has_body = parsed.body != Framing::Length(0);
        let (framing, sink) = match parsed.body {
            Framing::Length(0) => {
                let none = status == 204
                    || status == 304
                    || self.exchange.request.method() == Method::Head;
                (
                    if none {
                        parsed
                            .declared
                            .filter(|declared| matches!(declared, Framing::Length(_)))
                    } else {
                        Some(Framing::Length(0))
                    },
                    Sink::Raw,
                )
            }
            Framing::Length(length) => (Some(Framing::Length(length)), Sink::Raw),
            Framing::Chunked | Framing::UntilClose if old_client => (None, Sink::Raw),
            Framing::Chunked | Framing::UntilClose => (Some(Framing::Chunked), Sink::Chunked),
        };
        let delimited = framing.is_some() || !has_body;
        // A reply that comes before the end of the request ends the connection with it: nobody may
        // ever take the rest of the request.
        let keep_alive = self.terms.keep_alive && delimited && self.exchange.up.is_received();
        let connection = match (keep_alive, old_client) {
            (false, _) => ReplyConnection::Close,
            (true, true) => ReplyConnection::KeepAlive,
            (true, false) => ReplyConnection::Implied,
        };
        let framing = if old_client && framing == Some(Framing::Chunked) {
            None
        } else {
            framing
        };
        Plan {
            framing,
            sink,
            connection,
            keep_alive,
            has_body,
        }
    }

    async fn collect_reply(&mut self, upstream: &mut Upstream) -> Result<(), Failure> {
        let patience = self.connection.worker.shared.settings.body_timeout;
        self.connection.timer.set(patience);
        let timer = &self.connection.timer;
        let Exchange { up, down, .. } = &mut *self.exchange;
        let client = &mut self.connection.client;
        let clocks = &mut self.clocks;
        std::future::poll_fn(|context| {
            timer.attach(context);
            if timer.is_expired() {
                return Poll::Ready(Err(Failure::from(Fault::new(Reason::UpstreamTimeout))));
            }
            if let Poll::Ready(fault) = clocks.poll(context) {
                return Poll::Ready(Err(fault.into()));
            }
            // A backend that replies while it reads must not wait for the rest of the request.
            if !up.is_received()
                && matches!(
                    up.poll(context, client, upstream.stream(), UP_ROOM, || ()),
                    Poll::Ready(Err(_))
                )
            {
                return Poll::Ready(Err(Fault::new(Reason::UpstreamReset).into()));
            }
            down.poll_collect(context, upstream.stream(), DOWN_ROOM, || {
                timer.set(patience)
            })
            .map_err(|error| match error {
                FlowError::Stopped(reply) => Failure::Answer(reply),
                FlowError::Malformed(detail) => Fault::new(Reason::BadReply).detail(detail).into(),
                FlowError::From(_) | FlowError::To(_) => Fault::new(Reason::UpstreamClosed).into(),
            })
        })
        .await
    }

    async fn relay(&mut self, mut upstream: Upstream, parsed: ParsedReply, plan: Plan) -> Next {
        let patience = self.connection.worker.shared.settings.body_timeout;
        self.connection.timer.set(patience);
        let mut request_done = self.exchange.up.is_received() && self.exchange.up.is_sent();
        let mut request_broken = false;
        let connection = &mut *self.connection;
        let Exchange { up, down, .. } = &mut *self.exchange;
        let clocks = &mut self.clocks;
        let outcome = std::future::poll_fn(|context| {
            connection.timer.attach(context);
            if !request_done && !request_broken {
                let progress = || connection.timer.set(patience);
                match up.poll(
                    context,
                    &mut connection.client,
                    upstream.stream(),
                    UP_ROOM,
                    progress,
                ) {
                    Poll::Pending => {}
                    Poll::Ready(Ok(())) => {
                        request_done = true;
                        up.give_rest(&mut connection.carry);
                    }
                    // The reply may still come whole.
                    Poll::Ready(Err(_)) => request_broken = true,
                }
            }
            let progress = || connection.timer.set(patience);
            let done = down.poll(
                context,
                upstream.stream(),
                &mut connection.client,
                DOWN_ROOM,
                progress,
            );
            if let Poll::Ready(done) = done {
                return Poll::Ready(done.map_err(reply_fault));
            }
            // A client that went away while the backend is silent.
            if request_done && connection.poll_watch(context).is_err() {
                return Poll::Ready(Err(Fault::new(Reason::ClientClosed)));
            }
            if let Poll::Ready(fault) = clocks.poll(context) {
                return Poll::Ready(Err(fault));
            }
            if connection.timer.is_expired() {
                let reason = if down.is_sent() {
                    Reason::UpstreamTimeout
                } else {
                    Reason::ClientClosed
                };
                return Poll::Ready(Err(Fault::new(reason)));
            }
            Poll::Pending
        })
        .await;
        if let Err(fault) = outcome {
            // Part of the reply is out: cutting the connection is the only way to say so.
            self.exchange.record.fault = Some(fault);
            return Next::Close;
        }
        let clean = self.exchange.down.at >= self.exchange.down.input.len()
            && parsed.body != Framing::UntilClose;
        if request_done && clean && parsed.hop.keep_alive {
            upstream.release(&self.connection.worker);
        }
        match (
            plan.keep_alive && request_done,
            self.exchange.up.is_received(),
        ) {
            (true, _) => {
                // What was read beyond the body is the start of the next request.
                let rest = self
                    .exchange
                    .up
                    .input
                    .get(self.exchange.up.at..)
                    .unwrap_or_default();
                self.connection.carry.extend_from_slice(rest);
                Next::KeepAlive
            }
            (false, _) => Next::Linger,
        }
    }

    async fn tunnel(&mut self, mut upstream: Upstream, parsed: ParsedReply) -> Next {
        let Exchange {
            reply,
            up,
            down,
            record,
            ..
        } = &mut *self.exchange;
        record.status = 101;
        record.replied = true;
        down.restart_output();
        write_reply_head(reply, None, ReplyConnection::Upgrade, b"", &mut down.output);
        take_rest(reply, &mut down.input, &mut down.at, parsed.head_len);
        up.restart_output();
        up.input.clear();
        up.at = 0;
        up.input.append(&mut self.connection.carry);
        tunnel::tunnel(self.connection, self.exchange, upstream.stream()).await;
        Next::Close
    }
}

/// How a reply goes on to the client.
#[derive(Clone, Copy)]
struct Plan {
    framing: Option<Framing>,
    sink: Sink,
    connection: ReplyConnection,
    keep_alive: bool,
    has_body: bool,
}

/// Gives the buffer with the head and what follows it to the flow: the head was composed already.
fn take_rest(reply: &mut fg_exchange::Reply, input: &mut Vec<u8>, at: &mut usize, head_len: usize) {
    std::mem::swap(reply.head.bytes_mut(), input);
    *at = head_len;
}

/// Waiting for the head of a reply.
struct Waiting<'a, 'j> {
    job: &'a mut Job<'j>,
    upstream: &'a mut Upstream,
    /// How far the head was looked through.
    scan: HeadScan,
    /// The whole request was sent.
    sent: bool,
    /// The backend takes no more of it.
    broken: bool,
}

impl Waiting<'_, '_> {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<ParsedReply, Failure>> {
        self.job.connection.timer.attach(context);
        if !self.sent
            && !self.broken
            && let Err(failure) = self.poll_request(context)
        {
            return Poll::Ready(Err(failure));
        }
        if let Poll::Ready(head) = self.poll_head(context) {
            return Poll::Ready(head.map_err(Failure::from));
        }
        if self.sent && self.job.connection.poll_watch(context).is_err() {
            return Poll::Ready(Err(Fault::new(Reason::ClientClosed).into()));
        }
        self.check_time(context)
    }

    fn poll_request(&mut self, context: &mut Context<'_>) -> Result<(), Failure> {
        let settings = &self.job.connection.worker.shared.settings;
        let patience = settings.body_timeout;
        let Connection { client, timer, .. } = &mut *self.job.connection;
        let up = &mut self.job.exchange.up;
        match up.poll(context, client, self.upstream.stream(), UP_ROOM, || {
            timer.set(patience)
        }) {
            Poll::Pending => Ok(()),
            Poll::Ready(Ok(())) => {
                self.sent = true;
                // What was read beyond the body is the start of the next request.
                up.give_rest(&mut self.job.connection.carry);
                self.job
                    .connection
                    .timer
                    .set(self.job.connection.worker.shared.settings.reply_timeout);
                Ok(())
            }
            Poll::Ready(Err(FlowError::To(error))) => {
                if self.upstream.reused && !up.any_sent {
                    return Err(Fault::new(Reason::UpstreamReset)
                        .retry(Retry::Stale)
                        .detail(error)
                        .into());
                }
                // It may have replied early; that reply counts.
                self.broken = true;
                Ok(())
            }
            Poll::Ready(Err(error)) => Err(request_failure(error)),
        }
    }

    fn poll_head(&mut self, context: &mut Context<'_>) -> Poll<Result<ParsedReply, Fault>> {
        let limits = &self.job.connection.worker.shared.settings.limits;
        let Exchange { request, reply, .. } = &mut *self.job.exchange;
        let mut have = !reply.head.bytes().is_empty();
        loop {
            if have && self.scan.may_be_complete(reply.head.bytes()) {
                match parse_reply(reply, request.method(), limits) {
                    Ok(None) => {}
                    Ok(Some(parsed)) => return Poll::Ready(Ok(parsed)),
                    Err(fault) => return Poll::Ready(Err(fault)),
                }
            }
            let read = crate::worker::socket::poll_recv(
                self.upstream.stream(),
                context,
                reply.head.bytes_mut(),
                DOWN_ROOM,
            );
            match read {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(count)) if count > 0 => have = true,
                Poll::Ready(end) => return Poll::Ready(Err(self.ended(end.err()))),
            }
        }
    }

    /// The backend's connection ended before a whole reply head.
    fn ended(&self, error: Option<std::io::Error>) -> Fault {
        let exchange = &self.job.exchange;
        let reason = if error.is_some() {
            Reason::UpstreamReset
        } else {
            Reason::UpstreamClosed
        };
        let replayable = exchange.request.method().is_idempotent()
            && exchange.up.is_received()
            && !exchange.up.gone;
        let stale = self.upstream.reused && exchange.reply.head.bytes().is_empty() && replayable;
        let fault = match error {
            Some(error) => Fault::new(reason).detail(error),
            None => Fault::new(reason),
        };
        if stale {
            fault.retry(Retry::Stale)
        } else {
            fault
        }
    }

    fn check_time(&mut self, context: &mut Context<'_>) -> Poll<Result<ParsedReply, Failure>> {
        if let Poll::Ready(fault) = self.job.clocks.poll(context) {
            return Poll::Ready(Err(fault.into()));
        }
        if self.job.connection.timer.is_expired() {
            let waits_for_client = !self.sent && !self.broken && self.job.exchange.up.is_sent();
            let reason = if waits_for_client {
                Reason::RequestTimeout
            } else {
                Reason::UpstreamTimeout
            };
            return Poll::Ready(Err(Fault::new(reason).into()));
        }
        Poll::Pending
    }
}

/// What a failure of the request's body means, before a reply.
fn request_failure(error: FlowError) -> Failure {
    match error {
        FlowError::From(None) => Fault::new(Reason::BadRequest)
            .detail("the client closed in the middle of the body")
            .into(),
        FlowError::From(Some(error)) => Fault::new(Reason::ClientClosed).detail(error).into(),
        FlowError::Malformed(detail) => Fault::new(Reason::BadRequest).detail(detail).into(),
        FlowError::Stopped(reply) => Failure::Answer(reply),
        FlowError::To(error) => Fault::new(Reason::UpstreamReset).detail(error).into(),
    }
}

/// What a failure of the reply's body means, after its head was sent.
fn reply_fault(error: FlowError) -> Fault {
    match error {
        FlowError::From(None) => {
            Fault::new(Reason::UpstreamClosed).detail("in the middle of the reply's body")
        }
        FlowError::From(Some(error)) => Fault::new(Reason::UpstreamReset).detail(error),
        FlowError::Malformed(detail) => Fault::new(Reason::BadReply).detail(detail),
        FlowError::To(error) => Fault::new(Reason::ClientClosed).detail(error),
        FlowError::Stopped(_) => {
            Fault::new(Reason::BadReply).detail("a body filter stopped the reply")
        }
    }
}
