//! Endpoints that say nothing at all, and endpoints of which none is in good standing.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use fg_proxy::Settings;
use fg_testkit::{Upstream, address, upstream};
use socket2::{Domain, Socket, Type};

use crate::gateway::{Gateway, plain};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
/// A time that passes in a test.
const SHORT: Duration = Duration::from_millis(200);

/// A socket whose queue is full: the kernel drops what wants to connect, as a firewall does.
struct BlackHole {
    address: SocketAddr,
    _socket: Socket,
    _queue: Vec<TcpStream>,
}

impl BlackHole {
    fn open() -> Self {
        let at = SocketAddr::new(address::own_ip(), 0);
        let socket = Socket::new(Domain::for_address(at), Type::STREAM, None).expect("a socket");
        socket.bind(&at.into()).expect("an own address");
        socket.listen(0).expect("a bound socket");
        let address = socket.local_addr().expect("a bound socket has an address");
        let address = address.as_socket().expect("an address of IP");
        let mut queue = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&address, SHORT) {
            queue.push(stream);
        }
        Self {
            address,
            _socket: socket,
            _queue: queue,
        }
    }
}

#[test]
fn an_endpoint_that_says_nothing_is_given_up() {
    let hole = BlackHole::open();
    let settings = Settings {
        connect_timeout: SHORT,
        ..plain()
    };
    let gateway = Gateway::to_addresses(settings, &[hole.address]);
    let mut client = gateway.connect();
    client.send(GET);
    let reply = client.reply();
    assert_eq!(
        (reply.status, reply.reason()),
        (503, Some("connect_failed"))
    );
    assert_eq!(gateway.metric("ferrogate_upstream_connections_open"), 0.0);
    assert_eq!(
        gateway.metric("ferrogate_upstream_connections_failed_total"),
        1.0
    );
}

#[test]
fn an_endpoint_that_says_nothing_costs_no_request() {
    let hole = BlackHole::open();
    let good = Upstream::replying(upstream::ok("ok"));
    let settings = Settings {
        connect_timeout: SHORT,
        avoid_endpoint: Duration::from_secs(600),
        ..plain()
    };
    let gateway = Gateway::to_addresses(settings, &[hole.address, good.address()]);
    let mut client = gateway.connect();
    for _ in 0..40 {
        client.send(GET);
        assert_eq!(client.reply().text(), "ok");
    }
    assert_eq!(gateway.metric("ferrogate_upstream_retries_total"), 1.0);
}

#[test]
fn when_all_are_avoided_a_failure_still_leads_to_another() {
    let settings = Settings {
        avoid_endpoint: Duration::from_secs(600),
        ..plain()
    };
    let (mut retried, rounds) = (0.0, 24);
    for _ in 0..rounds {
        let (dead, late) = (address::own_address(), address::own_address());
        let gateway = Gateway::to_addresses(settings.clone(), &[dead, late]);
        let mut client = gateway.connect();
        client.send(GET);
        assert_eq!(client.reply().status, 503, "both fail, and are avoided now");
        let before = gateway.metric("ferrogate_upstream_retries_total");
        let _late = Upstream::start_at(late, |connection, _| {
            while connection.request().is_some() {
                connection.send(upstream::ok("late"));
            }
        });
        client.send(GET);
        assert_eq!(client.reply().text(), "late");
        retried += gateway.metric("ferrogate_upstream_retries_total") - before;
    }
    assert!(retried > 0.0, "of {rounds} none met the dead one first");
}
