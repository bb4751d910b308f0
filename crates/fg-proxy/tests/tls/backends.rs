//! Backends over TLS: what they must show, what they are shown, and what happens when they do not.

use std::net::SocketAddr;

use fg_ir::{
    Backend, BackendTls, CredentialKind, Refusal, RefusalKind, SubjectAltName, TlsOrigination,
    Trust,
};
use fg_model::Origin;
use fg_testkit::certificates::{Authority, Issued, Wish};
use fg_testkit::ir::{self, Changes};
use fg_testkit::tls::{Serving, authorities, key_pair};
use fg_testkit::{Upstream, address};

use crate::gateway::{Gateway, plain};

/// Trust in the credential `ca`, for `backend.test`.
pub(crate) fn origination(names: Vec<SubjectAltName>) -> TlsOrigination {
    TlsOrigination {
        origin: Origin::of(ir::backend_key("backend").object, 1),
        hostname: "backend.test".into(),
        names,
        trust: Trust::Authorities(vec![ir::credential_key("ca", CredentialKind::Authorities)]),
    }
}

/// A backend that shows a certificate and says `ok` to every request.
fn showing(issued: &Issued) -> Upstream {
    serving(Serving::new(issued))
}

fn serving(serving: Serving) -> Upstream {
    Upstream::start_secure(serving, |connection, _| {
        while connection.request().is_some() {
            connection.send(fg_testkit::upstream::ok("ok"));
        }
    })
}

pub(crate) fn change(
    at: SocketAddr,
    backend: SocketAddr,
    authority: &Authority,
    tls: TlsOrigination,
) -> Changes {
    Changes::new()
        .credential("ca", authorities(&[authority]))
        .listener(ir::listener("http", at, None))
        .rule(ir::rule("all", "http", "/", "backend"))
        .secure_backend("backend", &[backend], tls)
}

/// The reply to one request by such a backend: its status and reason.
fn ask(upstream: &Upstream, authority: &Authority, tls: TlsOrigination) -> (u16, Option<String>) {
    let at = address::own_address();
    let gateway = Gateway::serving(
        plain(),
        at,
        &change(at, upstream.address(), authority, tls).build(),
    );
    get(&gateway)
}

fn get(gateway: &Gateway) -> (u16, Option<String>) {
    let mut client = gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let reply = client.reply();
    (reply.status, reply.reason().map(str::to_owned))
}

const GOOD: (u16, Option<String>) = (200, None);

fn refused() -> (u16, Option<String>) {
    (502, Some("upstream_tls".to_owned()))
}

#[test]
fn a_backend_with_the_name_is_called_and_its_connection_kept() {
    let authority = Authority::new("ca");
    let upstream = showing(&authority.issue(&["backend.test"]));
    let at = address::own_address();
    let change = change(at, upstream.address(), &authority, origination(Vec::new()));
    let gateway = Gateway::serving(plain(), at, &change.build());
    for _ in 0..3 {
        assert_eq!(get(&gateway), GOOD);
    }
    assert_eq!(upstream.connections(), 1);
    let greeted = upstream.greeted();
    let greeted = greeted.first().expect("a handshake");
    assert_eq!(greeted.name.as_deref(), Some("backend.test"));
    assert_eq!(greeted.protocol.as_deref(), Some("http/1.1"));
    assert_eq!(greeted.certificate, None);
}

#[test]
fn nothing_is_sent_to_a_backend_that_does_not_show_what_it_must() {
    let (authority, stranger) = (Authority::new("ca"), Authority::new("stranger"));
    let expired = Wish {
        names: &["backend.test"],
        from: 2020,
        until: 2021,
    };
    for issued in [
        authority.issue(&["other.test"]),
        stranger.issue(&["backend.test"]),
        authority.issue_as(expired),
    ] {
        let upstream = showing(&issued);
        assert_eq!(
            ask(&upstream, &authority, origination(Vec::new())),
            refused()
        );
        assert!(upstream.requests().is_empty());
    }
    let clear = Upstream::echo();
    assert_eq!(ask(&clear, &authority, origination(Vec::new())), refused());
}

#[test]
fn alternative_names_stand_for_the_hostname() {
    let authority = Authority::new("ca");
    let dns = |name: &str| SubjectAltName::Dns(name.into());
    let uri = |uri: &str| SubjectAltName::Uri(uri.into());
    let shown = &["x.pods.test", "spiffe://cluster/ns/a"][..];
    let cases = [
        (shown, vec![dns("x.pods.test")], true),
        (
            shown,
            vec![dns("no.test"), uri("spiffe://cluster/ns/a")],
            true,
        ),
        (shown, vec![dns("*.pods.test")], true),
        (shown, vec![dns("*.test")], false),
        (shown, vec![dns("y.pods.test")], false),
        (shown, vec![uri("spiffe://cluster/ns/A")], false),
        (shown, vec![uri("spiffe://cluster/ns")], false),
        (&["*.pods.test"][..], vec![dns("x.pods.test")], true),
        // The hostname does not count any more.
        (&["backend.test"][..], vec![dns("x.pods.test")], false),
    ];
    for (shown, names, good) in cases {
        let upstream = showing(&authority.issue(shown));
        let expected = if good { GOOD } else { refused() };
        assert_eq!(
            ask(&upstream, &authority, origination(names.clone())),
            expected,
            "{names:?}"
        );
    }
}

