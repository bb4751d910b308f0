//! Another service is asked for permission before a request goes on.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use fg_ir::{BackendProtocol, Change, Rule};
use fg_policies::external_auth::{Ir, Protocol};
use fg_policies::{header_modifier, timeouts};
use fg_testkit::{Upstream, address, ir, upstream};

use crate::gateway::{Gateway, plain};
use crate::peer::Backend;

/// More than the sockets on the way to a service hold. Units: bytes.
const MUCH: usize = 24 * 1024 * 1024;

/// Asks the backend `auth` by HTTP.
fn by_http() -> Ir {
    Ir {
        backend: ir::backend_key("auth"),
        protocol: Protocol::Http {
            path: "/check".into(),
            headers: vec!["cookie".into()],
            reply_headers: vec!["x-user".into()],
        },
        body: 0,
    }
}

/// A rule for everything to `web` that asks first.
fn rule(auth: Ir) -> Rule {
    let mut rule = ir::rule("r", "http", "/", "web");
    rule.policies.external_auth = Some(auth.into());
    rule
}

fn change(at: SocketAddr, rule: Rule, web: SocketAddr, auth: &[SocketAddr]) -> Change {
    ir::Changes::new()
        .listener(ir::listener("http", at, None))
        .rule(rule)
        .backend("web", &[web])
        .backend("auth", auth)
        .build()
}

fn serving(rule: Rule, web: &Upstream, auth: &Upstream) -> Gateway {
    let at = address::own_address();
    let change = change(at, rule, web.address(), &[auth.address()]);
    Gateway::serving(plain(), at, &change)
}

/// A service that says yes to those who come with the cookie `in=1`.
fn guard() -> Upstream {
    Upstream::start(|connection, _| {
        while let Some(request) = connection.request() {
            let reply = if request.field("cookie") == Some("in=1") {
                "HTTP/1.1 200 OK\r\nX-User: alice\r\nX-Secret: s\r\nContent-Length: 3\r\n\r\nyes"
            } else {
                "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Cookie\r\nSet-Cookie: a=b\r\n\
                 Set-Cookie: c=d\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\nlog in"
            };
            connection.send(reply);
        }
    })
}

#[test]
fn a_yes_lets_the_request_on_with_what_the_service_says_of_the_client() {
    let (web, auth) = (Upstream::echo(), guard());
    let gateway = serving(rule(by_http()), &web, &auth);
    let mut client = gateway.connect();
    for _ in 0..2 {
        client.send(
            "POST /a?b=c HTTP/1.1\r\nHost: shop\r\nCookie: in=1\r\nX-User: admin\r\n\
             Authorization: Bearer t\r\nX-Other: o\r\nContent-Length: 4\r\n\r\nbody",
        );
        let reply = client.reply();
        assert_eq!((reply.status, reply.text()), (200, "body"));
    }
    let asked = &auth.requests()[0];
    assert_eq!(asked.line(), "POST shop /check/a?b=c");
    assert_eq!(asked.field("authorization"), Some("Bearer t"));
    assert_eq!(asked.field("content-length"), Some("0"));
    assert_eq!((asked.field("x-other"), &asked.body[..]), (None, &b""[..]));
    let sent = &web.requests()[0];
    assert_eq!(sent.line(), "POST shop /a?b=c");
    assert_eq!(sent.field("x-user"), Some("alice"));
    assert_eq!(sent.field("x-secret"), None);
    assert_eq!(auth.connections(), 1, "its connection is kept");
}

#[test]
fn a_no_is_passed_on_as_it_is_and_the_backend_hears_nothing() {
    let (web, auth) = (Upstream::echo(), guard());
    let gateway = serving(rule(by_http()), &web, &auth);
    let mut client = gateway.connect();
    for _ in 0..2 {
        client.send("GET / HTTP/1.1\r\nHost: shop\r\nX-User: admin\r\n\r\n");
        let reply = client.reply();
        assert_eq!((reply.status, reply.text()), (401, "log in"));
        assert_eq!(reply.field("www-authenticate"), Some("Cookie"));
        assert_eq!(reply.field("content-type"), Some("text/html"));
        let cookies = reply.fields.iter().filter(|(name, _)| name == "set-cookie");
        assert_eq!(cookies.count(), 2);
        assert_eq!(reply.reason(), None);
    }
    assert_eq!(web.connections(), 0);
}

