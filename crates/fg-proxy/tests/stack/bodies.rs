//! Bodies in both directions: framings, sizes, back-pressure, trailers, early and missing ones.

use fg_testkit::{Upstream, upstream};

use crate::gateway::Gateway;

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
/// More than all sockets on the way hold.
const MUCH: usize = 96 * 1024 * 1024;
/// What sockets on the way may hold at most, with room to spare.
const STUCK: usize = 48 * 1024 * 1024;

fn pattern(size: usize) -> Vec<u8> {
    (0..size).map(|at| (at * 31 % 251) as u8).collect()
}

/// Chunks of growing sizes.
fn chunked(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let (mut rest, mut size) = (body, 1);
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(size.min(rest.len()));
        out.extend(format!("{:X}\r\n", piece.len()).into_bytes());
        out.extend_from_slice(piece);
        out.extend_from_slice(b"\r\n");
        rest = after;
        size = (size * 7 + 3).min(300_000);
    }
    out.extend_from_slice(b"0\r\n\r\n");
    out
}

#[test]
fn bodies_of_every_size_and_framing_arrive_whole() {
    for (name, framing) in [("length", 0), ("chunks", 1), ("the end", 2)] {
        let upstream = Upstream::start(move |connection, _| {
            while let Some(request) = connection.request() {
                let body = request.body;
                match framing {
                    0 => connection.send(upstream::ok(body)),
                    1 => {
                        let mut reply =
                            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
                        reply.extend(chunked(&body));
                        connection.send(reply)
                    }
                    _ => {
                        connection.send([b"HTTP/1.1 200 OK\r\n\r\n", &*body].concat());
                        return;
                    }
                };
            }
        });
        let gateway = Gateway::to(&[&upstream]);
        let mut client = gateway.connect();
        for size in [
            0, 1, 100, 2047, 2048, 2049, 5000, 65_536, 1_000_000, 3_000_000,
        ] {
            let body = pattern(size);
            client.send(format!(
                "POST /{size} HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n"
            ));
            client.send(&body);
            assert!(
                client.reply().body == body,
                "{size} by length, back by {name}"
            );
            client.send(format!(
                "POST /{size} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            ));
            client.send(chunked(&body));
            assert!(
                client.reply().body == body,
                "{size} by chunks, back by {name}"
            );
        }
        assert!(client.is_quiet());
    }
}

#[test]
fn a_client_that_does_not_read_holds_the_backend_back() {
    for chunked in [false, true] {
        let upstream = Upstream::start(move |connection, _| {
            connection.request();
            let framing = if chunked {
                format!("Transfer-Encoding: chunked\r\n\r\n{MUCH:x}")
            } else {
                format!("Content-Length: {MUCH}\r\n")
            };
            connection.send(format!("HTTP/1.1 200 OK\r\n{framing}\r\n"));
            let sent = connection.send_until_stuck(MUCH);
            connection.mark();
            connection.send_many(MUCH - sent);
            connection.send("\r\n0\r\n\r\n");
        });
        let gateway = Gateway::to(&[&upstream]);
        let mut client = gateway.connect();
        client.send(GET);
        upstream.wait_for_marks(1);
        assert!(
            upstream.sent() < STUCK,
            "{} bytes went nowhere",
            upstream.sent()
        );
        assert_eq!(client.reply().body.len(), MUCH);
    }
}

#[test]
fn a_backend_that_does_not_read_holds_the_client_back() {
    let upstream = Upstream::start(|connection, _| {
        connection.request_head();
        connection.stall(1);
        let mut left = MUCH - connection.take_unread().len();
        while left > 0 && connection.receive() {
            left -= connection.take_unread().len();
        }
        connection.send(upstream::ok("whole"));
    });
    let gateway = Gateway::to(&[&upstream]);
    let mut client = gateway.connect();
    client.send(format!(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {MUCH}\r\n\r\n"
    ));
    let sent = client.send_until_stuck(MUCH);
    assert!(sent < STUCK, "{sent} bytes went nowhere");
    upstream.release();
    client.send(vec![b'x'; MUCH - sent]);
    assert_eq!(client.reply().text(), "whole");
}

#[test]
fn request_and_reply_bodies_flow_at_the_same_time() {
    let upstream = Upstream::start(|connection, _| {
        connection.request_head();
        connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        while connection.receive_at_least(1) {
            let piece = connection.take_unread();
            // What came in is one chunk as it was sent; it goes back as it is.
            connection.send(&piece);
            if piece.ends_with(b"0\r\n\r\n") {
                break;
            }
        }
    });
    let gateway = Gateway::to(&[&upstream]);
    let mut client = gateway.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert!(client.head().starts_with("HTTP/1.1 200 OK\r\n"));
    for word in ["one", "three", "seventeen"] {
        let chunk = format!("{:x}\r\n{word}\r\n", word.len());
        client.send(&chunk);
        assert_eq!(client.bytes(chunk.len()), chunk.as_bytes());
    }
    client.send("0\r\n\r\n");
    assert_eq!(client.bytes(5), b"0\r\n\r\n");
    client.send(GET);
}

#[test]
fn trailers_pass_but_not_those_that_mean_something_in_a_head() {
    let upstream = Upstream::start(|connection, _| {
        while connection.request().is_some() {
            connection.send(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Back: 1\r\n\
                 Content-Length: 7\r\nContent_Length: 7\r\nSet-Cookie: a\r\nConnection: close\r\n\
                 x_back: 1\r\n\r\n",
            );
        }
    });
    let gateway = Gateway::to(&[&upstream]);
    let mut client = gateway.connect();
    client.send(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Sum:  1 \r\n\
         Host: evil\r\nContent-Length: 7\r\nTransfer-Encoding: chunked\r\nAuthorization: x\r\n\
         X-Forwarded-For: 1\r\nCookie: x\r\nx_sum: 2\r\n\r\n",
    );
    let one = |name: &str| (name.to_owned(), "1".to_owned());
    // Names with an underscore are for clients to judge, and gRPC has such metadata.
    assert_eq!(client.reply().trailers, [one("x-back"), one("x_back")]);
    assert_eq!(upstream.only_request().trailers, [one("x-sum")]);
    client.send(GET);
    assert_eq!(client.reply().text(), "a", "the connection goes on");
}

#[test]
fn replies_without_a_body_leave_the_connection_usable() {
    for (method, reply, length) in [
        (
            "HEAD",
            "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n",
            Some("1234"),
        ),
        (
            "HEAD",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            None,
        ),
        ("HEAD", "HTTP/1.1 200 OK\r\n\r\n", None),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n", None),
        (
            "GET",
            "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
            None,
        ),
        (
            "GET",
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 1234\r\n\r\n",
            Some("1234"),
        ),
        ("GET", "HTTP/1.1 304 Not Modified\r\n\r\n", None),
        (
            "GET",
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            Some("0"),
        ),
    ] {
        let upstream = Upstream::replying(reply);
        let gateway = Gateway::to(&[&upstream]);
        let mut client = gateway.connect();
        for _ in 0..2 {
            client.send(format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n"));
            let got = client.reply_to_head();
            assert_eq!(got.field("content-length"), length, "{method} {reply:?}");
            assert_eq!(got.field("connection"), None, "{method} {reply:?}");
        }
        assert_eq!(upstream.connections(), 1, "{method} {reply:?}");
    }
}

#[test]
fn a_body_where_none_may_be_is_not_the_next_reply() {
    let upstream = Upstream::replying(upstream::ok("poison"));
    let gateway = Gateway::to(&[&upstream]);
    let mut client = gateway.connect();
    for _ in 0..3 {
        client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(client.reply_to_head().field("content-length"), Some("6"));
    }
    assert_eq!(upstream.connections(), 3);
}

#[test]
fn a_reply_that_is_cut_short_is_cut_short_for_the_client() {
    for (reply, is_reset) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", false),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", true),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
            false,
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
            true,
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
            false,
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n",
            false,
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX : y\r\n\r\n",
            false,
        ),
        ("HTTP/1.1 200 OK\r\n\r\nabc", true),
    ] {
        let upstream = Upstream::start(move |connection, _| {
            connection.request();
            connection.send(reply);
            connection.wait_until_read();
            if is_reset {
                connection.reset();
            }
        });
        let gateway = Gateway::to(&[&upstream]);
        let mut client = gateway.connect();
        client.send(GET);
        let got = client.try_reply();
        assert!(got.is_err(), "{reply:?} became {got:?}");
    }
}

