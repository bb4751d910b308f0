//! After an upgrade: bytes both ways, until both sides are done.

use std::cell::Cell;
use std::task::{Context, Poll};
use std::time::Duration;

use aws_lc_rs::digest;
use base64::Engine as _;
use fg_exchange::{Reply, Request};
use fg_http::h1::Framing;

use super::connection::{Connection, Counted};
use super::exchange::Exchange;
use super::flow::{Flow, Sink};
use crate::worker::Worker;
use crate::worker::socket::Stream;

/// How much is read at once. Units: bytes.
const ROOM: usize = 16 * 1024;

/// One direction of a tunnel.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Open,
    /// Everything was sent; the end has to be.
    Ending,
    Done,
}

/// Adds the key of a WebSocket handshake, which an extended CONNECT does not have and an HTTP/1
/// backend asks for. Source: RFC 8441 §5.
pub(super) fn add_key(worker: &Worker, request: &mut Request) {
    const NAME: &str = "sec-websocket-key";
    if request.head.get_named(NAME).is_none() {
        let bytes = [worker.random.next(), worker.random.next()].map(u64::to_ne_bytes);
        let key = base64::engine::general_purpose::STANDARD.encode(bytes.concat());
        request.head.append(NAME, key.as_bytes());
    }
}

/// Adds the answer to the key of the client's WebSocket handshake, which an HTTP/2 backend does not
/// give. Source: RFC 6455 §4.2.2.
pub(super) fn add_accept(request: &Request, reply: &mut Reply) {
    let Some(key) = request.head.get_named("sec-websocket-key") else {
        return;
    };
    let mut hashed = key.to_vec();
    hashed.extend_from_slice(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &hashed);
    let accept = base64::engine::general_purpose::STANDARD.encode(digest);
    reply.head.set("sec-websocket-accept", accept.as_bytes());
}

/// How a tunnel ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// A side closed it, or went away.
    Closed,
    /// Nothing was said for long.
    Silent,
    /// The client takes nothing of what lies before it.
    ClientStuck,
    /// The backend does not.
    BackendStuck,
}

/// Carries bytes both ways, until both sides are done, nothing is said for long, or something lies
/// before one side for as long as a body may make no progress: what the other direction does is no
/// sign of life then. What was received beyond the heads is in the flows' inputs.
pub(super) async fn tunnel(
    connection: &mut Connection,
    exchange: &mut Exchange,
    upstream: &mut Stream,
) -> End {
    let worker = connection.worker.clone();
    let settings = &worker.shared.settings;
    let (silence, patience) = (settings.tunnel_timeout, settings.body_timeout);
    let Exchange { up, down, .. } = exchange;
    for flow in [&mut *up, &mut *down] {
        flow.begin(Framing::UntilClose, Sink::Raw, Vec::new(), &settings.limits);
    }
    // Limits of bodies are not for tunnels.
    up.limit(u64::MAX);
    let _open = Counted::new(&worker, |stats| &stats.tunnels_open);
    connection.timer.set(silence);
    let Connection { client, timer, .. } = connection;
    let (mut up, mut down) = (Direction::new(up), Direction::new(down));
    let mut was_stuck = false;
    std::future::poll_fn(|context| {
        timer.attach(context);
        let failed = up.step(context, client, upstream).is_err()
            || down.step(context, upstream, client).is_err();
        if failed || (up.side == Side::Done && down.side == Side::Done) {
            return Poll::Ready(End::Closed);
        }
        let now = worker.sweep.now_millis();
        let moved = up.moved.get() || down.moved.get();
        let stuck = [
            up.time_left(now, patience)
                .map(|left| (left, End::BackendStuck)),
            down.time_left(now, patience)
                .map(|left| (left, End::ClientStuck)),
        ];
        match stuck.into_iter().flatten().min_by_key(|(left, _)| *left) {
            Some((Duration::ZERO, end)) => return Poll::Ready(end),
            Some((left, _)) => {
                was_stuck = true;
                timer.set(left);
            }
            None if moved || was_stuck => {
                was_stuck = false;
                timer.set(silence);
            }
            None if timer.is_expired() => return Poll::Ready(End::Silent),
            None => {}
        }
        Poll::Pending
    })
    .await
}

/// One direction of a tunnel.
struct Direction<'a> {
    flow: &'a mut Flow,
    side: Side,
    /// Bytes moved since the time was looked at.
    moved: Cell<bool>,
    /// Since when the receiver takes nothing of what is there. Units: milliseconds of the sweep's
    /// clock.
    stuck_since: Option<u64>,
}

impl<'a> Direction<'a> {
    const fn new(flow: &'a mut Flow) -> Self {
        Self {
            flow,
            side: Side::Open,
            moved: Cell::new(false),
            stuck_since: None,
        }
    }

    /// Moves on; an end on one side becomes an end on the other.
    fn step(
        &mut self,
        context: &mut Context<'_>,
        from: &mut Stream,
        to: &mut Stream,
    ) -> Result<(), ()> {
        if self.side == Side::Open {
            let progress = || self.moved.set(true);
            match self.flow.poll(context, from, to, ROOM, progress) {
                Poll::Pending => {}
                Poll::Ready(Ok(())) => self.side = Side::Ending,
                Poll::Ready(Err(_)) => return Err(()),
            }
        }
        if self.side == Side::Ending {
            match to.poll_shutdown(context) {
                Poll::Pending => {}
                Poll::Ready(Ok(())) => self.side = Side::Done,
                Poll::Ready(Err(_)) => return Err(()),
            }
        }
        Ok(())
    }

    /// How long the receiver has still to take something; `None` when nothing waits for it.
    fn time_left(&mut self, now: u64, patience: Duration) -> Option<Duration> {
        let moved = self.moved.take();
        let stuck = match self.side {
            Side::Open => self.flow.is_stuck(),
            Side::Ending => true,
            Side::Done => false,
        };
        if !stuck {
            self.stuck_since = None;
            return None;
        }
        let since = self.stuck_since.filter(|_| !moved).unwrap_or(now);
        self.stuck_since = Some(since);
        let passed = Duration::from_millis(now.saturating_sub(since));
        Some(patience.saturating_sub(passed))
    }
}
