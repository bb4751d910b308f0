//! To backends by HTTP/2, from clients of either version.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use fg_ir::{BackendProtocol, Change, RouteKind};
use fg_policies::header_modifier;
use fg_testkit::{address, ir};
use http::{HeaderMap, Method, Request, Response};

use crate::gateway::{Gateway, plain};
use crate::peer::{Backend, Received, ask, connect, get, post, run};

/// Everything to this backend, which speaks HTTP/2.
pub(crate) fn to_http2(at: SocketAddr, backends: &[SocketAddr]) -> Change {
    let mut change = ir::everything_to(at, backends);
    for backend in change.backends.values_mut().flatten() {
        *backend = Arc::new(fg_ir::Backend {
            protocol: BackendProtocol::Http2,
            ..(**backend).clone()
        });
    }
    change
}

fn gateway(backends: &[&Backend]) -> Gateway {
    let at = address::own_address();
    let addresses: Vec<_> = backends.iter().map(|backend| backend.address).collect();
    Gateway::serving(plain(), at, &to_http2(at, &addresses))
}

/// Replies with the body received, and trailers.
fn echo(received: &Received, mut respond: h2::server::SendResponse<Bytes>) {
    let reply = Response::builder()
        .header("x-backend", "two")
        .body(())
        .expect("a reply");
    let mut stream = respond.send_response(reply, false).expect("sent");
    let body = Bytes::from(received.body.clone());
    // The test kit's windows are as large as its bodies; what does not fit waits in the crate.
    stream.send_data(body, false).expect("sent");
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", "7".parse().expect("a value"));
    stream.send_trailers(trailers).expect("sent");
}

