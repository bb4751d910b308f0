//! Replies that are malformed or ambiguous: the client gets a 502 and the connection to the backend
//! is discarded.

use std::sync::{Arc, Mutex};

use fg_testkit::{Upstream, upstream};

use crate::gateway::Gateway;

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// An upstream whose reply, and where it is cut, a test sets for each connection.
struct Scripted {
    upstream: Upstream,
    script: Arc<Mutex<(Vec<u8>, usize)>>,
}

impl Scripted {
    fn start() -> Self {
        let script = Arc::new(Mutex::new((Vec::new(), 0)));
        let mine = script.clone();
        let upstream = Upstream::start(move |connection, _| {
            while connection.request().is_some() {
                let (reply, cut) = mine.lock().expect("no panic").clone();
                connection.send_cut(reply, cut);
            }
        });
        Self { upstream, script }
    }

    fn set(&self, reply: impl Into<Vec<u8>>, cut: usize) {
        *self.script.lock().expect("no panic") = (reply.into(), cut);
    }
}

fn bad() -> Vec<String> {
    let fields = |lines: &str| format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\nabc");
    let line = |line: &str| format!("{line}\r\nContent-Length: 3\r\n\r\nabc");
    vec![
        fields("Content-Length: 3\r\nTransfer-Encoding: chunked"),
        fields("Content-Length: 3\r\nContent-Length: 3"),
        fields("Content-Length: 3\r\nContent-Length: 4"),
        fields("Content-Length: 3, 3"),
        fields("Content-Length: x"),
        fields("Content-Length: -1"),
        fields("Content-Length:"),
        fields("Transfer-Encoding: gzip"),
        fields("Transfer-Encoding: gzip, chunked"),
        fields("Transfer-Encoding: identity"),
        fields("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
        fields("Content-Length : 3"),
        fields("X: a\r\n folded"),
        fields("X: a\rContent-Length: 3"),
        fields("X: a\nContent-Length: 3"),
        fields("X: a\0"),
        fields("no colon"),
        line("HTTP/1.1 20 OK"),
        line("HTTP/1.1 2000 OK"),
        line("HTTP/1.1 099 OK"),
        line("HTTP/1.2 200 OK"),
        line("HTTP/2 200 OK"),
        line("ICY 200 OK"),
        line("200 OK"),
        line("\r\nHTTP/1.1 200 OK"),
        line("HTTP/1.1 200 O\rK"),
        "HTTP/1.1 200 OK\nContent-Length: 3\n\nabc".to_owned(),
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
        "HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\nabc".to_owned(),
        "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
        "HTTP/1.1 103 Early Hints\r\nContent-Length: 3\r\n\r\nabc".to_owned(),
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
            .to_owned(),
        "<html>hello, my protocol is older than yours</html>\r\n\r\n".to_owned(),
    ]
}

#[test]
fn ambiguous_replies_become_502_and_the_connection_is_discarded() {
    let scripted = Scripted::start();
    let gateway = Gateway::to(&[&scripted.upstream]);
    let mut client = gateway.connect();
    for (count, reply) in bad().into_iter().enumerate() {
        scripted.set(reply.clone(), 0);
        client.send(GET);
        let got = client.reply();
        assert_eq!(got.status, 502, "{reply:?}");
        assert_eq!(got.reason(), Some("bad_reply"), "{reply:?}");
        // The same client connection goes on, the one to the backend does not.
        scripted.upstream.wait_for_ends(count + 1);
    }
    assert_eq!(scripted.upstream.connections(), bad().len());
}

#[test]
fn ambiguous_replies_become_502_however_they_are_cut() {
    let scripted = Scripted::start();
    let gateway = Gateway::to(&[&scripted.upstream]);
    let mut client = gateway.connect();
    for reply in bad() {
        for cut in 1..reply.len() {
            scripted.set(reply.clone(), cut);
            client.send(GET);
            let got = client.reply();
            assert_eq!(got.status, 502, "{reply:?} cut at {cut}");
            assert_eq!(got.reason(), Some("bad_reply"), "{reply:?} cut at {cut}");
        }
    }
}

#[test]
fn good_replies_are_the_same_however_they_are_cut() {
    let scripted = Scripted::start();
    let gateway = Gateway::to(&[&scripted.upstream]);
    for (reply, head) in [
        (
            "HTTP/1.1 200 Fine\r\nDate: d\r\nX-A:1 \r\nContent-Length: 003\r\nKeep-Alive: 5\r\n\r\nabc",
            "HTTP/1.1 200 OK\r\nDate: d\r\nX-A: 1\r\ncontent-length: 3\r\n\r\n",
        ),
        (
            "HTTP/1.1 404\r\nDate: d\r\nTransfer-Encoding: Chunked\r\nConnection: x-b\r\nX-B: c\r\n\r\n03;x\r\nabc\r\n0\r\n\r\n",
            "HTTP/1.1 404 Not Found\r\nDate: d\r\ntransfer-encoding: chunked\r\n\r\n",
        ),
    ] {
        let mut client = gateway.connect();
        for cut in 0..reply.len() {
            scripted.set(reply, cut);
            client.send(GET);
            assert_eq!(client.head(), head, "cut at {cut}");
            if head.contains("content-length") {
                assert_eq!(client.bytes(3), b"abc", "cut at {cut}");
            } else {
                let mut data = Vec::new();
                loop {
                    // A chunk that arrives in pieces leaves in pieces.
                    let size = client.bytes(1)[0] - b'0';
                    assert_eq!(client.bytes(2), b"\r\n");
                    data.extend(client.bytes(usize::from(size)));
                    assert_eq!(client.bytes(2), b"\r\n");
                    if size == 0 {
                        break;
                    }
                }
                assert_eq!(data, b"abc", "cut at {cut}");
            }
        }
    }
    assert_eq!(scripted.upstream.connections(), 1, "all on one connection");
}

#[test]
fn large_heads_and_many_fields_become_502() {
    let long = "x".repeat(70_000);
    for reply in [
        format!("HTTP/1.1 200 OK\r\nX: {long}\r\nContent-Length: 0\r\n\r\n"),
        format!(
            "HTTP/1.1 200 OK\r\n{}Content-Length: 0\r\n\r\n",
            "X: y\r\n".repeat(200)
        ),
    ] {
        let upstream = Upstream::replying(reply);
        let gateway = Gateway::to(&[&upstream]);
        let mut client = gateway.connect();
        client.send(GET);
        let got = client.reply();
        assert_eq!(got.status, 502);
        assert_eq!(got.reason(), Some("reply_head_too_large"));
        upstream.wait_for_ends(1);
    }
}

#[test]
fn endless_informational_replies_become_502() {
    let upstream = Upstream::start(|connection, _| {
        connection.request();
        while connection.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n") {}
    });
    let gateway = Gateway::to(&[&upstream]);
    let mut client = gateway.connect();
    client.send(GET);
    let last = loop {
        let reply = client.reply();
        if reply.status >= 200 {
            break reply;
        }
    };
    assert_eq!((last.status, last.reason()), (502, Some("bad_reply")));
    upstream.wait_for_ends(1);
}

#[test]
fn replies_that_nobody_asked_for_reach_nobody() {
    // A second reply in one piece with the first, and one that comes later.
    for apart in [false, true] {
        let upstream = Upstream::start(move |connection, number| {
            while connection.request().is_some() {
                let own = upstream::ok(format!("own {number}"));
                let extra = upstream::ok("poison");
                if apart {
                    connection.send(own);
                    connection.send(extra);
                } else {
                    connection.send([own, extra].concat());
                }
                connection.wait_until_read();
            }
        });
        let gateway = Gateway::to(&[&upstream]);
        let mut client = gateway.connect();
        for number in 0..5 {
            client.send(GET);
            assert_eq!(client.reply().text(), format!("own {number}"));
            // The extra bytes are there when the next request looks for a connection.
            upstream.wait_for_requests(number + 1);
            if apart {
                while upstream.sent() < (number + 1) * 2 * upstream::ok("own 0").len() {
                    std::thread::yield_now();
                }
            }
        }
        assert_eq!(upstream.connections(), 5);
    }
}
