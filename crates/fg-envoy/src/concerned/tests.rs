//! Every way in which a route, a listener or a Gateway may need what is refused.

use std::net::SocketAddr;

use fg_ir::{Action, ClientValidation, CredentialKind, TlsOrigination};
use fg_model::Origin;
use fg_policies::{external_auth, request_mirror, traffic};
use fg_testkit::certificates::Authority;
use fg_testkit::ir::{Changes, backend_key, credential_key, listener, rule, secure_listener};
use fg_testkit::tls::{authorities, key_pair};

use super::*;
use crate::{Compiler, Settings};

fn at(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

fn mirror_to(backend: &str) -> traffic::Set {
    traffic::Set {
        request_mirror: Some(Arc::new(request_mirror::Ir {
            mirrors: vec![request_mirror::Mirror {
                backend: backend_key(backend),
                numerator: 1,
                denominator: 1,
            }],
        })),
        ..traffic::Set::default()
    }
}

fn ask(backend: &str) -> traffic::Set {
    traffic::Set {
        external_auth: Some(Arc::new(external_auth::Ir {
            backend: backend_key(backend),
            protocol: external_auth::Protocol::Http {
                path: "".into(),
                headers: Vec::new(),
                reply_headers: Vec::new(),
            },
            body: 0,
        })),
        ..traffic::Set::default()
    }
}

/// Three routes: `plain` to `one`, `asks` also asks `judge`, `copies` mirrors by its backend's own
/// policy. `judge` and `mirror` are called over TLS.
fn world() -> Ir {
    let authority = Authority::new("ours");
    let pair = || key_pair(&authority.issue(&["a.com"]));
    let trusted = |name: &str| credential_key(name, CredentialKind::Authorities);
    let secure = |name: &str| TlsOrigination {
        origin: Origin::of(backend_key(name).object, 1),
        hostname: "a.com".into(),
        names: Vec::new(),
        trust: Trust::Authorities(vec![trusted(name)]),
    };
    let mut front = secure_listener("secure", at(443), None, &["pair"]);
    front.tls.as_mut().unwrap().client = Some(ClientValidation {
        authorities: vec![trusted("clients"), trusted("more")],
        insecure_fallback: false,
    });
    let mut plain = listener("http", at(80), None);
    for one in [&mut front, &mut plain] {
        one.backend_certificate = Some(credential_key("shown", CredentialKind::KeyPair));
    }
    let mut asks = rule("asks", "http", "/asks", "one");
    asks.policies = ask("judge");
    let mut copies = rule("copies", "http", "/copies", "one");
    let Action::Forward(backends) = &mut copies.action else {
        panic!("it forwards");
    };
    backends[0].policies = mirror_to("mirror");
    let of = |name: &str| authorities(&[&Authority::new(name)]);
    let change = Changes::new()
        .listener(plain)
        .listener(front)
        .credential("pair", pair())
        .credential("shown", pair())
        .credential("clients", of("clients"))
        .credential("more", of("more"))
        .credential("judge", of("judge"))
        .credential("mirror", of("mirror"))
        .backend("one", &[at(1)])
        .secure_backend("judge", &[at(2)], secure("judge"))
        .secure_backend("mirror", &[at(3)], secure("mirror"))
        .rule(rule("plain", "http", "/", "one"))
        .rule(asks)
        .rule(copies)
        .build();
    let mut ir = Ir::default();
    ir.apply(&change);
    ir
}

/// The names of listeners, routes and Gateways that each resource of a kind concerns.
fn all(kind: Kind) -> Vec<(String, String)> {
    let ir = world();
    let mut compiler = Compiler::new(Settings::default());
    let update = compiler.update(&ir, &fg_ir::Change::from(&ir));
    let resources = update.upserts.iter().filter(|one| one.kind == kind);
    let said = resources.map(|resource| {
        let concerned = compiler.concerned(resource, &ir);
        let listeners = concerned.listeners.iter().map(|key| &*key.section);
        let objects = concerned.routes.iter().chain(&concerned.gateways);
        let names = listeners.chain(objects.map(|object| &*object.name));
        (
            resource.name.to_string(),
            names.collect::<Vec<_>>().join(" "),
        )
    });
    said.collect()
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = list
        .iter()
        .map(|(name, who)| ((*name).into(), (*who).into()));
    owned.collect()
}

#[test]
fn a_secret_concerns_listeners_and_whoever_sends_to_those_it_judges() {
    assert_eq!(
        all(Kind::Secret),
        pairs(&[
            (
                "Authorities/ConfigMap/test/clients+ConfigMap/test/more",
                "secure"
            ),
            ("Authorities/ConfigMap/test/judge", "asks"),
            ("Authorities/ConfigMap/test/mirror", "copies"),
            ("KeyPair/Secret/test/pair", "secure"),
            ("KeyPair/Secret/test/shown", "asks copies gateway"),
        ])
    );
}

#[test]
fn a_backend_concerns_routes_also_by_their_policies() {
    let clusters = all(Kind::Cluster).into_iter();
    let who: Vec<_> = clusters.map(|(_, who)| who).collect();
    assert_eq!(who, ["asks", "copies", "asks copies plain"]);
    let endpoints: BTreeSet<_> = all(Kind::Endpoints)
        .into_iter()
        .map(|(_, who)| who)
        .collect();
    assert_eq!(endpoints, who.into_iter().collect());
}

#[test]
fn a_socket_concerns_its_listeners_and_a_host_its_routes() {
    assert_eq!(
        all(Kind::Listener),
        pairs(&[("127.0.0.1:443", "secure"), ("127.0.0.1:80", "http")])
    );
    let hosts = all(Kind::VirtualHost).into_iter();
    let mut of_80 = hosts.filter(|(name, _)| name.starts_with("http/"));
    assert_eq!(of_80.next().unwrap().1, "asks copies plain");
}
