//! Backends that use HTTP/2 against the gateway.

use fg_testkit::frames::{self, FIRST, Frame, kind};
use fg_testkit::{Client, Connection};

use super::Stage;

/// Requests at one time.
const CROWD: usize = 50;
const GET: &str = "GET /truth HTTP/1.1\r\nHost: a\r\n\r\n";

/// Greets, then does `reply` with the stream of each request.
fn serve(connection: &mut Connection, mut reply: impl FnMut(&mut Connection, u32)) {
    let preface = 24;
    if !connection.receive_at_least(preface) {
        return;
    }
    connection.send(frames::settings(&[]));
    connection.send(frames::frame(kind::SETTINGS, 1, 0, &[]));
    let mut seen = connection.take_unread().split_off(preface);
    loop {
        let mut from = &seen[..];
        let Ok(frame) = Frame::read(&mut from) else {
            if !connection.receive() {
                return;
            }
            seen.extend(connection.take_unread());
            continue;
        };
        seen = from.to_vec();
        if frame.kind == kind::HEADERS {
            reply(connection, frame.stream);
        }
    }
}

/// `:status: 200`.
const OK: u8 = 0x88;

fn crowd(stage: &Stage) -> Vec<Client> {
    let crowd: Vec<Client> = (0..CROWD).map(|_| stage.connect()).collect();
    crowd.iter().for_each(|client| client.send(GET));
    crowd
}

/// What each client gets: status and reason.
fn all_get(crowd: &mut [Client], status: u16, reason: &str) {
    for client in crowd {
        let reply = loop {
            let reply = client.reply();
            if reply.status >= 200 {
                break reply;
            }
        };
        assert_eq!((reply.status, reply.reason()), (status, Some(reason)));
    }
}

#[test]
fn endless_informational_replies_end_in_a_502() {
    let stage = Stage::with_http2_backend("127.20.10.41", &[], |connection, _| {
        serve(connection, |connection, stream| {
            let hint = [
                frames::literal(":status", "103"),
                frames::literal("link", &"x".repeat(9000)),
            ];
            let hints = frames::headers(stream, false, &hint.concat()).repeat(100);
            connection.send(hints);
        });
    });
    let mut crowd = crowd(&stage);
    all_get(&mut crowd, 502, "bad_reply");
    for line in stage.wait_for_log(CROWD, "bad_reply", 502) {
        assert_eq!(line["detail"], "too many informational replies");
    }
    drop(crowd);
    stage.recovers();
}

#[test]
fn heads_that_are_too_large_end_in_a_502() {
    let stage = Stage::with_http2_backend("127.20.10.42", &[], |connection, _| {
        let mut first = true;
        serve(connection, move |connection, stream| {
            let mut block = vec![OK];
            if std::mem::take(&mut first) {
                block.extend(frames::inserted("x", &"y".repeat(4000)));
            }
            block.extend([FIRST; 20]);
            connection.send(frames::headers(stream, true, &block));
        });
    });
    let mut crowd = crowd(&stage);
    all_get(&mut crowd, 502, "reply_head_too_large");
    stage.wait_for_log(CROWD, "reply_head_too_large", 502);
    drop(crowd);
    stage.recovers();
}

#[test]
fn lengths_that_lie_are_no_whole_replies() {
    let stage = Stage::with_http2_backend("127.20.10.43", &[], |connection, _| {
        serve(connection, |connection, stream| {
            let head = [&[OK][..], &frames::literal("content-length", "10")].concat();
            connection.send(frames::headers(stream, false, &head));
            connection.send(frames::data(stream, false, b"hello"));
            // One says more, the other less.
            let rest = if stream % 4 == 1 {
                "hello and more"
            } else {
                ""
            };
            connection.send(frames::data(stream, true, rest.as_bytes()));
        });
    });
    let mut crowd = crowd(&stage);
    for client in &mut crowd {
        let rest = client.rest().expect("an end");
        let text = String::from_utf8(rest).expect("text");
        if text.starts_with("HTTP/1.1 200 ") {
            let (_, body) = text.split_once("\r\n\r\n").expect("a head");
            assert!(body.len() < 10 && "hello".starts_with(body), "{text}");
        } else {
            assert!(text.starts_with("HTTP/1.1 502 "), "{text}");
        }
    }
    // Each is named.
    let named = || stage.logged("upstream_reset").len() + stage.logged("bad_reply").len();
    crate::support::until("the log", || (named() == CROWD).then_some(()));
    stage.recovers();
}

#[test]
fn a_reply_that_stops_is_cut_off() {
    let flags = ["--body-timeout", "1s", "--reply-timeout", "1s"];
    let stage = Stage::with_http2_backend("127.20.10.44", &flags, |connection, _| {
        serve(connection, |connection, stream| {
            if stream % 4 == 1 {
                connection.send(frames::headers(stream, false, &[OK]));
                connection.send(frames::data(stream, false, b"hello"));
            }
        });
    });
    let mut crowd = crowd(&stage);
    for client in &mut crowd {
        if client.head().starts_with("HTTP/1.1 200 ") {
            assert_eq!(client.rest().expect("an end"), b"5\r\nhello\r\n");
        }
    }
    crate::support::until("the log", || {
        (stage.logged("upstream_timeout").len() == CROWD).then_some(())
    });
    drop(crowd);
    stage.recovers();
}

#[test]
fn a_backend_that_always_says_goodbye_ends_in_a_502() {
    let stage = Stage::with_http2_backend("127.20.10.45", &[], |connection, _| {
        // Takes nothing (GOAWAY with last stream 0), whatever comes.
        connection.receive_at_least(24);
        connection.send(frames::settings(&[]));
        connection.send(frames::frame(kind::GOAWAY, 0, 0, &[0; 8]));
        connection.drain();
    });
    let mut crowd = crowd(&stage);
    for client in &mut crowd {
        let reply = client.reply();
        assert!(matches!(reply.status, 502 | 503), "{reply:?}");
        assert!(reply.reason().is_some());
    }
    // Every request is tried a few times at most.
    assert!(stage.truth.connections() <= CROWD * 3);
    drop(crowd);
    stage.recovers();
}

#[test]
fn questions_without_end_starve_nobody() {
    let stage = Stage::with_http2_backend("127.20.10.46", &[], |connection, _| {
        serve(connection, |connection, stream| {
            connection.send(frames::frame(kind::PING, 0, 0, b"question").repeat(300));
            connection.send(frames::settings(&[]).repeat(100));
            connection.send(frames::headers(stream, true, &[OK]));
        });
    });
    let mut crowd = crowd(&stage);
    for client in &mut crowd {
        assert_eq!(client.reply().status, 200);
    }
    stage.wait_for_log(CROWD, "", 200);
    drop(crowd);
    stage.recovers();
}