#[test]
fn the_systems_authorities_do_not_know_ours() {
    let authority = Authority::new("ca");
    let upstream = showing(&authority.issue(&["backend.test"]));
    let tls = TlsOrigination {
        trust: Trust::System,
        ..origination(Vec::new())
    };
    assert_eq!(ask(&upstream, &authority, tls), refused());
    assert!(upstream.requests().is_empty());
}

#[test]
fn a_backend_with_a_broken_policy_gets_nothing() {
    let authority = Authority::new("ca");
    let upstream = showing(&authority.issue(&["backend.test"]));
    let at = address::own_address();
    let mut change = change(at, upstream.address(), &authority, origination(Vec::new())).build();
    let refusal = Refusal {
        kind: RefusalKind::InvalidBackend,
        finding: None,
        text: "the policy is broken".into(),
    };
    let broken = Backend {
        tls: BackendTls::Broken(refusal),
        ..ir::backend("backend")
    };
    change
        .backends
        .insert(broken.key.clone(), Some(broken.into()));
    let gateway = Gateway::serving(plain(), at, &change);
    assert_eq!(get(&gateway), (500, Some("invalid_backend".to_owned())));
    assert_eq!(upstream.connections(), 0);
}

#[test]
fn the_gateways_certificate_is_shown_to_those_who_ask() {
    let authority = Authority::new("ca");
    let issued = authority.issue(&["backend.test"]);
    let ours = authority.issue(&["gateway.test"]);
    let upstream = serving(Serving::demanding(&issued, &authority));
    let at = address::own_address();
    let nobody = change(at, upstream.address(), &authority, origination(Vec::new()));
    let gateway = Gateway::serving(plain(), at, &nobody.build());
    let (status, _) = get(&gateway);
    assert_eq!(status, 502, "it demands a certificate");
    assert!(upstream.requests().is_empty());
    let mut listener = ir::listener("http", at, None);
    listener.backend_certificate = Some(ir::credential_key("ours", CredentialKind::KeyPair));
    let change = Changes::new()
        .credential("ours", key_pair(&ours))
        .listener(listener)
        .build();
    gateway.apply(&change);
    assert_eq!(get(&gateway), GOOD);
    let shown = upstream
        .greeted()
        .last()
        .and_then(|greeted| greeted.certificate.clone());
    let fg_ir::Material::KeyPair { chain, .. } = key_pair(&ours) else {
        panic!("a key pair");
    };
    assert_eq!(shown.as_ref(), chain.first());
}

#[test]
fn connections_are_not_taken_over_by_other_rules() {
    let (authority, stranger) = (Authority::new("ca"), Authority::new("stranger"));
    let upstream = showing(&authority.issue(&["backend.test"]));
    let at = address::own_address();
    let good = change(at, upstream.address(), &authority, origination(Vec::new()));
    let gateway = Gateway::serving(plain(), at, &good.build());
    assert_eq!(get(&gateway), GOOD);
    let believe = |authority| {
        Changes::new()
            .credential("ca", authorities(&[authority]))
            .build()
    };
    gateway.apply(&believe(&stranger));
    assert_eq!(
        get(&gateway),
        refused(),
        "an open connection is no proof any more"
    );
    gateway.apply(&believe(&authority));
    assert_eq!(get(&gateway), GOOD);
    let clear = Changes::new()
        .backend("backend", &[upstream.address()])
        .build();
    gateway.apply(&clear);
    let (status, _) = get(&gateway);
    assert_ne!(
        status, 200,
        "clear text never goes over a connection with TLS, or to it"
    );
    assert_eq!(upstream.requests().len(), 2);
}

#[test]
fn another_endpoint_is_tried_when_a_handshake_fails() {
    let authority = Authority::new("ca");
    let good = showing(&authority.issue(&["backend.test"]));
    let bad = showing(&authority.issue(&["other.test"]));
    let at = address::own_address();
    let change = change(at, good.address(), &authority, origination(Vec::new()))
        .secure_backend(
            "backend",
            &[good.address(), bad.address()],
            origination(Vec::new()),
        )
        .build();
    let gateway = Gateway::serving(plain(), at, &change);
    for _ in 0..10 {
        assert_eq!(get(&gateway), GOOD);
    }
    assert!(bad.requests().is_empty());
}

#[test]
fn a_reply_that_is_cut_is_not_whole() {
    let authority = Authority::new("ca");
    let issued = authority.issue(&["backend.test"]);
    let at = address::own_address();
    let upstream = Upstream::start_secure(Serving::new(&issued), |connection, number| {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf");
        if number == 0 {
            connection.cut();
        }
    });
    let change = change(at, upstream.address(), &authority, origination(Vec::new()));
    let gateway = Gateway::serving(plain(), at, &change.build());
    let mut client = gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(
        client.try_reply().is_err(),
        "TLS did not say that this was the end"
    );
    let mut client = gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.reply().text(), "half");
}

#[test]
fn sessions_with_backends_go_on() {
    let authority = Authority::new("ca");
    let upstream = Upstream::start_secure(
        Serving::new(&authority.issue(&["backend.test"])),
        |connection, _| {
            connection.request();
            connection.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        },
    );
    let at = address::own_address();
    let change = change(at, upstream.address(), &authority, origination(Vec::new()));
    let gateway = Gateway::serving(plain(), at, &change.build());
    for _ in 0..3 {
        assert_eq!(get(&gateway), GOOD);
    }
    let resumed: Vec<bool> = upstream.greeted().iter().map(|one| one.resumed).collect();
    assert_eq!(resumed, [false, true, true]);
}
