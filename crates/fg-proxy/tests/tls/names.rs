//! Server names: which listener, which certificate, and requests that are for another one.

use fg_testkit::certificates::Authority;
use fg_testkit::ir::{self, Changes};
use fg_testkit::tls::{Handshake, key_pair};
use fg_testkit::{Upstream, address, upstream};
use rustls::SignatureScheme;

use crate::gateway::{Gateway, plain};
use crate::{everything, wait_for_metric};

/// Three listeners on one port: for `a.test`, for `*.test`, and for everything else.
fn three() -> (
    Gateway,
    Vec<Upstream>,
    Vec<fg_testkit::certificates::Issued>,
) {
    let authority = Authority::new("ca");
    let at = address::own_address();
    let hosts = [
        ("exact", Some("a.test")),
        ("wild", Some("*.test")),
        ("any", None),
    ];
    let mut changes = Changes::new();
    let (mut upstreams, mut shown) = (Vec::new(), Vec::new());
    for (name, host) in hosts {
        let upstream = Upstream::replying(upstream::ok(name));
        let issued = authority.issue(&[host.unwrap_or("any.example")]);
        changes = changes
            .credential(name, key_pair(&issued))
            .listener(ir::secure_listener(name, at, host, &[name]))
            .rule(ir::rule(name, name, "/", name))
            .backend(name, &[upstream.address()]);
        upstreams.push(upstream);
        shown.push(issued);
    }
    (
        Gateway::serving(plain(), at, &changes.build()),
        upstreams,
        shown,
    )
}

#[test]
fn the_name_chooses_the_listener_and_its_certificate() {
    let (gateway, _upstreams, shown) = three();
    let expected = [
        ("a.test", 0, "exact"),
        ("A.TEST", 0, "exact"),
        ("b.test", 1, "wild"),
        ("deep.b.test", 1, "wild"),
        ("other.example", 2, "any"),
    ];
    for (name, index, text) in expected {
        let mut client = Handshake::new().connect(gateway.address, name);
        assert!(client.was_shown(&shown[index]), "{name}");
        assert_eq!(client.get(name).text(), text, "{name}");
    }
    let mut nameless = Handshake::new()
        .without_name()
        .connect(gateway.address, "x.example");
    assert!(nameless.was_shown(&shown[2]));
    assert_eq!(nameless.get("x.example").text(), "any");
}

#[test]
fn a_request_for_another_listener_is_misdirected() {
    let (gateway, upstreams, _) = three();
    for (name, host) in [
        ("a.test", "b.test"),
        ("b.test", "a.test"),
        ("x.example", "a.test"),
        ("a.test", "x.example"),
    ] {
        let mut client = Handshake::new().connect(gateway.address, name);
        let reply = client.get(host);
        assert_eq!(reply.status, 421, "{name} {host}");
        assert_eq!(reply.reason(), Some("misdirected_request"));
        // The connection itself is good for its own hosts.
        assert_eq!(client.get(name).status, 200, "{name}");
    }
    for (name, host) in [
        ("b.test", "c.test"),
        ("x.example", "y.example"),
        ("a.test", "A.test:8443"),
    ] {
        let mut client = Handshake::new().connect(gateway.address, name);
        assert_eq!(client.get(host).status, 200, "{name} {host}");
    }
    let asked: usize = upstreams
        .iter()
        .map(|upstream| upstream.requests().len())
        .sum();
    assert_eq!(asked, 4 + 3, "nothing misdirected reached a backend");
}

#[test]
fn a_name_that_nobody_serves_is_refused_at_once() {
    let issued = Authority::new("ca").issue(&["a.test"]);
    let at = address::own_address();
    let change = Changes::new()
        .credential("pair", key_pair(&issued))
        .listener(ir::secure_listener("https", at, Some("a.test"), &["pair"]))
        .build();
    let gateway = Gateway::serving(plain(), at, &change);
    for handshake in [Handshake::new(), Handshake::new().without_name()] {
        let refused = handshake.try_connect(gateway.address, "b.test").err();
        let words = refused.expect("no handshake").to_string();
        assert!(words.contains("UnrecognisedName"), "{words}");
    }
    let mut known = Handshake::new().connect(gateway.address, "a.test");
    assert_eq!(
        known.get("a.test").status,
        404,
        "it has no rule, but it is there"
    );
    assert_eq!(
        known.get("b.test").status,
        404,
        "nobody else serves that host"
    );
    wait_for_metric(&gateway, "ferrogate_tls_handshake_failures_total", 2.0);
    assert_eq!(gateway.metric("ferrogate_tls_handshakes_total"), 1.0);
}

#[test]
fn of_several_certificates_the_one_is_shown_that_has_the_name_and_suits() {
    let authority = Authority::new("ca");
    let at = address::own_address();
    let first = authority.issue(&["first.test"]);
    let wild = authority.issue(&["*.b.test"]);
    let exact = authority.issue(&["x.b.test"]);
    let rsa = authority.issue_rsa(&["x.b.test"]);
    let upstream = Upstream::replying(upstream::ok(""));
    let names = ["first", "wild", "exact", "rsa"];
    let change = everything(at, &first, &[upstream.address()])
        .credential("first", key_pair(&first))
        .credential("wild", key_pair(&wild))
        .credential("exact", key_pair(&exact))
        .credential("rsa", key_pair(&rsa))
        .listener(ir::secure_listener("https", at, None, &names))
        .build();
    let gateway = Gateway::serving(plain(), at, &change);
    let modern = Handshake::new();
    let only_rsa = Handshake::with_schemes(&[SignatureScheme::RSA_PSS_SHA256]);
    let expected = [
        (&modern, "first.test", &first),
        (&modern, "x.b.test", &exact),
        (&modern, "y.b.test", &wild),
        (&modern, "deep.y.b.test", &first),
        (&modern, "unknown.test", &first),
        (&only_rsa, "x.b.test", &rsa),
        (&only_rsa, "first.test", &rsa),
    ];
    for (handshake, name, issued) in expected {
        let client = handshake.connect(gateway.address, name);
        assert!(client.was_shown(issued), "{name}");
    }
}

#[test]
fn a_changed_certificate_is_shown_to_new_clients_and_ends_no_connection() {
    let authority = Authority::new("ca");
    let at = address::own_address();
    let upstream = Upstream::replying(upstream::ok("ok"));
    let (before, after) = (authority.issue(&["a.test"]), authority.issue(&["a.test"]));
    let gateway = Gateway::serving(
        plain(),
        at,
        &everything(at, &before, &[upstream.address()]).build(),
    );
    let mut old = Handshake::new().connect(at, "a.test");
    assert!(old.was_shown(&before));
    assert_eq!(old.get("a.test").text(), "ok");
    gateway.apply(&Changes::new().credential("pair", key_pair(&after)).build());
    let new = Handshake::new().connect(at, "a.test");
    assert!(new.was_shown(&after));
    assert_eq!(old.get("a.test").text(), "ok");
}

#[test]
fn the_scheme_is_https_for_backends() {
    let issued = Authority::new("ca").issue(&["a.test"]);
    let at = address::own_address();
    let upstream = Upstream::replying(upstream::ok(""));
    let settings = fg_proxy::Settings {
        forwarded_headers: true,
        ..plain()
    };
    let change = everything(at, &issued, &[upstream.address()]).build();
    let _gateway = Gateway::serving(settings, at, &change);
    let mut client = Handshake::new().connect(at, "a.test");
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-Proto: http\r\n\r\n");
    assert_eq!(client.reply().status, 200);
    let request = upstream.only_request();
    assert_eq!(request.field("x-forwarded-proto"), Some("https"));
}
