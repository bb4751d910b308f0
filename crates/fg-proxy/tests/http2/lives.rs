//! Peers that are there, or not any more, and streams that outlive their gateway.

use std::time::{Duration, Instant};

use fg_proxy::Settings;
use fg_testkit::frames::{self, END_STREAM, Frame, kind};
use fg_testkit::{Connection, Upstream, address};

use crate::backends::to_http2;
use crate::gateway::{Gateway, plain};

const GET: &str = "GET /a HTTP/1.1\r\nHost: a.example\r\n\r\n";

/// `:status: 200`. Source: RFC 7541, appendix A.
const STATUS_200: u8 = 0x88;
/// How long the first words of a client are, before its frames. Source: RFC 9113 §3.4.
const PREFACE: usize = 24;

/// A time of silence that passes in a test.
fn short() -> Settings {
    Settings {
        silence: Duration::from_millis(200),
        ..plain()
    }
}

/// A backend by HTTP/2 that greets and gives each frame to `act`.
fn backend(act: impl Fn(&mut Connection, Frame) + Send + Sync + 'static) -> Upstream {
    backend_saying(&[], act)
}

/// The same with these settings.
pub(crate) fn backend_saying(
    settings: &'static [(u16, u32)],
    act: impl Fn(&mut Connection, Frame) + Send + Sync + 'static,
) -> Upstream {
    Upstream::start(move |connection, _| {
        if !connection.receive_at_least(PREFACE) {
            return;
        }
        connection.send(frames::settings(settings));
        let seen = connection.take_unread().split_off(PREFACE);
        listen(connection, seen, &act);
    })
}

/// Gives each frame to `act`, the first of them those that were `seen`.
fn listen(
    connection: &mut Connection,
    mut seen: Vec<u8>,
    mut act: impl FnMut(&mut Connection, Frame),
) {
    loop {
        let mut from = &seen[..];
        if let Ok(frame) = Frame::read(&mut from) {
            seen = from.to_vec();
            act(connection, frame);
        } else if connection.receive() {
            seen.extend(connection.take_unread());
        } else {
            return;
        }
    }
}

pub(crate) fn gateway(settings: Settings, backend: &Upstream) -> Gateway {
    let at = address::own_address();
    Gateway::serving(settings, at, &to_http2(at, &[backend.address()]))
}

/// Answers a PING; says whether it was one.
pub(crate) fn pong(connection: &mut Connection, frame: &Frame) -> bool {
    let asks = frame.kind == kind::PING && frame.flags == 0;
    if asks {
        connection.send(frames::frame(kind::PING, 1, 0, &frame.payload));
    }
    asks
}

#[test]
fn a_backend_that_answers_no_ping_is_dead() {
    let dead = backend(|_, _| ());
    let gateway = gateway(short(), &dead);
    let mut client = gateway.connect();
    client.send(GET);
    let reply = client.reply();
    assert_eq!(
        (reply.status, reply.reason()),
        (502, Some("upstream_reset"))
    );
    dead.wait_for_ends(1);
}

#[test]
fn a_backend_that_answers_pings_may_take_its_time() {
    let slow = backend(|connection, frame| {
        if pong(connection, &frame) {
            connection.mark();
        }
        if frame.kind == kind::HEADERS {
            connection.mark();
        }
    });
    let gateway = gateway(short(), &slow);
    let client = gateway.connect();
    client.send(GET);
    // The request, and as many questions as would have ended it.
    slow.wait_for_marks(4);
    assert!(client.is_quiet());
    assert_eq!(slow.connections(), 1);
}

#[test]
fn a_client_that_answers_no_ping_is_dead() {
    let waiting = Upstream::start(|connection, _| {
        connection.request_head();
        connection.drain();
    });
    let gateway = Gateway::with(short(), &[&waiting]);
    let mut client = gateway.connect();
    client.send(frames::greeting(&[]));
    client.send(frames::headers(1, true, &frames::request("GET", "/", &[])));
    let said = client.frames();
    let pings = said.frames.iter().filter(|frame| frame.kind == kind::PING);
    assert_eq!(pings.count(), 1);
    waiting.wait_for_ends(1);
    let ended = "ferrogate_http2_connection_failures_total{reason=\"silent\"}";
    assert_eq!(
        gateway.metric(ended.split('{').next().expect("a name")),
        1.0
    );
}

