//! WebSocket by HTTP/1.1 to backends by HTTP/2, frame by frame: whatever the backend does, the
//! client gets a tunnel or a whole reply.

use std::time::Duration;

use fg_proxy::Settings;
use fg_testkit::frames::{self, END_STREAM, Frame, kind};
use fg_testkit::{Client, Connection, Message, Upstream};

use crate::gateway::{Gateway, plain};
use crate::lives::{backend_saying, gateway, pong};

const UPGRADE: &str = "GET /chat HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
/// The answer to the key, as RFC 6455 §1.3 has it.
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
/// `SETTINGS_ENABLE_CONNECT_PROTOCOL`. Source: RFC 8441 §3.
const ANNOUNCED: &[(u16, u32)] = &[(8, 1)];
/// `:status: 200`.
const OK: u8 = 0x88;

/// A gateway before a backend that announced these settings and answers each request so.
fn serving(
    settings: &'static [(u16, u32)],
    answer: impl Fn(&mut Connection, u32) + Send + Sync + 'static,
) -> (Gateway, Upstream) {
    let upstream = backend_saying(settings, move |connection, frame: Frame| {
        pong(connection, &frame);
        if frame.kind == kind::HEADERS {
            answer(connection, frame.stream);
        }
    });
    (gateway(plain(), &upstream), upstream)
}

fn ask(client: &mut Client) -> Message {
    client.send(UPGRADE);
    client.reply()
}

/// The reply's head and body as they came, without the date.
fn bytes(client: &mut Client) -> String {
    client.send(UPGRADE);
    let head = client.head();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let length = length.map_or(0, |length| length.parse().expect("a number"));
    let body = String::from_utf8(client.bytes(length)).expect("text");
    let kept = head
        .split_inclusive("\r\n")
        .filter(|line| !line.starts_with("date: "));
    kept.collect::<String>() + &body
}

#[test]
fn a_backend_that_announced_nothing_is_not_asked_and_the_client_is_told() {
    let (gateway, upstream) = serving(&[], |connection, _| connection.mark());
    let mut client = gateway.connect();
    // The connection goes on: nothing of the upgrade lingers on it.
    for _ in 0..3 {
        assert_eq!(
            bytes(&mut client),
            "HTTP/1.1 502 Bad Gateway\r\n\
             content-type: text/plain; charset=utf-8\r\n\
             x-ferrogate-reason: upgrade_not_supported\r\n\
             content-length: 67\r\n\r\n\
             The backend takes no upgrades such as WebSocket on its connection.\n"
        );
        assert!(client.is_quiet());
    }
    assert_eq!(upstream.connections(), 1);
}

#[test]
fn a_backend_that_says_yes_opens_a_tunnel_whatever_else_it_says() {
    let (gateway, _upstream) = serving(ANNOUNCED, |connection, stream| {
        let head = [
            &[OK][..],
            &frames::literal("content-type", "text/plain"),
            &frames::literal("content-length", "5"),
            &frames::literal("sec-websocket-protocol", "chat"),
        ];
        // Hints come first, words behind.
        let hints = frames::literal(":status", "103");
        connection.send(frames::headers(stream, false, &hints));
        connection.send(frames::headers(stream, false, &head.concat()));
        connection.send(frames::data(stream, false, b"hello"));
    });
    let mut client = gateway.connect();
    let hint = ask(&mut client);
    assert_eq!(hint.status, 103);
    let reply = client.reply();
    assert_eq!(reply.status, 101);
    assert_eq!(reply.field("connection"), Some("upgrade"));
    assert_eq!(reply.field("upgrade"), Some("websocket"));
    assert_eq!(reply.field("sec-websocket-accept"), Some(ACCEPT));
    assert_eq!(reply.field("sec-websocket-protocol"), Some("chat"));
    // A 101 has no length: RFC 9110 §8.6.
    assert_eq!(reply.field("content-length"), None);
    assert_eq!(reply.field("transfer-encoding"), None);
    assert_eq!(client.bytes(5), b"hello");
}

#[test]
fn a_tunnel_may_end_with_its_first_word() {
    for words in ["", "bye"] {
        let (gateway, _upstream) = serving(ANNOUNCED, move |connection, stream| {
            connection.send(frames::headers(stream, words.is_empty(), &[OK]));
            if !words.is_empty() {
                connection.send(frames::data(stream, true, words.as_bytes()));
            }
        });
        let mut client = gateway.connect();
        assert_eq!(ask(&mut client).status, 101);
        client.half_close();
        assert_eq!(client.rest().expect("an orderly end"), words.as_bytes());
    }
}

