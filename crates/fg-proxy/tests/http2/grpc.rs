//! What callers of gRPC methods get when the gateway answers itself, and their deadline.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fg_ir::{Change, RouteKind};
use fg_testkit::{Upstream, address, ir};
use http::{Method, Request, Response};

use fg_proxy::Settings;

use crate::backends::to_http2;
use crate::gateway::{Gateway, plain};
use crate::peer::{Backend, Whole, connect, post, run, stall};

/// The change that makes every rule one of a `GRPCRoute`.
fn grpc(mut change: Change) -> Change {
    for rule in change.rules.values_mut().flatten() {
        Arc::make_mut(rule).kind = RouteKind::Grpc;
    }
    change
}

/// Calls a method by HTTP/2.
fn call(gateway: &Gateway, fields: &[(&str, &str)]) -> Whole {
    try_call(gateway, fields).expect("a reply")
}

/// The same where the reply may break off.
fn try_call(gateway: &Gateway, fields: &[(&str, &str)]) -> Result<Whole, h2::Error> {
    let mut request = Request::builder()
        .method(Method::POST)
        .uri("http://a.example/shop.v1.Carts/AddItem")
        .header("content-type", "application/grpc+proto")
        .header("te", "trailers");
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let request = request.body(()).expect("a request");
    run(async {
        let send = connect(gateway.address).await;
        let message = b"\0\0\0\0\0";
        post(&send, request, message, None).await
    })
}

/// A backend that begins a reply of this type with these bytes, and never ends it.
fn beginning(kind: &'static str, bytes: &'static [u8]) -> Backend {
    Backend::start_raw(move |_request, mut respond| async move {
        let head = Response::builder().header("content-type", kind);
        let head = head.body(()).expect("a head");
        let mut stream = respond.send_response(head, false).expect("sent");
        stream
            .send_data(Bytes::from_static(bytes), false)
            .expect("sent");
        // Until the gateway gives it up.
        let _ = std::future::poll_fn(|context| stream.poll_reset(context)).await;
    })
}

fn before(backend: &Backend, settings: Settings) -> Gateway {
    let at = address::own_address();
    Gateway::serving(settings, at, &grpc(to_http2(at, &[backend.address])))
}

/// Status, code and message; there is nothing else.
fn told(reply: &Whole) -> (u16, Option<&str>, Option<&str>) {
    assert_eq!(reply.body, b"");
    assert!(reply.trailers.is_none());
    assert_eq!(reply.field("content-type"), Some("application/grpc"));
    (
        reply.status(),
        reply.field("grpc-status"),
        reply.field("grpc-message"),
    )
}

#[test]
fn a_call_that_no_route_takes_is_unimplemented() {
    let at = address::own_address();
    let change = Change {
        rules: Default::default(),
        ..ir::everything_to(at, &[])
    };
    let gateway = Gateway::serving(plain(), at, &change);
    let reply = call(&gateway, &[]);
    assert_eq!(
        told(&reply),
        (200, Some("12"), Some("No route matches this request."))
    );
    assert_eq!(reply.field("x-ferrogate-reason"), Some("no_route"));
    // Who does not call a method reads HTTP.
    let mut client = gateway.connect();
    client.send("POST /shop.v1.Carts/AddItem HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    let reply = client.reply();
    assert_eq!((reply.status, reply.field("grpc-status")), (404, None));
}

#[test]
fn a_call_to_a_backend_without_endpoints_is_unavailable() {
    let at = address::own_address();
    let gateway = Gateway::serving(plain(), at, &grpc(ir::everything_to(at, &[])));
    let reply = call(&gateway, &[]);
    let (status, code, _) = told(&reply);
    assert_eq!((status, code), (200, Some("14")));
}

#[test]
fn the_callers_deadline_ends_a_call_that_the_route_would_let_run() {
    let backend = Upstream::start(|connection, _| {
        connection.request();
        // Until the test ends, or the gateway leaves.
        connection.drain();
    });
    let gateway = Gateway::to(&[&backend]);
    let reply = call(&gateway, &[("grpc-timeout", "50m")]);
    let (status, code, _) = told(&reply);
    assert_eq!((status, code), (200, Some("4")));
    assert_eq!(reply.field("x-ferrogate-reason"), Some("request_timeout"));
    assert_eq!(
        backend.only_request().field("grpc-timeout"),
        Some("50m"),
        "the backend may know it too"
    );
}

#[test]
fn by_http1_it_is_the_same_without_a_body() {
    let at = address::own_address();
    let gateway = Gateway::serving(plain(), at, &grpc(ir::everything_to(at, &[])));
    let mut client = gateway.connect();
    for _ in 0..2 {
        client.send("POST /s/M HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\nContent-Length: 5\r\n\r\n\0\0\0\0\0");
        let reply = client.reply();
        assert_eq!((reply.status, reply.text()), (200, ""));
        assert_eq!(reply.field("grpc-status"), Some("14"));
        assert_eq!(reply.field("content-length"), Some("0"));
    }
}

#[test]
fn a_deadline_in_the_middle_of_the_reply_is_told_in_trailers() {
    // A whole message, and one that is cut in two.
    for bytes in [&b"\0\0\0\0\x05hello"[..], b"\0\0\0\0\x09hello"] {
        let backend = beginning("application/grpc+proto", bytes);
        let gateway = before(&backend, plain());
        let reply = call(&gateway, &[("grpc-timeout", "200m")]);
        assert_eq!((reply.status(), &reply.body[..]), (200, bytes));
        let trailers = reply.trailers.expect("trailers");
        assert_eq!(trailers["grpc-status"], "4");
        assert_eq!(
            trailers["grpc-message"],
            "The request took longer than the route allows."
        );
        assert_eq!(gateway.metric("ferrogate_requests_in_flight"), 0.0);
    }
}

#[test]
fn a_backend_that_stops_in_the_middle_of_a_call_is_late_too() {
    let backend = beginning("application/grpc", b"\0\0\0\0\0");
    let settings = Settings {
        body_timeout: Duration::from_millis(200),
        ..plain()
    };
    let reply = call(&before(&backend, settings), &[]);
    let trailers = reply.trailers.expect("trailers");
    assert_eq!(trailers["grpc-status"], "4");
}

#[test]
fn a_reply_that_is_not_of_grpc_is_cut_off() {
    let backend = beginning("text/plain", b"hello");
    let gateway = before(&backend, plain());
    let error = try_call(&gateway, &[("grpc-timeout", "200m")]).expect_err("half a reply");
    assert_eq!(error.reason(), Some(h2::Reason::INTERNAL_ERROR));
}

#[test]
fn nothing_waits_behind_what_a_caller_does_not_take() {
    const MUCH: &[u8] = &[0; 1_000_000];
    let backend = beginning("application/grpc", MUCH);
    let gateway = before(&backend, plain());
    let request = Request::builder()
        .method(Method::POST)
        .uri("http://a.example/s/M")
        .header("content-type", "application/grpc")
        .header("grpc-timeout", "200m")
        .body(())
        .expect("a request");
    run(async {
        let send = connect(gateway.address).await;
        let mut send = send.ready().await.expect("ready");
        let (reply, _stream) = send.send_request(request, false).expect("sent");
        let body = reply.await.expect("a reply").into_body();
        // The window closes long before the end.
        assert_eq!(stall(body).await, Some(h2::Reason::INTERNAL_ERROR));
    });
}
