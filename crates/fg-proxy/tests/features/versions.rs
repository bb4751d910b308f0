//! Retries, mirrors and the limit on bodies when clients and backends speak HTTP/2.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use fg_ir::{BackendProtocol, Change, Rule};
use fg_policies::{request_mirror, retry};
use fg_proxy::Settings;
use fg_testkit::{Upstream, address, ir, upstream};
use h2::Reason;
use h2::server::SendResponse;
use http::{Request, Response};

use crate::gateway::{Gateway, plain};
use crate::peer::{Backend, Received, ask, connect, get, post, run};

/// Everything to a backend, and what a mirror `copy` may get; both speak this.
fn change(
    at: SocketAddr,
    protocol: BackendProtocol,
    backend: SocketAddr,
    copy: Option<SocketAddr>,
    with: impl FnOnce(&mut Rule),
) -> Change {
    let mut rule = ir::rule("all", "http", "/", "backend");
    with(&mut rule);
    let mut changes = ir::Changes::new()
        .listener(ir::listener("http", at, None))
        .rule(rule)
        .backend("backend", &[backend]);
    if let Some(copy) = copy {
        changes = changes.backend("copy", &[copy]);
    }
    let mut change = changes.build();
    for backend in change.backends.values_mut().flatten() {
        Arc::make_mut(backend).protocol = protocol;
    }
    change
}

fn retrying(codes: &[u16], attempts: u32) -> impl FnOnce(&mut Rule) {
    let policy = retry::Ir {
        codes: codes.to_vec(),
        attempts,
        backoff: None,
    };
    |rule: &mut Rule| rule.policies.retry = Some(Arc::new(policy))
}

fn respond(mut respond: SendResponse<Bytes>, status: u16, body: &'static str) {
    let reply = Response::builder()
        .status(status)
        .body(())
        .expect("a reply");
    let mut stream = respond.send_response(reply, false).expect("sent");
    stream
        .send_data(Bytes::from_static(body.as_bytes()), true)
        .expect("sent");
}

/// Does `first` with so many requests, then replies `ok`.
fn at_first(count: usize, first: impl Fn(SendResponse<Bytes>) + Send + Sync + 'static) -> Backend {
    let seen = AtomicUsize::new(0);
    Backend::start(move |_: &Received, answer| {
        if seen.fetch_add(1, Ordering::Relaxed) < count {
            first(answer);
        } else {
            respond(answer, 200, "ok");
        }
    })
}

fn body_of(length: usize) -> Request<()> {
    Request::builder()
        .method("POST")
        .uri("http://a.example/")
        .header("content-length", length)
        .body(())
        .expect("a request")
}

fn body_of_unknown_length() -> Request<()> {
    Request::builder()
        .method("POST")
        .uri("http://a.example/")
        .body(())
        .expect("a request")
}

#[test]
fn a_stream_that_is_refused_is_tried_again() {
    let backend = at_first(3, |mut answer| answer.send_reset(Reason::REFUSED_STREAM));
    let at = address::own_address();
    let change = change(
        at,
        BackendProtocol::Http2,
        backend.address,
        None,
        retrying(&[], 5),
    );
    let gateway = Gateway::serving(plain(), at, &change);
    let mut client = gateway.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
    assert_eq!(client.reply().text(), "ok");
    let received = backend.received();
    assert_eq!(received.len(), 4);
    assert!(received.iter().all(|one| one.body == b"abc"));
    let connections = received.iter().map(|one| one.connection).max();
    assert!(connections <= Some(1), "{connections:?}");
}

#[test]
fn a_stream_that_is_reset_otherwise_is_not_tried_again() {
    let backend = at_first(1, |mut answer| answer.send_reset(Reason::INTERNAL_ERROR));
    let at = address::own_address();
    let change = change(
        at,
        BackendProtocol::Http2,
        backend.address,
        None,
        retrying(&[500, 502, 503], 5),
    );
    let gateway = Gateway::serving(plain(), at, &change);
    let mut client = gateway.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
    assert_eq!(client.reply().status, 502);
    assert_eq!(backend.received().len(), 1);
}

