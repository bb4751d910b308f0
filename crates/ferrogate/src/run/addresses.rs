//! Where this machine can be reached.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// Addresses that are kept for documentation, so that nobody has them: RFC 5737, RFC 3849.
const FAR_AWAY: [(IpAddr, IpAddr); 2] = [
    (
        IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    ),
    (
        IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
    ),
];

/// The addresses that this machine would use towards others, for each version of IP the one of its
/// default route; the loopback address when it has no such route.
///
/// What a Gateway that listens on all addresses shows as its own. Sends nothing: to connect a
/// datagram socket only asks the kernel for its routes.
pub(crate) fn of_this_machine() -> Vec<IpAddr> {
    let own = FAR_AWAY.into_iter().filter_map(|(any, far)| {
        let socket = UdpSocket::bind(SocketAddr::new(any, 0)).ok()?;
        socket.connect(SocketAddr::new(far, 9)).ok()?;
        Some(socket.local_addr().ok()?.ip())
    });
    let own: Vec<_> = own.filter(|own| !own.is_unspecified()).collect();
    if own.is_empty() {
        vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]
    } else {
        own
    }
}
