//! The one seam between exchanges and sockets: a stream of bytes, in clear text or over TLS, read
//! and written inside a poll, without a future per call.

use std::future::Future;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use fg_http::h2;
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;

use super::tls::TlsStream;

/// One end of a connection, as an exchange sees it.
///
/// All polls wake the task that called last; a connection has one task.
#[derive(Debug)]
pub(crate) enum Stream {
    /// A socket.
    Plain(TcpStream),
    /// A socket with TLS on it, after the handshake.
    Tls(Box<TlsStream>),
    /// One request of an HTTP/2 connection, or one sent on such a connection.
    Http2(Box<h2::Stream>),
}

impl From<TcpStream> for Stream {
    fn from(stream: TcpStream) -> Self {
        Self::Plain(stream)
    }
}

impl Stream {
    /// Reads what is there into the spare room of a buffer, after making room for `room` bytes; TLS
    /// may give more. 0 is the orderly end of the stream.
    ///
    /// A wake means data: one `recv`, and none when nothing is there.
    #[inline]
    pub(crate) fn poll_recv(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut Vec<u8>,
        room: usize,
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(stream) => {
                if buffer.capacity() - buffer.len() < room {
                    buffer.reserve(room);
                }
                pin!(stream.read_buf(buffer)).poll(context)
            }
            Self::Tls(stream) => stream.poll_recv(context, buffer),
            Self::Http2(stream) => stream.poll_recv(context, buffer),
        }
    }

    /// Takes as much as it can of `first`, then `second`; gives how much. What was taken may still
    /// be here: it is on its way when [`Stream::poll_flush`] says so. `end` says that nothing
    /// follows: sockets need not know, an HTTP/2 stream ends with it.
    #[inline]
    pub(crate) fn poll_send(
        &mut self,
        context: &mut Context<'_>,
        first: &[u8],
        second: &[u8],
        end: bool,
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(stream) => {
                let mut stream = Pin::new(stream);
                match (first.is_empty(), second.is_empty()) {
                    (_, true) => stream.as_mut().poll_write(context, first),
                    (true, false) => stream.as_mut().poll_write(context, second),
                    (false, false) => stream
                        .as_mut()
                        .poll_write_vectored(context, &[IoSlice::new(first), IoSlice::new(second)]),
                }
            }
            Self::Tls(stream) => stream.poll_send(context, first, second),
            Self::Http2(stream) => stream.poll_send(context, first, second, end),
        }
    }

    /// Gives everything that was taken to the kernel. `progress` is called when a part of it went.
    #[inline]
    pub(crate) fn poll_flush(
        &mut self,
        context: &mut Context<'_>,
        progress: impl Fn(),
    ) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(_) | Self::Http2(_) => Poll::Ready(Ok(())),
            Self::Tls(stream) => stream.poll_flush(context, progress),
        }
    }

    /// Whether there is something to read, or the end, or an error. May be a false alarm.
    #[inline]
    pub(crate) fn poll_read_ready(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => stream.poll_read_ready(context),
            Self::Tls(stream) => stream.poll_read_ready(context),
            Self::Http2(_) => Poll::Pending,
        }
    }

    /// Says that nothing more will be written.
    pub(crate) fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => stream.poll_shutdown(context),
            Self::Http2(stream) => Poll::Ready(stream.end(&[])),
        }
    }

    /// Says that this side is done, if that takes no waiting: for connections at rest. Clear text
    /// says so by closing.
    pub(crate) fn say_goodbye(&mut self) {
        if let Self::Tls(stream) = self {
            stream.say_goodbye();
        }
    }

    /// Makes closing a reset: what was not sent is forgotten, instead of waiting in the kernel for
    /// somebody who takes nothing.
    pub(crate) fn abandon(&self) {
        let socket = match self {
            Self::Plain(stream) => SockRef::from(stream),
            Self::Tls(stream) => SockRef::from(stream.socket()),
            Self::Http2(_) => return,
        };
        // Without it the kernel gives up by itself, some minutes later.
        let _ = socket.set_linger(Some(Duration::ZERO));
    }

    /// Whether nothing came on an idle connection. Whatever comes there is the end, or a reply that
    /// nobody asked for; either way it cannot be used. Costs no system call when nothing came.
    pub(crate) fn is_quiet(&mut self) -> bool {
        match self {
            Self::Plain(stream) => {
                matches!(stream.try_read(&mut [0; 1]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
            }
            Self::Tls(stream) => stream.is_quiet(),
            Self::Http2(_) => false,
        }
    }

    /// The address of this side.
    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Plain(stream) => stream.local_addr(),
            Self::Tls(stream) => stream.local_addr(),
            Self::Http2(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// The HTTP/2 stream, if it is one.
    #[inline]
    pub(crate) fn http2(&mut self) -> Option<&mut h2::Stream> {
        match self {
            Self::Http2(stream) => Some(stream),
            Self::Plain(_) | Self::Tls(_) => None,
        }
    }

    /// Whether it is an HTTP/2 stream.
    #[inline]
    pub(crate) const fn is_http2(&self) -> bool {
        matches!(self, Self::Http2(_))
    }
}
