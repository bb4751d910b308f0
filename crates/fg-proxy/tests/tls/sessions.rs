//! Sessions that go on, and where they must not.

use fg_testkit::certificates::{Authority, Wish};
use fg_testkit::ir::{self, Changes};
use fg_testkit::tls::{Handshake, authorities, key_pair};
use fg_testkit::{Upstream, address, upstream};

use crate::gateway::{Gateway, plain};
use crate::{asking, everything, everything_for, wait_for_metric};

/// One connection with one exchange; says whether it resumed.
fn visit(handshake: &Handshake, gateway: &Gateway, name: &str) -> bool {
    let mut client = handshake.connect(gateway.address, name);
    assert_eq!(client.get(name).status, 200);
    client.is_resumed()
}

#[test]
fn sessions_go_on_in_both_versions_and_over_unrelated_changes() {
    let issued = Authority::new("ca").issue(&["a.test"]);
    let at = address::own_address();
    let upstream = Upstream::replying(upstream::ok(""));
    let change = everything(at, &issued, &[upstream.address()]).build();
    let gateway = Gateway::serving(plain(), at, &change);
    let old = Handshake::with_versions(&[&rustls::version::TLS12]);
    for handshake in [Handshake::new(), old] {
        assert!(!visit(&handshake, &gateway, "a.test"));
        assert!(visit(&handshake, &gateway, "a.test"));
        let unrelated = Changes::new()
            .credential("other", key_pair(&issued))
            .listener(ir::secure_listener("other", at, Some("b.test"), &["other"]))
            .build();
        gateway.apply(&unrelated);
        assert!(visit(&handshake, &gateway, "a.test"));
    }
    assert_eq!(gateway.metric("ferrogate_tls_resumptions_total"), 4.0);
}

#[test]
fn a_session_is_no_pass_for_another_listener() {
    let authority = Authority::new("ca");
    let issued = authority.issue(&["a.test", "b.test"]);
    let at = address::own_address();
    let upstream = Upstream::replying(upstream::ok(""));
    // Both on one port, with one certificate; one of them asks who the client is.
    let open = ir::secure_listener("open", at, Some("a.test"), &["pair"]);
    let strict = ir::secure_listener("strict", at, Some("b.test"), &["pair"]);
    let change = Changes::new()
        .credential("pair", key_pair(&issued))
        .credential("ca", authorities(&[&authority]))
        .listener(open)
        .listener(asking(strict, false))
        .rule(ir::rule("a", "open", "/", "backend"))
        .rule(ir::rule("b", "strict", "/", "backend"))
        .backend("backend", &[upstream.address()])
        .build();
    let gateway = Gateway::serving(plain(), at, &change);
    let nobody = Handshake::new().mixing_sessions();
    assert!(!visit(&nobody, &gateway, "a.test"));
    let mut client = nobody.try_connect(at, "b.test");
    // With TLS 1.3 the client learns that it is refused when it reads.
    let refused = match &mut client {
        Ok(client) => client.rest().is_err(),
        Err(_) => true,
    };
    assert!(refused);
}

#[test]
fn a_session_ends_with_the_rules_that_let_it_in() {
    let (before, after) = (Authority::new("before"), Authority::new("after"));
    let issued = before.issue(&["a.test"]);
    let at = address::own_address();
    let upstream = Upstream::replying(upstream::ok(""));
    let change = everything_for(at, &issued, &before, false, &[upstream.address()]).build();
    let gateway = Gateway::serving(plain(), at, &change);
    let member = before.issue(&["client.test"]);
    for handshake in [
        Handshake::showing(&member),
        Handshake::showing_before_1_3(&member),
    ] {
        gateway.apply(
            &Changes::new()
                .credential("ca", authorities(&[&before]))
                .build(),
        );
        assert!(!visit(&handshake, &gateway, "a.test"));
        assert!(visit(&handshake, &gateway, "a.test"));
        gateway.apply(
            &Changes::new()
                .credential("ca", authorities(&[&after]))
                .build(),
        );
        let refused = match handshake.try_connect(at, "a.test") {
            Ok(mut client) => client.rest().is_err(),
            Err(_) => true,
        };
        assert!(refused, "its authority is not believed any more");
    }
}

#[test]
fn a_certificate_of_the_past_is_not_let_in() {
    let authority = Authority::new("ca");
    let issued = authority.issue(&["a.test"]);
    let at = address::own_address();
    let upstream = Upstream::replying(upstream::ok(""));
    let change = everything_for(at, &issued, &authority, false, &[upstream.address()]).build();
    let gateway = Gateway::serving(plain(), at, &change);
    let expired = authority.issue_as(Wish {
        names: &["client.test"],
        from: 2020,
        until: 2021,
    });
    let refused = match Handshake::showing(&expired).try_connect(at, "a.test") {
        Ok(mut client) => client.rest().is_err(),
        Err(_) => true,
    };
    assert!(refused);
    wait_for_metric(&gateway, "ferrogate_tls_handshake_failures_total", 1.0);
}
