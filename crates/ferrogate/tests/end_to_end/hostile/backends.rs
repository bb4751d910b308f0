//! Backends that say too much, the wrong length, too early, or never the end.

use fg_testkit::{Client, Connection};

use super::{CROWD, Stage};

const GET: &str = "GET /truth HTTP/1.1\r\nHost: a\r\n\r\n";

/// Reads a request. What is sent afterwards without end waits here and not in the system: hundreds of
/// megabytes in sockets make it drop packets of everybody's, and senders then wait for seconds.
fn little_and_ask(connection: &mut Connection) {
    connection.keep_little(64 << 10);
    connection.request();
}

#[test]
fn endless_informational_replies_end_in_a_502() {
    let stage = Stage::new("127.20.10.11", &[], |connection, _| {
        little_and_ask(connection);
        let hint = format!(
            "HTTP/1.1 103 Early Hints\r\nLink: {}\r\n\r\n",
            "x".repeat(30_000)
        );
        while connection.send(&hint) {}
    });
    let mut crowd: Vec<Client> = (0..CROWD / 4).map(|_| stage.connect()).collect();
    for client in &crowd {
        client.send(GET);
    }
    // Each gets half a megabyte of hints, and the one that is read last has to wait for it.
    for client in &mut crowd {
        let mut hints = 0;
        let reply = loop {
            let reply = client.reply();
            if reply.status != 103 {
                break reply;
            }
            hints += 1;
        };
        assert_eq!(hints, 16);
        assert_eq!((reply.status, reply.reason()), (502, Some("bad_reply")));
    }
    for line in stage.wait_for_log(crowd.len(), "bad_reply", 502) {
        assert_eq!(line["detail"], "too many informational replies");
    }
    stage.truth.wait_for_ends(crowd.len());
    drop(crowd);
    stage.recovers();
}

#[test]
fn endless_fields_of_a_reply_end_in_a_502() {
    let stage = Stage::new("127.20.10.12", &[], |connection, _| {
        little_and_ask(connection);
        connection.send("HTTP/1.1 200 OK\r\n");
        let line = format!("x: {}\r\n", "y".repeat(1000));
        while connection.send(&line) {}
    });
    let mut crowd: Vec<Client> = (0..CROWD / 4).map(|_| stage.connect()).collect();
    for client in &crowd {
        client.send(GET);
    }
    for client in &mut crowd {
        let reply = client.reply();
        assert_eq!(
            (reply.status, reply.reason()),
            (502, Some("reply_head_too_large"))
        );
    }
    stage.wait_for_log(crowd.len(), "reply_head_too_large", 502);
    stage.truth.wait_for_ends(crowd.len());
    drop(crowd);
    stage.recovers();
}

#[test]
fn more_than_the_length_says_is_never_anybodys_reply() {
    let stage = Stage::new("127.20.10.13", &[], |connection, number| {
        connection.request();
        let poison = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";
        connection.send(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{}{poison}",
            number % 10
        ));
        connection.drain();
    });
    let mut client = stage.connect();
    for number in 0..20 {
        client.send(GET);
        let reply = client.reply();
        assert_eq!(reply.text(), (number % 10).to_string());
    }
    assert!(client.is_quiet());
    // Such a connection is used for one request only.
    assert_eq!(stage.truth.connections(), 20);
    assert_eq!(stage.truth.lines(), ["GET a /truth"; 20]);
    stage.wait_for_log(20, "", 200);
    stage.recovers();
}

#[test]
fn less_than_the_length_says_is_no_whole_reply() {
    let stage = Stage::new("127.20.10.14", &[], |connection, _| {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
        connection.send_many(100_000);
    });
    for _ in 0..20 {
        let mut client = stage.connect();
        client.send(GET);
        let mut head = client.head();
        head.make_ascii_lowercase();
        assert!(head.contains("content-length: 1000000"), "{head}");
        // The client sees that something is missing, after everything that was there.
        assert_eq!(client.rest().expect("an end").len(), 100_000);
    }
    for line in stage.wait_for_log(20, "upstream_closed", 200) {
        assert_eq!(line["bytes_out"], 100_000, "{line}");
    }
    stage.recovers();
}

#[test]
fn a_reply_before_the_end_of_the_request_is_the_reply() {
    const WHOLE: usize = 64 << 20;
    let stage = Stage::new("127.20.10.15", &[], |connection, _| {
        connection.request_head();
        connection.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
        connection.stall(1);
    });
    let mut crowd: Vec<Client> = (0..CROWD / 4).map(|_| stage.connect()).collect();
    for client in &crowd {
        client.send(format!(
            "POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: {WHOLE}\r\n\r\n"
        ));
        client.send("x".repeat(200_000));
    }
    for client in &mut crowd {
        let reply = client.reply();
        assert_eq!((reply.status, reply.text()), (403, "no"));
        assert!(client.is_ended());
    }
    stage.wait_for_log(crowd.len(), "", 403);
    assert!(stage.truth.requests().is_empty(), "none is whole");
    stage.truth.release();
    drop(crowd);
    stage.recovers();
}

#[test]
fn a_reply_that_never_ends_ends_with_its_client() {
    let stage = Stage::new("127.20.10.16", &[], |connection, _| {
        little_and_ask(connection);
        connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
        while connection.send(&chunk) {}
    });
    let mut crowd: Vec<Client> = (0..CROWD / 4).map(|_| stage.connect()).collect();
    for client in &mut crowd {
        client.send(GET);
        assert!(client.head().starts_with("HTTP/1.1 200 "));
        client.bytes(100_000);
    }
    let count = crowd.len();
    for client in crowd {
        client.abort();
    }
    stage.wait_for_log(count, "client_closed", 200);
    stage.truth.wait_for_ends(count);
    stage.recovers();
}

#[test]
fn a_reply_that_stops_is_cut_off() {
    let flags = ["--body-timeout", "1s", "--reply-timeout", "1s"];
    let stage = Stage::new("127.20.10.17", &flags, |connection, number| {
        connection.request();
        if number % 2 == 0 {
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
        }
        connection.drain();
    });
    let mut crowd: Vec<Client> = Vec::new();
    for number in 0..CROWD {
        let client = stage.connect();
        client.send(GET);
        // In order, so that it is known who gets which half of a reply.
        stage.truth.wait_for_requests(number + 1);
        crowd.push(client);
    }
    for (number, client) in crowd.iter_mut().enumerate() {
        if number % 2 == 0 {
            assert!(client.head().starts_with("HTTP/1.1 200 "));
            assert_eq!(client.rest().expect("an end"), b"5\r\nhello\r\n");
        } else {
            let reply = client.reply();
            assert_eq!(
                (reply.status, reply.reason()),
                (504, Some("upstream_timeout"))
            );
        }
    }
    let lines = stage.logged("upstream_timeout");
    assert!(lines.len() <= CROWD);
    stage.truth.wait_for_ends(CROWD);
    drop(crowd);
    stage.recovers();
}

#[test]
fn a_backend_that_takes_nothing_is_to_blame() {
    let stage = Stage::new(
        "127.20.10.18",
        &["--body-timeout", "1s"],
        |connection, _| {
            connection.request_head();
            connection.stall(1);
        },
    );
    for _ in 0..5 {
        let mut client = stage.connect();
        client.post_until_stuck(99_000_000);
        let reply = client.reply();
        assert_eq!(
            (reply.status, reply.reason()),
            (504, Some("upstream_timeout"))
        );
    }
    stage.wait_for_log(5, "upstream_timeout", 504);
    stage.truth.release();
    stage.recovers();
}
