//! Streams that stand still: windows that never open, clients that never read, bodies that stop.

use fg_testkit::frames::{self, kind};
use fg_testkit::{Client, Connection};

use super::Stage;

/// Connections at one time.
const CROWD: usize = 10;
/// Streams of each.
const STREAMS: u32 = 100;
const ALL: usize = CROWD * STREAMS as usize;

const FLAGS: [&str; 4] = ["--body-timeout", "4s", "--idle-timeout", "4s"];

/// Replies with much more than anybody keeps. The system keeps little of it: a thousand threads that
/// fill gigabytes of sockets would stall by themselves on a small machine, and rightly be blamed.
fn much(connection: &mut Connection, _: usize) {
    const WHOLE: usize = 16 << 20;
    connection.keep_little(64 << 10);
    connection.request();
    connection.send(format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {WHOLE}\r\n\r\n"
    ));
    connection.send_many(WHOLE);
}

fn streams() -> impl Iterator<Item = u32> {
    (0..STREAMS).map(|number| number * 2 + 1)
}

/// Asks on every stream.
fn ask(client: &Client) {
    let head = frames::request("GET", "/truth", &[]);
    for stream in streams() {
        client.send(frames::headers(stream, true, &head));
    }
}

#[test]
fn windows_that_never_open_are_given_up() {
    let stage = Stage::new("127.20.10.31", &FLAGS, much);
    // The streams of some have no window, those of others share one that is used up.
    let mut crowd: Vec<Client> = (0..CROWD)
        .map(|number| stage.connect_http2(if number % 2 == 0 { &[(4, 0)] } else { &[] }))
        .collect();
    crowd.iter().for_each(ask);
    for client in &mut crowd {
        let said = client.frames();
        for stream in streams() {
            let cut = said
                .frames
                .iter()
                .find(|frame| frame.kind == kind::RST_STREAM && frame.stream == stream);
            assert_eq!(cut.map(frames::Frame::code), Some(2), "INTERNAL_ERROR");
        }
    }
    for line in stage.wait_for_log(ALL, "client_closed", 200) {
        assert_eq!(line["detail"], "it took nothing of the reply in time");
    }
    assert_eq!(stage.truth.requests().len(), ALL);
    stage.truth.wait_for_ends(ALL);
    drop(crowd);
    stage.recovers();
}

#[test]
fn connections_that_are_never_read_are_given_up() {
    const WIDE: u32 = (1 << 31) - 1;
    let stage = Stage::new("127.20.10.32", &FLAGS, much);
    let crowd: Vec<Client> = (0..CROWD)
        .map(|_| stage.connect_http2(&[(4, WIDE)]))
        .collect();
    for client in &crowd {
        client.send(frames::window(0, WIDE - 65_535));
        ask(client);
    }
    stage.wait_for_log(ALL, "client_closed", 200);
    stage.truth.wait_for_ends(ALL);
    stage.recovers();
    drop(crowd);
}

#[test]
fn bodies_that_stop_are_answered() {
    let stage = Stage::new("127.20.10.33", &FLAGS, |connection, _| {
        connection.request_head();
        connection.drain();
    });
    let mut crowd: Vec<Client> = (0..CROWD).map(|_| stage.connect_http2(&[])).collect();
    let head = frames::request("POST", "/truth", &[("content-length", "1000000")]);
    for client in &crowd {
        for stream in streams() {
            client.send(frames::headers(stream, false, &head));
            client.send(frames::data(stream, false, &[b'x'; 600]));
        }
    }
    for client in &mut crowd {
        let said = client.frames();
        let heads = said
            .frames
            .iter()
            .filter(|frame| frame.kind == kind::HEADERS);
        let statuses: Vec<_> = heads.map(|frame| frames::status(&frame.payload)).collect();
        assert_eq!(statuses, [Some(408); STREAMS as usize]);
    }
    stage.wait_for_log(ALL, "client_timeout", 408);
    stage.truth.wait_for_ends(ALL);
    assert!(stage.truth.requests().is_empty(), "none is whole");
    for received in stage.truth.received() {
        assert!(received.ends_with(&[b'x'; 600]), "what came was passed on");
    }
    drop(crowd);
    stage.recovers();
}

#[test]
fn crumbs_of_bodies_that_nobody_takes_are_bounded() {
    let stage = Stage::new("127.20.10.34", &[], |connection, _| {
        connection.request_head();
        connection.stall(1);
    });
    let head = frames::request("POST", "/truth", &[]);
    let crumbs: Vec<u8> = (0..100)
        .flat_map(|_| streams().flat_map(|stream| frames::data(stream, false, b"x")))
        .collect();
    let mut crowd: Vec<Client> = (0..CROWD).map(|_| stage.connect_http2(&[])).collect();
    for client in &mut crowd {
        for stream in streams() {
            client.send(frames::headers(stream, false, &head));
        }
        // Many times the window, if the gateway took that many frames.
        client.repeat_until_stuck(&crumbs, 20 << 20);
    }
    assert!(stage.grown() < CROWD * (5 << 20), "{}", stage.grown());
    for client in crowd {
        client.abort();
    }
    stage.truth.release();
    stage.recovers();
}
