//! Copies of requests for mirrors.
//!
//! A copy is a task of its own. It gets the request's head when the request is sent, and the body
//! as it passes, through a pipe of bounded size; nobody waits for it. A pipe that is full, because
//! the mirror is slower than the backend, gives the copy up.

mod pipe;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use fg_exchange::body::{BodyStep, BodyVerdict};
use fg_exchange::{Name, Reply};
use fg_http::Limits;
use fg_http::h1::{
    Framing, HeadScan, ParsedReply, parse_reply, write_chunk_size, write_request_head,
};
use fg_http::h2::Sending;
use fg_ir::{CredentialKey, RouteKind};
use fg_telemetry::MirrorOutcome;

pub(crate) use self::pipe::Tap;
use self::pipe::{End, Pipe};
use super::connection::Terms;
use super::exchange::Exchange;
use super::flow::Sink;
use super::route::Route;
use super::upstream::{self, Speak, Upstream};
use crate::generation::{Cluster, CompiledMirror, Generation};
use crate::worker::Worker;
use crate::worker::socket::Stream;

/// How long a mirror may take to answer, and to take a part of a copy.
const PATIENCE: Duration = Duration::from_secs(15);
/// How much of a mirror's answer is read before its connection is given up. Units: bytes.
const ANSWER: u64 = 1024 * 1024;
/// How much of an answer is read at once. Units: bytes.
const ROOM: usize = 16 * 1024;

/// Begins the copies that are due. The request is in the state in which they shall get it.
#[cold]
pub(super) fn begin(
    worker: &Rc<Worker>,
    exchange: &mut Exchange,
    generation: &Generation,
    route: &Route<'_>,
    mirrors: &[CompiledMirror],
    terms: &Terms,
) {
    if terms.parsed.hop.upgrade {
        return;
    }
    for mirror in mirrors {
        if worker.random.below(mirror.denominator) >= mirror.numerator {
            continue;
        }
        let cluster = generation.clusters.get(mirror.target);
        let Some(cluster) = cluster.and_then(Option::as_ref) else {
            worker.stats.mirrored(MirrorOutcome::Failed);
            continue;
        };
        let most = worker.shared.settings.max_mirrors;
        let Some(place) = Place::take(worker, most) else {
            worker.stats.mirrored(MirrorOutcome::Dropped);
            continue;
        };
        let pipe = (terms.parsed.body != Framing::Length(0)).then(|| {
            let (tap, pipe) = Tap::new(worker.shared.settings.mirror_buffer);
            exchange.up.tap(tap);
            pipe
        });
        let mut request = exchange.request.clone();
        // The body comes when it comes; nobody here waits for a word on it.
        request.head.remove(Name::Expect);
        let copy = Copy {
            place,
            cluster: cluster.clone(),
            certificate: route.listener.backend_certificate.clone(),
            speak: Speak::to(cluster, route.rule.rule.kind),
            trailers: terms.parsed.hop.trailers || route.rule.rule.kind == RouteKind::Grpc,
            request,
            body: terms.parsed.body,
            pipe,
        };
        tokio::task::spawn_local(copy.run());
    }
}

/// One of the copies that a worker may have under way.
struct Place(Rc<Worker>);