#[test]
fn a_backend_that_says_no_is_passed_on_with_its_body() {
    for length in [None, Some("2")] {
        let (gateway, upstream) = serving(ANNOUNCED, move |connection, stream| {
            let mut head = frames::literal(":status", "403");
            if let Some(length) = length {
                head.extend(frames::literal("content-length", length));
            }
            connection.send(frames::headers(stream, false, &head));
            connection.send(frames::data(stream, true, b"no"));
        });
        let mut client = gateway.connect();
        for _ in 0..3 {
            let reply = ask(&mut client);
            assert_eq!((reply.status, reply.text()), (403, "no"));
            assert_eq!(reply.field("upgrade"), None);
            assert!(client.is_quiet());
        }
        assert_eq!(upstream.connections(), 1);
    }
}

#[test]
fn a_no_without_a_body_has_a_length() {
    let (gateway, _upstream) = serving(ANNOUNCED, |connection, stream| {
        let head = frames::literal(":status", "404");
        connection.send(frames::headers(stream, true, &head));
    });
    let mut client = gateway.connect();
    for _ in 0..3 {
        let reply = ask(&mut client);
        assert_eq!(
            (reply.status, reply.field("content-length")),
            (404, Some("0"))
        );
    }
}

#[test]
fn a_stream_that_is_reset_is_a_502() {
    // PROTOCOL_ERROR, CANCEL, HTTP_1_1_REQUIRED.
    for code in [1_u32, 8, 13] {
        let (gateway, _upstream) = serving(ANNOUNCED, move |connection, stream| {
            connection.send(frames::frame(
                kind::RST_STREAM,
                0,
                stream,
                &code.to_be_bytes(),
            ));
        });
        let mut client = gateway.connect();
        for _ in 0..2 {
            let reply = ask(&mut client);
            assert_eq!(
                (reply.status, reply.reason()),
                (502, Some("upstream_reset"))
            );
            assert!(reply.field("content-length").is_some());
        }
    }
}

#[test]
fn a_backend_that_waits_for_the_end_of_a_tunnel_is_late() {
    let upstream = backend_saying(ANNOUNCED, |connection, frame: Frame| {
        pong(connection, &frame);
    });
    let settings = Settings {
        reply_timeout: Duration::from_millis(200),
        ..plain()
    };
    let gateway = gateway(settings, &upstream);
    let mut client = gateway.connect();
    for _ in 0..2 {
        let reply = ask(&mut client);
        assert_eq!(
            (reply.status, reply.reason()),
            (504, Some("upstream_timeout"))
        );
        assert!(client.is_quiet());
    }
}

#[test]
fn a_101_by_http2_is_a_bad_reply() {
    let (gateway, _upstream) = serving(ANNOUNCED, |connection, stream| {
        let head = frames::literal(":status", "101");
        connection.send(frames::headers(stream, false, &head));
    });
    let mut client = gateway.connect();
    let reply = ask(&mut client);
    assert_eq!(reply.status, 502, "{reply:?}");
    assert!(reply.field("content-length").is_some());
}

#[test]
fn a_backend_that_ends_before_its_settings_is_gone_and_does_not_refuse() {
    let upstream = Upstream::start(|connection, _| {
        connection.receive_at_least(24);
    });
    let gateway = gateway(plain(), &upstream);
    let mut client = gateway.connect();
    let reply = ask(&mut client);
    let reason = reply.reason().expect("a reason");
    assert!(
        matches!(reason, "upstream_reset" | "upstream_closed"),
        "{reason}"
    );
}

#[test]
fn words_before_the_answer_are_the_first_in_the_tunnel() {
    let upstream = backend_saying(ANNOUNCED, |connection, frame: Frame| {
        pong(connection, &frame);
        match frame.kind {
            kind::HEADERS => {
                assert_eq!(frame.flags & END_STREAM, 0, "a tunnel is open both ways");
                connection.send(frames::headers(frame.stream, false, &[OK]));
            }
            kind::DATA => {
                connection.send(frames::data(frame.stream, false, &frame.payload));
            }
            _ => {}
        }
    });
    let gateway = gateway(plain(), &upstream);
    let mut client = gateway.connect();
    client.send(format!("{UPGRADE}eager"));
    assert!(client.head().starts_with("HTTP/1.1 101 "));
    assert_eq!(client.bytes(5), b"eager");
    client.send("late");
    assert_eq!(client.bytes(4), b"late");
}