#[test]
fn a_reply_that_comes_early_is_passed_on_at_once() {
    let upstream = Upstream::start(|connection, _| {
        connection.request_head();
        connection.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 4\r\n\r\nmuch");
        connection.drain();
    });
    let gateway = Gateway::to(&[&upstream]);
    for head in ["Content-Length: 1000000", "Transfer-Encoding: chunked"] {
        let mut client = gateway.connect();
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n"));
        let reply = client.reply();
        assert_eq!((reply.status, reply.text()), (413, "much"), "{head}");
    }
    assert_eq!(upstream.requests(), [], "no request was whole");
}

#[test]
fn a_backend_that_replies_and_closes_without_reading_is_heard() {
    let upstream = Upstream::start(|connection, _| {
        connection.request_head();
        connection.send(
            "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 4\r\n\r\nmuch",
        );
        connection.half_close();
        connection.wait_until_read();
    });
    let gateway = Gateway::to(&[&upstream]);
    let mut client = gateway.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n");
    client.send(vec![b'x'; 100_000]);
    let reply = client.reply();
    assert_eq!((reply.status, reply.text()), (413, "much"));
}

#[test]
fn a_body_that_the_gateway_does_not_want_is_not_the_next_request() {
    let gateway = Gateway::to_addresses(crate::gateway::plain(), &[]);
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    let length = smuggled.len();
    // Whole behind its head: the connection may go on, behind the body.
    let mut client = gateway.connect();
    client.send(format!(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{smuggled}"
    ));
    let reply = client.reply();
    assert_eq!(reply.status, 503);
    client.send("HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let rest = client.rest().expect("an orderly end");
    let answers = String::from_utf8_lossy(&rest).matches("HTTP/1.1 ").count();
    let goes_on = reply.field("connection").is_none();
    assert_eq!(answers, usize::from(goes_on), "the body is not answered");
    // Later than its head: the connection ends.
    for head in [
        format!("Content-Length: {length}"),
        "Transfer-Encoding: chunked".to_owned(),
    ] {
        let mut client = gateway.connect();
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n"));
        let reply = client.reply();
        assert_eq!(
            (reply.status, reply.field("connection")),
            (503, Some("close"))
        );
        client.send(smuggled);
        assert!(client.is_ended());
    }
}
