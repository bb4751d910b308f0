//! What of a client's fields reaches a backend, and what the backend is told about the client.

use std::net::IpAddr;

use fg_exchange::{Facts, Filter, Part, Request, Verdict};
use fg_proxy::Settings;
use fg_testkit::{Client, Upstream, address, canonical, ir, upstream};

use crate::gateway::{Gateway, plain};

/// Tells the backend whom filters take for the client.
#[derive(Debug)]
struct TellClient;

impl Filter for TellClient {
    fn request(&self, request: &mut Request, facts: &Facts) -> Verdict {
        let client = facts.client.to_string();
        request.head.append("x-client", client.as_bytes());
        Verdict::Continue
    }

    fn describe(&self) -> String {
        "tells the backend who the client is".to_owned()
    }
}

/// Settings that trust `peer`.
fn trusting(peer: IpAddr) -> Settings {
    Settings {
        workers: 1,
        trusted_peers: vec![peer.into()],
        ..Settings::default()
    }
}

/// What a backend gets for a request that `from` sends with these field lines.
fn seen(settings: Settings, from: IpAddr, lines: &str) -> canonical::Request {
    let upstream = Upstream::replying(upstream::ok("ok"));
    let at = address::own_address();
    let gateway = Gateway::serving(settings, at, &ir::Changes::new().build());
    gateway.proxy(|proxy| proxy.add_part(|| Part::Filter(Box::new(TellClient))));
    gateway.apply(&ir::everything_to(at, &[upstream.address()]));
    let mut client = Client::connect_from(from, at);
    client.send(format!(
        "GET / HTTP/1.1\r\nHost: Shop.example:80\r\n{lines}\r\n"
    ));
    assert_eq!(client.reply().status, 200);
    upstream.only_request()
}

#[test]
fn the_backend_is_told_who_asked_and_how() {
    let from = address::own_ip();
    let request = seen(Settings::default(), from, "");
    let client = from.to_string();
    assert_eq!(request.host, "Shop.example:80");
    assert_eq!(request.field("x-forwarded-for"), Some(&*client));
    assert_eq!(request.field("x-forwarded-proto"), Some("http"));
    assert_eq!(request.field("x-forwarded-host"), Some("Shop.example:80"));
    assert_eq!(request.field("x-client"), Some(&*client));
    let id = request.field("x-request-id").expect("an id");
    assert_eq!(id.len(), 36, "{id}");
    assert_ne!(
        seen(Settings::default(), from, "").field("x-request-id"),
        Some(id)
    );
    let bare = seen(plain(), from, "");
    assert_eq!(bare.fields, [("x-client".to_owned(), client)]);
}

/// Everything by which a client could pretend to be behind a proxy.
const CLAIMS: &str = "Forwarded: for=9.9.9.9;host=evil;proto=https\r\nX-Forwarded-For: 9.9.9.9\r\n\
    x-forwarded-for: 8.8.8.8\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\n\
    X-Forwarded-Port: 443\r\nX-Forwarded-Prefix: /evil\r\nX-Forwarded-Server: evil\r\n\
    X-Forwarded-Ssl: on\r\nX-Forwarded-Scheme: https\r\nX-Forwarded-Uri: /admin\r\n\
    X-Forwarded-Method: DELETE\r\nX-Real-IP: 9.9.9.9\r\nX-Client-IP: 9.9.9.9\r\n\
    True-Client-IP: 9.9.9.9\r\nX-Original-URL: /admin\r\nX-Rewrite-URL: /admin\r\n\
    X-Original-Host: evil\r\nX-Request-Id: chosen\r\n";

#[test]
fn claims_of_a_stranger_are_dropped() {
    let from = address::own_ip();
    let request = seen(Settings::default(), from, CLAIMS);
    let text = format!("{:?}", request.fields);
    for claim in [
        "9.9.9.9", "8.8.8.8", "evil", "https", "admin", "443", "chosen", "DELETE",
    ] {
        assert!(!text.contains(claim), "{claim} in {text}");
    }
    assert_eq!(request.field("x-forwarded-for"), Some(&*from.to_string()));
    assert_eq!(request.field("x-client"), Some(&*from.to_string()));
    let nothing = seen(plain(), from, CLAIMS);
    assert_eq!(nothing.fields.len(), 1, "{nothing:?}");
    // Somebody else is trusted.
    let other = seen(trusting(address::own_ip()), from, CLAIMS);
    assert_eq!(other.field("x-forwarded-for"), Some(&*from.to_string()));
}

#[test]
fn what_a_trusted_peer_says_is_gone_on_with() {
    let from = address::own_ip();
    let request = seen(trusting(from), from, CLAIMS);
    assert_eq!(
        request.field("x-forwarded-for"),
        Some(&*format!("9.9.9.9, 8.8.8.8, {from}"))
    );
    assert_eq!(request.field("x-forwarded-proto"), Some("https"));
    assert_eq!(request.field("x-forwarded-host"), Some("evil"));
    assert_eq!(request.field("x-request-id"), Some("chosen"));
    assert_eq!(request.field("x-real-ip"), Some("9.9.9.9"));
    assert_eq!(request.field("x-client"), Some("8.8.8.8"));
}

