//! Limits and timeouts: each bites, says so, and hurts only its own exchange.

use std::sync::Arc;
use std::time::Duration;

use fg_proxy::{Limits, Settings};
use fg_testkit::{Upstream, address, ir, upstream};

use crate::gateway::{Gateway, plain};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
/// A time that passes in a test.
const SHORT: Duration = Duration::from_millis(200);

/// An upstream that reads a head and then nothing happens.
fn silent() -> Upstream {
    Upstream::start(|connection, _| {
        connection.request_head();
        connection.drain();
    })
}

#[test]
fn heads_are_bounded() {
    let upstream = Upstream::replying(upstream::ok("ok"));
    let settings = Settings {
        limits: Limits {
            head: 2000,
            request_line: 500,
            fields: 10,
            ..Limits::default()
        },
        ..plain()
    };
    let gateway = Gateway::with(settings, &[&upstream]);
    let long = |length: usize| "x".repeat(length);
    for (head, status, reason) in [
        (
            format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", long(600)),
            414,
            "uri_too_long",
        ),
        (format!("GET /{}", long(3000)), 414, "uri_too_long"),
        (
            format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", long(2000)),
            431,
            "head_too_large",
        ),
        (
            format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", long(5000)),
            431,
            "head_too_large",
        ),
        (
            format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(10)),
            431,
            "head_too_large",
        ),
    ] {
        for cut in [0, 3, 450, head.len() - 1] {
            let mut client = gateway.connect();
            client.send_cut(&head, cut.min(head.len() - 1));
            let reply = client.reply();
            assert_eq!(
                (reply.status, reply.reason()),
                (status, Some(reason)),
                "cut at {cut}"
            );
            assert!(client.is_ended());
        }
    }
    let mut client = gateway.connect();
    client.send(format!(
        "GET /{} HTTP/1.1\r\nHost: a\r\n{}X: {}\r\n\r\n",
        long(400),
        "X: y\r\n".repeat(8),
        long(1000)
    ));
    assert_eq!(client.reply().text(), "ok");
    assert_eq!(upstream.requests().len(), 1);
}

#[test]
fn connections_are_bounded() {
    let upstream = Upstream::replying(upstream::ok("ok"));
    let settings = Settings {
        max_connections: 2,
        ..plain()
    };
    let gateway = Gateway::with(settings, &[&upstream]);
    let mut first = gateway.connect();
    let mut second = gateway.connect();
    for client in [&mut first, &mut second] {
        client.send(GET);
        assert_eq!(client.reply().text(), "ok");
    }
    let mut third = gateway.connect();
    assert!(third.is_ended());
    assert_eq!(gateway.metric("ferrogate_connections_refused_total"), 1.0);
    second.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_eq!(second.reply().text(), "ok");
    assert!(second.is_ended());
    second.half_close();
    drop(second);
    // The place is free as soon as the gateway noticed; until then the limit holds.
    let mut fourth = loop {
        let mut client = gateway.connect();
        client.send(GET);
        if client.try_reply().is_ok() {
            break client;
        }
    };
    fourth.send(GET);
    assert_eq!(fourth.reply().text(), "ok");
    first.send(GET);
    assert_eq!(first.reply().text(), "ok");
}

#[test]
fn a_head_that_does_not_end_times_out() {
    let upstream = Upstream::replying(upstream::ok("ok"));
    let settings = Settings {
        head_timeout: SHORT,
        ..plain()
    };
    let gateway = Gateway::with(settings, &[&upstream]);
    for part in ["G", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: a\r\n"] {
        let mut client = gateway.connect();
        client.send(part);
        let reply = client.reply();
        assert_eq!(
            (reply.status, reply.reason()),
            (408, Some("client_timeout")),
            "{part:?}"
        );
        assert!(client.is_ended());
    }
    // Who says nothing hears nothing.
    assert!(gateway.connect().is_ended());
    assert_eq!(upstream.connections(), 0);
}

#[test]
fn an_idle_connection_ends_quietly() {
    let upstream = Upstream::replying(upstream::ok("ok"));
    let settings = Settings {
        idle_timeout: SHORT,
        ..plain()
    };
    let gateway = Gateway::with(settings, &[&upstream]);
    let mut client = gateway.connect();
    client.send(GET);
    assert_eq!(client.reply().text(), "ok");
    assert!(client.is_ended());
}

