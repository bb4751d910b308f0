//! A socket with TLS on it: what rustls makes of the bytes of a socket, inside a poll.
//!
//! Bytes are received into a buffer of the thread and decrypted from there; an idle connection owns
//! nothing but what rustls keeps of it. A head and its small body are one record and one `send`.

use std::cell::RefCell;
use std::io::{self, BufRead as _, IoSlice, Write as _};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustls::Connection;
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::net::TcpStream;

use super::handshake::may_wait;

/// Room for received bytes: two records of the greatest size. Units: bytes.
const SCRATCH: usize = 33 * 1024;

/// How much is encrypted before it is sent: four records. Units: bytes.
const BATCH: usize = 64 * 1024;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Lends the buffer of the thread.
pub(super) fn with_scratch<T>(act: impl FnOnce(&mut [u8]) -> T) -> T {
    BUFFER.with_borrow_mut(|buffer| {
        buffer.resize(SCRATCH, 0);
        act(buffer)
    })
}

/// TLS on a socket, after the handshake.
pub(crate) struct TlsStream {
    socket: TcpStream,
    tls: Connection,
    /// Received and not given to rustls yet: what came right behind the handshake.
    rest: Vec<u8>,
    /// rustls, or `rest`, has data that nobody read yet.
    unread: bool,
    /// What rustls has to send can wait for what we send: it is only session tickets.
    patient: bool,
    /// Our side said that it is done.
    closing: bool,
}

impl std::fmt::Debug for TlsStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsStream").finish_non_exhaustive()
    }
}

impl TlsStream {
    /// A connection whose handshake is done, as far as this side is concerned.
    pub(super) fn new(socket: TcpStream, mut tls: Connection, rest: Vec<u8>) -> Self {
        let unread = tls
            .process_new_packets()
            .is_ok_and(|state| state.plaintext_bytes_to_read() > 0 || state.peer_has_closed());
        Self {
            socket,
            unread: unread || !rest.is_empty(),
            rest,
            patient: may_wait(&tls),
            tls,
            closing: false,
        }
    }

    pub(crate) fn poll_recv(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut Vec<u8>,
    ) -> Poll<io::Result<usize>> {
        loop {
            if self.unread {
                self.unread = false;
                let before = buffer.len();
                let mut ended = take_plaintext(&mut self.tls, buffer)?;
                let rest = std::mem::take(&mut self.rest);
                if !rest.is_empty() && !ended {
                    ended = feed(&mut self.tls, &rest, buffer)?;
                }
                let count = buffer.len() - before;
                self.unread = ended && count > 0;
                if ended || count > 0 {
                    return Poll::Ready(Ok(count));
                }
            }
            let before = buffer.len();
            let ended = match with_scratch(|scratch| {
                let count = ready!(poll_read(&mut self.socket, context, scratch))?;
                let received = scratch.get(..count).unwrap_or_default();
                Poll::Ready(feed(&mut self.tls, received, buffer))
            }) {
                Poll::Ready(Ok(ended)) => ended,
                Poll::Ready(Err(error)) => {
                    // The other side is told why, if it can be.
                    let _ = self.poll_write(context, &|| ());
                    return Poll::Ready(Err(error));
                }
                Poll::Pending => {
                    // An answer to a question of TLS itself must not wait for us.
                    if !self.patient {
                        let _ = self.poll_write(context, &|| ())?;
                    }
                    return Poll::Pending;
                }
            };
            let count = buffer.len() - before;
            self.unread = ended && count > 0;
            if ended || count > 0 {
                return Poll::Ready(Ok(count));
            }
        }
    }

