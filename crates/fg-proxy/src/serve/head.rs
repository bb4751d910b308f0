//! Giving the head of a reply to the client, in the client's protocol.

use fg_exchange::Reply;
use fg_http::h1::{Framing, ReplyConnection, write_reply_head};

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
