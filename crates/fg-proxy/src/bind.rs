//! Opens listening sockets, one for each worker on the same address (`SO_REUSEPORT`).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that may wait to be accepted, for each socket.
const BACKLOG: i32 = 4096;

/// Binds an address (`None` is all, v4 and v6) once for each of `workers`. `alone` says that
/// this process has no other socket on that port.
///
/// # Errors
/// In words for the owner of the Gateway.
pub(crate) fn bind(
    address: Option<IpAddr>,
    port: u16,
    workers: usize,
    alone: bool,
) -> Result<Vec<TcpListener>, String> {
    let targets = match address {
        Some(address) => vec![SocketAddr::new(address, port)],
        None => vec![
            SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port),
            SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port),
        ],
    };
    let mut last = None;
    for target in targets {
        match bind_all(target, workers, alone) {
            Ok(listeners) => return Ok(listeners),
            // Without IPv6 in the kernel, all addresses are those of IPv4.
            Err(error) if target.is_ipv6() && address.is_none() && is_no_ipv6(&error) => {
                last = Some((target, error))
            }
            Err(error) => return Err(words(target, &error)),
        }
    }
    Err(last
        .map(|(target, error)| words(target, &error))
        .unwrap_or_default())
}

fn bind_all(target: SocketAddr, workers: usize, alone: bool) -> io::Result<Vec<TcpListener>> {
    // Sockets that share a port do not see a stranger that shares it too: a first one that does
    // not share finds out, and makes room again.
    if alone {
        drop(open(target, false)?);
    }
    (0..workers).map(|_| open(target, true)).collect()
}

fn open(target: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(target),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if target.is_ipv6() {
        socket.set_only_v6(!target.ip().is_unspecified())?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.set_nonblocking(true)?;
    // Connections inherit it. Without it small writes would wait for acknowledgements; a failure
    // costs only time.
    let _ = socket.set_tcp_nodelay(true);
    socket.bind(&target.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn is_no_ipv6(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported
    ) || error.raw_os_error() == Some(97)
}

fn words(target: SocketAddr, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => format!(
            "no permission to bind {target}: ports below 1024 need a privilege; \
             map the port to another one with `--port-map {}={}`",
            target.port(),
            if target.port() < 1024 {
                target.port() + 8000
            } else {
                target.port()
            }
        ),
        io::ErrorKind::AddrInUse => {
            format!("another process listens on {target}: stop it, or use another port")
        }
        io::ErrorKind::AddrNotAvailable => {
            format!("this machine does not have the address {}", target.ip())
        }
        _ => format!("{target} cannot be bound: {error}"),
    }
}