#[test]
fn without_a_decision_nothing_passes() {
    let web = Upstream::echo();
    let at = address::own_address();
    let silent = Upstream::start(|connection, _| {
        connection.request();
        connection.drain();
    });
    let broken = Upstream::replying("HTTP/1.1 200 OK\r\nContent-Length: nonsense\r\n\r\n");
    let failing = Upstream::replying("HTTP/1.1 503 No\r\nContent-Length: 6\r\n\r\nsecret");
    let gone = address::own_address();
    let gateway = Gateway::serving(
        plain(),
        at,
        &change(at, rule(by_http()), web.address(), &[]),
    );
    for auth in [
        vec![],
        vec![gone],
        vec![broken.address()],
        vec![failing.address()],
        vec![silent.address()],
    ] {
        let mut rule = rule(by_http());
        // The time of the route bounds that of the service.
        rule.policies.timeouts = Some(
            timeouts::Ir {
                request: Some(Duration::from_millis(300)),
                backend_request: None,
            }
            .into(),
        );
        gateway.apply(&change(at, rule, web.address(), &auth));
        let mut client = gateway.connect();
        client.send("GET / HTTP/1.1\r\nHost: shop\r\nCookie: in=1\r\n\r\n");
        let reply = client.reply();
        assert_eq!(
            (reply.status, reply.reason()),
            (403, Some("auth_unavailable")),
            "{auth:?}"
        );
        assert!(!reply.text().contains("secret"));
    }
    assert_eq!(web.connections(), 0);
}

#[test]
fn the_service_comes_before_the_rules_other_filters() {
    let (web, auth) = (Upstream::echo(), guard());
    let mut headers = header_modifier::Ir::default();
    headers.request.remove = vec!["cookie".into()];
    headers.response.set = vec![("x-rule".into(), "1".into())];
    let mut rule = rule(by_http());
    rule.policies.header_modifier = Some(headers.into());
    let gateway = serving(rule, &web, &auth);
    let mut client = gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: shop\r\nCookie: in=1\r\n\r\n");
    let reply = client.reply();
    assert_eq!((reply.status, reply.field("x-rule")), (200, Some("1")));
    assert_eq!(web.only_request().field("cookie"), None);
    // The service's no is its own.
    client.send("GET / HTTP/1.1\r\nHost: shop\r\n\r\n");
    let reply = client.reply();
    assert_eq!((reply.status, reply.field("x-rule")), (401, None));
}

#[test]
fn a_body_that_the_service_sees_reaches_the_backend_too() {
    let (web, auth) = (Upstream::echo(), Upstream::replying(upstream::ok("")));
    let with_body = Ir {
        body: 10,
        ..by_http()
    };
    let gateway = serving(rule(with_body), &web, &auth);
    let mut client = gateway.connect();
    // The next request waits behind the body.
    client.send(
        "PUT /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody\
         PUT /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n\
         PUT /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n\
         GET /4 HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    for expected in ["body", "abcde", "", ""] {
        assert_eq!(client.reply().text(), expected);
    }
    let bodies = |upstream: &Upstream| -> Vec<Vec<u8>> {
        let requests = upstream.requests();
        requests.into_iter().map(|request| request.body).collect()
    };
    let expected = [&b"body"[..], b"abcde", b"", b""];
    assert_eq!(bodies(&auth), expected);
    assert_eq!(bodies(&web), expected);

    client.send("PUT /5 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(client.reply().status, 100);
    client.send("abc");
    assert_eq!(client.reply().text(), "abc");

    for too_large in [
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n01234567890\r\n",
    ] {
        let mut client = gateway.connect();
        client.send(too_large);
        assert_eq!(client.reply().status, 413);
    }
    assert_eq!((auth.requests().len(), web.requests().len()), (5, 5));
}

#[test]
fn a_service_may_decide_before_it_has_read_the_body() {
    let web = Upstream::echo();
    let auth = Upstream::start(|connection, _| {
        connection.request_head();
        connection.send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno");
        // It neither reads on nor closes.
        connection.stall(1);
    });
    let with_body = Ir {
        body: MUCH as u32,
        ..by_http()
    };
    let gateway = serving(rule(with_body), &web, &auth);
    let mut client = gateway.connect();
    let body = vec![b'x'; MUCH];
    client.send(format!(
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: {MUCH}\r\n\r\n"
    ));
    client.send(&body);
    let reply = client.reply();
    assert_eq!((reply.status, reply.text()), (401, "no"));
    auth.release();
}

#[test]
fn a_service_is_asked_again_on_a_new_connection_when_it_closed_the_old_one() {
    let web = Upstream::echo();
    let auth = Upstream::start(|connection, _| {
        // One request a connection, whatever it says.
        connection.request();
        connection.send(upstream::ok(""));
    });
    let gateway = serving(rule(by_http()), &web, &auth);
    let mut client = gateway.connect();
    for _ in 0..5 {
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
        assert_eq!(client.reply().status, 200);
    }
    assert_eq!(auth.requests().len(), 5);
}

/// A message as gRPC frames it.
fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("short");
    [&[0][..], &length.to_be_bytes(), message].concat()
}

