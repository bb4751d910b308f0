//! Answers that Envoy makes itself.

use fg_exchange::Reason;
use fg_testkit::envoy::VERSIONS;
use fg_testkit::ir::{Changes, everything_to, listener, rule};
use fg_testkit::{Message, Upstream, address, ask, get, upstream};

use crate::ground::Ground;

fn is(reply: &Message, reason: Reason, version: &str) {
    assert_eq!(reply.status, reason.status(), "{version}: {reply:?}");
    assert_eq!(reply.reason(), Some(reason.text()), "{version}: {reply:?}");
    assert_eq!(reply.text(), format!("{}\n", reason.words()), "{version}");
    let kind = reply.field("content-type");
    assert_eq!(kind, Some("text/plain; charset=utf-8"), "{version}");
}

#[test]
fn what_went_wrong_is_said_as_our_own_proxy_says_it() {
    let closing = Upstream::start(|connection, _| {
        while connection.request().is_some() {
            connection.close();
        }
    });
    let resetting = Upstream::start(|connection, _| {
        while connection.request().is_some() {
            connection.reset();
        }
    });
    let babbling = Upstream::replying("HTTP/1.1 what\r\n\r\n");
    let large = "x".repeat(70_000);
    let verbose = Upstream::replying(format!(
        "HTTP/1.1 200 OK\r\nX: {large}\r\nContent-Length: 0\r\n\r\n"
    ));
    let good = Upstream::replying(upstream::ok("good"));
    let nobody = address::own_address();
    for version in VERSIONS {
        let at = address::own_address();
        let changes = Changes::new()
            .listener(listener("http", at, None))
            .backend("empty", &[])
            .backend("nobody", &[nobody])
            .backend("closing", &[closing.address()])
            .backend("resetting", &[resetting.address()])
            .backend("babbling", &[babbling.address()])
            .backend("verbose", &[verbose.address()])
            .backend("good", &[good.address()]);
        let names = [
            "empty",
            "nobody",
            "closing",
            "resetting",
            "babbling",
            "verbose",
            "good",
        ];
        let changes = names.iter().fold(changes, |changes, name| {
            changes.rule(rule(name, "http", &format!("/{name}"), name))
        });
        let _ground = Ground::new(version, changes.build());
        assert_eq!(get(at, "a.com", "/good").text(), "good");
        for (path, reason) in [
            ("/empty", Reason::NoEndpoints),
            ("/nobody", Reason::ConnectFailed),
            ("/closing", Reason::UpstreamClosed),
            ("/resetting", Reason::UpstreamClosed),
            ("/babbling", Reason::BadReply),
            ("/verbose", Reason::BadReply),
            ("/else", Reason::NoRoute),
            ("/%2F", Reason::BadPath),
        ] {
            is(&get(at, "a.com", path), reason, version);
        }
        for (request, reason) in [
            ("GET / HTTP/1.1\r\n\r\n", Reason::BadHost),
            ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", Reason::BadRequest),
            ("GE T / HTTP/1.1\r\nHost: a\r\n\r\n", Reason::BadRequest),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nbad\r\n\r\n",
                Reason::BadRequest,
            ),
        ] {
            is(&ask(at, request), reason, version);
        }
        let large = format!(
            "GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n",
            "x".repeat(70_000)
        );
        is(&ask(at, large), Reason::HeadTooLarge, version);
        let many = "A: b\r\n".repeat(110);
        let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n");
        is(&ask(at, many), Reason::HeadTooLarge, version);
    }
}

#[test]
fn callers_of_grpc_methods_are_told_by_a_grpc_status() {
    for version in VERSIONS {
        let at = address::own_address();
        let _ground = Ground::new(version, everything_to(at, &[]));
        for (path, code, words) in [
            ("/a.B/c", "14", Reason::NoEndpoints.words()),
            ("/%2F", "13", Reason::BadPath.words()),
        ] {
            let reply = ask(
                at,
                format!(
                    "POST {path} HTTP/1.1\r\nHost: a.com\r\nContent-Type: application/grpc\r\n\
                     Content-Length: 0\r\n\r\n"
                ),
            );
            assert_eq!(reply.status, 200, "{reply:?}");
            assert_eq!(reply.field("grpc-status"), Some(code), "{reply:?}");
            assert_eq!(reply.field("grpc-message"), Some(words), "{reply:?}");
            assert_eq!(reply.field("content-type"), Some("application/grpc"));
        }
    }
}
