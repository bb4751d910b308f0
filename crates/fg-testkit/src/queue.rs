//! Knows when the other side of a loopback connection has read what was sent, so that pieces can be
//! sent apart without sleeping.

use std::io::{self, Read as _};
use std::net::{SocketAddr, SocketAddrV4, TcpStream};
use std::time::Instant;

use socket2::{Domain, Protocol, Socket, Type};

use crate::PATIENCE;

// Source: sock_diag(7), netlink(7).
const AF_NETLINK: i32 = 16;
const NETLINK_SOCK_DIAG: i32 = 4;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLM_F_REQUEST: u16 = 1;
const NLMSG_ERROR: u16 = 2;
const AF_INET: u8 = 2;
const IPPROTO_TCP: u8 = 6;
/// Length of a message's head.
const HEAD: usize = 16;
/// Where the answer holds the bytes that wait to be read: after the head, four bytes, the names of
/// both ends, and a timer.
const QUEUE: usize = HEAD + 4 + 48 + 4;

/// Waits until nothing of what was sent waits to be read by the other side, or it has closed.
pub(crate) fn wait_until_read(stream: &TcpStream) {
    let (Ok(SocketAddr::V4(here)), Ok(SocketAddr::V4(there))) =
        (stream.local_addr(), stream.peer_addr())
    else {
        return;
    };
    let kernel = Socket::new(
        Domain::from(AF_NETLINK),
        Type::DGRAM,
        Some(Protocol::from(NETLINK_SOCK_DIAG)),
    );
    let kernel = kernel.expect("the kernel tells about sockets");
    let end = Instant::now() + PATIENCE;
    while unread(&kernel, there, here).is_some_and(|bytes| bytes > 0) {
        assert!(Instant::now() < end, "nobody reads what was sent");
        std::thread::yield_now();
    }
}

/// Bytes that wait at `there` from `here`; `None` when there is no such socket (any more).
fn unread(mut kernel: &Socket, there: SocketAddrV4, here: SocketAddrV4) -> Option<u32> {
    kernel.send(&question(there, here)).ok()?;
    let mut answer = [0; 512];
    let length = loop {
        match kernel.read(&mut answer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => break read.ok()?,
        }
    };
    let kind = u16::from_ne_bytes([answer[4], answer[5]]);
    let queue = answer[..length].get(QUEUE..QUEUE + 4)?;
    let queue = <[u8; 4]>::try_from(queue).ok()?;
    (kind != NLMSG_ERROR).then(|| u32::from_ne_bytes(queue))
}

/// Asks for the one socket at `there` that is connected to `here`.
fn question(there: SocketAddrV4, here: SocketAddrV4) -> Vec<u8> {
    let mut body = vec![AF_INET, IPPROTO_TCP, 0, 0];
    // In any state.
    body.extend(u32::MAX.to_ne_bytes());
    body.extend(there.port().to_be_bytes());
    body.extend(here.port().to_be_bytes());
    for address in [there.ip(), here.ip()] {
        body.extend(address.octets());
        body.extend([0; 12]);
    }
    // On any interface, with any cookie.
    body.extend([0; 4]);
    body.extend([0xff; 8]);
    let mut message = Vec::new();
    message.extend(((HEAD + body.len()) as u32).to_ne_bytes());
    message.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    message.extend(NLM_F_REQUEST.to_ne_bytes());
    message.extend([0; 8]);
    message.extend(body);
    message
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{SocketAddr, TcpListener, TcpStream};

    use socket2::{Domain, Protocol, Socket, Type};

    use super::{unread, wait_until_read};

    #[test]
    fn bytes_are_counted_until_they_are_read() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        let (SocketAddr::V4(here), SocketAddr::V4(there)) =
            (client.local_addr().unwrap(), client.peer_addr().unwrap())
        else {
            unreachable!("bound to IPv4");
        };
        let kernel = Socket::new(Domain::from(16), Type::DGRAM, Some(Protocol::from(4))).unwrap();
        client.write_all(b"hello").unwrap();
        assert_eq!(unread(&kernel, there, here), Some(5));
        server.read_exact(&mut [0; 5]).unwrap();
        wait_until_read(&client);
        assert_eq!(unread(&kernel, there, here), Some(0));
        drop((listener, server));
        let stranger = "127.0.0.1:1".parse().unwrap();
        assert_eq!(unread(&kernel, stranger, here), None);
    }
}
