//! What callers of gRPC methods get when the gateway answers itself, and their deadline.

use std::sync::Arc;

use fg_ir::{Change, RouteKind};
use fg_testkit::{Upstream, address, ir};
use http::{Method, Request};

use crate::gateway::{Gateway, plain};
use crate::peer::{Whole, connect, post, run};

/// The change that makes every rule one of a `GRPCRoute`.
fn grpc(mut change: Change) -> Change {
    for rule in change.rules.values_mut().flatten() {
        Arc::make_mut(rule).kind = RouteKind::Grpc;
    }
    change
}

/// Calls a method by HTTP/2.
fn call(gateway: &Gateway, fields: &[(&str, &str)]) -> Whole {
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
        post(&send, request, message, None).await.expect("a reply")
    })
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
