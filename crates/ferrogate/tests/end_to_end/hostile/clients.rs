//! Clients that are slow, send too much, or do not read.

use fg_testkit::certificates::{Authority, secret};
use fg_testkit::{Client, Connection, upstream};

use super::{CROWD, Stage};
use crate::support::folder::gateway as gateway_text;
use crate::support::until;

/// Reads a head and then whatever comes.
fn swallow(connection: &mut Connection, _: usize) {
    connection.request_head();
    connection.drain();
}

#[test]
fn slow_heads_end_by_the_clock_however_they_trickle() {
    let stage = Stage::new("127.20.10.1", &["--head-timeout", "1s"], swallow);
    let head = format!("GET /slow HTTP/1.1\r\nHost: a\r\nX: {}", "x".repeat(50_000));
    let mut crowd: Vec<Client> = (0..CROWD).map(|_| stage.connect()).collect();
    for client in &crowd {
        client.send(&head);
    }
    let trickle = stage.connect();
    trickle.send("GET /slow HTTP/1.1\r\nX: ");
    until("the end of patience", || {
        trickle.send("y");
        (!trickle.is_quiet()).then_some(())
    });
    crowd.push(trickle);
    for client in &mut crowd {
        let reply = client.reply();
        assert_eq!(
            (reply.status, reply.reason()),
            (408, Some("client_timeout"))
        );
        assert!(client.is_ended());
    }
    stage.wait_for_log(CROWD + 1, "client_timeout", 408);
    assert_eq!(stage.truth.connections(), 0);
    drop(crowd);
    stage.recovers();
}

#[test]
fn slow_bodies_end_when_nothing_comes() {
    let stage = Stage::new("127.20.10.2", &["--body-timeout", "1s"], swallow);
    let mut crowd: Vec<Client> = (0..CROWD).map(|_| stage.connect()).collect();
    let part = "x".repeat(40_000);
    for client in &crowd {
        client.send("POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
        client.send(&part);
    }
    for client in &mut crowd {
        let reply = client.reply();
        assert_eq!(
            (reply.status, reply.reason()),
            (408, Some("client_timeout"))
        );
        assert!(client.is_ended());
    }
    stage.wait_for_log(CROWD, "client_timeout", 408);
    // Each backend connection got its part, and its end instead of a whole request.
    stage.truth.wait_for_ends(CROWD);
    assert!(stage.truth.requests().is_empty());
    for received in stage.truth.received() {
        let text = String::from_utf8(received).expect("text");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        assert!(head.contains("content-length: 1000000"), "{head}");
        assert_eq!(body, part);
    }
    drop(crowd);
    stage.recovers();
}

#[test]
fn floods_of_fields_never_reach_a_backend() {
    let stage = Stage::new("127.20.10.3", &[], swallow);
    let many = "x: y\r\n".repeat(101);
    let large = format!("x: {}\r\n", "y".repeat(70_000));
    let mut crowd: Vec<Client> = (0..CROWD).map(|_| stage.connect()).collect();
    for (index, client) in crowd.iter_mut().enumerate() {
        let fields = if index % 2 == 0 { &many } else { &large };
        client.send(format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"));
        let reply = client.reply();
        assert_eq!(
            (reply.status, reply.reason()),
            (431, Some("head_too_large"))
        );
        assert!(client.is_ended());
    }
    stage.wait_for_log(CROWD, "head_too_large", 431);
    assert_eq!(stage.truth.connections(), 0);
    drop(crowd);
    stage.recovers();
}

#[test]
fn floods_between_and_after_chunks_cut_the_request_off() {
    let stage = Stage::new("127.20.10.4", &[], swallow);
    let extensions = format!("5;{}\r\n", "x".repeat(100_000));
    let trailers = format!("0\r\n{}", "x-much: y\r\n".repeat(10_000));
    let mut crowd: Vec<Client> = (0..CROWD).map(|_| stage.connect()).collect();
    for (index, client) in crowd.iter_mut().enumerate() {
        let flood = if index % 2 == 0 {
            &extensions
        } else {
            &trailers
        };
        client
            .send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
        client.send(flood);
        let reply = client.reply();
        assert_eq!((reply.status, reply.reason()), (400, Some("bad_request")));
        assert!(client.is_ended());
    }
    stage.wait_for_log(CROWD, "bad_request", 400);
    // Whatever of it reached a backend: no body ends there.
    let left = String::from_utf8(stage.truth.left_over()).expect("text");
    assert!(stage.truth.requests().is_empty());
    assert!(
        !left.contains("x-much") && !left.contains("\r\n0\r\n"),
        "{left}"
    );
    drop(crowd);
    stage.recovers();
}

#[test]
fn clients_that_never_read_are_given_up() {
    const WHOLE: usize = 64 << 20;
    let stage = Stage::new("127.20.10.5", &["--body-timeout", "1s"], |connection, _| {
        connection.request();
        connection.send(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {WHOLE}\r\n\r\n"
        ));
        connection.send_many(WHOLE);
    });
    let mut crowd: Vec<Client> = (0..CROWD).map(|_| stage.connect()).collect();
    for client in &crowd {
        client.send("GET /much HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    for line in stage.wait_for_log(CROWD, "client_closed", 200) {
        assert_eq!(line["detail"], "it took nothing of the reply in time");
    }
    stage.truth.wait_for_ends(CROWD);
    // What lies in the sockets of both sides, not more.
    assert!(stage.truth.sent() < CROWD * WHOLE / 2);
    stage.recovers();
    // Nothing waits for them in the kernel either.
    assert!(crowd.iter_mut().all(Client::is_reset));
}

#[test]
fn half_open_handshakes_are_ended_and_counted() {
    let ip = "127.20.10.6";
    let stage = Stage::new(
        ip,
        &["--handshake-timeout", "1s", "--port-map", "443=8443"],
        |connection, _| {
            while connection.request().is_some() {
                connection.send(upstream::ok("fine"));
            }
        },
    );
    let issued = Authority::new("ca").issue(&["a.test"]);
    let secure =
        "    - {name: https, protocol: HTTPS, port: 443, tls: {certificateRefs: [{name: web}]}}\n";
    stage.folder.write(
        "gateway.yaml",
        &(gateway_text(ip) + secure + &secret("web", &issued)),
    );
    let address = stage.gateway.socket(8443);
    until("the listener", || {
        std::net::TcpStream::connect(address).ok()
    });
    // A record of 16 KiB and a hello nearly as long, of which a byte is missing.
    let mut hello = vec![22, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc, 3, 3];
    hello.resize(5 + 16 * 1024 - 1, 0);
    let mut crowd: Vec<Client> = (0..CROWD).map(|_| Client::connect(address)).collect();
    for (index, client) in crowd.iter().enumerate() {
        // Some say nothing at all.
        if index % 4 > 0 {
            client.send(&hello);
        }
    }
    for client in &mut crowd {
        assert!(client.is_ended());
    }
    stage.wait_for_words(CROWD, &["handshake failed", "reason=\"timeout\""]);
    assert_eq!(stage.truth.connections(), 0);
    drop(crowd);
    stage.recovers();
}
