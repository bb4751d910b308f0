//! Configuration that changes, panics, and the end: what goes on and what ends.

use std::time::Duration;

use fg_exchange::{Facts, Filter, Part, Reply, Request, Verdict};
use fg_proxy::Settings;
use fg_testkit::{PATIENCE, Upstream, address, ir, upstream};

use crate::gateway::{Gateway, plain};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// Waits for the test before each reply.
fn slow() -> Upstream {
    Upstream::start(|connection, _| {
        let mut count = 0;
        while connection.request().is_some() {
            count += 1;
            connection.mark();
            connection.stall(count);
            connection.send(upstream::ok("slow"));
        }
    })
}

#[test]
fn a_change_is_seen_by_the_next_request_on_the_same_connection() {
    let (one, two) = (slow(), Upstream::replying(upstream::ok("two")));
    let at = address::own_address();
    let gateway = Gateway::serving(plain(), at, &ir::everything_to(at, &[one.address()]));
    let mut client = gateway.connect();
    client.send(GET);
    one.wait_for_marks(1);
    gateway.apply(&ir::everything_to(at, &[two.address()]));
    one.release();
    assert_eq!(client.reply().text(), "slow", "it began before the change");
    client.send(GET);
    assert_eq!(client.reply().text(), "two");
}

#[test]
fn a_removed_listener_ends_what_is_idle_and_finishes_what_is_not() {
    let upstream = slow();
    let at = address::own_address();
    let gateway = Gateway::serving(plain(), at, &ir::everything_to(at, &[upstream.address()]));
    let mut idle = gateway.connect();
    idle.send(GET);
    upstream.wait_for_marks(1);
    upstream.release();
    assert_eq!(idle.reply().text(), "slow");
    let mut busy = gateway.connect();
    busy.send(GET);
    upstream.wait_for_marks(2);
    gateway.apply(&ir::Changes::new().without_listener("http").build());
    assert!(idle.is_ended());
    upstream.release();
    assert_eq!(busy.reply().text(), "slow");
    assert!(
        std::net::TcpStream::connect(at).is_err(),
        "nobody listens any more"
    );
    // And back again.
    let back = ir::Changes::new().listener(ir::listener("http", at, None));
    gateway.apply(&back.build());
    let mut client = gateway.connect();
    client.send(GET);
    upstream.wait_for_marks(3);
    upstream.release();
    assert_eq!(client.reply().text(), "slow");
}

#[test]
fn draining_lets_requests_finish_and_ends_the_rest() {
    let upstream = slow();
    let gateway = Gateway::to(&[&upstream]);
    let mut idle = gateway.connect();
    idle.send(GET);
    upstream.wait_for_marks(1);
    upstream.release();
    assert_eq!(idle.reply().text(), "slow");
    let mut fresh = gateway.connect();
    let mut busy = gateway.connect();
    busy.send(GET.repeat(2));
    upstream.wait_for_marks(2);
    std::thread::scope(|scope| {
        let drained = scope.spawn(|| gateway.drain(PATIENCE));
        assert!(idle.is_ended());
        assert!(fresh.is_ended());
        upstream.release();
        upstream.release();
        assert_eq!(busy.reply().text(), "slow");
        // A request that was sent already is answered or the connection is closed; both are fair.
        let _ = busy.rest();
        drop(busy);
        assert!(
            drained.join().expect("no panic"),
            "everything came to its end"
        );
    });
    assert!(std::net::TcpStream::connect(gateway.address).is_err());
}

#[test]
fn draining_does_not_wait_for_ever() {
    let upstream = slow();
    let gateway = Gateway::to(&[&upstream]);
    let client = gateway.connect();
    client.send(GET);
    upstream.wait_for_marks(1);
    assert!(!gateway.drain(Duration::from_millis(100)));
}

/// Panics where a request or reply says so.
#[derive(Debug)]
struct Panicking;

impl Filter for Panicking {
    fn request(&self, request: &mut Request, _: &Facts) -> Verdict {
        assert!(request.path() != b"/request", "a bug, on purpose");
        Verdict::Continue
    }

    fn reply(&self, reply: &mut Reply, _: &Request, _: &Facts) {
        assert!(
            reply.head.get_named("x-panic").is_none(),
            "a bug, on purpose"
        );
    }

    fn describe(&self) -> String {
        "panics when it is told to".to_owned()
    }
}

#[test]
fn a_panic_ends_its_request_and_nothing_else() {
    let upstream = Upstream::start(|connection, _| {
        while let Some(request) = connection.request() {
            if request.target == "/reply" {
                connection.send("HTTP/1.1 200 OK\r\nX-Panic: 1\r\nContent-Length: 0\r\n\r\n");
            } else {
                connection.send(upstream::ok("fine"));
            }
        }
    });
    let at = address::own_address();
    let gateway = Gateway::serving(plain(), at, &ir::Changes::new().build());
    gateway.proxy(|proxy| proxy.add_part(|| Part::Filter(Box::new(Panicking))));
    gateway.apply(&ir::everything_to(at, &[upstream.address()]));
    let mut other = gateway.connect();
    for (count, path) in ["/request", "/reply", "/request"].into_iter().enumerate() {
        other.send(GET);
        assert_eq!(other.reply().text(), "fine");
        let mut client = gateway.connect();
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        let reply = client.reply();
        assert_eq!(
            (reply.status, reply.reason()),
            (500, Some("internal_error")),
            "{path}"
        );
        assert!(client.is_ended());
        assert_eq!(gateway.metric("ferrogate_panics_total"), (count + 1) as f64);
        assert_eq!(gateway.metric("ferrogate_requests_in_flight"), 0.0);
        other.send(GET);
        assert_eq!(other.reply().text(), "fine", "after {path}");
    }
}

#[test]
fn every_worker_serves() {
    let upstream = Upstream::replying(upstream::ok("ok"));
    let settings = Settings {
        workers: 3,
        ..plain()
    };
    let gateway = Gateway::with(settings, &[&upstream]);
    let mut clients: Vec<_> = (0..60).map(|_| gateway.connect()).collect();
    for client in &mut clients {
        client.send(GET);
    }
    for client in &mut clients {
        assert_eq!(client.reply().text(), "ok");
    }
    assert_eq!(upstream.requests().len(), 60);
    assert_eq!(gateway.metric("ferrogate_connections_accepted_total"), 60.0);
}
