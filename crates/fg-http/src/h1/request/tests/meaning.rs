//! What a good head says about connection, upgrade, expectation and method.

use fg_exchange::{Method, Reason};

use super::super::{Expectation, Framing};
use super::{accepted, read, refused, sent, with};
use crate::Limits;

#[test]
fn hop_by_hop_fields_end_here() {
    let sent = sent(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, X-Mine ,x-other\r\nX-Mine: 1\r\n\
         x-OTHER: 2\r\nX-Kept: 3\r\nKeep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\n\
         TE: trailers,\tdeflate\r\nTrailer: X-Sum\r\nProxy-Authorization: secret\r\n\
         Proxy-Authenticate: x\r\nUpgrade: websocket\r\nHTTP2-Settings: AAA\r\n\r\n",
    );
    assert_eq!(sent, "GET / HTTP/1.1\r\nhost: a\r\nX-Kept: 3\r\n\r\n");
    // Framing and routing cannot be talked away.
    let seen = accepted(
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: content-length, host\r\nContent-Length: 3\r\n\r\n",
    );
    assert_eq!(seen.parsed.body, Framing::Length(3));
    assert_eq!(seen.authority.0, "a");
}

#[test]
fn connections_are_kept_as_the_version_and_the_client_say() {
    for (version, connection, kept) in [
        ("1.1", "X: y", true),
        ("1.1", "Connection: close", false),
        ("1.1", "Connection: Keep-Alive, CLOSE", false),
        ("1.1", "Connection: keep-alive\r\nConnection: close", false),
        ("1.0", "X: y", false),
        ("1.0", "Connection: keep-alive", true),
        ("1.0", "Connection: keep-alive, close", false),
    ] {
        let head = format!("GET / HTTP/{version}\r\nHost: a\r\n{connection}\r\n\r\n");
        assert_eq!(
            accepted(&head).parsed.hop.keep_alive,
            kept,
            "{version} {connection}"
        );
    }
}

#[test]
fn upgrades_pass_only_where_a_tunnel_may_follow() {
    let upgrade = |lines: &str| {
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n");
        let seen = accepted(&head);
        let sent = String::from_utf8(seen.sent).expect("text");
        assert_eq!(
            sent.contains("connection: upgrade"),
            seen.parsed.hop.upgrade
        );
        assert_eq!(
            sent.to_ascii_lowercase().contains("\r\nupgrade:"),
            seen.parsed.hop.upgrade
        );
        seen.parsed.hop.upgrade
    };
    assert!(upgrade("Connection: Upgrade\r\nUpgrade: websocket"));
    assert!(upgrade("Connection: keep-alive, upgrade\r\nUpgrade: foo/2"));
    for no in [
        "Upgrade: websocket",
        "Connection: upgrade",
        "Connection: upgrade\r\nUpgrade: h2c",
        "Connection: upgrade, HTTP2-Settings\r\nUpgrade: H2C\r\nHTTP2-Settings: AAA",
        "Connection: upgrade\r\nUpgrade: websocket, h2c",
        "Connection: upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c",
        "Connection: upgrade\r\nUpgrade: HTTP/2.0",
        "Connection: upgrade\r\nUpgrade: TLS/1.2",
        "Connection: upgrade\r\nUpgrade: a b",
        "Connection: upgrade\r\nUpgrade: a/",
        "Connection: upgrade\r\nUpgrade:",
        "Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 1",
        "Connection: upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked",
    ] {
        assert!(!upgrade(no), "{no}");
    }
    let old = "GET / HTTP/1.0\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    assert!(!accepted(old).parsed.hop.upgrade);
}

#[test]
fn expectations() {
    let expect = |lines: &str| accepted(&with(lines)).parsed.expectation;
    assert_eq!(expect("X: y"), Expectation::None);
    assert_eq!(expect("Expect: 100-Continue"), Expectation::Continue);
    for unknown in [
        "Expect: 200-ok",
        "Expect: 100-continue, x",
        "Expect: 100-continue\r\nExpect: x",
        "Expect:",
    ] {
        assert_eq!(refused(&with(unknown)), Reason::ExpectationFailed);
    }
    let seen = accepted("POST / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(seen.parsed.expectation, Expectation::None);
    assert_eq!(seen.fields, []);
}

#[test]
fn methods_are_compared_with_case() {
    let method = |text: &str| {
        let head = format!("{text} / HTTP/1.1\r\nHost: a\r\n\r\n");
        let found = read(head.as_bytes(), &[], &Limits::default());
        found.expect("good").expect("complete").0.method()
    };
    assert_eq!(method("PATCH"), Method::Patch);
    assert_eq!(method("Get"), Method::Other);
    assert_eq!(method("connect"), Method::Other);
}
