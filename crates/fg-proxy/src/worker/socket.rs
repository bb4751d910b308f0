//! Reading and writing sockets inside a poll, without a future per call.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;

/// Reads what is there into the spare room of a buffer, after making room for `room` bytes.
/// 0 is the end of the stream.
///
/// A wake means data: one `recv`, and none when nothing is there.
#[inline]
pub(crate) fn poll_recv(
    stream: &mut TcpStream,
    context: &mut Context<'_>,
    buffer: &mut Vec<u8>,
    room: usize,
) -> Poll<io::Result<usize>> {
    if buffer.capacity() - buffer.len() < room {
        buffer.reserve(room);
    }
    pin!(stream.read_buf(buffer)).poll(context)
}

/// Writes as much as the socket takes of `first`, then `second`.
#[inline]
pub(crate) fn poll_send(
    stream: &mut TcpStream,
    context: &mut Context<'_>,
    first: &[u8],
    second: &[u8],
) -> Poll<io::Result<usize>> {
    let mut stream = Pin::new(stream);
    match (first.is_empty(), second.is_empty()) {
        (_, true) => stream.as_mut().poll_write(context, first),
        (true, false) => stream.as_mut().poll_write(context, second),
        (false, false) => stream
            .as_mut()
            .poll_write_vectored(context, &[IoSlice::new(first), IoSlice::new(second)]),
    }
}

/// Says that nothing more will be written.
pub(crate) fn poll_shutdown(
    stream: &mut TcpStream,
    context: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    Pin::new(stream).poll_shutdown(context)
}
