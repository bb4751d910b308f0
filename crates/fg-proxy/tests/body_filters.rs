//! The seam for body filters, by two filters made for it: one that replaces bodies as they pass,
//! one that collects them up to a limit. Both directions, both framings, with back-pressure.

use std::sync::Arc;

use fg_exchange::body::{BodyFilter, BodyStep, BodyVerdict};
use fg_exchange::{Facts, LocalReply, Part, Reply, Request};
use fg_proxy::{Proxy, Settings};
use fg_telemetry::Registry;
use fg_testkit::{Client, Upstream, address, ir};

/// Doubles every byte, so that lengths change too; writes a last mark at the end.
#[derive(Debug)]
struct Doubling;

struct DoublingStep;

impl BodyStep for DoublingStep {
    fn data(&mut self, input: &[u8], output: &mut Vec<u8>) -> BodyVerdict {
        output.extend(input.iter().flat_map(|&byte| [byte, byte]));
        BodyVerdict::Continue
    }

    fn end(&mut self, output: &mut Vec<u8>) -> BodyVerdict {
        output.push(b'.');
        BodyVerdict::Continue
    }
}

impl BodyFilter for Doubling {
    fn request(&self, _: &mut Request, _: &Facts) -> Option<Box<dyn BodyStep>> {
        Some(Box::new(DoublingStep))
    }

    fn reply(&self, _: &mut Reply, _: &Facts) -> Option<Box<dyn BodyStep>> {
        Some(Box::new(DoublingStep))
    }

    fn describe(&self) -> String {
        "doubles bodies".to_owned()
    }
}

/// Holds a body of up to ten bytes back and lets it go reversed; refuses longer ones with 413.
#[derive(Debug)]
struct Collecting;

#[derive(Default)]
struct CollectingStep(Vec<u8>);

impl BodyStep for CollectingStep {
    fn data(&mut self, input: &[u8], _: &mut Vec<u8>) -> BodyVerdict {
        self.0.extend_from_slice(input);
        if self.0.len() > 10 {
            return BodyVerdict::Stop(Box::new(LocalReply {
                status: 413,
                headers: Vec::new(),
                body: b"too long".to_vec(),
            }));
        }
        BodyVerdict::Hold
    }

    fn end(&mut self, output: &mut Vec<u8>) -> BodyVerdict {
        output.extend(self.0.iter().rev());
        BodyVerdict::Continue
    }
}

impl BodyFilter for Collecting {
    fn request(&self, _: &mut Request, _: &Facts) -> Option<Box<dyn BodyStep>> {
        Some(Box::new(CollectingStep::default()))
    }

    fn reply(&self, _: &mut Reply, _: &Facts) -> Option<Box<dyn BodyStep>> {
        Some(Box::new(CollectingStep::default()))
    }

    fn describe(&self) -> String {
        "collects bodies".to_owned()
    }
}

/// A proxy whose rules all have this part, before an upstream; keeps both alive.
fn start(part: fn() -> Part, upstream: &Upstream) -> (Proxy, Client) {
    let registry = Arc::new(Registry::new(100, Proxy::reasons()));
    let settings = Settings {
        workers: 1,
        ..Settings::default()
    };
    let mut proxy = Proxy::start(settings, registry).expect("threads can be started");
    proxy.add_part(part);
    let at = address::own_address();
    let acks = proxy.apply(&ir::everything_to(at, &[upstream.address()]));
    assert_eq!(acks[0].bound, Ok(vec![at]));
    (proxy, Client::connect(at))
}

fn doubling() -> Part {
    Part::Body(Box::new(Doubling))
}

fn collecting() -> Part {
    Part::Body(Box::new(Collecting))
}

const CHUNKED_ABC: &str =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n";

#[test]
fn a_replacing_filter_sees_requests_in_both_framings() {
    let upstream = Upstream::replying("HTTP/1.1 204 No Content\r\n\r\n");
    let (_proxy, mut client) = start(doubling, &upstream);
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
    assert_eq!(client.reply().status, 204);
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n");
    assert_eq!(client.reply().status, 204);
    // The connection is still in step: a request without a body passes untouched.
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.reply().status, 204);
    let bodies: Vec<Vec<u8>> = upstream
        .requests()
        .into_iter()
        .map(|request| request.body)
        .collect();
    assert_eq!(bodies, [&b"aabbcc."[..], b"aabbcc.", b""]);
}

#[test]
fn a_replacing_filter_sees_replies_in_every_framing() {
    for reply in [
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
        CHUNKED_ABC,
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc",
    ] {
        let upstream = Upstream::start(move |connection, _| {
            while connection.request().is_some() {
                connection.send(reply);
                if reply.contains("close") {
                    return;
                }
            }
        });
        let (_proxy, mut client) = start(doubling, &upstream);
        for _ in 0..2 {
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            assert_eq!(client.reply().text(), "aabbcc.", "{reply:?}");
        }
    }
}

#[test]
fn a_replacing_filter_is_under_back_pressure() {
    const SIZE: usize = 64 * 1024 * 1024;
    let upstream = Upstream::start(|connection, _| {
        connection.request();
        connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n"));
        connection.send_many(SIZE);
    });
    let (_proxy, mut client) = start(doubling, &upstream);
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client.head();
    // Nobody reads: what the backend gets rid of is what sockets and buffers hold.
    let mut sent = usize::MAX;
    while sent != upstream.sent() {
        sent = upstream.sent();
        assert!(client.bytes(1) != b"", "a byte a turn keeps the test going");
        std::thread::yield_now();
    }
    assert!(
        sent < SIZE / 2,
        "{sent} bytes of {SIZE} were taken from the backend"
    );
}

#[test]
fn a_collecting_filter_knows_the_length() {
    let upstream = Upstream::replying(CHUNKED_ABC);
    let (_proxy, mut client) = start(collecting, &upstream);
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n1\r\n3\r\n234\r\n0\r\n\r\n");
    let reply = client.reply();
    assert_eq!(
        (reply.text(), reply.field("content-length")),
        ("cba", Some("3"))
    );
    let request = upstream.only_request();
    assert_eq!(request.body, b"4321");
}

#[test]
fn a_collecting_filter_refuses_before_anything_is_sent() {
    let upstream = Upstream::replying("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let (_proxy, mut client) = start(collecting, &upstream);
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n01234567890123456789");
    let reply = client.reply();
    assert_eq!((reply.status, reply.text()), (413, "too long"));
    assert_eq!(upstream.connections(), 0);
}

#[test]
fn a_collecting_filter_replaces_a_reply_that_it_refuses() {
    let upstream =
        Upstream::replying("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n01234567890123456789");
    let (_proxy, mut client) = start(collecting, &upstream);
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let reply = client.reply();
    assert_eq!((reply.status, reply.text()), (413, "too long"));
}

#[test]
fn a_collecting_filter_invites_a_body_that_waits_for_it() {
    let upstream = Upstream::replying("HTTP/1.1 204 No Content\r\n\r\n");
    let (_proxy, mut client) = start(collecting, &upstream);
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(client.reply().status, 100);
    client.send("abc");
    assert_eq!(client.reply().status, 204);
    assert_eq!(upstream.only_request().body, b"cba");
}