#[test]
fn an_unused_connection_to_a_backend_ends() {
    let upstream = Upstream::replying(upstream::ok("ok"));
    let settings = Settings {
        upstream_idle_timeout: SHORT,
        ..plain()
    };
    let gateway = Gateway::with(settings, &[&upstream]);
    let mut client = gateway.connect();
    client.send(GET);
    assert_eq!(client.reply().text(), "ok");
    upstream.wait_for_ends(1);
}

#[test]
fn a_body_that_stands_still_times_out() {
    let upstream = silent();
    let settings = Settings {
        body_timeout: SHORT,
        ..plain()
    };
    let gateway = Gateway::with(settings.clone(), &[&upstream]);
    for framing in ["Content-Length: 9", "Transfer-Encoding: chunked"] {
        let mut client = gateway.connect();
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n3"));
        let reply = client.reply();
        assert_eq!(
            (reply.status, reply.reason()),
            (408, Some("client_timeout")),
            "{framing}"
        );
        assert!(client.is_ended());
    }
    upstream.wait_for_ends(2);
    assert_eq!(upstream.requests(), []);

    // A reply's body: the client learns by the cut.
    let upstream = Upstream::start(|connection, _| {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
        connection.drain();
    });
    let gateway = Gateway::with(settings, &[&upstream]);
    let mut client = gateway.connect();
    client.send(GET);
    assert!(client.try_reply().is_err());
    upstream.wait_for_ends(1);
}

#[test]
fn a_backend_that_does_not_reply_times_out() {
    let upstream = silent();
    let settings = Settings {
        reply_timeout: SHORT,
        ..plain()
    };
    let gateway = Gateway::with(settings, &[&upstream]);
    let mut client = gateway.connect();
    for count in 1..=2 {
        client.send(GET);
        let reply = client.reply();
        assert_eq!(
            (reply.status, reply.reason()),
            (504, Some("upstream_timeout"))
        );
        assert_eq!(reply.field("connection"), None, "the client may go on");
        upstream.wait_for_ends(count);
    }
}

#[test]
fn the_timeouts_of_a_route_hold() {
    let upstream = silent();
    let slow = Upstream::start(|connection, _| {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
        connection.drain();
    });
    let at = address::own_address();
    let limited = |name: &str, backend: &str, request, backend_request| {
        let mut rule = ir::rule(name, "http", &format!("/{name}"), backend);
        rule.policies.timeouts = Some(Arc::new(fg_policies::timeouts::Ir {
            request,
            backend_request,
        }));
        rule
    };
    let change = ir::Changes::new()
        .listener(ir::listener("http", at, None))
        .rule(limited("whole", "silent", Some(SHORT), None))
        .rule(limited("try", "silent", None, Some(SHORT)))
        .rule(limited("body", "slow", Some(SHORT), None))
        .rule(limited("body-of-try", "slow", None, Some(SHORT)))
        .backend("silent", &[upstream.address()])
        .backend("slow", &[slow.address()])
        .build();
    let gateway = Gateway::serving(plain(), at, &change);
    let mut client = gateway.connect();
    for (path, reason) in [("/whole", "request_timeout"), ("/try", "upstream_timeout")] {
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        let reply = client.reply();
        assert_eq!(
            (reply.status, reply.reason()),
            (504, Some(reason)),
            "{path}"
        );
    }
    upstream.wait_for_ends(2);
    for (count, path) in ["/body", "/body-of-try"].into_iter().enumerate() {
        let mut client = gateway.connect();
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert!(client.try_reply().is_err(), "the reply to {path} is cut");
        slow.wait_for_ends(count + 1);
    }
}

#[test]
fn a_silent_tunnel_ends() {
    let upstream = Upstream::start(|connection, _| {
        connection.request();
        connection.send(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n",
        );
        connection.drain();
    });
    let settings = Settings {
        tunnel_timeout: SHORT,
        ..plain()
    };
    let gateway = Gateway::with(settings, &[&upstream]);
    let mut client = gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
    assert!(client.head().starts_with("HTTP/1.1 101 "));
    assert!(client.is_ended());
    upstream.wait_for_ends(1);
}
