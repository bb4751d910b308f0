//! Sending a reply to the client, while the request's body may still be on its way.

use std::net::SocketAddr;
use std::task::Poll;

use fg_exchange::{Fault, Method, Name, Reason, Reply, Version, grpc};
use fg_http::h1::{Framing, ParsedReply, ReplyConnection};

use super::failure::{Failure, reply_fault};
use super::{DOWN_ROOM, Job, UP_ROOM};
use crate::serve::connection::Next;
use crate::serve::exchange::Exchange;
use crate::serve::flow::{FlowError, Sink};
use crate::serve::tunnel::End;
use crate::serve::upstream::Upstream;
use crate::serve::{head, route, tunnel};

impl Job<'_> {
    /// Sends the reply to the client, while the request's body may still be on its way.
    pub(super) async fn reply(
        &mut self,
        mut upstream: Upstream,
        parsed: ParsedReply,
    ) -> Result<Next, Failure> {
        route::reply_filters(self.route, Some(&self.backend.chain), self.exchange);
        self.begin_session(upstream.address);
        if self.exchange.reply.status == 101 {
            return Ok(self.tunnel(upstream, parsed).await);
        }
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
        if parsed.body != Framing::Length(0) {
            let owned = route::owned_fields(self.route, &self.backend.chain, true);
            // The gateway alone says why it answered, also behind a body.
            let reason = std::iter::once(Name::XFerrogateReason.text());
            down.refuse_trailers(owned.chain(reason), false);
        }
        down.restart_output();
        if collecting {
            down.begin(parsed.body, Sink::Raw, steps, &limits);
            if upstream.is_http2() {
                down.receive_frames();
            }
            // The head is still to be written.
            let rest = reply.head.bytes().get(parsed.head_len..);
            down.input.clear();
            down.input.extend_from_slice(rest.unwrap_or_default());
            down.at = 0;
            self.collect_reply(&mut upstream).await?;
            let sink = match plan.sink {
                Sink::Frames => Sink::Frames,
                _ if self.exchange.request.version() == Version::Http11 => Sink::Chunked,
                _ => Sink::Raw,
            };
            let Exchange { reply, down, .. } = &mut *self.exchange;
            let client = &mut self.connection.client;
            down.collected(sink, |length, output| {
                let framing = match length {
                    Some(length) => Some(Framing::Length(length as u64)),
                    None => (sink == Sink::Chunked).then_some(Framing::Chunked),
                };
                head::give(
                    &worker,
                    client,
                    reply,
                    framing,
                    plan.connection,
                    false,
                    output,
                );
            });
        } else {
            down.begin(parsed.body, plan.sink, steps, &limits);
            if upstream.is_http2() {
                down.receive_frames();
            }
            head::give(
                &worker,
                &mut self.connection.client,
                reply,
                plan.framing,
                plan.connection,
                !plan.has_body,
                &mut down.output,
            );
            take_rest(reply, &mut down.input, &mut down.at, parsed.head_len);
        }
        self.exchange.record.status = self.exchange.reply.status;
        self.exchange.record.replied = true;
        Ok(self.relay(upstream, parsed, plan).await)
    }

    /// Tells a client without a session, or with one that led elsewhere, where it is from now on.
    fn begin_session(&mut self, endpoint: SocketAddr) {
        let Exchange { reply, record, .. } = &mut *self.exchange;
        if let Some(sessions) = &self.route.rule.sessions
            && record.session != Some(endpoint)
            && let Some(backend) = record.backend
        {
            sessions.begin(reply, backend, endpoint, record.facts().scheme);
        }
    }

    /// How the reply goes on to the client.
    fn plan(&self, parsed: &ParsedReply) -> Plan {
        let old_client = self.exchange.request.version() == Version::Http10;
        let status = self.exchange.reply.status;
        let has_body = parsed.body != Framing::Length(0);
        let frames = self.connection.client.is_http2();
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
            Framing::Length(length) if frames => (Some(Framing::Length(length)), Sink::Frames),
            Framing::Length(length) => (Some(Framing::Length(length)), Sink::Raw),
            Framing::Chunked | Framing::UntilClose if frames => (None, Sink::Frames),
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
            is_call: frames
                && has_body
                && framing.is_none()
                && grpc::is_call(&self.exchange.request)
                && is_grpc(&self.exchange.reply),
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
                FlowError::From(_) | FlowError::To(_) | FlowError::TooLarge => {
                    Fault::new(Reason::UpstreamClosed).into()
                }
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
                    Poll::Ready(Err(FlowError::TooLarge)) => {
                        return Poll::Ready(Err(Fault::new(Reason::BodyTooLarge)));
                    }
                    Poll::Ready(Err(FlowError::From(Some(_)))) => {
                        return Poll::Ready(Err(Fault::new(Reason::ClientClosed)));
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
                return Poll::Ready(Err(if down.is_stuck() {
                    Fault::new(Reason::ClientClosed).detail("it took nothing of the reply in time")
                } else {
                    Fault::new(Reason::UpstreamTimeout)
                }));
            }
            Poll::Pending
        })
        .await;
        if let Err(fault) = outcome {
            if connection.timer.is_expired() && self.exchange.down.is_stuck() {
                connection.client.abandon();
            }
            if self.exchange.up.is_stuck() {
                upstream.abandon();
            }
            if plan.is_call && is_late(&fault) {
                self.end_call(fault.reason);
            }
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

    /// Ends a reply to a gRPC call whose time is over with trailers, so that its caller learns the
    /// code instead of one that stands for a broken stream. A message that is cut in two stays one:
    /// a code other than 0 is an error, whatever came before it ("gRPC over HTTP2", Responses).
    fn end_call(&mut self, reason: Reason) {
        // Behind what the caller does not take, trailers might wait for ever.
        if self.exchange.down.is_stuck() {
            return;
        }
        let Some(stream) = self.connection.client.http2() else {
            return;
        };
        let status = grpc::code_of(reason).digits();
        let message = grpc::encoded(reason.words());
        let trailers = format!("grpc-status: {status}\r\ngrpc-message: {message}\r\n");
        // A stream that is gone needs no end.
        let _ = stream.end(trailers.as_bytes());
    }

    async fn tunnel(&mut self, mut upstream: Upstream, parsed: ParsedReply) -> Next {
        let Exchange {
            request,
            reply,
            up,
            down,
            record,
            ..
        } = &mut *self.exchange;
        record.status = 101;
        if upstream.is_http2() {
            tunnel::add_accept(request, reply);
        }
        record.replied = true;
        down.restart_output();
        head::give(
            &self.connection.worker,
            &mut self.connection.client,
            reply,
            None,
            ReplyConnection::Upgrade,
            false,
            &mut down.output,
        );
        take_rest(reply, &mut down.input, &mut down.at, parsed.head_len);
        up.restart_output();
        up.input.clear();
        up.at = 0;
        up.input.append(&mut self.connection.carry);
        let end = tunnel::tunnel(self.connection, self.exchange, upstream.stream()).await;
        let record = &mut self.exchange.record;
        match end {
            End::Closed => {}
            End::Silent => record.note = "nothing was said in the tunnel for long",
            End::ClientStuck => {
                self.connection.client.abandon();
                record.fault = Some(head::took_nothing("the tunnel"));
            }
            End::BackendStuck => {
                upstream.abandon();
                let fault = Fault::new(Reason::UpstreamTimeout);
                record.fault = Some(fault.detail("it took nothing of the tunnel in time"));
            }
        }
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
    /// It answers a gRPC call by HTTP/2, with a body that has trailers.
    is_call: bool,
}

/// Whether a reply says that it is one of gRPC.
fn is_grpc(reply: &Reply) -> bool {
    let kind = reply.head.get(Name::ContentType);
    kind.is_some_and(grpc::is_content_type)
}

/// Whether somebody's patience is over.
fn is_late(fault: &Fault) -> bool {
    matches!(fault.reason, Reason::RouteTimeout | Reason::UpstreamTimeout)
}

/// Gives the buffer with the head and what follows it to the flow: the head was composed already.
fn take_rest(reply: &mut Reply, input: &mut Vec<u8>, at: &mut usize, head_len: usize) {
    std::mem::swap(reply.head.bytes_mut(), input);
    *at = head_len;
}
