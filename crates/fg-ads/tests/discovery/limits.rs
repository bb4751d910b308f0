//! Clients that are slow, dead, or too many.

use std::sync::atomic::Ordering;
use std::time::Duration;

use fg_ads::Event;
use fg_ads::server::Options;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::Code;

use crate::ground::{Ground, Running, TYPE, accept, soon};
use crate::raw::Raw;

/// A good client, without TLS.
fn plain(ground: &Ground, running: &Running) -> fg_ads::client::Options {
    let mut options = ground.client_options(running);
    options.ca_file = None;
    options
}

#[tokio::test]
async fn a_client_that_does_not_answer_is_told_and_closed() {
    let ground = Ground::new();
    let options = Options {
        ack_deadline: Duration::from_millis(50),
        ..Options::default()
    };
    let mut running = ground.serve_plain(options).await;
    ground.apply(&["a=1"], 0);
    let mut raw = Raw::open(&running).await;
    raw.subscribe(TYPE, &[]).await;
    raw.next().await.unwrap();
    let status = raw.next().await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert!(matches!(running.event().await, Event::Connected { .. }));
    let Event::Disconnected { reason, .. } = running.event().await else {
        panic!("it is still there");
    };
    assert_eq!(reason, "no answer to a response within 50ms");
    assert_eq!(running.metrics.overdue.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_client_that_does_not_even_read_loses_its_place() {
    let ground = Ground::new();
    let options = Options {
        ack_deadline: Duration::from_millis(50),
        clients: 1,
        ..Options::default()
    };
    let mut running = ground.serve_plain(options).await;
    // More than HTTP/2 lets the server send to one who does not read.
    ground.apply(&["a=1"], 32 << 20);
    let stuck = Raw::open(&running).await;
    stuck.subscribe(TYPE, &[]).await;
    assert!(matches!(running.event().await, Event::Connected { .. }));

    ground.apply(&["-a", "b=1"], 0);
    let (_client, mut deliveries) = fg_ads::Client::start(plain(&ground, &running));
    assert_eq!(accept(&mut deliveries).await, "2: b=1");
    drop(stuck);
}

#[tokio::test]
async fn one_client_too_many_is_told_and_comes_in_when_there_is_room() {
    let ground = Ground::new();
    let options = Options {
        clients: 1,
        ..Options::default()
    };
    let running = ground.serve_plain(options).await;
    ground.apply(&["a=1"], 0);
    let mut first = Raw::open(&running).await;
    first.subscribe(TYPE, &[]).await;
    first.take().await;
    let (client, mut deliveries) = fg_ads::Client::start(plain(&ground, &running));
    let mut state = client.watch();
    let refused = state.wait_for(|state| state.last_error.is_some());
    let words = soon(refused).await.unwrap().last_error.clone().unwrap();
    assert!(words.contains("there are 1 clients already"), "{words}");
    drop(first);
    assert_eq!(accept(&mut deliveries).await, "1: a=1");
}

#[tokio::test]
async fn a_client_that_says_nothing_is_closed() {
    let ground = Ground::new();
    let options = Options {
        first_deadline: Duration::from_millis(500),
        ..Options::default()
    };
    let running = ground.serve_plain(options).await;
    let mut raw = Raw::open(&running).await;
    let status = raw.next().await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn who_has_no_token_is_refused_before_it_says_anything() {
    let ground = Ground::new();
    let running = ground.serve_plain(Options::default()).await;
    let mut raw = Raw::open_with("nonsense", &running).await;
    let status = raw.next().await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    assert_eq!(running.metrics.refused.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_connection_on_which_nobody_is_let_in_is_closed() {
    let ground = Ground::new();
    let options = Options {
        first_deadline: Duration::from_millis(50),
        ..Options::default()
    };
    let running = ground.serve_plain(options).await;
    let mut silent = TcpStream::connect(running.address).await.unwrap();
    let mut idle = TcpStream::connect(running.address).await.unwrap();
    // HTTP/2 was begun, with empty settings, and no stream is opened.
    let hello = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    idle.write_all(hello).await.unwrap();
    for socket in [&mut silent, &mut idle] {
        // Closed or reset, both are an end.
        let _ = soon(socket.read_to_end(&mut Vec::new())).await;
    }
}

#[tokio::test]
async fn a_connection_of_a_client_that_was_let_in_stays() {
    let ground = Ground::new();
    let options = Options {
        first_deadline: Duration::from_millis(300),
        ..Options::default()
    };
    let running = ground.serve_plain(options).await;
    ground.apply(&["a=1"], 0);
    let mut raw = Raw::open(&running).await;
    raw.subscribe(TYPE, &[]).await;
    raw.take().await;
    // Each takes one deadline: after all of them the client's connection would be gone too.
    for _ in 0..5 {
        let mut silent = TcpStream::connect(running.address).await.unwrap();
        let _ = soon(silent.read_to_end(&mut Vec::new())).await;
    }
    ground.apply(&["b=1"], 0);
    assert_eq!(raw.take().await, format!("{TYPE} 2: b=1"));
}

#[tokio::test]
async fn names_are_bounded() {
    let ground = Ground::new();
    let options = Options {
        names: 2,
        ..Options::default()
    };
    let running = ground.serve_plain(options).await;
    let mut raw = Raw::open(&running).await;
    raw.subscribe(TYPE, &["a", "b", "c"]).await;
    assert_eq!(
        raw.next().await.unwrap_err().code(),
        Code::ResourceExhausted
    );
}
