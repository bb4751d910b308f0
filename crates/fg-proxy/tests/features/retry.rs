//! Requests that are sent again: when, how often, with what, and when not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fg_ir::{Change, CredentialKind, Rule, TlsOrigination, Trust};
use fg_model::Origin;
use fg_policies::{retry, timeouts};
use fg_proxy::Settings;
use fg_testkit::certificates::Authority;
use fg_testkit::tls::{Serving, authorities};
use fg_testkit::{PATIENCE, Upstream, address, ir, upstream};

use crate::gateway::{Gateway, plain};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

fn failing(status: u16, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Answers so many requests with 503 and the number of the request, then all with `ok`.
fn failing_first(count: usize) -> Upstream {
    let seen = AtomicUsize::new(0);
    Upstream::start(move |connection, _| {
        while connection.request().is_some() {
            let number = seen.fetch_add(1, Ordering::Relaxed);
            connection.send(if number < count {
                failing(503, &number.to_string())
            } else {
                upstream::ok("ok")
            });
        }
    })
}

fn policy(codes: &[u16], attempts: u32) -> retry::Ir {
    retry::Ir {
        codes: codes.to_vec(),
        attempts,
        backoff: None,
    }
}

/// Everything to these upstreams, by a rule with `retry`.
fn change(
    at: std::net::SocketAddr,
    upstreams: &[std::net::SocketAddr],
    with: impl FnOnce(&mut Rule),
) -> Change {
    let mut rule = ir::rule("all", "http", "/", "backend");
    with(&mut rule);
    ir::Changes::new()
        .listener(ir::listener("http", at, None))
        .rule(rule)
        .backend("backend", upstreams)
        .build()
}

fn gateway_with(
    settings: Settings,
    upstreams: &[&Upstream],
    with: impl FnOnce(&mut Rule),
) -> Gateway {
    let at = address::own_address();
    let addresses: Vec<_> = upstreams.iter().map(|one| one.address()).collect();
    Gateway::serving(settings, at, &change(at, &addresses, with))
}

fn gateway(retry: retry::Ir, upstreams: &[&Upstream]) -> Gateway {
    gateway_with(plain(), upstreams, |rule| {
        rule.policies.retry = Some(Arc::new(retry));
    })
}

fn outcome(gateway: &Gateway, outcome: &str) -> f64 {
    gateway.metric(&format!(
        "ferrogate_retried_requests_total{{outcome=\"{outcome}\"}}"
    ))
}

#[test]
fn a_status_that_is_named_is_tried_again_until_it_is_fine() {
    let upstream = failing_first(2);
    let gateway = gateway(policy(&[500, 503], 3), &[&upstream]);
    let mut client = gateway.connect();
    for method in ["GET", "DELETE"] {
        client.send(format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n"));
        let reply = client.reply();
        assert_eq!((reply.status, reply.text()), (200, "ok"));
    }
    assert_eq!(upstream.requests().len(), 4);
    assert_eq!(upstream.connections(), 1, "whole replies keep connections");
    assert_eq!(outcome(&gateway, "recovered"), 1.0);
    assert_eq!(gateway.metric("ferrogate_upstream_retries_total"), 2.0);
}

#[test]
fn when_tries_are_used_up_the_client_gets_the_last_answer() {
    let upstream = failing_first(100);
    let gateway = gateway(policy(&[503], 2), &[&upstream]);
    let mut client = gateway.connect();
    client.send(GET);
    let reply = client.reply();
    assert_eq!((reply.status, reply.text()), (503, "2"));
    assert_eq!(reply.reason(), None, "it is the backend's answer");
    assert_eq!(upstream.requests().len(), 3);
    assert_eq!(outcome(&gateway, "exhausted"), 1.0);
}

#[test]
fn what_is_not_named_is_not_tried_again() {
    for retry in [policy(&[500], 5), policy(&[], 5), policy(&[503], 0)] {
        let upstream = failing_first(1);
        let gateway = gateway(retry, &[&upstream]);
        let mut client = gateway.connect();
        client.send(GET);
        assert_eq!(client.reply().status, 503);
        assert_eq!(upstream.requests().len(), 1);
        assert_eq!(gateway.metric("ferrogate_retried_requests_total"), 0.0);
    }
}

#[test]
fn an_endpoint_that_refuses_costs_no_request_and_the_next_try_goes_elsewhere() {
    let good = Upstream::replying(upstream::ok("ok"));
    let at = address::own_address();
    let settings = Settings {
        avoid_endpoint: Duration::ZERO,
        ..plain()
    };
    let bad = [address::own_address(), address::own_address()];
    let change = change(at, &[bad[0], bad[1], good.address()], |rule| {
        rule.policies.retry = Some(Arc::new(policy(&[], 100)));
    });
    let gateway = Gateway::serving(settings, at, &change);
    let mut client = gateway.connect();
    for _ in 0..20 {
        client.send(GET);
        assert_eq!(client.reply().status, 200);
    }
}

#[test]
fn without_attempts_not_even_a_refused_connection_is_tried_again() {
    let good = Upstream::replying(upstream::ok("ok"));
    let at = address::own_address();
    let settings = Settings {
        avoid_endpoint: Duration::ZERO,
        ..plain()
    };
    let change = change(at, &[address::own_address(), good.address()], |rule| {
        rule.policies.retry = Some(Arc::new(policy(&[503], 0)));
    });
    let gateway = Gateway::serving(settings, at, &change);
    let mut client = gateway.connect();
    let mut failed = 0;
    for _ in 0..100 {
        client.send(GET);
        failed += usize::from(client.reply().status == 503);
    }
    assert!(failed > 0, "one of two endpoints refuses");
    assert_eq!(gateway.metric("ferrogate_upstream_retries_total"), 0.0);
}

#[test]
fn a_connection_that_breaks_after_the_request_is_not_tried_again() {
    let upstream = Upstream::start(|connection, _| {
        connection.request();
        connection.reset();
    });
    let gateway = gateway(policy(&[500, 502, 503, 504], 5), &[&upstream]);
    let mut client = gateway.connect();
    client.send(GET);
    assert_eq!(client.reply().status, 502);
    assert_eq!(upstream.requests().len(), 1);
}

#[test]
fn a_body_is_sent_again_whole() {
    let body = "x".repeat(60_000);
    let chunked = format!("{:x}\r\n{body}\r\n0\r\nX-End: 1\r\n\r\n", body.len());
    for (framing, sent) in [
        (format!("Content-Length: {}", body.len()), &body),
        ("Transfer-Encoding: chunked".to_owned(), &chunked),
    ] {
        let upstream = failing_first(2);
        let gateway = gateway(policy(&[503], 2), &[&upstream]);
        let mut client = gateway.connect();
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n"));
        // In parts, so that it does not come with the head.
        for part in sent.as_bytes().chunks(9_000) {
            client.send(part);
        }
        assert_eq!(client.reply().status, 200, "{framing}");
        let requests = upstream.requests();
        assert_eq!(requests.len(), 3);
        for request in requests {
            assert!(request.body == body.as_bytes(), "{framing}");
        }
        assert!(client.is_quiet(), "the connection goes on");
    }
}

#[test]
fn a_backend_that_answers_before_it_has_the_body_gets_it_again() {
    let seen = AtomicUsize::new(0);
    let upstream = Upstream::start(move |connection, _| {
        if seen.fetch_add(1, Ordering::Relaxed) == 0 {
            connection.request_head();
            connection.send("HTTP/1.1 503 X\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
            connection.mark();
            connection.drain();
        } else if connection.request().is_some() {
            connection.send(upstream::ok("ok"));
        }
    });
    let gateway = gateway(policy(&[503], 1), &[&upstream]);
    let mut client = gateway.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n01234");
    upstream.wait_for_marks(1);
    client.send("56789");
    assert_eq!(client.reply().text(), "ok");
    let last = upstream.received().pop().expect("a second connection");
    assert!(last.ends_with(b"\r\n\r\n0123456789"));
}

#[test]
fn a_body_that_is_not_kept_is_sent_once_and_the_answer_passed_on() {
    let body = "x".repeat(100_000);
    let chunked = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    for (framing, sent) in [
        (format!("Content-Length: {}", body.len()), &body),
        ("Transfer-Encoding: chunked".to_owned(), &chunked),
    ] {
        let upstream = failing_first(1);
        let gateway = gateway(policy(&[503], 2), &[&upstream]);
        let mut client = gateway.connect();
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n"));
        client.send(sent);
        assert_eq!(client.reply().status, 503, "{framing}");
        let requests = upstream.requests();
        assert_eq!(requests.len(), 1);
        assert!(requests[0].body == body.as_bytes());
        assert_eq!(outcome(&gateway, "not_replayable"), 1.0);
    }
}

/// Answers every first request of a connection never, and every later one at once.
fn slow_first() -> Upstream {
    Upstream::start(|connection, number| {
        while connection.request().is_some() {
            if number == 0 {
                connection.drain();
                return;
            }
            connection.send(upstream::ok("ok"));
        }
    })
}

#[test]
fn a_try_that_takes_too_long_counts_as_its_status() {
    let limits = timeouts::Ir {
        request: Some(Duration::from_secs(600)),
        backend_request: Some(Duration::from_millis(100)),
    };
    for (codes, status, requests) in [(&[504][..], 200, 2), (&[500], 504, 1)] {
        let upstream = slow_first();
        let gateway = gateway_with(plain(), &[&upstream], |rule| {
            rule.policies.retry = Some(Arc::new(policy(codes, 1)));
            rule.policies.timeouts = Some(Arc::new(limits.clone()));
        });
        let mut client = gateway.connect();
        client.send(GET);
        assert_eq!(client.reply().status, status);
        assert_eq!(upstream.requests().len(), requests);
    }
}

#[test]
fn the_time_of_the_exchange_ends_all_tries_and_the_wait_between_them() {
    let upstream = failing_first(100);
    let gateway = gateway_with(plain(), &[&upstream], |rule| {
        rule.policies.retry = Some(Arc::new(retry::Ir {
            backoff: Some(Duration::from_secs(600)),
            ..policy(&[503], 5)
        }));
        rule.policies.timeouts = Some(Arc::new(timeouts::Ir {
            request: Some(Duration::from_millis(200)),
            backend_request: None,
        }));
    });
    let mut client = gateway.connect();
    client.send(GET);
    let reply = client.reply();
    assert_eq!(
        (reply.status, reply.reason()),
        (504, Some("request_timeout"))
    );
    assert_eq!(upstream.requests().len(), 1);
    assert_eq!(outcome(&gateway, "failed"), 1.0);
}

#[test]
fn a_client_that_leaves_ends_the_wait() {
    let upstream = failing_first(100);
    let gateway = gateway(
        retry::Ir {
            backoff: Some(Duration::from_secs(600)),
            ..policy(&[503], 5)
        },
        &[&upstream],
    );
    let client = gateway.connect();
    client.send(GET);
    upstream.wait_for_requests(1);
    client.abort();
    let end = Instant::now() + PATIENCE;
    while gateway.metric("ferrogate_requests_in_flight") > 0.0 {
        assert!(Instant::now() < end, "the request goes on without a client");
        std::thread::yield_now();
    }
    assert_eq!(upstream.requests().len(), 1);
}

#[test]
fn retries_do_not_multiply_an_outage() {
    let upstream = failing_first(usize::MAX);
    let settings = Settings {
        retry_rate: 0,
        ..plain()
    };
    let gateway = gateway_with(settings, &[&upstream], |rule| {
        rule.policies.retry = Some(Arc::new(retry::Ir {
            backoff: Some(Duration::ZERO),
            ..policy(&[503], 3)
        }));
    });
    let mut client = gateway.connect();
    for _ in 0..100 {
        client.send(GET);
        assert_eq!(client.reply().status, 503);
    }
    let requests = upstream.requests().len();
    assert!((110..=120).contains(&requests), "{requests}");
    assert!(outcome(&gateway, "over_budget") > 0.0);
}

#[test]
fn a_handshake_that_fails_is_tried_again_elsewhere() {
    let authority = Authority::new("ca");
    let good = Upstream::start_secure(
        Serving::new(&authority.issue(&["backend.test"])),
        |connection, _| {
            while connection.request().is_some() {
                connection.send(upstream::ok("ok"));
            }
        },
    );
    let clear = Upstream::start(|connection, _| {
        connection.receive();
        connection.send("HTTP/1.1 400 X\r\n\r\n");
    });
    let at = address::own_address();
    let mut rule = ir::rule("all", "http", "/", "backend");
    rule.policies.retry = Some(Arc::new(policy(&[], 100)));
    let origination = TlsOrigination {
        origin: Origin::of(ir::backend_key("backend").object, 1),
        hostname: "backend.test".into(),
        names: Vec::new(),
        trust: Trust::Authorities(vec![ir::credential_key("ca", CredentialKind::Authorities)]),
    };
    let change = ir::Changes::new()
        .credential("ca", authorities(&[&authority]))
        .listener(ir::listener("http", at, None))
        .rule(rule)
        .secure_backend("backend", &[good.address(), clear.address()], origination)
        .build();
    let settings = Settings {
        avoid_endpoint: Duration::ZERO,
        ..plain()
    };
    let gateway = Gateway::serving(settings, at, &change);
    for _ in 0..20 {
        // A new connection each time.
        let mut client = gateway.connect();
        client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        assert_eq!(client.reply().text(), "ok");
    }
    assert!(gateway.metric("ferrogate_upstream_retries_total") > 0.0);
}

#[test]
fn grpc_that_is_unavailable_is_tried_again() {
    let seen = AtomicUsize::new(0);
    let upstream = Upstream::start(move |connection, _| {
        while connection.request().is_some() {
            let first = seen.fetch_add(1, Ordering::Relaxed) == 0;
            connection.send(if first {
                "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nGrpc-Status: 14\r\nContent-Length: 0\r\n\r\n"
            } else {
                "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nGrpc-Status: 0\r\nContent-Length: 0\r\n\r\n"
            });
        }
    });
    let gateway = gateway(policy(&[], 1), &[&upstream]);
    let mut client = gateway.connect();
    client.send("POST /s/M HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\nContent-Length: 3\r\n\r\nabc");
    assert_eq!(client.reply().field("grpc-status"), Some("0"));
    assert_eq!(upstream.requests().len(), 2);
}