    pub(crate) fn poll_send(
        &mut self,
        context: &mut Context<'_>,
        first: &[u8],
        second: &[u8],
    ) -> Poll<io::Result<usize>> {
        // Nothing new before the old is gone: that bounds what waits here.
        if !self.patient {
            ready!(self.poll_write(context, &|| ()))?;
        }
        let first = first.get(..BATCH).unwrap_or(first);
        let room = BATCH - first.len();
        let second = second.get(..room).unwrap_or(second);
        let pieces = [IoSlice::new(first), IoSlice::new(second)];
        let count = self.tls.writer().write_vectored(&pieces)?;
        self.patient = false;
        // What does not go now goes with the next flush.
        match self.poll_write(context, &|| ()) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(count)),
        }
    }

    pub(crate) fn poll_flush(
        &mut self,
        context: &mut Context<'_>,
        progress: impl Fn(),
    ) -> Poll<io::Result<()>> {
        if self.patient || !self.tls.wants_write() {
            return Poll::Ready(Ok(()));
        }
        self.poll_write(context, &progress)
    }

    fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        progress: &dyn Fn(),
    ) -> Poll<io::Result<()>> {
        poll_write_tls(&mut self.socket, &mut self.tls, context, progress)
    }

    pub(crate) fn poll_read_ready(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.unread {
            return Poll::Ready(Ok(()));
        }
        self.socket.poll_read_ready(context)
    }

    pub(crate) fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.closing {
            self.closing = true;
            self.tls.send_close_notify();
        }
        ready!(self.poll_write(context, &|| ()))?;
        Pin::new(&mut self.socket).poll_shutdown(context)
    }

    /// Says that this side is done, if the socket takes that at once: for connections at rest.
    pub(crate) fn say_goodbye(&mut self) {
        self.closing = true;
        self.tls.send_close_notify();
        let mut socket = Trying(&self.socket);
        while self.tls.wants_write() {
            if !matches!(self.tls.write_tls(&mut socket), Ok(count) if count > 0) {
                return;
            }
        }
    }

    /// See [`super::socket::Stream::is_quiet`]. Session tickets and the like may come at any time.
    pub(crate) fn is_quiet(&mut self) -> bool {
        if self.unread {
            return false;
        }
        let mut data = Vec::new();
        loop {
            let fed = with_scratch(|scratch| {
                let count = self.socket.try_read(scratch)?;
                feed(
                    &mut self.tls,
                    scratch.get(..count).unwrap_or_default(),
                    &mut data,
                )
            });
            match fed {
                Ok(false) if data.is_empty() => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                _ => return false,
            }
        }
    }

    /// What it is on.
    pub(super) const fn socket(&self) -> &TcpStream {
        &self.socket
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

/// Reads what is there, with one system call; none when it is known that nothing is.
pub(super) fn poll_read(
    socket: &mut TcpStream,
    context: &mut Context<'_>,
    scratch: &mut [u8],
) -> Poll<io::Result<usize>> {
    let mut buffer = ReadBuf::new(scratch);
    ready!(Pin::new(socket).poll_read(context, &mut buffer))?;
    Poll::Ready(Ok(buffer.filled().len()))
}

/// Sends all that rustls has to send.
pub(super) fn poll_write_tls(
    socket: &mut TcpStream,
    tls: &mut Connection,
    context: &mut Context<'_>,
    progress: &dyn Fn(),
) -> Poll<io::Result<()>> {
    while tls.wants_write() {
        let mut sending = Sending {
            socket: &mut *socket,
            context: &mut *context,
        };
        match tls.write_tls(&mut sending) {
            Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            Ok(_) => progress(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
            Err(error) => return Poll::Ready(Err(error)),
        }
    }
    Poll::Ready(Ok(()))
}

/// Decrypts what was received (nothing is the end of the socket) and appends the data. `true` when
/// the other side said that it is done.
fn feed(tls: &mut Connection, mut received: &[u8], buffer: &mut Vec<u8>) -> io::Result<bool> {
    if received.is_empty() {
        // From now on rustls knows a cut connection from an ended one.
        tls.read_tls(&mut received)?;
        return take_plaintext(tls, buffer);
    }
    loop {
        let taken = tls.read_tls(&mut received)?;
        let state = tls
            .process_new_packets()
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        if state.plaintext_bytes_to_read() > 0 || state.peer_has_closed() {
            let ended = take_plaintext(tls, buffer)?;
            if ended {
                return Ok(true);
            }
        }
        if received.is_empty() || taken == 0 {
            return Ok(false);
        }
    }
}

/// Appends the data that rustls has. `true` when the other side said that it is done; that it went
/// without saying so is an error.
fn take_plaintext(tls: &mut Connection, buffer: &mut Vec<u8>) -> io::Result<bool> {
    let mut reader = tls.reader();
    loop {
        match reader.fill_buf() {
            Ok([]) => return Ok(true),
            Ok(chunk) => {
                let count = chunk.len();
                buffer.extend_from_slice(chunk);
                reader.consume(count);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}

/// A socket for [`Connection::write_tls`], inside a poll.
struct Sending<'a, 'c> {
    socket: &'a mut TcpStream,
    context: &'a mut Context<'c>,
}

impl io::Write for Sending<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        blocking(Pin::new(&mut *self.socket).poll_write(self.context, bytes))
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        match pieces {
            [piece] => self.write(piece),
            _ => blocking(Pin::new(&mut *self.socket).poll_write_vectored(self.context, pieces)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn blocking(outcome: Poll<io::Result<usize>>) -> io::Result<usize> {
    match outcome {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

/// A socket that is tried once, without waiting.
pub(super) struct Trying<'a>(pub(super) &'a TcpStream);

impl io::Write for Trying<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
