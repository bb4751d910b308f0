//! Addresses of one's own, so that tests that run at the same time do not meet.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

/// A loopback address that no other test of this process uses, and hardly one of another process:
/// `127.a.b.c` with `a` from the process.
pub fn own_ip() -> IpAddr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let process = std::process::id();
    let [.., b, c] = (number + 1 + (process / 200 % 200) * 256).to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(127, (process % 200) as u8 + 10, b, c))
}

/// A free port on an own address, for somebody who cannot bind port 0.
pub fn own_address() -> SocketAddr {
    let listener = TcpListener::bind((own_ip(), 0)).expect("a loopback address can be bound");
    listener
        .local_addr()
        .expect("a bound socket has an address")
}
