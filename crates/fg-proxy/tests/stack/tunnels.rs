//! Upgrades: a tunnel after a matching 101, and only then.

use std::time::{Duration, Instant};

use fg_proxy::Settings;
use fg_testkit::{Client, Upstream, upstream};

use crate::gateway::{Gateway, plain};

const UPGRADE: &str = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                       Sec-WebSocket-Key: k\r\n\r\n";
const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\
                      Sec-WebSocket-Accept: v\r\n\r\n";

/// An upstream that switches and then sends everything back.
fn echo() -> Upstream {
    Upstream::start(|connection, _| {
        let Some(request) = connection.request() else {
            return;
        };
        if request.field("upgrade").is_none() {
            connection.send(upstream::ok("no upgrade"));
            return;
        }
        connection.send(SWITCH);
        while connection.receive_at_least(1) {
            let piece = connection.take_unread();
            connection.send(piece);
        }
        connection.send("bye");
    })
}

fn expect_switch(client: &mut Client) {
    let head = client.head();
    assert!(
        head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"),
        "{head}"
    );
    let lower = head.to_ascii_lowercase();
    assert!(lower.contains("\r\nconnection: upgrade\r\n"), "{head}");
    assert!(lower.contains("\r\nupgrade: websocket\r\n"), "{head}");
    assert!(lower.contains("\r\nsec-websocket-accept: v\r\n"), "{head}");
    assert!(!lower.contains("content-length"), "{head}");
}

#[test]
fn bytes_flow_both_ways_after_a_matching_101() {
    let upstream = echo();
    let gateway = Gateway::to(&[&upstream]);
    let mut client = gateway.connect();
    client.send(UPGRADE);
    expect_switch(&mut client);
    for word in ["GET / HTTP/1.1\r\n\r\n", "\0\u{1}\n", "three"] {
        client.send(word);
        assert_eq!(client.bytes(word.len()), word.as_bytes());
    }
    let much = vec![7; 300_000];
    client.send(&much);
    assert!(client.bytes(much.len()) == much);
    client.half_close();
    assert_eq!(client.rest().expect("an orderly end"), b"bye");
    let (requests, _) = fg_testkit::canonical::requests(
        UPGRADE
            .replace("Host: a\r\nConnection: Upgrade\r\n", "host: a\r\n")
            .as_bytes(),
    )
    .expect("canonical");
    let head = upstream.received().concat();
    let end = head
        .windows(4)
        .position(|bytes| bytes == b"\r\n\r\n")
        .expect("a head");
    let (seen, _) = fg_testkit::canonical::requests(&head[..end + 4]).expect("canonical");
    assert_eq!(seen[0].field("connection"), Some("upgrade"));
    assert_eq!(seen[0].field("upgrade"), Some("websocket"));
    assert_eq!(
        seen[0].field("sec-websocket-key"),
        requests[0].field("sec-websocket-key")
    );
}

#[test]
fn bytes_behind_the_heads_are_part_of_the_tunnel() {
    let upstream = Upstream::start(|connection, _| {
        connection.request();
        connection.send(format!("{SWITCH}early words"));
        connection.receive_at_least(5);
        let got = connection.take_unread();
        connection.send(got);
    });
    let gateway = Gateway::to(&[&upstream]);
    let mut client = gateway.connect();
    client.send(format!("{UPGRADE}eager"));
    expect_switch(&mut client);
    assert_eq!(client.bytes(11), b"early words");
    assert_eq!(client.bytes(5), b"eager");
    assert!(client.is_ended());
}

#[test]
fn a_tunnel_ends_when_the_backend_does() {
    let upstream = Upstream::start(|connection, _| {
        connection.request();
        connection.send(format!("{SWITCH}last"));
    });
    let gateway = Gateway::to(&[&upstream]);
    let mut client = gateway.connect();
    client.send(UPGRADE);
    expect_switch(&mut client);
    assert_eq!(client.bytes(4), b"last");
    client.half_close();
    assert!(client.is_ended());
}

#[test]
fn a_tunnel_ends_when_the_client_is_gone() {
    let upstream = echo();
    let gateway = Gateway::to(&[&upstream]);
    let mut client = gateway.connect();
    client.send(UPGRADE);
    expect_switch(&mut client);
    client.abort();
    upstream.wait_for_ends(1);
}

