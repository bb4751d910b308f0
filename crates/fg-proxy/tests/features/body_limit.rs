//! The largest request body: refused at once when it is announced, otherwise when it is passed.

use fg_proxy::Settings;
use fg_testkit::Upstream;

use crate::gateway::{Gateway, plain};

fn limited(upstream: &Upstream) -> Gateway {
    let settings = Settings {
        max_request_body: 10_000,
        ..plain()
    };
    Gateway::with(settings, &[upstream])
}

#[test]
fn a_body_that_is_announced_too_large_is_refused_before_it_comes() {
    let upstream = Upstream::echo();
    let gateway = limited(&upstream);
    for expect in ["", "Expect: 100-continue\r\n"] {
        let mut client = gateway.connect();
        client.send(format!(
            "POST / HTTP/1.1\r\nHost: a\r\n{expect}Content-Length: 10001\r\n\r\n"
        ));
        let reply = client.reply();
        assert_eq!(
            (reply.status, reply.reason()),
            (413, Some("body_too_large"))
        );
        assert!(client.is_ended());
    }
    assert_eq!(upstream.connections(), 0);
}

#[test]
fn a_body_in_chunks_is_refused_when_it_passes_the_limit() {
    let upstream = Upstream::echo();
    let gateway = limited(&upstream);
    let mut client = gateway.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for _ in 0..3 {
        client.send(format!("1000\r\n{}\r\n", "x".repeat(0x1000)));
    }
    let reply = client.reply();
    assert_eq!(
        (reply.status, reply.reason()),
        (413, Some("body_too_large"))
    );
    assert_eq!(
        upstream.requests().len(),
        0,
        "no backend has a whole request"
    );
}

#[test]
fn a_body_at_the_limit_passes() {
    let upstream = Upstream::echo();
    let gateway = limited(&upstream);
    let mut client = gateway.connect();
    let body = "x".repeat(10_000);
    client.send(format!(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000\r\n\r\n{body}"
    ));
    assert_eq!(client.reply().body.len(), 10_000);
    client.send(format!(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2710\r\n{body}\r\n0\r\n\r\n"
    ));
    assert_eq!(client.reply().body.len(), 10_000);
}

#[test]
fn a_body_that_grows_too_large_behind_its_reply_is_cut() {
    let upstream = Upstream::start(|connection, _| {
        connection.request_head();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234");
        connection.mark();
        connection.drain();
    });
    let gateway = limited(&upstream);
    let mut client = gateway.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert!(client.head().starts_with("HTTP/1.1 200"));
    assert_eq!(client.bytes(5), b"01234");
    client.send(format!("3000\r\n{}\r\n", "x".repeat(0x3000)));
    assert_eq!(
        client.rest().unwrap_or_default(),
        b"",
        "no more of the reply"
    );
}
