//! After an upgrade: bytes both ways, until both sides are done.

use std::task::{Context, Poll};

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

/// Carries bytes both ways. What was received beyond the heads is in the flows' inputs.
pub(super) async fn tunnel(
    connection: &mut Connection,
    exchange: &mut Exchange,
    upstream: &mut Stream,
) {
    let limits = connection.worker.shared.settings.limits;
    let patience = connection.worker.shared.settings.tunnel_timeout;
    exchange
        .up
        .begin(Framing::UntilClose, Sink::Raw, Vec::new(), &limits);
    exchange
        .down
        .begin(Framing::UntilClose, Sink::Raw, Vec::new(), &limits);
    // Limits of bodies are not for tunnels.
    exchange.up.limit(u64::MAX);
    let _open = Counted::new(&connection.worker, |stats| &stats.tunnels_open);
    connection.timer.set(patience);
    let (mut up, mut down) = (Side::Open, Side::Open);
    let Connection { client, timer, .. } = connection;
    let Exchange {
        up: up_flow,
        down: down_flow,
        ..
    } = exchange;
    std::future::poll_fn(|context| {
        timer.attach(context);
        let progress = || timer.set(patience);
        let failed = step(context, &mut up, up_flow, client, upstream, progress).is_err()
            || step(context, &mut down, down_flow, upstream, client, progress).is_err();
        let done = up == Side::Done && down == Side::Done;
        if failed || done || timer.is_expired() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

/// Moves one direction on; an end on one side becomes an end on the other.
fn step(
    context: &mut Context<'_>,
    side: &mut Side,
    flow: &mut Flow,
    from: &mut Stream,
    to: &mut Stream,
    progress: impl Fn(),
) -> Result<(), ()> {
    if *side == Side::Open {
        match flow.poll(context, from, to, ROOM, progress) {
            Poll::Pending => {}
            Poll::Ready(Ok(())) => *side = Side::Ending,
            Poll::Ready(Err(_)) => return Err(()),
        }
    }
    if *side == Side::Ending {
        match to.poll_shutdown(context) {
            Poll::Pending => {}
            Poll::Ready(Ok(())) => *side = Side::Done,
            Poll::Ready(Err(_)) => return Err(()),
        }
    }
    Ok(())
}
