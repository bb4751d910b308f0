//! Clients that use HTTP/2 against the gateway: storms of resets, floods, bombs.

use fg_testkit::frames::{self, CALM, FIRST, kind};
use fg_testkit::{Client, Connection};

use super::Stage;

/// Connections at one time.
const CROWD: usize = 20;

/// Reads a head and then whatever comes.
fn swallow(connection: &mut Connection, _: usize) {
    connection.request_head();
    connection.drain();
}

fn get() -> Vec<u8> {
    frames::request("GET", "/truth", &[])
}

/// Waits until the gateway has dealt with everything that was sent: `false` when it ended the
/// connection instead.
fn is_alive(client: &mut Client) -> bool {
    client.send(frames::frame(kind::PING, 0, 0, b"question"));
    loop {
        match client.frame() {
            Ok(frame) if frame.kind == kind::PING && frame.flags == 1 => return true,
            Ok(frame) if frame.kind == kind::GOAWAY => {
                assert_eq!(frame.code(), CALM);
                return false;
            }
            Ok(_) => {}
            Err(_) => return false,
        }
    }
}

#[test]
fn rapid_resets_end_the_connection() {
    let stage = Stage::new("127.20.10.21", &[], swallow);
    let mut storm = Vec::new();
    for stream in (1..8001).step_by(2) {
        storm.extend(frames::headers(stream, true, &get()));
        storm.extend(frames::reset(stream));
    }
    for _ in 0..CROWD {
        let mut client = stage.connect_http2(&[]);
        client.send(&storm);
        assert_eq!(client.frames().goaway(), Some(CALM));
    }
    stage.wait_for_words(CROWD, &["HTTP/2 connection was ended", "flood"]);
    // Hardly any of 4000 each went further.
    assert!(stage.truth.connections() < CROWD * 600);
    stage.recovers();
}

#[test]
fn resets_of_requests_under_way_have_a_budget() {
    let stage = Stage::new("127.20.10.22", &[], swallow);
    let mut client = stage.connect_http2(&[]);
    let mut given_up = 0;
    for stream in (1..).step_by(2) {
        client.send(frames::headers(stream, true, &get()));
        if !is_alive(&mut client) {
            break;
        }
        client.send(frames::reset(stream));
        given_up += 1;
        if !is_alive(&mut client) {
            break;
        }
    }
    // The next request is too many; the reset before it may be noticed late.
    assert!((501..=505).contains(&given_up), "{given_up}");
    stage.wait_for_words(1, &["HTTP/2 connection was ended", "given up"]);
    let lines = stage.logged("client_closed");
    assert!(
        lines
            .iter()
            .all(|line| line["status"] == 499 || line["status"] == 0),
        "{:?}",
        lines.first()
    );
    stage.recovers();
}

#[test]
fn resets_that_we_are_made_to_send_have_a_budget() {
    let stage = Stage::new("127.20.10.23", &[], swallow);
    for _ in 0..CROWD / 4 {
        let mut client = stage.connect_http2(&[]);
        let mut forced = 0;
        for stream in (1..).step_by(2) {
            client.send(frames::headers(stream, true, &get()));
            // A window that grows too large is an error of its stream (RFC 9113 §6.9.1).
            client.send(frames::window(stream, (1 << 31) - 1));
            if !is_alive(&mut client) {
                break;
            }
            forced += 1;
        }
        assert_eq!(forced, 100);
    }
    stage.wait_for_words(CROWD / 4, &["HTTP/2 connection was ended", "flood"]);
    stage.recovers();
}

#[test]
fn endless_heads_end_the_connection() {
    let flags = ["--idle-timeout", "1s", "--body-timeout", "1s"];
    let stage = Stage::new("127.20.10.24", &flags, swallow);
    let begin = frames::frame(kind::HEADERS, 1, 1, &get());
    let fill = frames::literal("x", &"y".repeat(1000)).repeat(16);
    for part in [&[][..], &fill] {
        let mut client = stage.connect_http2(&[]);
        client.send(&begin);
        for _ in 0..2000 {
            client.send(frames::frame(kind::CONTINUATION, 0, 1, part));
        }
        assert!(client.frames().goaway().is_some_and(|code| code != 0));
    }
    stage.wait_for_words(2, &["HTTP/2 connection was ended"]);
    // Heads that stop in the middle wait no longer than a connection without requests.
    let mut crowd: Vec<Client> = (0..200).map(|_| stage.connect_http2(&[])).collect();
    for client in &crowd {
        client.send(&begin);
        client.send(frames::frame(kind::CONTINUATION, 0, 1, &fill));
    }
    for client in &mut crowd {
        client.frames();
    }
    assert_eq!(stage.truth.connections(), 0);
    drop(crowd);
    stage.recovers();
}

