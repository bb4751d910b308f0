//! Backends that cannot be reached, leave, or change; what is tried again and what is not.

use std::time::Duration;

use fg_proxy::Settings;
use fg_testkit::{Upstream, address, ir, upstream};

use crate::gateway::{Gateway, plain};

fn ask(method: &str) -> String {
    format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n")
}

#[test]
fn an_endpoint_that_cannot_be_reached_costs_no_request() {
    let good = Upstream::replying(upstream::ok("ok"));
    let settings = Settings {
        avoid_endpoint: Duration::ZERO,
        ..plain()
    };
    let gateway = Gateway::to_addresses(settings, &[address::own_address(), good.address()]);
    let mut client = gateway.connect();
    for method in ["GET", "POST"].repeat(20) {
        client.send(ask(method));
        assert_eq!(client.reply().text(), "ok", "{method}");
    }
    assert_eq!(good.requests().len(), 40);
    assert!(gateway.metric("ferrogate_upstream_retries_total") > 0.0);
}

#[test]
fn an_endpoint_that_cannot_be_reached_is_avoided() {
    let good = Upstream::replying(upstream::ok("ok"));
    let settings = Settings {
        avoid_endpoint: Duration::from_secs(600),
        ..plain()
    };
    let gateway = Gateway::to_addresses(settings, &[address::own_address(), good.address()]);
    let mut client = gateway.connect();
    for _ in 0..60 {
        client.send(ask("GET"));
        assert_eq!(client.reply().text(), "ok");
    }
    assert_eq!(
        gateway.metric("ferrogate_upstream_connections_failed_total"),
        1.0
    );
}

#[test]
fn the_only_endpoint_is_tried_even_when_it_is_avoided() {
    let at = address::own_address();
    let settings = Settings {
        avoid_endpoint: Duration::from_secs(600),
        ..plain()
    };
    let gateway = Gateway::to_addresses(settings, &[at]);
    let mut client = gateway.connect();
    client.send(ask("GET"));
    let reply = client.reply();
    assert_eq!(
        (reply.status, reply.reason()),
        (503, Some("connect_failed"))
    );
    let _upstream = Upstream::start_at(at, |connection, _| {
        while connection.request().is_some() {
            connection.send(upstream::ok("back"));
        }
    });
    client.send(ask("GET"));
    assert_eq!(client.reply().text(), "back");
}

#[test]
fn a_connection_that_was_closed_while_idle_costs_no_request() {
    let upstream = Upstream::start(|connection, number| {
        connection.request();
        connection.send(upstream::ok(format!("{number}")));
    });
    let gateway = Gateway::to(&[&upstream]);
    let mut client = gateway.connect();
    for (count, method) in ["GET", "POST", "PATCH", "GET"].into_iter().enumerate() {
        client.send(ask(method));
        assert_eq!(client.reply().text(), count.to_string());
        upstream.wait_for_ends(count + 1);
    }
    assert_eq!(upstream.requests().len(), 4);
}

/// Its first connection answers once, reads another request and then ends in some way.
fn leaves_at_the_second(reset: bool) -> Upstream {
    Upstream::start(move |connection, number| {
        connection.request();
        connection.send(upstream::ok("ok"));
        connection.request();
        if number > 0 {
            connection.send(upstream::ok("again"));
            connection.drain();
        } else if reset {
            connection.reset();
        }
    })
}