impl Place {
    fn take(worker: &Rc<Worker>, most: usize) -> Option<Self> {
        let count = worker.mirrors.get();
        (count < most).then(|| {
            worker.mirrors.set(count + 1);
            Self(worker.clone())
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.mirrors.set(self.0.mirrors.get() - 1);
    }
}

/// A copy on its way.
struct Copy {
    place: Place,
    cluster: Arc<Cluster>,
    certificate: Option<CredentialKey>,
    speak: Speak,
    trailers: bool,
    request: fg_exchange::Request,
    body: Framing,
    pipe: Option<Rc<RefCell<Pipe>>>,
}

/// Why a copy is not sent whole.
enum Lost {
    /// It was given up.
    Dropped,
    /// The mirror.
    Failed,
}

impl Copy {
    async fn run(mut self) {
        let worker = self.place.0.clone();
        let outcome = match self.send(&worker).await {
            Ok(()) => MirrorOutcome::Sent,
            Err(Lost::Dropped) => MirrorOutcome::Dropped,
            Err(Lost::Failed) => MirrorOutcome::Failed,
        };
        worker.stats.mirrored(outcome);
    }

    async fn send(&mut self, worker: &Worker) -> Result<(), Lost> {
        let tls = self.cluster.tls.by(self.certificate.as_ref());
        let tls = tls.map_err(|_| Lost::Failed)?;
        let get = upstream::get(worker, &self.cluster, None, None, false, self.speak, tls);
        let mut upstream = get.await.map_err(|_| Lost::Failed)?;
        let mut output = Vec::new();
        if self.request.authority().is_empty() {
            let address = upstream.address.to_string();
            self.request.rewrite_authority(address.as_bytes());
        }
        if upstream.is_http2() {
            let sending = Sending {
                body: self.body,
                upgrade: false,
                trailers: self.trailers,
                secure: upstream.is_secure(),
            };
            let opened = upstream.open(&self.request, sending);
            opened.map_err(|_| Lost::Failed)?;
        } else {
            write_request_head(&self.request, self.body, false, &mut output);
        }
        let chunked = !upstream.is_http2() && self.body == Framing::Chunked;
        let mut outgoing = Outgoing {
            output,
            sent: 0,
            chunked,
            over: self.pipe.is_none(),
        };
        loop {
            // Each part has its time.
            let was_over = outgoing.over;
            let pipe = self.pipe.as_deref();
            let part = std::future::poll_fn(|context| {
                outgoing.poll_part(context, upstream.stream(), pipe)
            });
            match tokio::time::timeout(PATIENCE, part).await {
                Ok(Ok(true)) => break,
                Ok(Ok(false)) => {}
                Ok(Err(lost)) => return Err(lost),
                // A request that pauses is not the mirror's fault. After its end the mirror alone is
                // waited for: TLS may still hold what counts as sent.
                Err(_) if outgoing.is_sent() && !was_over => {}
                Err(_) => return Err(Lost::Failed),
            }
        }
        let answer = answer(worker, upstream, self.request.method());
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(Some(())) => Ok(()),
            _ => Err(Lost::Failed),
        }
    }
}

/// What is on its way to a mirror.
struct Outgoing {
    output: Vec<u8>,
    sent: usize,
    chunked: bool,
    /// Nothing follows what is in the output.
    over: bool,
}

impl Outgoing {
    fn is_sent(&self) -> bool {
        self.sent == self.output.len()
    }

    /// Sends what is there; `true` when that was all, `false` when there may be more.
    fn poll_part(
        &mut self,
        context: &mut Context<'_>,
        stream: &mut Stream,
        pipe: Option<&RefCell<Pipe>>,
    ) -> Poll<Result<bool, Lost>> {
        if self.is_sent() && !self.over {
            ready!(self.poll_pipe(context, pipe))?;
        }
        if let Some(pipe) = pipe {
            // A copy that is given up must not wait for the mirror to take what is here.
            let pipe = &mut *pipe.borrow_mut();
            if pipe.end == End::Cut {
                return Poll::Ready(Err(Lost::Dropped));
            }
            pipe.waker = Some(context.waker().clone());
        }
        while !self.is_sent() {
            let bytes = self.output.get(self.sent..).unwrap_or_default();
            match ready!(stream.poll_send(context, bytes, &[], false)) {
                Ok(count) if count > 0 => self.sent += count,
                _ => return Poll::Ready(Err(Lost::Failed)),
            }
        }
        let flushed = ready!(stream.poll_flush(context, || ()));
        flushed.map_err(|_| Lost::Failed)?;
        if self.over
            && let Some(stream) = stream.http2()
        {
            stream.end(&[]).map_err(|_| Lost::Failed)?;
        }
        Poll::Ready(Ok(self.over))
    }