#[test]
fn an_http1_client_is_served() {
    let backend = Backend::start(echo);
    let gateway = gateway(&[&backend]);
    let mut client = gateway.connect();
    client.send("POST /p?q HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\nConnection: x-hop\r\nX-Hop: 1\r\nX-One: 1\r\n\r\nabc");
    let reply = client.reply();
    assert_eq!(reply.status, 200);
    assert_eq!(reply.text(), "abc");
    assert_eq!(reply.field("x-backend"), Some("two"));
    assert_eq!(reply.field("transfer-encoding"), Some("chunked"));
    client.send("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
    assert_eq!(client.reply().status, 200);
    let received = backend.received();
    let head = &received[0].head;
    assert_eq!(head.uri(), "http://a.example/p?q");
    assert_eq!(head.headers()["content-length"], "3");
    assert_eq!(head.headers()["x-one"], "1");
    assert!(!head.headers().contains_key("x-hop"));
    assert!(!head.headers().contains_key("host"));
    assert_eq!(received[0].connection, received[1].connection);
}

#[test]
fn a_query_that_http2_cannot_say_raw_is_escaped() {
    let backend = Backend::start(echo);
    let gateway = gateway(&[&backend]);
    let mut client = gateway.connect();
    client.send("GET /p?a=\"<b>\"&c=%22{d}|^` HTTP/1.1\r\nHost: a.example\r\n\r\n");
    assert_eq!(client.reply().status, 200);
    assert_eq!(
        backend.received()[0].head.uri(),
        "http://a.example/p?a=%22%3Cb%3E%22&c=%22{d}|^`"
    );
}

#[test]
fn both_sides_keep_trailers_and_te() {
    let backend = Backend::start(echo);
    let gateway = gateway(&[&backend]);
    run(async {
        let send = connect(gateway.address).await;
        let request = Request::post("http://a.example/")
            .header("te", "trailers")
            .body(())
            .expect("a request");
        let mut trailers = HeaderMap::new();
        trailers.insert("x-late", "yes".parse().expect("a value"));
        let body = vec![7; 300_000];
        let reply = post(&send, request, &body, Some(trailers))
            .await
            .expect("a reply");
        assert_eq!(reply.body, body);
        assert_eq!(reply.trailers.expect("trailers")["x-sum"], "7");
    });
    let received = &backend.received()[0];
    assert_eq!(received.head.headers()["te"], "trailers");
    assert_eq!(
        received.trailers.as_ref().expect("trailers")["x-late"],
        "yes"
    );
}

#[test]
fn requests_share_one_connection_to_a_backend() {
    let backend = Backend::start(echo);
    let gateway = gateway(&[&backend]);
    run(async {
        let mut tasks = tokio::task::JoinSet::new();
        let send = connect(gateway.address).await;
        for _ in 0..50 {
            let send = send.clone();
            tasks.spawn_local(async move { ask(&send, get("/")).await.expect("a reply").status() });
        }
        assert!(tasks.join_all().await.iter().all(|&status| status == 200));
    });
    assert!(
        backend
            .received()
            .iter()
            .all(|received| received.connection == 0)
    );
}

#[test]
fn a_refused_stream_is_tried_again() {
    let backend = Backend::start(|received, mut respond| {
        if received.connection == 0 {
            respond.send_reset(h2::Reason::REFUSED_STREAM);
        } else {
            echo(received, respond);
        }
    });
    let gateway = gateway(&[&backend]);
    let mut client = gateway.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
    let reply = client.reply();
    assert_eq!((reply.status, reply.text()), (200, "abc"));
}

#[test]
fn a_reset_is_a_502_and_not_tried_again() {
    let backend = Backend::start(|_, mut respond| respond.send_reset(h2::Reason::INTERNAL_ERROR));
    let gateway = gateway(&[&backend]);
    let mut client = gateway.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
    let reply = client.reply();
    assert_eq!(reply.status, 502);
    assert_eq!(reply.reason(), Some("upstream_reset"));
    assert_eq!(backend.received().len(), 1);
}

#[test]
fn rules_of_grpc_routes_call_by_http2() {
    let backend = Backend::start(echo);
    let at = address::own_address();
    let mut change = ir::everything_to(at, &[backend.address]);
    for rule in change.rules.values_mut().flatten() {
        *rule = Arc::new(fg_ir::Rule {
            kind: RouteKind::Grpc,
            ..(**rule).clone()
        });
    }
    let gateway = Gateway::serving(plain(), at, &change);
    run(async {
        let send = connect(gateway.address).await;
        let mut request = get("/pkg.Service/Method");
        *request.method_mut() = Method::POST;
        let reply = post(&send, request, b"\0\0\0\0\0", None)
            .await
            .expect("a reply");
        assert_eq!(reply.status(), 200);
    });
    assert_eq!(backend.received()[0].head.headers()["te"], "trailers");
}

#[test]
fn trailers_do_not_bring_back_what_a_filter_took_away() {
    let backend = Backend::start(echo);
    let at = address::own_address();
    let mut change = to_http2(at, &[backend.address]);
    let mut headers = header_modifier::Ir::default();
    headers.request.remove.push("x-role".into());
    headers.response.remove.push("x-sum".into());
    let headers = Arc::new(headers);
    for rule in change.rules.values_mut().flatten() {
        let mut with_headers = (**rule).clone();
        with_headers.policies.header_modifier = Some(headers.clone());
        *rule = Arc::new(with_headers);
    }
    let gateway = Gateway::serving(plain(), at, &change);
    run(async {
        let send = connect(gateway.address).await;
        for length in [None, Some("4")] {
            let mut request = Request::post("http://a.example/");
            if let Some(length) = length {
                request = request.header("content-length", length);
            }
            let mut trailers = HeaderMap::new();
            trailers.insert("x-role", "admin".parse().expect("a value"));
            trailers.insert("x-late", "yes".parse().expect("a value"));
            let request = request.body(()).expect("a request");
            let reply = post(&send, request, b"four", Some(trailers)).await;
            let trailers = reply.expect("a reply").trailers;
            assert!(trailers.is_none_or(|trailers| !trailers.contains_key("x-sum")));
        }
    });
    for received in backend.received() {
        let trailers = received.trailers.expect("trailers");
        assert!(trailers.contains_key("x-late") && !trailers.contains_key("x-role"));
    }
}

#[test]
fn a_backend_that_takes_no_more_requests_on_a_connection_is_asked_on_another() {
    let backend = Backend::start_closing(echo);
    let gateway = gateway(&[&backend]);
    for _ in 0..5 {
        let mut client = gateway.connect();
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
        let reply = client.reply();
        assert_eq!((reply.status, reply.text()), (200, "abc"));
    }
    assert_eq!(backend.received().len(), 5);
}

#[test]
fn a_backend_gets_no_more_requests_at_a_time_than_it_takes() {
    let (replies, wanted) = (std::sync::Mutex::new(Vec::new()), 12);
    // It answers nobody before all are there.
    let backend = Backend::start_narrow(2, move |_, respond| {
        let mut replies = replies.lock().expect("no panic");
        replies.push(respond);
        if replies.len() == wanted {
            for mut respond in replies.drain(..) {
                let stream = respond.send_response(Response::new(()), true);
                stream.expect("sent");
            }
        }
    });
    let gateway = gateway(&[&backend]);
    let clients: Vec<_> = (0..wanted).map(|_| gateway.connect()).collect();
    for client in &clients {
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
    }
    for mut client in clients {
        assert_eq!(client.reply().status, 200);
    }
    assert_eq!(backend.received().len(), wanted);
}