#[test]
fn a_request_that_met_a_stale_connection_is_repeated_if_that_is_harmless() {
    for reset in [false, true] {
        let upstream = leaves_at_the_second(reset);
        let gateway = Gateway::to(&[&upstream]);
        let mut client = gateway.connect();
        client.send(ask("GET"));
        assert_eq!(client.reply().text(), "ok");
        client.send("PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
        assert_eq!(client.reply().text(), "ok");
        let bodies: Vec<_> = upstream
            .requests()
            .into_iter()
            .map(|request| request.body)
            .collect();
        assert_eq!(bodies, [b"".to_vec(), b"abc".to_vec(), b"abc".to_vec()]);
    }
}

#[test]
fn a_request_that_may_have_had_an_effect_is_not_repeated() {
    for reset in [false, true] {
        for request in [
            ask("POST"),
            ask("PATCH"),
            ask("NEW"),
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc".to_owned(),
        ] {
            let upstream = leaves_at_the_second(reset);
            let gateway = Gateway::to(&[&upstream]);
            let mut client = gateway.connect();
            client.send(ask("GET"));
            assert_eq!(client.reply().text(), "ok");
            client.send(&request);
            let reply = client.reply();
            let reason = if reset {
                "upstream_reset"
            } else {
                "upstream_closed"
            };
            assert_eq!(
                (reply.status, reply.reason()),
                (502, Some(reason)),
                "{request}"
            );
            assert_eq!(upstream.requests().len(), 2, "{request}");
            assert_eq!(upstream.connections(), 1, "{request}");
        }
    }
}

#[test]
fn a_long_body_that_was_partly_sent_is_not_repeated() {
    let upstream = Upstream::start(|connection, number| {
        connection.request();
        connection.send(upstream::ok("ok"));
        if number == 0 {
            connection.request_head();
            connection.receive_at_least(200_000);
        } else {
            connection.drain();
        }
    });
    let gateway = Gateway::to(&[&upstream]);
    let mut client = gateway.connect();
    client.send(ask("GET"));
    assert_eq!(client.reply().text(), "ok");
    client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 400000\r\n\r\n");
    client.send(vec![b'x'; 300_000]);
    assert_eq!(client.reply().status, 502);
    assert_eq!(upstream.connections(), 1);
}

#[test]
fn a_fresh_connection_that_ends_without_a_reply_is_the_end() {
    for (part, reset, reason) in [
        ("", false, "upstream_closed"),
        ("", true, "upstream_reset"),
        ("HTTP/1.1 200 OK\r\nContent-", false, "upstream_closed"),
        ("HTTP/1.1 100 Continue\r\n\r\n", false, "upstream_closed"),
    ] {
        let upstream = Upstream::start(move |connection, _| {
            connection.request();
            connection.send(part);
            connection.wait_until_read();
            if reset {
                connection.reset();
            }
        });
        let gateway = Gateway::to(&[&upstream]);
        let mut client = gateway.connect();
        client.send(ask("GET"));
        let mut reply = client.reply();
        if reply.status == 100 {
            reply = client.reply();
        }
        assert_eq!(
            (reply.status, reply.reason()),
            (502, Some(reason)),
            "{part:?}"
        );
        assert_eq!(upstream.requests().len(), 1, "{part:?}");
    }
}

#[test]
fn what_is_not_there_is_said_plainly() {
    let upstream = Upstream::replying(upstream::ok("ok"));
    let at = address::own_address();
    let change = ir::Changes::new()
        .listener(ir::listener("http", at, Some("*.example")))
        .rule(ir::rule("some", "http", "/some", "backend"))
        .rule(ir::rule("empty", "http", "/empty", "empty"))
        .rule(ir::rule("missing", "http", "/missing", "missing"))
        .backend("backend", &[upstream.address()])
        .backend("empty", &[])
        .build();
    let gateway = Gateway::serving(plain(), at, &change);
    let mut client = gateway.connect();
    for (host, path, status, reason) in [
        ("a.example", "/some/more", 200, None),
        ("a.example", "/other", 404, Some("no_route")),
        ("other", "/some", 404, Some("no_listener")),
        ("a.example", "/empty", 503, Some("no_endpoints")),
        ("a.example", "/missing", 500, Some("invalid_backend")),
        ("A.EXAMPLE.:81", "/some", 200, None),
    ] {
        client.send(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        let reply = client.reply();
        assert_eq!(
            (reply.status, reply.reason()),
            (status, reason),
            "{host}{path}"
        );
    }
}

#[test]
fn the_gateways_own_sockets_are_no_backends() {
    let upstream = Upstream::replying(upstream::ok("secret"));
    let settings = Settings {
        reserved: vec![upstream.address()],
        ..plain()
    };
    let std::net::IpAddr::V4(ip) = upstream.ip() else {
        unreachable!("own addresses are of IPv4");
    };
    let disguised =
        std::net::SocketAddr::new(ip.to_ipv6_mapped().into(), upstream.address().port());
    for address in [upstream.address(), disguised] {
        let gateway = Gateway::to_addresses(settings.clone(), &[address]);
        let mut client = gateway.connect();
        client.send(ask("GET"));
        let reply = client.reply();
        assert_eq!(
            (reply.status, reply.reason()),
            (503, Some("connect_failed")),
            "{address}"
        );
    }
    assert_eq!(upstream.connections(), 0);
}