#[test]
fn a_body_by_http2_is_sent_again_whole_to_either_version() {
    let body = vec![b'x'; 50_000];
    let backend = at_first(2, |answer| respond(answer, 503, "not yet"));
    let seen = AtomicUsize::new(0);
    let old = Upstream::start(move |connection, _| {
        while connection.request().is_some() {
            let first = seen.fetch_add(1, Ordering::Relaxed) < 2;
            connection.send(if first {
                b"HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n".to_vec()
            } else {
                upstream::ok("ok")
            });
        }
    });
    for (protocol, address) in [
        (BackendProtocol::Http2, backend.address),
        (BackendProtocol::Http1, old.address()),
    ] {
        for request in [body_of(body.len()), body_of_unknown_length()] {
            let at = address::own_address();
            let change = change(at, protocol, address, None, retrying(&[503], 2));
            let gateway = Gateway::serving(plain(), at, &change);
            let reply = run(async {
                let send = connect(gateway.address).await;
                post(&send, request, &body, None).await.expect("a reply")
            });
            assert_eq!(reply.status(), 200, "{protocol:?}");
        }
    }
    let received = backend.received();
    assert_eq!(received.len(), 4);
    assert!(received.iter().all(|one| one.body == body));
    let received = old.requests();
    assert_eq!(received.len(), 4);
    assert!(received.iter().all(|one| one.body == body));
}

#[test]
fn copies_go_by_http2_too() {
    let backend = at_first(0, |_| ());
    let copy = at_first(0, |_| ());
    let at = address::own_address();
    let change = change(
        at,
        BackendProtocol::Http2,
        backend.address,
        Some(copy.address),
        |rule| {
            rule.policies.request_mirror = Some(Arc::new(request_mirror::Ir {
                mirrors: vec![request_mirror::Mirror {
                    backend: ir::backend_key("copy"),
                    numerator: 1,
                    denominator: 1,
                }],
            }));
        },
    );
    let gateway = Gateway::serving(plain(), at, &change);
    let body = vec![b'x'; 100_000];
    run(async {
        let send = connect(gateway.address).await;
        for request in [body_of(body.len()), body_of_unknown_length()] {
            let reply = post(&send, request, &body, None).await.expect("a reply");
            assert_eq!(reply.text(), "ok");
        }
        let reply = ask(&send, get("/x?y")).await.expect("a reply");
        assert_eq!(reply.text(), "ok");
    });
    let mut client = gateway.connect();
    client.send("GET /z HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.reply().text(), "ok");
    crate::mirror::wait_for(&gateway, "sent", 4.0);
    let copies = copy.received();
    assert_eq!(copies.iter().filter(|one| one.body == body).count(), 2);
    let path = |one: &Received| one.head.uri().path_and_query().map(ToString::to_string);
    assert!(
        copies
            .iter()
            .any(|one| path(one).as_deref() == Some("/x?y"))
    );
}

#[test]
fn a_body_by_http2_is_limited_and_the_connection_goes_on() {
    let backend = Upstream::echo();
    let settings = Settings {
        max_request_body: 10_000,
        ..plain()
    };
    let gateway = Gateway::with(settings, &[&backend]);
    run(async {
        let send = connect(gateway.address).await;
        for request in [body_of(50_000), body_of_unknown_length()] {
            let reply = post(&send, request, &[b'x'; 50_000], None).await;
            let reply = reply.expect("a reply");
            assert_eq!(reply.status(), 413);
            assert_eq!(reply.field("x-ferrogate-reason"), Some("body_too_large"));
        }
        let reply = post(&send, body_of(10_000), &[b'x'; 10_000], None).await;
        assert_eq!(reply.expect("a reply").body.len(), 10_000);
    });
    assert_eq!(backend.requests().len(), 1);
}
