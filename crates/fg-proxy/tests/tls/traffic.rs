//! What HTTP/1.1 over TLS is worth: the same as in clear text.

use std::io::Write as _;

use fg_testkit::certificates::Authority;
use fg_testkit::ir;
use fg_testkit::tls::Handshake;
use fg_testkit::{Client, Upstream, address, upstream};

use crate::everything;
use crate::gateway::{Gateway, plain};

/// A gateway that serves an upstream over TLS at its address, and in clear text at the other one.
fn both(upstream: &Upstream) -> (Gateway, std::net::SocketAddr) {
    let issued = Authority::new("ca").issue(&["a.test"]);
    let (clear, secure) = (address::own_address(), address::own_address());
    let change = everything(secure, &issued, &[upstream.address()])
        .listener(ir::listener("http", clear, None))
        .rule(ir::rule("clear", "http", "/", "backend"))
        .build();
    (Gateway::serving(plain(), secure, &change), clear)
}

/// Requests with bodies of many sizes, in both framings, one after the other in one piece.
fn requests() -> Vec<u8> {
    let mut all = Vec::new();
    for size in [
        0usize, 1, 100, 2047, 2048, 2049, 16_383, 16_384, 16_385, 70_000, 300_000,
    ] {
        let body: Vec<u8> = (0..size).map(|at| b'a' + (at % 26) as u8).collect();
        write!(
            all,
            "POST /{size} HTTP/1.1\r\nHost: a.test\r\nContent-Length: {size}\r\n\r\n"
        )
        .expect("memory");
        all.extend_from_slice(&body);
        write!(
            all,
            "POST /{size} HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        .expect("memory");
        for chunk in body.chunks(10_000) {
            write!(all, "{:x}\r\n", chunk.len()).expect("memory");
            all.extend_from_slice(chunk);
            all.extend_from_slice(b"\r\n");
        }
        all.extend_from_slice(b"0\r\n\r\n");
    }
    all
}

#[test]
fn pipelined_bodies_of_all_sizes_come_back_as_in_clear_text() {
    let upstream = Upstream::echo();
    let (gateway, clear) = both(&upstream);
    let requests = requests();
    let mut plain = Client::connect(clear);
    let mut replies = Vec::new();
    for request in split(&requests) {
        plain.send(&request);
        replies.push(plain.reply());
    }
    for versions in [&[&rustls::version::TLS13][..], &[&rustls::version::TLS12]] {
        let mut client = Handshake::with_versions(versions).connect(gateway.address, "a.test");
        for (request, reply) in split(&requests).iter().zip(&replies) {
            client.send(request);
            assert_eq!(&client.reply(), reply);
        }
    }
    // Small ones in one piece.
    let mut client = Handshake::new().connect(gateway.address, "a.test");
    let small: Vec<Vec<u8>> = split(&requests).into_iter().take(10).collect();
    client.send(small.concat());
    for reply in replies.iter().take(10) {
        assert_eq!(&client.reply(), reply);
    }
    assert_eq!(gateway.metric("ferrogate_tls_handshakes_total"), 3.0);
}

/// The requests of [`requests`], each alone.
fn split(all: &[u8]) -> Vec<Vec<u8>> {
    let mut starts: Vec<usize> = all
        .windows(5)
        .enumerate()
        .filter(|(_, window)| window == b"POST ")
        .map(|(at, _)| at)
        .collect();
    starts.push(all.len());
    starts
        .windows(2)
        .map(|pair| all[pair[0]..pair[1]].to_vec())
        .collect()
}

#[test]
fn a_slow_reader_gets_everything() {
    let upstream = Upstream::start(|connection, _| {
        while connection.request().is_some() {
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4000000\r\n\r\n");
            connection.send_many(4_000_000);
        }
    });
    let (gateway, _) = both(&upstream);
    let mut client = Handshake::new().connect(gateway.address, "a.test");
    for _ in 0..2 {
        client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        // Nobody reads until the upstream has all but filled every buffer on the way.
        upstream.wait_for_sent(1_000_000);
        let reply = client.reply();
        assert_eq!(reply.body.len(), 4_000_000);
        assert!(reply.body.iter().all(|&byte| byte == b'x'));
    }
}

#[test]
fn the_end_is_said_by_tls_and_a_cut_reply_is_cut() {
    let upstream = Upstream::start(|connection, number| {
        connection.request();
        if number == 0 {
            connection.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
        } else {
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok");
        }
    });
    let (gateway, _) = both(&upstream);
    let mut client = Handshake::new().connect(gateway.address, "a.test");
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
    assert_eq!(client.reply().text(), "ok");
    assert_eq!(client.rest().expect("an end, not a cut"), b"");
    let mut client = Handshake::new().connect(gateway.address, "a.test");
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert!(client.rest().is_err(), "half a reply must not look whole");
}

#[test]
fn a_client_that_ends_its_side_gets_its_reply() {
    let upstream = Upstream::echo();
    let (gateway, _) = both(&upstream);
    let mut client = Handshake::new().connect(gateway.address, "a.test");
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n\r\nok");
    client.half_close();
    assert_eq!(client.reply().text(), "ok");
    assert_eq!(client.rest().expect("an end, not a cut"), b"");
}

#[test]
fn an_upgraded_connection_carries_bytes_both_ways() {
    let upstream = Upstream::start(|connection, _| {
        connection.request_head();
        connection.send(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nhello",
        );
        while connection.receive_at_least(1) {
            let bytes = connection.take_unread();
            connection.send(bytes);
        }
    });
    let (gateway, _) = both(&upstream);
    let mut client = Handshake::new().connect(gateway.address, "a.test");
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
    assert_eq!(client.reply().status, 101);
    assert_eq!(client.bytes(5), b"hello");
    for size in [1, 1000, 100_000] {
        let sent = vec![b'z'; size];
        client.send(&sent);
        assert_eq!(client.bytes(size), sent);
    }
    client.half_close();
    assert_eq!(client.rest().expect("an end, not a cut"), b"");
}

#[test]
fn protocols_are_agreed_on() {
    let upstream = Upstream::replying(upstream::ok(""));
    let (gateway, _) = both(&upstream);
    let offers: [(&[&str], Option<&str>); 4] = [
        (&["h2", "http/1.1"], Some("h2")),
        (&["http/1.1"], Some("http/1.1")),
        (&["http/1.1", "h2"], Some("h2")),
        (&[], None),
    ];
    for (offered, agreed) in offers {
        let client = Handshake::new()
            .offering(offered)
            .connect(gateway.address, "a.test");
        assert_eq!(client.protocol().as_deref(), agreed, "{offered:?}");
    }
    let foreign = Handshake::new().offering(&["spdy/3"]);
    assert!(foreign.try_connect(gateway.address, "a.test").is_err());
}
