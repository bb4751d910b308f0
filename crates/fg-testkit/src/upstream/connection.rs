//! What an upstream can do with a connection.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use rustls::{HandshakeKind, ServerConnection, Stream};

use super::Shared;
use crate::canonical::{self, Request};
use crate::tls::Greeted;
use crate::{PATIENCE, client, queue};

/// One connection, in the hands of a [`Behaviour`](super::Behaviour).
pub struct Connection {
    stream: Option<TcpStream>,
    tls: Option<ServerConnection>,
    shared: Arc<Shared>,
    number: usize,
    /// Bytes of the record that were given out as requests.
    read: usize,
}

impl Connection {
    pub(super) fn new(
        stream: TcpStream,
        tls: Option<ServerConnection>,
        shared: Arc<Shared>,
        number: usize,
    ) -> Self {
        Self {
            stream: Some(stream),
            tls,
            shared,
            number,
            read: 0,
        }
    }

    fn unread<T>(&self, look: impl FnOnce(&[u8]) -> T) -> T {
        let state = self.shared.lock();
        look(&state.received[self.number][self.read..])
    }

    /// Tells the test that this point was reached, see [`Upstream::wait_for_marks`](super::Upstream::wait_for_marks).
    pub fn mark(&self) {
        self.shared.change(|state| state.marks += 1);
    }

    /// Shakes hands, with TLS; `false` when that failed.
    pub(super) fn greet(&mut self) -> bool {
        let (Some(stream), Some(tls)) = (&mut self.stream, &mut self.tls) else {
            return true;
        };
        while tls.is_handshaking() {
            if tls.complete_io(stream).is_err() {
                return false;
            }
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let chain = tls.peer_certificates();
        let greeted = Greeted {
            name: tls.server_name().map(str::to_owned),
            protocol: tls.alpn_protocol().map(text),
            certificate: chain.and_then(|chain| Some(chain.first()?.to_vec())),
            resumed: tls.handshake_kind() == Some(HandshakeKind::Resumed),
        };
        self.shared.change(|state| state.greeted.push(greeted));
        true
    }

    /// Receives more; `false` at the end of the connection.
    pub fn receive(&mut self) -> bool {
        let mut piece = [0; 16 * 1024];
        let count = match &mut self.stream {
            Some(stream) => match &mut self.tls {
                None => stream.read(&mut piece).unwrap_or(0),
                Some(tls) => Stream::new(tls, stream).read(&mut piece).unwrap_or(0),
            },
            None => 0,
        };
        let number = self.number;
        self.shared
            .change(|state| state.received[number].extend_from_slice(&piece[..count]));
        count > 0
    }

    /// Reads a whole request; `None` at the end of the connection, or when it is not canonical
    /// (which [`Upstream::requests`](super::Upstream::requests) reports).
    pub fn request(&mut self) -> Option<Request> {
        loop {
            if let Some((used, request)) = self.unread(canonical::first).ok()? {
                self.read += used;
                return Some(request);
            }
            if !self.receive() {
                return None;
            }
        }
    }

    /// Reads the head of a request and leaves the body; `None` at the end of the connection.
    pub fn request_head(&mut self) -> Option<Request> {
        loop {
            if let Some((head_len, request, _)) = self.unread(canonical::head).ok()? {
                self.read += head_len;
                return Some(request);
            }
            if !self.receive() {
                return None;
            }
        }
    }

    /// Reads until so many bytes beyond what was given out as requests were received; `false` at
    /// the end of the connection.
    pub fn receive_at_least(&mut self, count: usize) -> bool {
        while self.unread(<[u8]>::len) < count {
            if !self.receive() {
                return false;
            }
        }
        true
    }

    /// Bytes received that were not given out, which are given out by this.
    pub fn take_unread(&mut self) -> Vec<u8> {
        let unread = self.unread(<[u8]>::to_vec);
        self.read += unread.len();
        unread
    }

    /// Reads whatever comes until the end of the connection.
    pub fn drain(&mut self) {
        while self.receive() {}
    }

    /// Sends bytes; `false` when the other side is gone.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        let bytes = bytes.as_ref();
        let sent = match &mut self.stream {
            Some(stream) => match &mut self.tls {
                None => stream.write_all(bytes),
                Some(tls) => Stream::new(tls, stream).write_all(bytes),
            },
            None => Err(io::ErrorKind::NotConnected.into()),
        };
        if sent.is_ok() {
            self.shared.change(|state| state.sent += bytes.len());
        }
        sent.is_ok()
    }