    /// Takes what is in the pipe.
    fn poll_pipe(
        &mut self,
        context: &mut Context<'_>,
        pipe: Option<&RefCell<Pipe>>,
    ) -> Poll<Result<(), Lost>> {
        self.output.clear();
        self.sent = 0;
        let Some(pipe) = pipe else {
            self.over = true;
            return Poll::Ready(Ok(()));
        };
        let pipe = &mut *pipe.borrow_mut();
        match pipe.end {
            End::Cut => return Poll::Ready(Err(Lost::Dropped)),
            End::Open if pipe.bytes.is_empty() => {
                pipe.waker = Some(context.waker().clone());
                return Poll::Pending;
            }
            End::Open => {}
            End::Whole => self.over = true,
        }
        if self.chunked && !pipe.bytes.is_empty() {
            write_chunk_size(pipe.bytes.len(), &mut self.output);
            self.output.append(&mut pipe.bytes);
            self.output.extend_from_slice(b"\r\n");
        } else {
            self.output.append(&mut pipe.bytes);
        }
        if self.over && self.chunked {
            self.output.extend_from_slice(b"0\r\n\r\n");
        }
        Poll::Ready(Ok(()))
    }
}

/// Throws away what it gets, up to a bound.
struct Discard {
    left: u64,
}

impl BodyStep for Discard {
    fn data(&mut self, input: &[u8], _: &mut Vec<u8>) -> BodyVerdict {
        self.left = self.left.saturating_sub(input.len() as u64);
        if self.left == 0 {
            return BodyVerdict::Stop(Box::default());
        }
        BodyVerdict::Continue
    }
}

/// Reads the answer away, and keeps the connection if that was all of it. `None` when there is none.
async fn answer(
    worker: &Worker,
    mut upstream: Upstream,
    method: fg_exchange::Method,
) -> Option<()> {
    let limits = worker.shared.settings.limits;
    let mut exchange = worker.take_exchange();
    let parsed = loop {
        let reply = &mut exchange.reply;
        let mut scan = HeadScan::new();
        let parsed = std::future::poll_fn(|context| {
            poll_head(context, &mut upstream, &mut scan, reply, method, &limits)
        });
        let parsed = parsed.await?;
        if reply.status >= 200 {
            break parsed;
        }
        if reply.status == 101 {
            return None;
        }
        let rest = reply.head.bytes().get(parsed.head_len..);
        let rest = rest.unwrap_or_default().to_vec();
        reply.clear();
        reply.head.bytes_mut().extend_from_slice(&rest);
    };
    let Exchange { reply, down, .. } = &mut *exchange;
    let rest = reply.head.bytes().get(parsed.head_len..);
    down.input.extend_from_slice(rest.unwrap_or_default());
    down.begin(
        parsed.body,
        Sink::Raw,
        vec![Box::new(Discard { left: ANSWER })],
        &limits,
    );
    if upstream.is_http2() {
        down.receive_frames();
    }
    let read =
        std::future::poll_fn(|context| down.poll_collect(context, upstream.stream(), ROOM, || ()));
    let whole = read.await.is_ok()
        && down.at >= down.input.len()
        && parsed.body != Framing::UntilClose
        && parsed.hop.keep_alive;
    if whole {
        upstream.release(worker);
    }
    worker.put_exchange(exchange);
    Some(())
}

fn poll_head(
    context: &mut Context<'_>,
    upstream: &mut Upstream,
    scan: &mut HeadScan,
    reply: &mut Reply,
    method: fg_exchange::Method,
    limits: &Limits,
) -> Poll<Option<ParsedReply>> {
    if upstream.is_http2() {
        let parsed = upstream.poll_reply(context, method, reply, limits);
        return parsed.map(Result::ok);
    }
    loop {
        if !reply.head.bytes().is_empty() && scan.may_be_complete(reply.head.bytes()) {
            match parse_reply(reply, method, limits) {
                Ok(None) => {}
                Ok(parsed) => return Poll::Ready(parsed),
                Err(_) => return Poll::Ready(None),
            }
        }
        let read = upstream
            .stream()
            .poll_recv(context, reply.head.bytes_mut(), ROOM);
        match ready!(read) {
            Ok(count) if count > 0 => {}
            _ => return Poll::Ready(None),
        }
    }
}