#[test]
fn draining_waits_for_long_streams_and_takes_no_more() {
    let backend = Upstream::start(|connection, _| {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
        connection.stall(1);
        connection.send("world");
    });
    let gateway = Gateway::to(&[&backend]);
    let mut client = gateway.connect();
    client.send(frames::greeting(&[]));
    let head = frames::request("GET", "/", &[]);
    client.send(frames::headers(1, true, &head));
    client.frame_of(kind::DATA, 1);
    std::thread::scope(|scope| {
        let drained = scope.spawn(|| gateway.drain(Duration::from_secs(10)));
        let told = client.frame_of(kind::GOAWAY, 0);
        assert_eq!(told.code(), 0, "NO_ERROR");
        backend.release();
        let rest = client.frame_of(kind::DATA, 1);
        assert_eq!((&rest.payload[..], rest.flags), (&b"world"[..], END_STREAM));
        client.frames();
        assert!(drained.join().expect("drained"));
    });
    assert_eq!(backend.requests().len(), 1);
}

#[test]
fn a_stream_that_outlasts_the_drain_is_cut() {
    let backend = Upstream::start(|connection, _| {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
        connection.drain();
    });
    let gateway = Gateway::to(&[&backend]);
    let mut client = gateway.connect();
    client.send(frames::greeting(&[]));
    client.send(frames::headers(1, true, &frames::request("GET", "/", &[])));
    client.frame_of(kind::DATA, 1);
    assert!(!gateway.drain(Duration::from_millis(200)));
    let said = client.frames();
    let whole = |frame: &Frame| frame.kind == kind::DATA && frame.flags & END_STREAM > 0;
    assert!(!said.frames.iter().any(whole), "half a reply is none");
    backend.wait_for_ends(1);
}

/// A window that is never used up.
const WIDE: u32 = (1 << 31) - 1;

#[test]
fn a_client_that_neither_reads_nor_answers_is_given_up_with_its_requests() {
    let backend = Upstream::start(|connection, _| {
        let Some(request) = connection.request_head() else {
            return;
        };
        if request.target == "/much" {
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 99000000\r\n\r\n");
            connection.send_many(99_000_000);
        }
        connection.drain();
    });
    for settings in [
        // It takes nothing.
        Settings {
            body_timeout: Duration::from_millis(200),
            ..plain()
        },
        // It answers no PING; what it does not take would have its time still.
        Settings {
            silence: Duration::from_millis(200),
            ..plain()
        },
    ] {
        let before = backend.connections();
        let gateway = Gateway::with(settings, &[&backend]);
        let mut client = gateway.connect();
        client.send(frames::greeting(&[(4, WIDE)]));
        client.send(frames::window(0, WIDE - 65_535));
        for (stream, path) in [(1, "/wait"), (3, "/much"), (5, "/wait")] {
            let head = frames::request("GET", path, &[]);
            client.send(frames::headers(stream, true, &head));
        }
        backend.wait_for_ends(before + 3);
        assert_eq!(
            gateway.metric("ferrogate_http2_connection_failures_total"),
            1.0
        );
        // What it did not take does not wait for it in the kernel.
        assert!(client.is_reset());
    }
}

#[test]
fn a_backend_that_never_reads_loses_its_connection_with_its_last_request() {
    let backend = Upstream::start(|connection, _| {
        connection.receive_at_least(24);
        connection.send(frames::settings(&[(4, WIDE)]));
        connection.send(frames::window(0, WIDE - 65_535));
        connection.stall(1);
    });
    let settings = Settings {
        body_timeout: Duration::from_millis(200),
        ..plain()
    };
    let gateway = gateway(settings, &backend);
    let mut client = gateway.connect();
    client.post_until_stuck(99_000_000);
    let reply = client.reply();
    assert_eq!(
        (reply.status, reply.reason()),
        (504, Some("upstream_timeout"))
    );
    let end = Instant::now() + fg_testkit::PATIENCE;
    while gateway.metric("ferrogate_upstream_connections_open") > 0.0 {
        assert!(Instant::now() < end, "the connection stays");
        std::thread::yield_now();
    }
    backend.release();
}

#[test]
fn a_backend_that_does_not_say_how_many_it_takes_gets_all_however_short_connecting_may_be() {
    let late = Upstream::start(|connection, _| {
        if !connection.receive_at_least(PREFACE) {
            return;
        }
        let seen = connection.take_unread().split_off(PREFACE);
        let mut asked = Vec::new();
        listen(connection, seen, |connection, frame| {
            if frame.kind == kind::HEADERS {
                asked.push(frame.stream);
            }
            // Not a word before both requests are there.
            if frame.kind == kind::HEADERS && asked.len() == 2 {
                connection.send(frames::settings(&[]));
                for &stream in &asked {
                    connection.send(frames::headers(stream, true, &[STATUS_200]));
                }
            }
        });
    });
    let settings = Settings {
        connect_timeout: Duration::from_secs(1),
        ..plain()
    };
    let gateway = gateway(settings, &late);
    let mut clients = [gateway.connect(), gateway.connect()];
    for client in &clients {
        client.send(GET);
    }
    for client in &mut clients {
        assert_eq!(client.reply().status, 200);
    }
    assert_eq!(late.connections(), 1);
}
