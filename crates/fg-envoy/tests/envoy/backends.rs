//! How backends are called.

use std::sync::Arc;

use fg_ir::{
    Backend, BackendKind, Change, Credential, CredentialKind, StaticHost, SubjectAltName,
    TlsOrigination, Trust,
};
use fg_model::Origin;
use fg_testkit::certificates::Authority;
use fg_testkit::envoy::VERSIONS;
use fg_testkit::ir::{Changes, backend, backend_key, credential_key, listener, rule};
use fg_testkit::tls::{Serving, authorities, key_pair};
use fg_testkit::{Upstream, address, get, upstream};

use crate::ground::Ground;

fn origination(names: Vec<SubjectAltName>) -> TlsOrigination {
    TlsOrigination {
        origin: Origin::of(backend_key("secure").object, 1),
        hostname: "inner.example".into(),
        names,
        trust: Trust::Authorities(vec![credential_key("ca", CredentialKind::Authorities)]),
    }
}

#[test]
fn a_backend_over_tls_must_show_who_it_is() {
    let authority = Authority::new("ours");
    let issued = authority.issue(&["inner.example", "*.wild.example", "spiffe://a/b"]);
    let stranger = Authority::new("another");
    let dns = |name: &str| SubjectAltName::Dns(name.into());
    let uri = |name: &str| SubjectAltName::Uri(name.into());
    for version in VERSIONS {
        let at = address::own_address();
        let serve = || {
            Upstream::start_secure(
                Serving::new(&issued).offering(&["http/1.1"]),
                |connection, _| {
                    // Envoy keeps connections that were good when they were made.
                    while connection.request().is_some() {
                        connection.send(
                            "HTTP/1.1 200 OK\r\nConnection: close\r\n\
                             Content-Length: 6\r\n\r\nsecret",
                        );
                    }
                },
            )
        };
        let secure = serve();
        let change = |names, by: &Authority| {
            Changes::new()
                .listener(listener("http", at, None))
                .credential("ca", authorities(&[by]))
                .secure_backend("secure", &[secure.address()], origination(names))
                .rule(rule("all", "http", "/", "secure"))
                .build()
        };
        let mut ground = Ground::new(version, change(Vec::new(), &authority));
        assert_eq!(get(at, "a.com", "/").text(), "secret", "{version}");
        let greeted = secure.greeted().pop().unwrap();
        assert_eq!(greeted.name.as_deref(), Some("inner.example"));
        for names in [
            vec![dns("inner.example")],
            vec![dns("nobody.example"), uri("spiffe://a/b")],
            vec![dns("any.wild.example")],
            vec![dns("*.wild.example")],
        ] {
            ground.apply(change(names.clone(), &authority));
            let reply = get(at, "a.com", "/");
            assert_eq!(reply.status, 200, "{version} {names:?}: {reply:?}");
        }
        for names in [
            vec![dns("example")],
            vec![uri("spiffe://a")],
            vec![dns("*.example.com")],
        ] {
            ground.apply(change(names.clone(), &authority));
            let reply = get(at, "a.com", "/");
            assert_eq!(
                reply.reason(),
                Some("upstream_tls"),
                "{version} {names:?}: {reply:?}"
            );
            assert_eq!(reply.status, 502);
        }
        ground.apply(change(Vec::new(), &authority));
        assert_eq!(get(at, "a.com", "/").status, 200, "{version}");
        // Another authority comes by the secret alone.
        let update = ground.apply(change(Vec::new(), &stranger));
        assert_eq!(update.upserts.len(), 1, "{:?}", update.upserts);
        let reply = get(at, "a.com", "/");
        assert_eq!(reply.reason(), Some("upstream_tls"), "{version}: {reply:?}");
    }
}

