//! A call of our own to a backend, for a filter: what is sent is all here, and so is in the end the
//! answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use fg_exchange::body::{BodyStep, BodyVerdict};
use fg_exchange::{Answer, Call, Fault, Method, Reason, Reply, Retry};
use fg_http::h1::{Framing, HeadScan, ParsedReply, parse_reply, write_request_head};
use fg_http::h2::Sending;
use fg_ir::BackendProtocol;

use super::flow::{Flow, FlowError, Sink};
use super::upstream::{self, Speak, Upstream};
use crate::generation::Cluster;
use crate::tls::ClientTls;
use crate::worker::Worker;

/// The largest answer. Units: bytes.
const LARGEST: u64 = 1024 * 1024;
/// How much of an answer is read at once. Units: bytes.
const ROOM: usize = 16 * 1024;

/// Gathers a body.
struct Gather;

impl BodyStep for Gather {
    fn data(&mut self, input: &[u8], output: &mut Vec<u8>) -> BodyVerdict {
        output.extend_from_slice(input);
        BodyVerdict::Hold
    }
}

/// Steps that gather a body in the output of a flow.
pub(super) fn gathering() -> Vec<Box<dyn BodyStep>> {
    vec![Box::new(Gather)]
}

/// Makes a call and waits for the whole answer. One that reached nobody is made once more, at
/// another endpoint, or on a new connection.
pub(super) async fn call(
    worker: &Worker,
    cluster: &Cluster,
    tls: Option<&Arc<ClientTls>>,
    mut call: Call,
) -> Result<Answer, Fault> {
    let speak = match cluster.protocol {
        _ if call.http2 => Speak::Http2,
        BackendProtocol::Http2 => Speak::Http2,
        BackendProtocol::Http1 | BackendProtocol::Auto => Speak::Http1,
    };
    let bodiless = matches!(
        call.head.method(),
        Method::Get | Method::Head | Method::Delete | Method::Options | Method::Trace
    );
    if call.body.is_empty() && bodiless {
        // For other methods it is written anyhow.
        call.head.head.append("content-length", b"0");
    }
    let exchange = async {
        let first = one(worker, cluster, tls, speak, None, false, &call).await;
        let again = match &first {
            Err((fault, address)) if fault.retry == Retry::Unsent => (*address, false),
            Err((fault, _)) if fault.retry == Retry::Stale => (None, true),
            _ => return first,
        };
        one(worker, cluster, tls, speak, again.0, again.1, &call).await
    };
    match tokio::time::timeout(call.timeout, exchange).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err((fault, _))) => Err(fault),
        Err(_) => Err(Fault::new(Reason::UpstreamTimeout)
            .detail(format_args!("no answer in {:?}", call.timeout))),
    }
}

/// One try; when it fails, at which endpoint.
async fn one(
    worker: &Worker,
    cluster: &Cluster,
    tls: Option<&Arc<ClientTls>>,
    speak: Speak,
    not: Option<SocketAddr>,
    fresh: bool,
    call: &Call,
) -> Result<Answer, (Fault, Option<SocketAddr>)> {
    let got = upstream::get(worker, cluster, None, not, fresh, speak, tls).await;
    let mut upstream = got.map_err(|refused| (refused.fault, refused.address))?;
    let address = upstream.address;
    let reused = upstream.reused;
    let mut outgoing = match Outgoing::begin(&mut upstream, call) {
        Ok(outgoing) => outgoing,
        Err(fault) => return Err((fault, Some(address))),
    };
    let mut answer = Answer {
        reply: Reply::new(),
        body: Vec::new(),
        trailers: Vec::new(),
    };
    let method = call.head.method();
    let received = receive(worker, &mut upstream, &mut outgoing, method, &mut answer).await;
    let lost = answer.reply.head.bytes().is_empty();
    match received {
        Ok(reusable) => {
            if reusable && outgoing.is_whole {
                upstream.release(worker);
            }
            Ok(answer)
        }
        Err(fault) if reused && !fresh && lost => Err((fault.retry(Retry::Stale), Some(address))),
        Err(fault) => Err((fault, Some(address))),
    }
}

/// What is sent, while the answer is waited for: whoever is called may answer before it has read
/// everything, and that answer counts.
struct Outgoing {
    flow: Flow,
    /// Nothing more will be sent.
    is_over: bool,
    /// Everything was sent.
    is_whole: bool,
}

