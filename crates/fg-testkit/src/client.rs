//! A client that sends any bytes and reads strictly.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};

use socket2::{Domain, SockRef, Socket, Type};

use crate::{Message, PATIENCE, STUCK, queue};

/// One connection.
#[derive(Debug)]
pub struct Client {
    reader: BufReader<TcpStream>,
}

impl Client {
    /// Connects.
    ///
    /// # Panics
    /// When that fails; so do all other methods when the socket fails in a way that is not part of
    /// their answer.
    pub fn connect(to: SocketAddr) -> Self {
        Self::try_connect(to).expect("the gateway accepts")
    }

    /// Connects, where it may be that nobody listens.
    ///
    /// # Errors
    /// Nobody does.
    pub fn try_connect(to: SocketAddr) -> io::Result<Self> {
        TcpStream::connect_timeout(&to, PATIENCE).map(Self::new)
    }

    /// Connects from a certain address, to be (or not to be) a trusted peer.
    pub fn connect_from(from: IpAddr, to: SocketAddr) -> Self {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, None).expect("a socket");
        socket
            .bind(&SocketAddr::new(from, 0).into())
            .expect("an own address can be bound");
        socket
            .connect_timeout(&to.into(), PATIENCE)
            .expect("the gateway accepts");
        Self::new(socket.into())
    }

    fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("a socket option");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a socket option");
        stream
            .set_write_timeout(Some(PATIENCE))
            .expect("a socket option");
        Self {
            reader: BufReader::new(stream),
        }
    }

    /// The address of this side.
    pub fn address(&self) -> SocketAddr {
        self.stream()
            .local_addr()
            .expect("a connected socket has an address")
    }

    pub(crate) fn reader(&mut self) -> &mut BufReader<TcpStream> {
        &mut self.reader
    }

    fn stream(&self) -> &TcpStream {
        self.reader.get_ref()
    }

    /// Sends bytes. That the other side closed already is no failure: what it said counts.
    pub fn send(&self, bytes: impl AsRef<[u8]>) {
        // The reply, or its absence, says what became of it.
        let _ = self.stream().write_all(bytes.as_ref());
    }

    /// Sends bytes in two pieces: the second leaves when the gateway has read the first.
    pub fn send_cut(&self, bytes: impl AsRef<[u8]>, cut: usize) {
        let (first, second) = bytes.as_ref().split_at(cut);
        self.send(first);
        queue::wait_until_read(self.stream());
        self.send(second);
    }

    /// Waits until the gateway has read everything that was sent, or has closed.
    pub fn wait_until_read(&self) {
        queue::wait_until_read(self.stream());
    }

    /// Posts a body of 99 MB to `/stuck` on host `a`, until nobody takes more or `limit` was sent.
    pub fn post_until_stuck(&self, limit: usize) {
        self.send("POST /stuck HTTP/1.1\r\nHost: a\r\nContent-Length: 99000000\r\n\r\n");
        self.send_until_stuck(limit);
    }

    /// Sends as much as the sockets take without anybody reading, at most `limit`; gives how much.
    pub fn send_until_stuck(&self, limit: usize) -> usize {
        self.repeat_until_stuck(&[b'x'; 64 * 1024], limit)
    }

    /// The same with a piece again and again.
    pub fn repeat_until_stuck(&self, piece: &[u8], limit: usize) -> usize {
        let mut sent = 0;
        self.stream()
            .set_write_timeout(Some(STUCK))
            .expect("a socket option");
        while sent < limit {
            // Pieces stay whole, one after the other.
            let rest = &piece[sent % piece.len()..];
            match self.stream().write(&rest[..rest.len().min(limit - sent)]) {
                Ok(count) => sent += count,
                Err(_) => break,
            }
        }
        self.stream()
            .set_write_timeout(Some(PATIENCE))
            .expect("a socket option");
        sent
    }

    /// Reads one reply to anything but HEAD.
    ///
    /// # Panics
    /// When there is none, or when it is not well-formed.
    pub fn reply(&mut self) -> Message {
        self.try_reply().expect("a well-formed reply")
    }

    /// Reads one reply to HEAD.
    pub fn reply_to_head(&mut self) -> Message {
        Message::read(&mut self.reader, true).expect("a well-formed reply")
    }

    /// Reads one reply, which may fail.
    ///
    /// # Errors
    /// See [`Message::read`].
    pub fn try_reply(&mut self) -> io::Result<Message> {
        Message::read(&mut self.reader, false)
    }

    /// Reads exactly so many bytes.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.reader.read_exact(&mut bytes).expect("so many bytes");
        bytes
    }

    /// Reads up to and with an empty line.
    pub fn head(&mut self) -> String {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let count = self.reader.read_line(&mut head).expect("a head of text");
            assert!(count > 0, "the connection ended in {head:?}");
        }
        head
    }

    /// Reads to the end of the connection.
    ///
    /// # Errors
    /// When it is reset instead of closed, or stays open.
    pub fn rest(&mut self) -> io::Result<Vec<u8>> {
        let mut rest = Vec::new();
        self.reader.read_to_end(&mut rest)?;
        Ok(rest)
    }

    /// Whether the other side ends the connection, orderly or not, without saying more.
    pub fn is_ended(&mut self) -> bool {
        match self.rest() {
            Ok(rest) => rest.is_empty(),
            Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
        }
    }

    /// Whether the other side resets the connection, whatever it said before.
    pub fn is_reset(&mut self) -> bool {
        let rest = self.rest();
        rest.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionReset)
    }

    /// Whether the connection is still open and nothing waits to be read; asks only now.
    pub fn is_quiet(&self) -> bool {
        let stream = self.stream();
        stream.set_nonblocking(true).expect("a socket option");
        let peeked = stream.peek(&mut [0; 1]);
        stream.set_nonblocking(false).expect("a socket option");
        self.reader.buffer().is_empty()
            && peeked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Sends nothing more, but goes on reading.
    pub fn half_close(&self) {
        self.stream()
            .shutdown(Shutdown::Write)
            .expect("an open connection");
    }

    /// Goes away with a reset.
    pub fn abort(self) {
        reset(self.reader.into_inner());
    }
}

/// The reply to a request of these bytes, on a connection of its own.
///
/// # Panics
/// When there is none, or when it is not well-formed.
pub fn ask(at: SocketAddr, request: impl AsRef<[u8]>) -> Message {
    let mut client = Client::connect(at);
    client.send(request);
    client.reply()
}

/// The reply to a `GET`, on a connection of its own.
///
/// # Panics
/// When there is none, or when it is not well-formed.
pub fn get(at: SocketAddr, host: &str, path: &str) -> Message {
    try_get(at, host, path).expect("a well-formed reply")
}

/// The same, which may fail.
///
/// # Errors
/// Nobody listens, or see [`Message::read`].
pub fn try_get(at: SocketAddr, host: &str, path: &str) -> io::Result<Message> {
    let mut client = Client::try_connect(at)?;
    client.send(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    client.try_reply()
}

/// Closes with a reset instead of an orderly end.
pub(crate) fn reset(stream: TcpStream) {
    SockRef::from(&stream)
        .set_linger(Some(std::time::Duration::ZERO))
        .expect("a socket option");
    drop(stream);
}