#[test]
fn a_gateway_shows_its_certificate_to_backends_that_ask() {
    let authority = Authority::new("ours");
    let issued = authority.issue(&["inner.example"]);
    let client = authority.issue(&["gateway.example"]);
    for version in VERSIONS {
        let at = address::own_address();
        let secure = Upstream::start_secure(
            Serving::demanding(&issued, &authority).offering(&["http/1.1"]),
            |connection, _| {
                while connection.request().is_some() {
                    connection.send(upstream::ok("secret"));
                }
            },
        );
        let mut front = listener("http", at, None);
        let changes = |front| {
            Changes::new()
                .listener(front)
                .credential("ca", authorities(&[&authority]))
                .credential("own", key_pair(&client))
                .secure_backend("secure", &[secure.address()], origination(Vec::new()))
                .rule(rule("all", "http", "/", "secure"))
                .build()
        };
        let mut ground = Ground::new(version, changes(front.clone()));
        assert_eq!(get(at, "a.com", "/").status, 502, "{version}");
        front.backend_certificate = Some(credential_key("own", CredentialKind::KeyPair));
        ground.apply(changes(front));
        assert_eq!(get(at, "a.com", "/").text(), "secret", "{version}");
    }
}

#[test]
fn static_hosts_are_called_by_address_and_by_name() {
    for version in VERSIONS {
        let one = Upstream::replying(upstream::ok("one"));
        let at = address::own_address();
        let to = |host: &str, port: u16| {
            let value = Backend {
                kind: BackendKind::Static(vec![StaticHost {
                    host: host.into(),
                    port,
                }]),
                ..backend("static")
            };
            let mut change = Change::default();
            let key = value.key.clone();
            change.backends.insert(key, Some(Arc::new(value)));
            change
        };
        let (ip, port) = (one.address().ip().to_string(), one.address().port());
        let mut change = Changes::new()
            .listener(listener("http", at, None))
            .rule(rule("all", "http", "/", "static"))
            .build();
        change.backends = to(&ip, port).backends;
        let mut ground = Ground::new(version, change);
        assert_eq!(get(at, "a.com", "/").text(), "one", "{version}");
        // Every system knows this name, as 127.0.0.1.
        let local = Upstream::start_at(([127, 0, 0, 1], 0).into(), |connection, _| {
            while connection.request().is_some() {
                connection.send(upstream::ok("local"));
            }
        });
        ground.apply(to("localhost", local.address().port()));
        let begun = std::time::Instant::now();
        while get(at, "a.com", "/").status != 200 {
            assert!(
                begun.elapsed() < fg_testkit::PATIENCE,
                "{}",
                ground.programmed.complaints()
            );
        }
        assert_eq!(get(at, "a.com", "/").text(), "local", "{version}");
        ground.apply(to("127.0.0.1", 19000));
        assert_eq!(
            get(at, "a.com", "/").reason(),
            Some("no_endpoints"),
            "{version}"
        );
    }
}

#[test]
fn a_certificate_that_envoy_cannot_use_is_refused_alone() {
    for version in VERSIONS {
        let back = Upstream::replying(upstream::ok("here"));
        let at = address::own_address();
        let mut ground = Ground::new(
            version,
            fg_testkit::ir::everything_to(at, &[back.address()]),
        );
        let secure = fg_testkit::ir::secure_listener("tls", address::own_address(), None, &["bad"]);
        let key = credential_key("bad", CredentialKind::KeyPair);
        let bad = Credential {
            origin: Origin::of(key.object.clone(), 1),
            key: key.clone(),
            material: fg_ir::Material::KeyPair {
                chain: vec![vec![1, 2, 3]],
                key: fg_base::Secret::new(vec![4, 5, 6]),
            },
        };
        let mut change = Changes::new().listener(secure).build();
        change.credentials.insert(key, Some(Arc::new(bad)));
        let (_, refused) = ground.try_apply(change);
        let names: Vec<_> = refused.iter().map(|one| &*one.name).collect();
        assert_eq!(names, ["KeyPair/Secret/test/bad"], "{version}");
        assert_eq!(get(at, "a.com", "/").text(), "here", "{version}");
    }
}