#[test]
fn a_service_is_asked_by_grpc() {
    // `CheckResponse`s: code 0 with the header x-user: al; code 7 with status 401 and a body.
    const YES: &[u8] = &[
        0x0a, 2, 0x08, 0, 0x1a, 16, 0x12, 14, 0x0a, 12, 0x0a, 6, b'x', b'-', b'u', b's', b'e',
        b'r', 0x12, 2, b'a', b'l',
    ];
    const NO: &[u8] = &[
        0x0a, 2, 0x08, 7, 0x12, 9, 0x0a, 3, 0x08, 0x91, 0x03, 0x1a, 2, b'n', b'o',
    ];
    let auth = Backend::start(|received, mut respond| {
        let is_in = received.body.windows(4).any(|part| part == b"in=1");
        let head = http::Response::builder()
            .header("content-type", "application/grpc")
            .body(())
            .expect("a reply");
        let mut stream = respond.send_response(head, false).expect("sent");
        let message = framed(if is_in { YES } else { NO });
        stream.send_data(Bytes::from(message), false).expect("sent");
        let mut trailers = http::HeaderMap::new();
        let is_lost = received.body.windows(4).any(|part| part == b"lost");
        let status = if is_lost { "13" } else { "0" };
        trailers.insert("grpc-status", status.parse().expect("a value"));
        if received.body.windows(4).any(|part| part == b"none") {
            trailers.clear();
        }
        stream.send_trailers(trailers).expect("sent");
    });
    let web = Upstream::echo();
    let by_grpc = Ir {
        protocol: Protocol::Grpc {
            headers: vec!["cookie".into()],
        },
        ..by_http()
    };
    let at = address::own_address();
    let mut change = change(at, rule(by_grpc), web.address(), &[auth.address]);
    // It need not say that it speaks HTTP/2: gRPC does.
    for backend in change.backends.values().flatten() {
        assert_eq!(backend.protocol, BackendProtocol::Auto);
    }
    let gateway = Gateway::serving(plain(), at, &change);
    let mut client = gateway.connect();
    for _ in 0..2 {
        client.send("GET /a?b HTTP/1.1\r\nHost: shop\r\nCookie: in=1\r\nX-User: admin\r\n\r\n");
        assert_eq!(client.reply().status, 200);
        client.send("GET / HTTP/1.1\r\nHost: shop\r\n\r\n");
        let reply = client.reply();
        assert_eq!((reply.status, reply.text()), (401, "no"));
    }
    // A yes that ends with another status, or with none, is no yes.
    for cookie in ["in=1; lost", "in=1; none"] {
        client.send(format!(
            "GET / HTTP/1.1\r\nHost: shop\r\nCookie: {cookie}\r\n\r\n"
        ));
        assert_eq!(client.reply().status, 403, "{cookie}");
    }
    assert_eq!(web.requests().len(), 2);
    assert_eq!(web.requests()[0].field("x-user"), Some("al"));
    let asked = &auth.received()[0];
    assert_eq!(
        asked.head.uri().path(),
        "/envoy.service.auth.v3.Authorization/Check"
    );
    assert_eq!(asked.head.headers()["content-type"], "application/grpc");
    assert_eq!(asked.head.headers()["te"], "trailers");
    assert!(
        asked.body.windows(5).any(|part| part == b"/a?b*"),
        "path, then the tag of the host: {:?}",
        asked.body
    );

    // A service that answers by another protocol decides nothing.
    let other = Upstream::replying(upstream::ok("yes"));
    change = self::change(
        at,
        rule(Ir {
            protocol: Protocol::Grpc {
                headers: Vec::new(),
            },
            ..by_http()
        }),
        web.address(),
        &[other.address()],
    );
    gateway.apply(&change);
    client.send("GET / HTTP/1.1\r\nHost: shop\r\nCookie: in=1\r\n\r\n");
    assert_eq!(client.reply().status, 403);
}
