//! What hostile clients cannot do.

use std::time::Duration;

use fg_proxy::Settings;
use fg_testkit::{Upstream, upstream};
use http::Request;

use crate::gateway::{Gateway, plain};
use crate::peer::{ask, connect, get, run, stall};

/// A frame. Source: RFC 9113 §4.1.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend_from_slice(&[kind, flags]);
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// `GET http://a/` in HPACK, with an `:authority` that is not in the static table.
const GET: &[u8] = &[0x82, 0x86, 0x84, 0x41, 0x01, b'a'];

fn greeting() -> Vec<u8> {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend_from_slice(&frame(4, 0, 0, &[]));
    bytes
}

/// Whether the server ends the connection.
fn is_ended_after(gateway: &Gateway, bytes: &[u8]) -> bool {
    let mut client = gateway.connect();
    client.send(bytes);
    client.rest().is_ok_and(|rest| {
        // Its last frame is a GOAWAY with an error.
        rest.windows(4).any(|kind| kind == [0, 0, 8, 7]) || rest.contains(&7)
    })
}

#[test]
fn a_storm_of_resets_ends_the_connection() {
    let backend = Upstream::start(|connection, _| while connection.receive() {});
    let gateway = Gateway::to(&[&backend]);
    let mut bytes = greeting();
    for stream in (1..4001).step_by(2) {
        bytes.extend_from_slice(&frame(1, 5, stream, GET));
        bytes.extend_from_slice(&frame(3, 0, stream, &8u32.to_be_bytes()));
    }
    assert!(is_ended_after(&gateway, &bytes));
}

#[test]
fn endless_continuations_end_the_connection() {
    let backend = Upstream::replying(upstream::ok(""));
    let gateway = Gateway::to(&[&backend]);
    let mut bytes = greeting();
    bytes.extend_from_slice(&frame(1, 1, 1, GET));
    for _ in 0..2000 {
        bytes.extend_from_slice(&frame(9, 0, 1, &[]));
    }
    assert!(is_ended_after(&gateway, &bytes));
    assert!(backend.requests().is_empty());
}

#[test]
fn large_heads_are_refused_and_others_served() {
    let backend = Upstream::replying(upstream::ok("fine"));
    let gateway = Gateway::to(&[&backend]);
    run(async {
        let send = connect(gateway.address).await;
        let mut many = Request::get("http://a.example/");
        for number in 0..200 {
            many = many.header(format!("x-{number}"), "1");
        }
        let reply = ask(&send, many.body(()).expect("a request")).await;
        assert_eq!(reply.expect("a reply").status(), 431);
        let large = Request::get("http://a.example/")
            .header("x-large", "x".repeat(70_000))
            .body(())
            .expect("a request");
        let reply = ask(&send, large).await;
        assert_eq!(reply.expect("a reply").status(), 431);
        let reply = ask(&send, get("/")).await.expect("a reply");
        assert_eq!(reply.text(), "fine");
    });
}

#[test]
fn a_client_that_takes_nothing_is_given_up() {
    let backend = Upstream::replying(upstream::ok("x".repeat(1_000_000)));
    let settings = Settings {
        body_timeout: Duration::from_millis(300),
        ..plain()
    };
    let gateway = Gateway::with(settings, &[&backend]);
    run(async {
        let send = connect(gateway.address).await;
        let mut ready = send.clone().ready().await.expect("ready");
        let (reply, _) = ready.send_request(get("/"), true).expect("sent");
        let body = reply.await.expect("a reply").into_body();
        // The window closes, and the gateway has to give up.
        assert_eq!(stall(body).await, Some(h2::Reason::INTERNAL_ERROR));
    });
}

#[test]
fn half_a_preface_is_given_up() {
    let backend = Upstream::replying(upstream::ok(""));
    let settings = Settings {
        head_timeout: Duration::from_millis(200),
        ..plain()
    };
    let gateway = Gateway::with(settings, &[&backend]);
    let mut client = gateway.connect();
    client.send("PRI * HTTP/2.0\r\n\r\nS");
    let rest = client.rest().expect("an end");
    assert!(rest.starts_with(b"HTTP/1.1 505 "), "{rest:?}");
}

#[test]
fn draining_lets_requests_end() {
    let backend = Upstream::start(|connection, _| {
        while connection.request().is_some() {
            connection.stall(0);
            connection.send(upstream::ok("late"));
        }
    });
    let gateway = Gateway::to(&[&backend]);
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| {
            run(async {
                let send = connect(gateway.address).await;
                ask(&send, get("/")).await.expect("a reply").text()
            })
        });
        backend.wait_for_requests(1);
        let drained = scope.spawn(|| gateway.drain(Duration::from_secs(10)));
        backend.release();
        assert_eq!(asked.join().expect("asked"), "late");
        assert!(drained.join().expect("drained"));
    });
}
