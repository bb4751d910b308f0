//! Giving the head of a reply to the client, in the client's protocol.

use std::task::Poll;

use fg_exchange::{Fault, Reason, Reply};
use fg_http::h1::{Framing, ReplyConnection, write_reply_head};

use super::connection::Connection;
use super::exchange::Exchange;
use crate::worker::Worker;
use crate::worker::socket::Stream;

/// Gives a reply's head to the client: HTTP/1 gets it with the first bytes of the flow's output,
/// HTTP/2 at once. `end` says that no body follows. An HTTP/2 stream that is gone says so to
/// whoever uses it next.
pub(super) fn give(
    worker: &Worker,
    client: &mut Stream,
    reply: &Reply,
    framing: Option<Framing>,
    connection: ReplyConnection,
    end: bool,
    output: &mut Vec<u8>,
) {
    worker.with_date(|date| match client.http2() {
        Some(stream) => {
            let _ = stream.send_reply(reply, framing, date, end);
        }
        None => write_reply_head(reply, framing, connection, date, output),
    });
}

/// Gives an informational reply (1xx) to the client.
pub(super) fn inform(client: &mut Stream, reply: &Reply, output: &mut Vec<u8>) {
    match client.http2() {
        Some(stream) => {
            let _ = stream.send_informational(reply);
        }
        None => write_reply_head(reply, None, ReplyConnection::Implied, b"", output),
    }
}

/// Tells a client that waits for it to go on with its body.
///
/// # Errors
/// The client is gone, or does not take even that.
pub(super) async fn invite(
    connection: &mut Connection,
    exchange: &mut Exchange,
) -> Result<(), Fault> {
    let Exchange { reply, down, .. } = exchange;
    down.restart_output();
    reply.clear();
    reply.status = 100;
    inform(&mut connection.client, reply, &mut down.output);
    reply.clear();
    let patience = connection.worker.shared.settings.body_timeout;
    connection.timer.set(patience);
    let Connection { client, timer, .. } = connection;
    let sent = std::future::poll_fn(|context| {
        timer.attach(context);
        if timer.is_expired() {
            client.abandon();
            return Poll::Ready(Err(took_nothing("an informational reply")));
        }
        down.poll_output(context, client)
            .map_err(|_| Fault::new(Reason::ClientClosed))
    })
    .await;
    down.restart_output();
    sent
}

/// The fault of a client that does not read what it is sent.
#[cold]
pub(super) fn took_nothing(of: &str) -> Fault {
    Fault::new(Reason::ClientClosed).detail(format_args!("it took nothing of {of} in time"))
}