impl Outgoing {
    fn begin(upstream: &mut Upstream, call: &Call) -> Result<Self, Fault> {
        let body = Framing::Length(call.body.len() as u64);
        let mut flow = Flow::default();
        if upstream.is_http2() {
            let sending = Sending {
                body,
                upgrade: false,
                trailers: true,
                secure: upstream.is_secure(),
            };
            upstream.open(&call.head, sending)?;
            flow.put_head(Sink::Frames, |_| ());
        } else {
            flow.put_head(Sink::Raw, |output| {
                write_request_head(&call.head, body, false, output);
            });
        }
        flow.output.extend_from_slice(&call.body);
        Ok(Self {
            flow,
            is_over: false,
            is_whole: false,
        })
    }

    /// Sends what can be sent now.
    fn poll(&mut self, context: &mut Context<'_>, upstream: &mut Upstream) {
        if !self.is_over
            && let Poll::Ready(sent) = self.flow.poll_output(context, upstream.stream())
        {
            self.is_over = true;
            self.is_whole = sent.is_ok();
        }
    }
}

/// Receives the whole answer; says whether the connection can be used again.
async fn receive(
    worker: &Worker,
    upstream: &mut Upstream,
    outgoing: &mut Outgoing,
    method: Method,
    answer: &mut Answer,
) -> Result<bool, Fault> {
    let limits = &worker.shared.settings.limits;
    let mut informational = 0;
    let parsed = loop {
        let mut scan = HeadScan::new();
        let reply = &mut answer.reply;
        let parsed = std::future::poll_fn(|context| {
            outgoing.poll(context, upstream);
            poll_head(context, worker, upstream, method, &mut scan, reply)
        })
        .await?;
        if reply.status >= 200 || reply.status == 101 {
            break parsed;
        }
        informational += 1;
        if informational > limits.informational {
            return Err(Fault::new(Reason::BadReply).detail("too many informational replies"));
        }
        let bytes = reply.head.bytes();
        let rest = bytes.get(parsed.head_len..).unwrap_or_default().to_vec();
        reply.clear();
        reply.head.bytes_mut().extend_from_slice(&rest);
    };
    let mut body = Flow::default();
    body.begin(parsed.body, Sink::Raw, gathering(), limits);
    body.limit(LARGEST);
    if upstream.is_http2() {
        body.receive_frames();
    } else {
        let bytes = answer.reply.head.bytes();
        let rest = bytes.get(parsed.head_len..).unwrap_or_default();
        body.input.extend_from_slice(rest);
    }
    let gathered = std::future::poll_fn(|context| {
        outgoing.poll(context, upstream);
        body.poll_collect(context, upstream.stream(), ROOM, || ())
    });
    gathered.await.map_err(|error| fault_of(&error))?;
    answer.body = std::mem::take(&mut body.output);
    answer.trailers = body.take_trailers();
    let over = body.at >= body.input.len() && parsed.body != Framing::UntilClose;
    Ok(over && parsed.hop.keep_alive && answer.reply.status != 101)
}

fn poll_head(
    context: &mut Context<'_>,
    worker: &Worker,
    upstream: &mut Upstream,
    method: Method,
    scan: &mut HeadScan,
    reply: &mut Reply,
) -> Poll<Result<ParsedReply, Fault>> {
    let limits = &worker.shared.settings.limits;
    if upstream.is_http2() {
        let head = upstream.poll_reply(context, method, reply, limits);
        return head.map_err(|error| Fault::new(Reason::UpstreamReset).detail(error));
    }
    loop {
        if !reply.head.bytes().is_empty()
            && scan.may_be_complete(reply.head.bytes())
            && let Some(parsed) = parse_reply(reply, method, limits)?
        {
            return Poll::Ready(Ok(parsed));
        }
        let bytes = reply.head.bytes_mut();
        match ready!(upstream.stream().poll_recv(context, bytes, ROOM)) {
            Ok(0) => return Poll::Ready(Err(Fault::new(Reason::UpstreamClosed))),
            Ok(_) => {}
            Err(error) => {
                return Poll::Ready(Err(Fault::new(Reason::UpstreamReset).detail(error)));
            }
        }
    }
}

fn fault_of(error: &FlowError) -> Fault {
    match error {
        FlowError::From(None) => Fault::new(Reason::UpstreamClosed),
        FlowError::From(Some(error)) | FlowError::To(error) => {
            Fault::new(Reason::UpstreamReset).detail(error)
        }
        FlowError::Malformed(detail) => Fault::new(Reason::BadReply).detail(detail),
        FlowError::TooLarge => Fault::new(Reason::BadReply).detail("the answer is too large"),
        FlowError::Stopped(_) => Fault::new(Reason::BadReply),
    }
}
