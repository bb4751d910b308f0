//! Clients' certificates: who is let in, and what a backend is told about them.

use fg_proxy::Settings;
use fg_testkit::certificates::Authority;
use fg_testkit::ir::Changes;
use fg_testkit::tls::{Handshake, SecureClient, authorities, key_pair};
use fg_testkit::{Client, Upstream, address, ir, upstream};

use crate::gateway::{Gateway, plain};
use crate::{everything, everything_for};

const FIELD: &str = "x-forwarded-client-cert";

/// What the backend was told in the latest request.
fn told(upstream: &Upstream) -> Option<String> {
    let requests = upstream.requests();
    let last = requests.last().expect("a request");
    last.field(FIELD).map(str::to_owned)
}

/// A request that claims to be somebody.
fn claim(client: &mut SecureClient) -> u16 {
    client.send(
        "GET / HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-Client-Cert: Hash=00;Subject=\"CN=admin\"\r\n\r\n",
    );
    client.reply().status
}

#[test]
fn only_valid_certificates_are_let_in() {
    let (authority, stranger) = (Authority::new("ca"), Authority::new("stranger"));
    let issued = authority.issue(&["a.test", "spiffe://cluster/gateway"]);
    let at = address::own_address();
    let upstream = Upstream::replying(upstream::ok(""));
    let change = everything_for(at, &issued, &authority, false, &[upstream.address()]).build();
    let _gateway = Gateway::serving(plain(), at, &change);
    let member = authority.issue(&["client.test", "spiffe://cluster/ns/one"]);
    for handshake in [
        Handshake::showing(&member),
        Handshake::showing_before_1_3(&member),
    ] {
        let mut client = handshake.connect(at, "a.test");
        assert_eq!(claim(&mut client), 200);
        let told = told(&upstream).expect("the backend is told");
        assert!(
            told.starts_with("By=spiffe://cluster/gateway;Hash="),
            "{told}"
        );
        assert!(
            told.ends_with(
                ";Subject=\"CN=rcgen self signed cert\";URI=spiffe://cluster/ns/one;DNS=client.test"
            ),
            "{told}"
        );
        assert!(!told.contains("admin"), "{told}");
    }
    let foreign = stranger.issue(&["client.test"]);
    for handshake in [Handshake::showing(&foreign), Handshake::new()] {
        let refused = match handshake.try_connect(at, "a.test") {
            Ok(mut client) => client.try_reply().is_err(),
            Err(_) => true,
        };
        assert!(refused);
    }
    assert_eq!(upstream.requests().len(), 2);
}

#[test]
fn with_the_fallback_everybody_is_let_in_but_only_members_are_somebody() {
    let (authority, stranger) = (Authority::new("ca"), Authority::new("stranger"));
    let issued = authority.issue(&["a.test"]);
    let at = address::own_address();
    let upstream = Upstream::replying(upstream::ok(""));
    let change = everything_for(at, &issued, &authority, true, &[upstream.address()]).build();
    let _gateway = Gateway::serving(plain(), at, &change);
    let (member, foreign) = (authority.issue(&["m.test"]), stranger.issue(&["f.test"]));
    let visitors = [
        (Handshake::showing(&member), true),
        (Handshake::showing_before_1_3(&member), true),
        (Handshake::showing(&foreign), false),
        (Handshake::showing_before_1_3(&foreign), false),
        (Handshake::new(), false),
    ];
    for (handshake, known) in visitors {
        // The second time the session goes on, and says the same.
        for resumed in [false, true] {
            let mut client = handshake.connect(at, "a.test");
            assert_eq!(claim(&mut client), 200);
            assert_eq!(client.is_resumed(), resumed);
            let told = told(&upstream);
            assert_eq!(told.is_some_and(|told| told.contains("DNS=m.test")), known);
        }
    }
}

#[test]
fn claims_are_dropped_unless_the_peer_is_trusted() {
    let issued = Authority::new("ca").issue(&["a.test"]);
    let claimed = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Client-Cert: Hash=00\r\n\r\n";
    for (trusted, expected) in [(false, None), (true, Some("Hash=00"))] {
        let settings = Settings {
            trusted_peers: if trusted {
                vec!["127.0.0.0/8".parse().expect("a network")]
            } else {
                Vec::new()
            },
            ..plain()
        };
        let upstream = Upstream::replying(upstream::ok(""));
        let (clear, secure) = (address::own_address(), address::own_address());
        let change = everything(secure, &issued, &[upstream.address()])
            .listener(ir::listener("http", clear, None))
            .rule(ir::rule("clear", "http", "/", "backend"))
            .build();
        let _gateway = Gateway::serving(settings, clear, &change);
        let mut client = Client::connect(clear);
        client.send(claimed);
        assert_eq!(client.reply().status, 200);
        assert_eq!(told(&upstream).as_deref(), expected);
        let mut client = Handshake::new().connect(secure, "a.test");
        client.send(claimed);
        assert_eq!(client.reply().status, 200);
        assert_eq!(told(&upstream).as_deref(), expected);
    }
}

#[test]
fn who_came_before_the_demands_changed_must_come_again() {
    let (authority, other) = (Authority::new("ca"), Authority::new("other"));
    let issued = authority.issue(&["a.test"]);
    let at = address::own_address();
    let upstream = Upstream::replying(upstream::ok(""));
    let backends = [upstream.address()];
    let open = everything(at, &issued, &backends).build();
    let asking = everything_for(at, &issued, &authority, false, &backends).build();
    let gateway = Gateway::serving(plain(), at, &open);
    let misdirected = |client: &mut SecureClient| {
        let reply = client.get("a.test");
        assert_eq!(reply.reason(), Some("misdirected_request"));
        assert_eq!(
            (reply.status, reply.field("connection")),
            (421, Some("close"))
        );
    };
    let mut early = Handshake::new().connect(at, "a.test");
    assert_eq!(early.get("a.test").status, 200);
    gateway.apply(&asking);
    misdirected(&mut early);

    let member = Handshake::showing(&authority.issue(&["m.test"]));
    let mut client = member.connect(at, "a.test");
    assert_eq!(client.get("a.test").status, 200);
    // Nothing changes for clients with another certificate of the listener's own.
    let renewed = Changes::new()
        .credential("pair", key_pair(&authority.issue(&["a.test"])))
        .build();
    gateway.apply(&renewed);
    assert_eq!(client.get("a.test").status, 200);
    // The same names, but another authority.
    let moved = Changes::new().credential("ca", authorities(&[&other]));
    gateway.apply(&moved.build());
    misdirected(&mut client);
    assert_eq!(upstream.requests().len(), 3);
}

#[test]
fn a_connection_does_not_outlive_its_listeners_protocol() {
    let issued = Authority::new("ca").issue(&["a.test"]);
    let at = address::own_address();
    let upstream = Upstream::replying(upstream::ok(""));
    let secure = everything(at, &issued, &[upstream.address()]).build();
    let clear = Changes::new()
        .listener(ir::listener("https", at, None))
        .build();
    let gateway = Gateway::serving(plain(), at, &secure);
    let mut by_tls = Handshake::new().connect(at, "a.test");
    assert_eq!(by_tls.get("a.test").status, 200);
    gateway.apply(&clear);
    assert_eq!(by_tls.get("a.test").status, 421);
    let mut in_clear = Client::connect(at);
    in_clear.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert_eq!(in_clear.reply().status, 200);
    gateway.apply(&secure);
    in_clear.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert_eq!(in_clear.reply().status, 421);
    assert_eq!(upstream.requests().len(), 2);
}
