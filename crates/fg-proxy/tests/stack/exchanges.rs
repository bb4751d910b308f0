//! Expectations, informational replies, old clients, keep-alive, and clients that leave.

use fg_proxy::Settings;
use fg_testkit::{Upstream, address, ir, upstream};

use crate::gateway::{Gateway, plain};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn a_client_that_expects_100_continue_hears_it_from_the_backend() {
    let upstream = Upstream::start(|connection, _| {
        while connection.request_head().is_some() {
            connection.send("HTTP/1.1 100 Continue\r\n\r\n");
            connection.receive_at_least(3);
            let body = connection.take_unread();
            connection.send(upstream::ok(body));
        }
    });
    let gateway = Gateway::to(&[&upstream]);
    let mut client = gateway.connect();
    for _ in 0..2 {
        client
            .send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
        assert_eq!(client.reply().status, 100);
        client.send("abc");
        assert_eq!(client.reply().text(), "abc");
    }
    for request in upstream.requests() {
        assert_eq!(request.field("expect"), Some("100-continue"));
    }
}

#[test]
fn an_expectation_may_be_refused_or_ignored() {
    let upstream = Upstream::start(|connection, number| {
        connection.request_head();
        let status = if number == 0 {
            "417 Expectation Failed"
        } else {
            "200 OK"
        };
        connection.send(format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nno"));
        connection.drain();
    });
    let gateway = Gateway::to(&[&upstream]);
    for status in [417, 200] {
        let mut client = gateway.connect();
        client
            .send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
        assert_eq!(client.reply().status, status);
        // The body may come or not; nothing of it may be taken for a request.
        client.send(GET);
        assert!(client.is_ended());
    }
}

#[test]
fn informational_replies_pass_to_clients_that_know_them() {
    let upstream = Upstream::start(|connection, _| {
        while connection.request().is_some() {
            connection.send(
                "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: x-b\r\nX-B: c\r\n\r\n\
                 HTTP/1.1 102 Processing\r\n\r\n",
            );
            connection.send(upstream::ok("final"));
        }
    });
    let gateway = Gateway::to(&[&upstream]);
    let mut client = gateway.connect();
    for _ in 0..2 {
        client.send(GET);
        let hints = client.reply();
        assert_eq!(hints.status, 103);
        assert_eq!(hints.fields, [("link".to_owned(), "</a>".to_owned())]);
        assert_eq!(client.reply().status, 102);
        assert_eq!(client.reply().text(), "final");
    }
    let mut old = gateway.connect();
    old.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
    assert_eq!(old.reply().text(), "final");
    assert_eq!(upstream.connections(), 1);
}

#[test]
fn old_clients_get_what_they_understand() {
    let upstream = Upstream::start(|connection, _| {
        while let Some(request) = connection.request() {
            if request.target == "/chunks" {
                connection.send(
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n",
                );
            } else {
                connection.send(upstream::ok("abc"));
            }
        }
    });
    let gateway = Gateway::to(&[&upstream]);
    let get = |target: &str, more: &str| format!("GET {target} HTTP/1.0\r\nHost: a\r\n{more}\r\n");

    let mut client = gateway.connect();
    client.send(get("/", "Connection: keep-alive\r\n"));
    let reply = client.reply();
    assert_eq!(reply.field("connection"), Some("keep-alive"));
    assert_eq!(reply.text(), "abc");
    client.send(get("/", ""));
    let reply = client.reply();
    assert_eq!(
        (reply.field("connection"), reply.text()),
        (Some("close"), "abc")
    );
    assert!(client.is_ended());

    let mut client = gateway.connect();
    client.send(get("/chunks", "Connection: keep-alive\r\n"));
    let reply = client.reply();
    assert_eq!(reply.field("transfer-encoding"), None);
    assert_eq!(
        (reply.field("connection"), reply.text()),
        (Some("close"), "abc")
    );

    let mut client = gateway.connect();
    client.send("GET / HTTP/1.0\r\n\r\n");
    assert_eq!(client.reply().text(), "abc", "no host at all");
    let requests = upstream.lines();
    let named = format!("GET {} /", upstream.address());
    assert_eq!(requests.last(), Some(&named), "the backend is told its own");
}

#[test]
fn connections_are_kept_until_a_side_says_otherwise() {
    let upstream = Upstream::start(|connection, _| {
        while let Some(request) = connection.request() {
            if request.target == "/last" {
                connection
                    .send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
                connection.drain();
                return;
            }
            connection.send(upstream::ok("ok"));
        }
    });
    let gateway = Gateway::to(&[&upstream]);
    let mut client = gateway.connect();
    for _ in 0..3 {
        client.send(GET);
        assert_eq!(client.reply().field("connection"), None);
    }
    // The backend ends its connection, not the client's.
    client.send("GET /last HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.reply().field("connection"), None);
    upstream.wait_for_ends(1);
    client.send(GET);
    assert_eq!(client.reply().text(), "ok");
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_eq!(client.reply().field("connection"), Some("close"));
    assert!(client.is_ended());
    assert_eq!(upstream.connections(), 2);
}

#[test]
fn a_connection_has_so_many_requests_and_no_more() {
    let upstream = Upstream::replying(upstream::ok("ok"));
    let settings = Settings {
        max_requests_per_connection: 3,
        ..plain()
    };
    let gateway = Gateway::with(settings, &[&upstream]);
    let mut client = gateway.connect();
    client.send(GET.repeat(5));
    assert_eq!(client.reply().field("connection"), None);
    assert_eq!(client.reply().field("connection"), None);
    assert_eq!(client.reply().field("connection"), Some("close"));
    assert!(client.is_ended());
    assert_eq!(upstream.requests().len(), 3);
}

#[test]
fn a_client_that_has_said_everything_still_gets_its_replies() {
    let upstream = Upstream::start(|connection, _| {
        while connection.request().is_some() {
            connection.mark();
            connection.stall(1);
            connection.send(upstream::ok("late"));
        }
    });
    let gateway = Gateway::to(&[&upstream]);
    let mut client = gateway.connect();
    client.send(GET.repeat(2));
    client.half_close();
    upstream.wait_for_marks(1);
    upstream.release();
    assert_eq!(client.reply().text(), "late");
    assert_eq!(client.reply().text(), "late");
    assert!(client.is_ended());
}

#[test]
fn a_client_that_is_gone_takes_its_request_along() {
    let upstream = Upstream::start(|connection, _| {
        connection.request();
        connection.mark();
        // Nothing is answered: only the gateway can end this.
        connection.drain();
    });
    let gateway = Gateway::to(&[&upstream]);
    let client = gateway.connect();
    client.send(GET);
    upstream.wait_for_marks(1);
    client.abort();
    upstream.wait_for_ends(1);
}

#[test]
fn a_client_that_leaves_while_the_backend_is_silent_frees_the_backend() {
    let upstream = Upstream::start(|connection, _| {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\nabc");
        connection.drain();
    });
    let gateway = Gateway::to(&[&upstream]);
    let mut client = gateway.connect();
    client.send(GET);
    client.head();
    client.bytes(3);
    client.abort();
    upstream.wait_for_ends(1);
}

#[test]
fn a_reply_before_the_end_of_the_request_says_that_the_connection_ends() {
    let upstream = Upstream::start(|connection, _| {
        connection.request_head();
        connection.send(upstream::ok("enough"));
        connection.drain();
    });
    let gateway = Gateway::to(&[&upstream]);
    let mut client = gateway.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc");
    let reply = client.reply();
    assert_eq!(
        (reply.text(), reply.field("connection")),
        ("enough", Some("close"))
    );
}

#[test]
fn a_refused_request_whose_body_is_here_keeps_the_connection() {
    let gateway = Gateway::to(&[]);
    let mut client = gateway.connect();
    for _ in 0..2 {
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
        assert_eq!(client.reply().reason(), Some("no_endpoints"));
    }
}

/// A configuration whose one rule removes `x-internal` in both directions.
fn removing(at: std::net::SocketAddr, upstream: &Upstream) -> fg_ir::Change {
    let mut rule = ir::rule("all", "http", "/", "backend");
    let changes = fg_policies::header_modifier::Changes {
        remove: vec!["x-internal".into()],
        ..Default::default()
    };
    rule.policies.header_modifier = Some(std::sync::Arc::new(fg_policies::header_modifier::Ir {
        request: changes.clone(),
        response: changes,
    }));
    ir::Changes::new()
        .listener(ir::listener("http", at, None))
        .rule(rule)
        .backend("backend", &[upstream.address()])
        .build()
}

#[test]
fn what_a_rule_removes_comes_neither_early_nor_late() {
    let upstream = Upstream::start(|connection, _| {
        while connection.request().is_some() {
            connection.send("HTTP/1.1 103 Early Hints\r\nX-Internal: 1\r\nLink: </a>\r\n\r\n");
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Internal: 2\r\nX-Sum: 3\r\n\r\n");
        }
    });
    let at = address::own_address();
    let gateway = Gateway::serving(plain(), at, &removing(at, &upstream));
    let mut client = gateway.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx-INTERNAL: 4\r\nX-Sum: 5\r\n\r\n");
    let early = client.reply();
    assert_eq!((early.status, early.field("link")), (103, Some("</a>")));
    assert_eq!(early.field("x-internal"), None);
    let trailer = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    assert_eq!(client.reply().trailers, trailer("x-sum", "3"));
    let request = String::from_utf8(upstream.received().concat()).expect("text");
    assert!(request.ends_with("0\r\nX-Sum: 5\r\n\r\n"), "{request:?}");
}

#[test]
fn what_a_rule_removes_does_not_come_with_an_upgrade_either() {
    let upstream = Upstream::start(|connection, _| {
        connection.request();
        connection.send(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
             X-Internal: 1\r\nX-Kept: 2\r\n\r\nhi",
        );
    });
    let at = address::own_address();
    let gateway = Gateway::serving(plain(), at, &removing(at, &upstream));
    let mut client = gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
    let head = client.head().to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 101 "), "{head}");
    assert!(head.contains("\r\nx-kept: 2\r\n"), "{head}");
    assert!(!head.contains("x-internal"), "{head}");
    assert_eq!(client.bytes(2), b"hi");
}