#[test]
fn the_client_is_the_address_that_the_last_trusted_hop_saw() {
    let from = address::own_ip();
    for (hops, chain, client) in [
        (0, "1.1.1.1, 2.2.2.2, 3.3.3.3", "3.3.3.3"),
        (1, "1.1.1.1, 2.2.2.2, 3.3.3.3", "2.2.2.2"),
        (2, "1.1.1.1,2.2.2.2,3.3.3.3", "1.1.1.1"),
        (1, "1.1.1.1\r\nX-Forwarded-For: 2.2.2.2, 3.3.3.3", "2.2.2.2"),
        (0, "[2001:db8::1]:80", "2001:db8::1"),
        (0, "1.2.3.4:80", "1.2.3.4"),
    ] {
        let settings = Settings {
            trusted_hops: hops,
            ..trusting(from)
        };
        let request = seen(settings, from, &format!("X-Forwarded-For: {chain}\r\n"));
        assert_eq!(
            request.field("x-client"),
            Some(client),
            "{hops} hops in {chain}"
        );
    }
    let nobody = seen(trusting(from), from, "X-Forwarded-For: unknown\r\n");
    assert_eq!(nobody.field("x-client"), Some(&*from.to_string()));
}

#[test]
fn names_with_an_underscore_are_dropped_unless_wanted() {
    let from = address::own_ip();
    let lines = "X_Real_IP: 9.9.9.9\r\nContent_Length: 3\r\nX-Good: 1\r\n_: 2\r\n";
    let request = seen(plain(), from, lines);
    let names: Vec<&str> = request
        .fields
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(names, ["x-good", "x-client"]);
    let settings = Settings {
        underscore_names: true,
        ..plain()
    };
    let lines = "X_Mine: 1\r\nX_Forwarded_For: 9.9.9.9\r\nx-forwarded_client_cert: me\r\n\
                 X_Real-IP: 9.9.9.9\r\nContent_Length: 3\r\n";
    let request = seen(settings, from, lines);
    assert_eq!(
        request.fields,
        [("x_mine", "1"), ("x-client", &*from.to_string())]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        "what may not be claimed may not be claimed in disguise"
    );
}

#[test]
fn fields_of_one_connection_do_not_pass() {
    let hop_by_hop = "Connection: x-mine, Keep-Alive\r\nX-Mine: 1\r\nKeep-Alive: timeout=5\r\n\
        Proxy-Connection: keep-alive\r\nTE: trailers\r\nTrailer: X-Sum\r\nUpgrade: h2c\r\n";
    let upstream = Upstream::replying(format!(
        "HTTP/1.1 200 OK\r\nDate: d\r\n{hop_by_hop}Proxy-Authenticate: x\r\nContent-Length: 0\r\nX-Kept: 1\r\n\r\n"
    ));
    let gateway = Gateway::to(&[&upstream]);
    let mut client = gateway.connect();
    client.send(format!(
        "GET / HTTP/1.1\r\nHost: a\r\n{hop_by_hop}Proxy-Authorization: x\r\nX-Kept: 1\r\n\r\n"
    ));
    let reply = client.reply();
    let names: Vec<&str> = reply.fields.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["date", "x-kept", "content-length"]);
    let request = upstream.only_request();
    assert_eq!(request.fields, [("x-kept".to_owned(), "1".to_owned())]);
}

#[test]
fn our_own_fields_cannot_be_talked_away() {
    let from = address::own_ip();
    let request = seen(
        Settings::default(),
        from,
        "Connection: x-forwarded-for, x-request-id, x-forwarded-proto, host\r\n",
    );
    assert_eq!(request.field("x-forwarded-for"), Some(&*from.to_string()));
    assert_eq!(request.field("x-forwarded-proto"), Some("http"));
    assert!(request.field("x-request-id").is_some());
}

#[test]
fn our_own_replies_say_why_but_never_where() {
    let dead = address::own_address();
    for reason_header in [true, false] {
        let settings = Settings {
            reason_header,
            ..plain()
        };
        let gateway = Gateway::to_addresses(settings, &[dead]);
        let mut client = gateway.connect();
        client.send("GET /?key=secret HTTP/1.1\r\nHost: a\r\nAuthorization: secret\r\n\r\n");
        let reply = client.reply();
        assert_eq!(reply.status, 503);
        assert_eq!(reply.reason(), reason_header.then_some("connect_failed"));
        let text = format!("{reply:?} {}", reply.text());
        for secret in ["secret", &dead.ip().to_string(), &dead.port().to_string()] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        assert!(!reply.text().is_empty());
    }
}
