//! Peers that never read, wherever something is sent to them: each is given up in time and by name,
//! and nothing waits for them, neither here nor in the kernel.

use std::collections::BTreeSet;

use fg_testkit::frames;
use fg_testkit::{Client, Connection};
use rustix::process::Signal;

use super::{CROWD, Stage};
use crate::support::until;

/// A window that is never used up.
const WIDE: u32 = (1 << 31) - 1;
const FLAGS: [&str; 2] = ["--body-timeout", "1s"];
const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n";
const UPGRADE: &str = "GET /tunnel HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n";

/// Much more than sockets keep. Units: bytes.
const MUCH: usize = 16 << 20;

/// Answers with much, or not at all; switches to what `/tunnel` asks for and says much there.
fn much_or_nothing(connection: &mut Connection, _: usize) {
    connection.keep_little(64 << 10);
    let Some(request) = connection.request_head() else {
        return;
    };
    match &*request.target {
        "/wait" => return connection.drain(),
        "/tunnel" => connection.send(SWITCH),
        _ => connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {MUCH}\r\n\r\n")),
    };
    connection.send_many(MUCH);
}

/// A connection by HTTP/2 with windows that are never used up.
fn wide(stage: &Stage) -> Client {
    let client = stage.connect_http2(&[(4, WIDE)]);
    client.send(frames::window(0, WIDE - 65_535));
    client
}

#[test]
fn connections_with_requests_that_wait_end_with_them() {
    const COUNT: usize = CROWD / 6;
    let stage = Stage::new("127.20.10.51", &FLAGS, much_or_nothing);
    let mut crowd: Vec<Client> = (0..COUNT).map(|_| wide(&stage)).collect();
    for client in &crowd {
        for (stream, path) in [(1, "/wait"), (3, "/much"), (5, "/much"), (7, "/wait")] {
            let head = frames::request("GET", path, &[]);
            client.send(frames::headers(stream, true, &head));
        }
    }
    // Nobody would ever have answered those that wait.
    until("the log", || {
        (stage.logged("client_closed").len() == COUNT * 4).then_some(())
    });
    stage.wait_for_words(COUNT, &["HTTP/2 connection was ended", "reads nothing"]);
    stage.truth.wait_for_ends(COUNT * 4);
    stage.recovers();
    assert_eq!(stage.kept_by_kernel(), 0);
    assert!(crowd.iter_mut().all(Client::is_reset));
}

