//! TLS that ends at Envoy.

use fg_ir::{ClientValidation, CredentialKind, Listener};
use fg_testkit::certificates::Authority;
use fg_testkit::envoy::VERSIONS;
use fg_testkit::ir::{Changes, credential_key, rule, secure_listener};
use fg_testkit::tls::{Handshake, authorities, key_pair};
use fg_testkit::{Upstream, address, upstream};

use crate::ground::Ground;

#[test]
fn the_server_name_chooses_listener_and_certificate() {
    let authority = Authority::new("ours");
    let exact = authority.issue(&["a.example.com"]);
    let wild = authority.issue(&["*.example.com"]);
    let (any, other) = (
        authority.issue(&["any.test"]),
        authority.issue_rsa(&["other.test"]),
    );
    for version in VERSIONS {
        let (one, two) = (
            Upstream::replying(upstream::ok("exact")),
            Upstream::replying(upstream::ok("wild")),
        );
        let three = Upstream::replying(upstream::ok("any"));
        let at = address::own_address();
        let change = Changes::new()
            .credential("exact", key_pair(&exact))
            .credential("wild", key_pair(&wild))
            .credential("any", key_pair(&any))
            .credential("other", key_pair(&other))
            .listener(secure_listener(
                "exact",
                at,
                Some("a.example.com"),
                &["exact"],
            ))
            .listener(secure_listener(
                "wild",
                at,
                Some("*.example.com"),
                &["wild"],
            ))
            .listener(secure_listener("any", at, None, &["any", "other"]))
            .backend("exact", &[one.address()])
            .backend("wild", &[two.address()])
            .backend("any", &[three.address()])
            .rule(rule("exact", "exact", "/", "exact"))
            .rule(rule("wild", "wild", "/", "wild"))
            .rule(rule("any", "any", "/", "any"))
            .build();
        let _ground = Ground::new(version, change);
        for (name, issued, body) in [
            ("a.example.com", &exact, "exact"),
            ("b.example.com", &wild, "wild"),
            ("c.b.example.com", &wild, "wild"),
            ("example.com", &any, "any"),
            ("any.test", &any, "any"),
            ("other.test", &other, "any"),
        ] {
            let mut client = Handshake::new().connect(at, name);
            assert!(client.was_shown(issued), "{version} {name}");
            assert_eq!(client.get(name).text(), body, "{version} {name}");
        }
        let mut client = Handshake::new().without_name().connect(at, "x.test");
        assert!(client.was_shown(&any), "{version}");
        assert_eq!(client.get("x.test").text(), "any", "{version}");
        let client = Handshake::new()
            .offering(&["h2", "http/1.1"])
            .connect(at, "a.example.com");
        assert_eq!(client.protocol().as_deref(), Some("h2"), "{version}");
    }
}

fn asking(listener: Listener, insecure_fallback: bool) -> Listener {
    let mut tls = listener.tls.unwrap();
    tls.client = Some(ClientValidation {
        authorities: vec![
            credential_key("ca", CredentialKind::Authorities),
            credential_key("ca2", CredentialKind::Authorities),
        ],
        insecure_fallback,
    });
    Listener {
        tls: Some(tls),
        ..listener
    }
}

#[test]
fn clients_show_who_they_are() {
    let (authority, second) = (Authority::new("ours"), Authority::new("second"));
    let own = authority.issue(&["a.example.com"]);
    let client = authority.issue(&["client.example", "spiffe://a/client"]);
    let other = second.issue(&["other.example"]);
    let stranger = Authority::new("another").issue(&["stranger.example"]);
    for version in VERSIONS {
        let at = address::own_address();
        let back = Upstream::replying(upstream::ok("in"));
        let front = secure_listener("tls", at, None, &["own"]);
        let change = |insecure_fallback| {
            Changes::new()
                .credential("own", key_pair(&own))
                .credential("ca", authorities(&[&authority]))
                .credential("ca2", authorities(&[&second]))
                .listener(asking(front.clone(), insecure_fallback))
                .backend("in", &[back.address()])
                .rule(rule("in", "tls", "/", "in"))
                .build()
        };
        let told = |handshake: Handshake| -> Option<String> {
            // With TLS 1.3 the client learns by its first read that it is not let in.
            let mut client = handshake.try_connect(at, "a.example.com").ok()?;
            client.send(
                "GET / HTTP/1.1\r\nHost: a.example.com\r\nX-Forwarded-Client-Cert: By=me\r\n\r\n",
            );
            let reply = client.try_reply().ok()?;
            assert_eq!(reply.status, 200, "{version}");
            let seen = back.requests().pop().unwrap();
            Some(
                seen.field("x-forwarded-client-cert")
                    .unwrap_or_default()
                    .to_owned(),
            )
        };
        let mut ground = Ground::new(version, change(false));
        let of_client = told(Handshake::showing(&client)).unwrap();
        for part in [
            "Hash=",
            "URI=spiffe://a/client",
            "DNS=client.example",
            "Subject=",
        ] {
            assert!(of_client.contains(part), "{version}: {of_client}");
        }
        assert!(!of_client.contains("By=me"), "{of_client}");
        assert!(told(Handshake::showing(&other)).is_some(), "{version}");
        let again = Handshake::showing(&client);
        for _ in 0..2 {
            let mut client = again.connect(at, "a.example.com");
            assert_eq!(client.get("a.example.com").status, 200, "{version}");
            assert!(!client.is_resumed(), "{version}: it was not checked again");
        }
        assert_eq!(told(Handshake::new()), None, "{version}");
        assert_eq!(told(Handshake::showing(&stranger)), None, "{version}");

        ground.apply(change(true));
        assert_eq!(told(Handshake::new()).as_deref(), Some(""), "{version}");
        assert_eq!(
            told(Handshake::showing(&stranger)).as_deref(),
            Some(""),
            "{version}"
        );
        let again = Handshake::showing(&client);
        assert_eq!(told(again).as_deref(), Some(&*of_client), "{version}");
    }
}
