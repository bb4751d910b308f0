//! Clients that mean no good, or only half of it: each is bounded and named.

use std::time::Duration;

use fg_proxy::Settings;
use fg_testkit::certificates::Authority;
use fg_testkit::tls::Handshake;
use fg_testkit::{Client, Upstream, address, upstream};

use crate::gateway::{Gateway, plain};
use crate::{everything, wait_for_metric};

const FAILURES: &str = "ferrogate_tls_handshake_failures_total";

fn serving(settings: Settings) -> (Gateway, Upstream) {
    let issued = Authority::new("ca").issue(&["a.test"]);
    let at = address::own_address();
    let upstream = Upstream::replying(upstream::ok("ok"));
    let change = everything(at, &issued, &[upstream.address()]).build();
    (Gateway::serving(settings, at, &change), upstream)
}

fn works(gateway: &Gateway) {
    let mut client = Handshake::new().connect(gateway.address, "a.test");
    assert_eq!(client.get("a.test").text(), "ok");
}

/// The first bytes of a hello: a handshake record of 512 bytes, of which these are the first.
const BEGINNING: &[u8] = &[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3];

#[test]
fn handshakes_that_never_end_are_ended() {
    let (gateway, _upstream) = serving(Settings {
        handshake_timeout: Duration::from_millis(200),
        ..plain()
    });
    let mut silent = gateway.connect();
    let mut half = gateway.connect();
    half.send(BEGINNING);
    half.wait_until_read();
    works(&gateway);
    assert!(half.is_ended());
    assert!(silent.is_ended());
    wait_for_metric(&gateway, FAILURES, 2.0);
    wait_for_metric(&gateway, "ferrogate_tls_handshakes_in_progress", 0.0);
    works(&gateway);
}

#[test]
fn handshakes_are_bounded_in_number() {
    let (gateway, _upstream) = serving(Settings {
        max_handshakes: 2,
        ..plain()
    });
    let half: Vec<Client> = (0..2)
        .map(|_| {
            let client = gateway.connect();
            client.send(BEGINNING);
            client.wait_until_read();
            client
        })
        .collect();
    assert!(gateway.connect().is_ended(), "there is no room for a third");
    wait_for_metric(&gateway, FAILURES, 1.0);
    wait_for_metric(&gateway, "ferrogate_tls_handshakes_in_progress", 2.0);
    for client in half {
        client.abort();
    }
    // Room is made when the gateway notices.
    wait_for_metric(&gateway, "ferrogate_tls_handshakes_in_progress", 0.0);
    works(&gateway);
}

#[test]
fn what_is_no_tls_is_ended_at_once() {
    let (gateway, upstream) = serving(plain());
    let garbage: [&[u8]; 4] = [
        b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
        &[0; 64],
        &[22, 3, 1, 255, 255, 1, 255, 255, 255],
        &[23, 3, 3, 0, 1, 0],
    ];
    for (index, bytes) in garbage.iter().enumerate() {
        let mut client = gateway.connect();
        client.send(bytes);
        // An alert may come before the end.
        let rest = client.rest();
        assert!(
            rest.is_err() || rest.is_ok_and(|rest| rest.len() <= 7 && rest.first() != Some(&b'H'))
        );
        wait_for_metric(&gateway, FAILURES, (index + 1) as f64);
    }
    works(&gateway);
    assert_eq!(upstream.requests().len(), 1);
}

#[test]
fn a_handshake_byte_by_byte_succeeds() {
    let (gateway, _upstream) = serving(plain());
    for versions in [&[&rustls::version::TLS13][..], &[&rustls::version::TLS12]] {
        let handshake = Handshake::with_versions(versions);
        let mut client = handshake.connect_slowly(gateway.address, "a.test");
        assert_eq!(client.get("a.test").text(), "ok");
    }
}

#[test]
fn a_broken_record_ends_the_connection_and_nothing_else() {
    let (gateway, upstream) = serving(plain());
    let mut client = Handshake::new().connect(gateway.address, "a.test");
    assert_eq!(client.get("a.test").text(), "ok");
    client.send_raw(&[
        23, 3, 3, 0, 32, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
        22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32,
    ]);
    assert!(client.rest().is_err());
    works(&gateway);
    assert_eq!(upstream.requests().len(), 2);
}

#[test]
fn many_handshakes_at_once_all_succeed() {
    let (gateway, _upstream) = serving(plain());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let handshake = Handshake::new();
                let clients: Vec<_> = (0..25)
                    .map(|_| handshake.connect(gateway.address, "a.test"))
                    .collect();
                for mut client in clients {
                    assert_eq!(client.get("a.test").text(), "ok");
                }
            });
        }
    });
    assert_eq!(gateway.metric("ferrogate_tls_handshakes_total"), 100.0);
}
