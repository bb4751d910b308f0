//! Sends a request to a backend and its reply to the client.
mod clocks;
mod failure;
mod reply;
mod retry;
mod waiting;

use std::future::Future;
use std::task::Poll;

use fg_exchange::body::BodyStep;
use fg_exchange::{Fault, Name, Reason, Verdict, Version, grpc};
use fg_http::h1::{Expectation, Framing, HeadScan, ParsedReply, write_request_head};
use fg_http::h2::Sending;
use fg_ir::RouteKind;
use fg_telemetry::RetryOutcome;

use self::clocks::{Clocks, clock};
use self::failure::{Failure, request_failure};
use self::retry::Tries;
use self::waiting::Waiting;
use super::connection::{Connection, Next, Terms};
use super::exchange::Exchange;
use super::flow::Sink;
use super::route::{self, Route};
use super::upstream::Upstream;
use super::{head, local, mirror, tunnel};
use crate::generation::{CompiledAction, CompiledBackend, Generation};

/// How much of a request's body is read at once. Units: bytes.
const UP_ROOM: usize = 32 * 1024;
/// How much of a reply is read at once. Units: bytes.
const DOWN_ROOM: usize = 64 * 1024;

/// One request on its way: what does not change from try to try.
struct Job<'a> {
    connection: &'a mut Connection,
    exchange: &'a mut Exchange,
    route: &'a Route<'a>,
    backend: &'a CompiledBackend,
    terms: Terms,
    clocks: Clocks,
    /// The body as backends are told of it.
    body: Framing,
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
    let sessions = route.rule.sessions.as_deref();
    let resumed =
        sessions.and_then(|one| one.resume(&exchange.request, backends, &generation.clusters));
    exchange.record.session = resumed.map(|resumed| resumed.endpoint);
    let index = match resumed {
        Some(resumed) => resumed.backend,
        None => fg_lb::by_weight(
            backends.iter().map(|backend| backend.cumulative),
            total,
            &connection.worker.random,
        ),
    };
    let Some(backend) = backends.get(index) else {
        let fault = Fault::new(Reason::NoBackends);
        return local::answer_fault(connection, exchange, fault, Some((route, None)), terms).await;
    };
    exchange.record.backend = Some(index);
    let most = connection.worker.shared.settings.max_request_body;
    if matches!(terms.parsed.body, Framing::Length(length) if length > most) {
        let fault = Fault::new(Reason::BodyTooLarge);
        return local::answer_fault(connection, exchange, fault, Some((route, None)), terms).await;
    }
    let filtered = filter(connection, exchange, generation, route, backend, &terms);
    if let Verdict::Reply(reply) = filtered {
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
        exchange: clock(
            grpc::time_limit(&exchange.request, route.rule.chain.request_timeout)
                .map(|limit| limit.saturating_sub(exchange.record.waited)),
        ),
        attempt: None,
    };
    let mut job = Job {
        connection,
        exchange,
        route,
        backend,
        terms,
        clocks,
        body: terms.parsed.body,
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

/// Leads the request through the backend's filters, and begins its copies. Those of the rule are of
/// the request before these filters, those of the backend after them; what the filters answer, such
/// as a preflight, is not copied.
fn filter(
    connection: &Connection,
    exchange: &mut Exchange,
    generation: &Generation,
    route: &Route<'_>,
    backend: &CompiledBackend,
    terms: &Terms,
) -> Verdict {
    let worker = &connection.worker;
    let of_rule = &route.rule.chain.mirrors;
    let is_changed = !of_rule.is_empty() && !backend.chain.filters.is_empty();
    let before = is_changed.then(|| exchange.request.clone());
    let verdict = route::backend_filters(&backend.chain, exchange);
    if matches!(verdict, Verdict::Reply(_)) {
        return verdict;
    }
    if !of_rule.is_empty() {
        let after = before.map(|before| std::mem::replace(&mut exchange.request, before));
        mirror::begin(worker, exchange, generation, route, of_rule, terms);
        if let Some(after) = after {
            exchange.request = after;
        }
    }
    let of_backend = &backend.chain.mirrors;
    if !of_backend.is_empty() {
        mirror::begin(worker, exchange, generation, route, of_backend, terms);
    }
    verdict
}

impl Job<'_> {
    async fn run(&mut self, generation: &Generation) -> Result<Next, Failure> {
        let (index, cluster) = match self.backend.target {
            Ok(index) => (
                index,
                generation.clusters.get(index).and_then(Option::as_ref),
            ),
            Err(reason) => return Err(Fault::new(reason).into()),
        };
        let cluster = cluster.ok_or_else(|| Fault::new(Reason::InvalidBackend))?;
        self.prepare().await?;
        self.expect_retries(index);
        let mut tries = Tries::default();
        let result = self.tries(&mut tries, index, cluster).await;
        if result.is_err() {
            self.count_retries(&mut tries, RetryOutcome::Failed);
        }
        let (upstream, parsed) = result?;
        self.count_retries(&mut tries, RetryOutcome::Recovered);
        self.reply(upstream, parsed).await
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

    /// Gets the request's body on its way, through the filters that want it whole before a backend
    /// is asked.
    async fn prepare(&mut self) -> Result<(), Failure> {
        let most = self.connection.worker.shared.settings.max_request_body;
        let limits = self.connection.worker.shared.settings.limits;
        let parsed = self.terms.parsed;
        let steps = if parsed.body == Framing::Length(0) {
            Vec::new()
        } else {
            self.request_steps()
        };
        if parsed.body != Framing::Length(0) {
            let names = route::owned_fields(self.route, &self.backend.chain, false);
            // As in the head.
            let underscores = !self.connection.worker.shared.settings.underscore_names;
            self.exchange.up.refuse_trailers(names, underscores);
        }
        let collecting = !steps.is_empty();
        let up = &mut self.exchange.up;
        up.begin(parsed.body, Sink::Raw, steps, &limits);
        up.limit(most);
        if self.connection.client.is_http2() {
            up.receive_frames();
        }
        if !collecting {
            return Ok(());
        }
        if parsed.expectation == Expectation::Continue {
            // We want the body before a backend is asked, so it is on us to say so.
            self.exchange.request.head.remove(Name::Expect);
            head::invite(self.connection, self.exchange).await?;
        }
        self.collect_request().await?;
        let up = &self.exchange.up;
        self.body = if up.is_received() {
            Framing::Length(up.output.len() as u64)
        } else {
            Framing::Chunked
        };
        Ok(())
    }

    /// Puts the request's head in front of its body, as the backend's protocol wants it.
    fn start(&mut self, upstream: &mut Upstream) -> Result<(), Fault> {
        let Exchange { request, up, .. } = &mut *self.exchange;
        let body = self.body;
        let hop = self.terms.parsed.hop;
        // HTTP/1.0 knows requests without a host; HTTP/1.1 and 2 do not, and nor do many backends.
        if request.authority().is_empty() {
            request.rewrite_authority(upstream.address.to_string().as_bytes());
        }
        let sink = match body {
            // The tunnel begins where the head ends.
            _ if hop.upgrade => Sink::Raw,
            _ if upstream.is_http2() => Sink::Frames,
            Framing::Chunked => Sink::Chunked,
            Framing::Length(_) | Framing::UntilClose => Sink::Raw,
        };
        let fits = if upstream.is_http2() {
            let sending = Sending {
                body,
                upgrade: hop.upgrade,
                trailers: hop.trailers || self.route.rule.rule.kind == RouteKind::Grpc,
                secure: upstream.is_secure(),
            };
            upstream.open(request, sending)?;
            up.put_head(sink, |_| ())
        } else {
            if hop.upgrade && request.version() == Version::Http2 {
                tunnel::add_key(&self.connection.worker, request);
            }
            up.put_head(sink, |output| {
                write_request_head(request, body, hop.upgrade, output);
            })
        };
        if fits {
            Ok(())
        } else {
            Err(Fault::new(Reason::ConnectFailed)
                .detail("the endpoints of the backend speak different versions of HTTP"))
        }
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
                // To an extended CONNECT it would say that the tunnel is open.
                let misleads = self.terms.parsed.hop.upgrade
                    && self.connection.client.is_http2()
                    && self.exchange.reply.status < 300;
                if misleads {
                    return Err(Fault::new(Reason::BadReply)
                        .detail("the backend did not switch protocols, yet says that all is well")
                        .into());
                }
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
        if request.version() != Version::Http10 {
            down.restart_output();
            head::inform(&mut self.connection.client, reply, &mut down.output);
            record.replied = true;
        }
        reply.clear();
        reply.head.bytes_mut().extend_from_slice(&rest);
        let Connection { client, timer, .. } = &mut *self.connection;
        let sent = std::future::poll_fn(|context| {
            timer.attach(context);
            if timer.is_expired() {
                client.abandon();
                return Poll::Ready(Err(head::took_nothing("an informational reply").into()));
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
}