    /// Sends bytes in two pieces: the second leaves when the gateway has read the first.
    pub fn send_cut(&mut self, bytes: impl AsRef<[u8]>, cut: usize) -> bool {
        let (first, second) = bytes.as_ref().split_at(cut);
        if !self.send(first) {
            return false;
        }
        self.wait_until_read();
        self.send(second)
    }

    /// Waits until the gateway has read everything that was sent, or has closed.
    pub fn wait_until_read(&self) {
        if let Some(stream) = &self.stream {
            queue::wait_until_read(stream);
        }
    }

    /// Lets the system keep no more than about this of what is sent and not read. Units: bytes.
    /// Default: as much as the system likes, megabytes.
    pub fn keep_little(&self, bytes: usize) {
        if let Some(stream) = &self.stream {
            socket2::SockRef::from(stream)
                .set_send_buffer_size(bytes)
                .expect("a socket option");
        }
    }

    /// Sends so many bytes `x` in pieces, counting as it goes; `false` when the other side is gone.
    pub fn send_many(&mut self, mut count: usize) -> bool {
        let piece = [b'x'; 16 * 1024];
        while count > 0 {
            let part = count.min(piece.len());
            if !self.send(&piece[..part]) {
                return false;
            }
            count -= part;
        }
        true
    }

    /// Sends as much as the sockets take without anybody reading, at most `limit`; gives how much.
    pub fn send_until_stuck(&mut self, limit: usize) -> usize {
        let piece = [b'x'; 64 * 1024];
        let mut sent = 0;
        let Some(stream) = &mut self.stream else {
            return sent;
        };
        let set = |stream: &TcpStream, timeout| {
            stream.set_write_timeout(timeout).expect("a socket option");
        };
        set(stream, Some(crate::STUCK));
        while sent < limit {
            match stream.write(&piece[..piece.len().min(limit - sent)]) {
                Ok(count) => sent += count,
                Err(_) => break,
            }
        }
        set(stream, None);
        self.shared.change(|state| state.sent += sent);
        sent
    }

    /// Does nothing until the test calls [`Upstream::release`](super::Upstream::release) for the `nth` time (from 1), or
    /// drops the upstream.
    pub fn stall(&mut self, nth: usize) {
        let shared = self.shared.clone();
        let mut state = shared.lock();
        while state.released < nth && !shared.stopped.load(Ordering::Acquire) {
            state = shared
                .changed
                .wait_timeout(state, PATIENCE)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Sends nothing more, but goes on receiving.
    pub fn half_close(&mut self) {
        if let Some(stream) = &self.stream {
            // It may be closed already.
            let _ = stream.shutdown(Shutdown::Write);
        }
    }

    /// Ends the connection without an end of TLS.
    pub fn cut(&mut self) {
        self.tls = None;
        self.close();
    }

    /// Ends the connection in an orderly way.
    pub fn close(&mut self) {
        self.forget_copy();
        if let Some(mut stream) = self.stream.take() {
            if let Some(tls) = &mut self.tls {
                tls.send_close_notify();
                let _ = tls.complete_io(&mut stream);
            }
            // It may be closed already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Ends the connection with a reset.
    pub fn reset(&mut self) {
        self.forget_copy();
        if let Some(stream) = self.stream.take() {
            client::reset(stream);
        }
    }

    /// The descriptor that the upstream keeps to end connections would keep the socket open.
    fn forget_copy(&mut self) {
        let Some(stream) = &self.stream else {
            return;
        };
        let peer = stream.peer_addr().ok();
        let same = |copy: &TcpStream| copy.peer_addr().ok() == peer;
        self.shared.lock().streams.retain(|copy| !same(copy));
    }
}