#[test]
fn a_drain_does_not_wait_for_them() {
    const COUNT: usize = CROWD / 6;
    let flags = [&FLAGS[..], &["--drain-timeout", "1h"]].concat();
    let mut stage = Stage::new("127.20.10.52", &flags, much_or_nothing);
    let mut crowd: Vec<Client> = (0..COUNT).map(|_| stage.connect()).collect();
    for client in &crowd {
        client.send("GET /much HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    for number in 0..COUNT {
        let client = wide(&stage);
        let path = if number % 2 == 0 { "/much" } else { "/wait" };
        for (stream, path) in [(1, path), (3, "/much")] {
            let head = frames::request("GET", path, &[]);
            client.send(frames::headers(stream, true, &head));
        }
        crowd.push(client);
    }
    let tunnels = (0..COUNT).map(|_| stage.connect());
    crowd.extend(tunnels.inspect(|client| client.send(UPGRADE)));
    stage.truth.wait_for_requests(COUNT * 4);
    stage.gateway.process.signal(Signal::TERM);
    assert_eq!(stage.gateway.process.exit_code(), Some(0));
    until("the log", || {
        (stage.logged("client_closed").len() == COUNT * 4).then_some(())
    });
    assert_eq!(stage.kept_by_kernel(), 0);
}

#[test]
fn backends_by_http2_that_never_read_are_left() {
    let stage = Stage::with_http2_backend("127.20.10.53", &FLAGS, |connection, _| {
        connection.receive_at_least(24);
        connection.send(frames::settings(&[(4, WIDE)]));
        connection.send(frames::window(0, WIDE - 65_535));
        connection.stall(1);
    });
    let mut crowd = Vec::new();
    for _ in 0..20 {
        let client = stage.connect();
        client.post_until_stuck(4 << 20);
        crowd.push(client);
    }
    for client in &mut crowd {
        let reply = client.reply();
        assert_eq!(
            (reply.status, reply.reason()),
            (504, Some("upstream_timeout"))
        );
    }
    stage.wait_for_log(crowd.len(), "upstream_timeout", 504);
    // That of the calm one may stay.
    until("the ends of connections", || {
        let open = stage.gateway.metric("ferrogate_upstream_connections_open");
        (open <= 1.0).then_some(())
    });
    assert_eq!(stage.kept_by_kernel(), 0);
    drop(crowd);
    stage.recovers();
    stage.truth.release();
}

#[test]
fn tunnels_to_clients_end() {
    let stage = Stage::new("127.20.10.54", &FLAGS, much_or_nothing);
    let mut crowd: Vec<Client> = (0..CROWD / 3).map(|_| stage.connect()).collect();
    for client in &crowd {
        client.send(UPGRADE);
    }
    for line in stage.wait_for_log(crowd.len(), "client_closed", 101) {
        assert_eq!(line["detail"], "it took nothing of the tunnel in time");
    }
    stage.truth.wait_for_ends(crowd.len());
    stage.recovers();
    assert_eq!(stage.kept_by_kernel(), 0);
    assert!(crowd.iter_mut().all(Client::is_reset));
}

#[test]
fn tunnels_to_backends_end() {
    let stage = Stage::new("127.20.10.55", &FLAGS, |connection, _| {
        connection.request_head();
        connection.send(SWITCH);
        connection.stall(1);
    });
    let mut crowd = Vec::new();
    for _ in 0..20 {
        let mut client = stage.connect();
        client.send(UPGRADE);
        assert!(client.head().starts_with("HTTP/1.1 101 "));
        client.send_until_stuck(64 << 20);
        crowd.push(client);
    }
    for line in stage.wait_for_log(crowd.len(), "upstream_timeout", 101) {
        assert_eq!(line["detail"], "it took nothing of the tunnel in time");
    }
    assert_eq!(stage.kept_by_kernel(), 0);
    for client in &mut crowd {
        assert!(client.is_ended());
    }
    stage.recovers();
    stage.truth.release();
}

#[test]
fn tunnels_on_streams_end_and_their_connections_stay() {
    const STREAMS: u32 = 20;
    let stage = Stage::new("127.20.10.56", &FLAGS, much_or_nothing);
    let mut crowd: Vec<Client> = (0..20).map(|_| stage.connect_http2(&[])).collect();
    let fields = [(":protocol", "websocket")];
    let head = frames::request("CONNECT", "/tunnel", &fields);
    for client in &mut crowd {
        for number in 0..STREAMS {
            client.send(frames::headers(number * 2 + 1, false, &head));
        }
        // They are read, but their windows never open again.
        let mut cut = BTreeSet::new();
        while cut.len() < STREAMS as usize {
            let frame = client.frame().expect("a frame");
            if frame.kind == frames::kind::RST_STREAM {
                assert_eq!(frame.code(), 2, "INTERNAL_ERROR");
                cut.insert(frame.stream);
            }
        }
    }
    let count = crowd.len() * STREAMS as usize;
    for line in stage.wait_for_log(count, "client_closed", 101) {
        assert_eq!(line["detail"], "it took nothing of the tunnel in time");
    }
    stage.truth.wait_for_ends(count);
    for client in &mut crowd {
        let head = frames::request("GET", "/calm", &[]);
        client.send(frames::headers(STREAMS * 2 + 1, true, &head));
        assert_eq!(client.status_of(STREAMS * 2 + 1), 200);
    }
    drop(crowd);
    stage.recovers();
}
