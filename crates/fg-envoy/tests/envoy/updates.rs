//! What a change does to what is under way.

use std::sync::Arc;

use fg_envoy::Kind;
use fg_policies::header_modifier;
use fg_testkit::certificates::Authority;
use fg_testkit::envoy::VERSIONS;
use fg_testkit::ir::{Changes, listener, rule, secure_listener};
use fg_testkit::tls::{Handshake, key_pair};
use fg_testkit::{Client, Upstream, address, upstream};

use crate::ground::Ground;

#[test]
fn connections_live_through_changes_of_everything_else() {
    let authority = Authority::new("ours");
    let (a, b) = (authority.issue(&["a.com"]), authority.issue(&["b.com"]));
    for version in VERSIONS {
        let back = Upstream::replying(upstream::ok("one"));
        let more = Upstream::replying(upstream::ok("two"));
        let (at, clear) = (address::own_address(), address::own_address());
        let change = Changes::new()
            .credential("a", key_pair(&a))
            .listener(secure_listener("a", at, Some("a.com"), &["a"]))
            .listener(listener("http", clear, None))
            .backend("one", &[back.address()])
            .rule(rule("one", "a", "/", "one"))
            .rule(rule("clear", "http", "/", "one"))
            .build();
        let mut ground = Ground::new(version, change);
        let mut secure = Handshake::new().connect(at, "a.com");
        let mut plain = Client::connect(clear);
        let mut both = |what: &str, body: &str| {
            let reply = secure.get("a.com");
            assert_eq!(
                (reply.text(), reply.field("connection")),
                (body, None),
                "{version} {what}"
            );
            plain.send("GET / HTTP/1.1\r\nHost: a.com\r\n\r\n");
            let reply = plain.reply();
            assert_eq!(
                (reply.text(), reply.field("connection")),
                (body, None),
                "{version} {what}"
            );
        };
        both("at first", "one");
        let update = ground.apply(
            Changes::new()
                .credential("b", key_pair(&b))
                .listener(secure_listener("b", at, Some("b.com"), &["b"]))
                .rule(rule("b", "b", "/", "one"))
                .build(),
        );
        let listeners = update
            .upserts
            .iter()
            .filter(|one| one.kind == Kind::Listener);
        assert_eq!(listeners.count(), 1);
        both("with another listener on the socket", "one");
        let mut new = Handshake::new().connect(at, "b.com");
        assert_eq!(new.get("b.com").text(), "one", "{version}");
        let update = ground.apply(Changes::new().backend("one", &[more.address()]).build());
        let kinds: Vec<_> = update.upserts.iter().map(|one| one.kind).collect();
        assert_eq!(kinds[kinds.len() - 1], Kind::Endpoints, "{kinds:?}");
        both("with other endpoints", "two");
        ground.apply(
            Changes::new()
                .credential("a", key_pair(&authority.issue(&["a.com"])))
                .build(),
        );
        both("with another certificate", "two");
        let mut marked = rule("one", "a", "/", "one");
        let changes = |name: &str| header_modifier::Changes {
            set: vec![(name.into(), "x".into())],
            ..Default::default()
        };
        marked.policies.header_modifier = Some(Arc::new(header_modifier::Ir {
            request: changes("x-to-backend"),
            response: changes("x-to-client"),
        }));
        let update = ground.apply(Changes::new().rule(marked).build());
        let listeners = update
            .upserts
            .iter()
            .filter(|one| one.kind == Kind::Listener);
        assert_eq!(
            listeners.count(),
            0,
            "the first use of a policy replaces no chain"
        );
        both("with a policy", "two");
        let marked = Handshake::new().connect(at, "a.com").get("a.com");
        assert_eq!(marked.field("x-to-client"), Some("x"), "{version}");
        ground.apply(Changes::new().without_listener("b").build());
        both("without the other listener", "two");
        assert!(
            Handshake::new().try_connect(at, "b.com").is_err(),
            "{version}"
        );
    }
}