#[test]
fn large_heads_are_refused_by_name() {
    let stage = Stage::new("127.20.10.25", &[], swallow);
    let mut client = stage.connect_http2(&[]);
    let mut block = get();
    block.extend(frames::literal("x", &"y".repeat(10_000)).repeat(7));
    // Larger than a frame.
    let (first, rest) = block.split_at(16_000);
    client.send(frames::frame(kind::HEADERS, 1, 1, first));
    let mut parts = rest.chunks(16_000).peekable();
    while let Some(part) = parts.next() {
        let flags = if parts.peek().is_some() { 0 } else { 4 };
        client.send(frames::frame(kind::CONTINUATION, flags, 1, part));
    }
    assert_eq!(client.status_of(1), 431);
    let mut many = get();
    many.extend(frames::literal("x", "y").repeat(101));
    client.send(frames::headers(3, true, &many));
    assert_eq!(client.status_of(3), 431);
    stage.wait_for_log(2, "head_too_large", 431);
    assert_eq!(stage.truth.connections(), 0);
    stage.recovers();
}

/// A field of the table that a byte stands for.
fn bomb() -> (Vec<u8>, Vec<u8>) {
    let insert = frames::inserted("x", &"y".repeat(4000));
    let head = frames::request("POST", "/truth", &[]);
    let first = [&head[..], &insert, &[FIRST; 14]].concat();
    let others = [&head[..], &[FIRST; 15]].concat();
    (first, others)
}

#[test]
fn bombs_that_are_held_open_are_bounded() {
    const STREAMS: u32 = 128;
    let stage = Stage::new("127.20.10.26", &[], swallow);
    let (first, others) = bomb();
    let mut crowd: Vec<Client> = (0..CROWD).map(|_| stage.connect_http2(&[])).collect();
    for client in &mut crowd {
        client.send(frames::headers(1, false, &first));
        for number in 1..STREAMS {
            client.send(frames::headers(number * 2 + 1, false, &others));
        }
        assert!(is_alive(client));
    }
    // Sixteen times the largest head for a connection: the rest is refused, and may come again.
    let refused = CROWD * (STREAMS as usize - 17);
    let lines = stage.wait_for_log(refused, "overloaded", 503);
    assert!(
        lines[0]["detail"]
            .as_str()
            .is_some_and(|text| text.contains("too large together"))
    );
    assert!(stage.truth.connections() <= CROWD * 17);
    assert!(stage.grown() < CROWD * (5 << 20), "{}", stage.grown());
    for client in &mut crowd {
        let refused = client.frame_of(kind::RST_STREAM, STREAMS * 2 - 1);
        assert_eq!(refused.code(), 7, "REFUSED_STREAM");
    }
    drop(crowd);
    stage.truth.wait_for_ends(stage.truth.connections());
    stage.recovers();
}

#[test]
fn bombs_that_burst_end_the_connection() {
    let stage = Stage::new("127.20.10.27", &[], swallow);
    for count in [40, 5000] {
        let mut client = stage.connect_http2(&[]);
        let (first, _) = bomb();
        client.send(frames::headers(1, true, &first));
        let block = [&get()[..], &vec![FIRST; count]].concat();
        client.send(frames::headers(3, true, &block));
        if count < 100 {
            assert_eq!(client.status_of(3), 431);
        } else {
            assert!(client.frames().goaway().is_some_and(|code| code != 0));
        }
    }
    stage.wait_for_words(1, &["HTTP/2 connection was ended"]);
    stage.recovers();
}

#[test]
fn floods_of_questions_are_answered_or_wait() {
    let flags = ["--idle-timeout", "1s", "--body-timeout", "1s"];
    let stage = Stage::new("127.20.10.28", &flags, swallow);
    let ping = frames::frame(kind::PING, 0, 0, b"question").repeat(1000);
    let settings = frames::settings(&[(4, 65_535)]).repeat(1000);
    let nothing = frames::frame(kind::PRIORITY, 0, 1, &[0, 0, 0, 0, 7]).repeat(1000);
    for flood in [ping, settings, nothing] {
        let mut crowd: Vec<Client> = (0..4).map(|_| stage.connect_http2(&[])).collect();
        for client in &crowd {
            // Nobody reads the answers: the gateway reads no more than it can answer.
            client.repeat_until_stuck(&flood, 16 << 20);
            assert_eq!(stage.gateway.get("/calm").status, 200);
        }
        let grown = stage.grown();
        assert!(grown < 4 << 20, "{grown} bytes");
        // However much they say, they ask nothing.
        for client in &mut crowd {
            client.frames();
        }
    }
    stage.recovers();
}
