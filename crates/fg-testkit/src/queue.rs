//! Knows when the other side of a loopback connection has read what was sent, so that pieces can be
//! sent apart without sleeping.

use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use crate::PATIENCE;

/// Where the kernel lists its sockets over IPv4 with the bytes in their queues.
const LIST: &str = "/proc/net/tcp";

/// Waits until nothing of what was sent waits to be read by the other side, or it has closed.
pub(crate) fn wait_until_read(stream: &TcpStream) {
    let (Ok(here), Ok(there)) = (stream.local_addr(), stream.peer_addr()) else {
        return;
    };
    let end = Instant::now() + PATIENCE;
    while unread(there, here).is_some_and(|bytes| bytes > 0) {
        assert!(Instant::now() < end, "nobody reads what was sent");
        std::thread::yield_now();
    }
}

/// Bytes that wait at `there` from `here`; `None` when there is no such socket (any more).
fn unread(there: SocketAddr, here: SocketAddr) -> Option<u64> {
    let ends = format!(" {} {} ", listed(there)?, listed(here)?);
    let list = std::fs::read_to_string(LIST).ok()?;
    let line = list.lines().find(|line| line.contains(&ends))?;
    // After the two addresses: state, then `sent:received` in hexadecimal.
    let queues = line.split(&ends).nth(1)?.split_whitespace().nth(1)?;
    u64::from_str_radix(queues.split(':').nth(1)?, 16).ok()
}

/// An address as it stands in the list: the four bytes as a number of this machine, and the port.
fn listed(address: SocketAddr) -> Option<String> {
    let SocketAddr::V4(address) = address else {
        return None;
    };
    let bytes = u32::from_ne_bytes(address.ip().octets());
    Some(format!("{bytes:08X}:{:04X}", address.port()))
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};

    use super::{unread, wait_until_read};

    #[test]
    fn bytes_are_counted_until_they_are_read() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        let (here, there) = (client.local_addr().unwrap(), client.peer_addr().unwrap());
        client.write_all(b"hello").unwrap();
        assert_eq!(unread(there, here), Some(5));
        server.read_exact(&mut [0; 5]).unwrap();
        wait_until_read(&client);
        assert_eq!(unread(there, here), Some(0));
    }
}