#[test]
fn a_refused_upgrade_is_an_ordinary_reply() {
    let upstream = Upstream::replying("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    let gateway = Gateway::to(&[&upstream]);
    let mut client = gateway.connect();
    for _ in 0..2 {
        client.send(UPGRADE);
        let reply = client.reply();
        assert_eq!((reply.status, reply.text()), (403, "no"));
    }
    assert_eq!(upstream.connections(), 1);
}

#[test]
fn a_demand_for_an_upgrade_names_what_the_gateway_passes_on() {
    for (asked, told) in [
        ("websocket", Some("websocket")),
        ("h2c", None),
        ("TLS/1.2, HTTP/1.1", None),
    ] {
        let upstream = Upstream::replying(format!(
            "HTTP/1.1 426 Upgrade Required\r\nConnection: Upgrade\r\nUpgrade: {asked}\r\n\
             Content-Length: 0\r\n\r\n"
        ));
        let gateway = Gateway::to(&[&upstream]);
        let mut client = gateway.connect();
        for _ in 0..2 {
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            let reply = client.reply();
            assert_eq!(reply.status, 426);
            assert_eq!(reply.field("upgrade"), told, "{asked}");
            assert_eq!(reply.field("connection"), told.map(|_| "upgrade"));
        }
        assert_eq!(upstream.connections(), 1);
    }
}

#[test]
fn upgrades_to_http_itself_are_not_passed_on() {
    let upstream = echo();
    let gateway = Gateway::to(&[&upstream]);
    for lines in [
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__",
        "Connection: upgrade\r\nUpgrade: websocket, h2c",
        "Connection: upgrade\r\nUpgrade: TLS/1.2",
        "Upgrade: websocket",
    ] {
        let mut client = gateway.connect();
        client.send(format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n"));
        assert_eq!(client.reply().text(), "no upgrade", "{lines}");
    }
    for request in upstream.requests() {
        assert_eq!(request.fields, [], "nothing of it is left");
    }
}

#[test]
fn a_switch_that_nobody_asked_for_is_a_bad_reply() {
    for (request, switch) in [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", SWITCH.to_owned()),
        (UPGRADE, SWITCH.replace("WebSocket", "other")),
        (UPGRADE, SWITCH.replace("Connection: Upgrade\r\n", "")),
        (UPGRADE, SWITCH.replace("Upgrade: WebSocket\r\n", "")),
    ] {
        let upstream = Upstream::start(move |connection, _| {
            connection.request();
            connection.send(&switch);
            connection.drain();
        });
        let gateway = Gateway::to(&[&upstream]);
        let mut client = gateway.connect();
        client.send(request);
        let reply = client.reply();
        assert_eq!((reply.status, reply.reason()), (502, Some("bad_reply")));
        upstream.wait_for_ends(1);
    }
}

/// A time in which something must be taken, and one that passes in silence.
fn impatient() -> Settings {
    Settings {
        body_timeout: Duration::from_millis(300),
        tunnel_timeout: Duration::from_secs(3600),
        ..plain()
    }
}

#[test]
fn a_client_that_takes_nothing_loses_its_tunnel_whatever_it_says() {
    let upstream = Upstream::start(|connection, _| {
        connection.request();
        connection.send(SWITCH);
        connection.send_many(99_000_000);
    });
    let gateway = Gateway::with(impatient(), &[&upstream]);
    let mut client = gateway.connect();
    client.send(UPGRADE);
    expect_switch(&mut client);
    let end = Instant::now() + fg_testkit::PATIENCE;
    while gateway.metric("ferrogate_tunnels_open") > 0.0 {
        assert!(Instant::now() < end, "the tunnel stays");
        // The other direction moves all the time.
        client.send("still here");
        client.wait_until_read();
    }
    upstream.wait_for_ends(1);
    assert!(client.is_reset());
}

fn wait_for_no_tunnel(gateway: &Gateway) {
    let end = Instant::now() + fg_testkit::PATIENCE;
    while gateway.metric("ferrogate_tunnels_open") > 0.0 {
        assert!(Instant::now() < end, "the tunnel stays");
        std::thread::yield_now();
    }
}

#[test]
fn a_backend_that_takes_nothing_loses_its_tunnel_whatever_it_says() {
    let upstream = Upstream::start(|connection, _| {
        connection.request();
        connection.send(SWITCH);
        while connection.send("still here") {
            connection.wait_until_read();
        }
    });
    let gateway = Gateway::with(impatient(), &[&upstream]);
    let mut client = gateway.connect();
    client.send(UPGRADE);
    expect_switch(&mut client);
    client.send_until_stuck(99_000_000);
    wait_for_no_tunnel(&gateway);
    upstream.wait_for_ends(1);
}

#[test]
fn a_tunnel_that_was_slow_may_be_silent_afterwards() {
    let upstream = Upstream::start(|connection, connection_number| {
        if connection.request().is_none() {
            return;
        }
        if connection_number > 0 {
            return;
        }
        connection.send(SWITCH);
        let sent = connection.send_until_stuck(20_000_000);
        connection.mark();
        connection.send_many(20_000_000 - sent);
        connection.mark();
        connection.receive_at_least(4);
        connection.send("late");
        connection.drain();
    });
    let settings = Settings {
        body_timeout: Duration::from_secs(2),
        ..impatient()
    };
    let gateway = Gateway::with(settings, &[&upstream]);
    let mut client = gateway.connect();
    client.send(UPGRADE);
    expect_switch(&mut client);
    upstream.wait_for_marks(1);
    client.bytes(20_000_000);
    upstream.wait_for_marks(2);
    // The time passes in which something would have to be taken: a body that stops tells when.
    let mut other = gateway.connect();
    other.send("POST /stops HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n");
    assert_eq!(other.reply().status, 408);
    client.send("word");
    assert_eq!(client.bytes(4), b"late");
}
