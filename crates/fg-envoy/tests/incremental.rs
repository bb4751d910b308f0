//! Whatever the history, the resources are those of somebody who sees the last configuration alone,
//! byte for byte; and whoever applied each update has the same.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use fg_envoy::{Compiler, Kind, Resource, RouteShape, Settings};
use fg_ir::{
    Attachment, Backend, BackendKind, BackendProtocol, BackendTls, Change, ClientValidation,
    Credential, CredentialKind, Endpoints, Ir, Listener, ListenerTls, Material, Protocol, Refusal,
    RefusalKind, RouteKind, Rule, StaticHost, SubjectAltName, TlsOrigination, Trust,
};
use fg_model::{HostPattern, Origin};
use fg_testkit::ir::{
    backend, backend_key, credential, credential_key, listener, listener_key, rule,
};
use proptest::prelude::*;

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// One thing of the configuration, and which of its forms it has from now on; 0 is none.
#[derive(Clone, Debug)]
enum Step {
    Listener(usize, usize),
    Rule(usize, usize),
    Backend(usize, usize),
    Endpoints(usize, usize),
    KeyPair(usize, usize),
    Authorities(usize, usize),
}

fn step() -> impl Strategy<Value = Step> {
    let thing = 0..NAMES.len();
    prop_oneof![
        (thing.clone(), 0..12_usize).prop_map(|(thing, form)| Step::Listener(thing, form)),
        (thing.clone(), 0..10_usize).prop_map(|(thing, form)| Step::Rule(thing, form)),
        (thing.clone(), 0..12_usize).prop_map(|(thing, form)| Step::Backend(thing, form)),
        (thing.clone(), 0..4_usize).prop_map(|(thing, form)| Step::Endpoints(thing, form)),
        (thing.clone(), 0..3_usize).prop_map(|(thing, form)| Step::KeyPair(thing, form)),
        (thing, 0..3_usize).prop_map(|(thing, form)| Step::Authorities(thing, form)),
    ]
}

/// Adds a step to a change, if it is one.
fn add(step: &Step, ir: &Ir, change: &mut Change) {
    fn put<K: Ord + Clone, V: PartialEq>(
        before: &BTreeMap<K, Arc<V>>,
        key: K,
        after: Option<V>,
        change: &mut BTreeMap<K, Option<Arc<V>>>,
    ) {
        if before.get(&key).map(|before| &**before) == after.as_ref() {
            change.remove(&key);
        } else {
            change.insert(key, after.map(Arc::new));
        }
    }
    match *step {
        Step::Listener(thing, form) => {
            let value = listener_in(thing, form);
            put(
                &ir.listeners,
                listener_key(NAMES[thing]),
                value,
                &mut change.listeners,
            );
        }
        Step::Rule(thing, form) => {
            let key = rule(NAMES[thing], "a", "/", "a").key;
            put(&ir.rules, key, rule_in(thing, form), &mut change.rules);
        }
        Step::Backend(thing, form) => {
            let value = backend_in(thing, form);
            put(
                &ir.backends,
                backend_key(NAMES[thing]),
                value,
                &mut change.backends,
            );
        }
        Step::Endpoints(thing, form) => {
            let value = (form > 0).then(|| Endpoints {
                key: backend_key(NAMES[thing]),
                addresses: (1..form)
                    .map(|last| ([10, 0, 0, last as u8], 80).into())
                    .collect(),
            });
            put(
                &ir.endpoints,
                backend_key(NAMES[thing]),
                value,
                &mut change.endpoints,
            );
        }
        Step::KeyPair(thing, form) => {
            let material = Material::KeyPair {
                chain: vec![vec![form as u8; 70]],
                key: fg_base::Secret::new(vec![form as u8; 70]),
            };
            credentials(ir, thing, form, material, change);
        }
        Step::Authorities(thing, form) => {
            let material = Material::Authorities(vec![vec![form as u8; 70]]);
            credentials(ir, thing, form, material, change);
        }
    }

    fn credentials(ir: &Ir, thing: usize, form: usize, material: Material, change: &mut Change) {
        let value: Credential = credential(NAMES[thing], material);
        let key = value.key.clone();
        put(
            &ir.credentials,
            key,
            (form > 0).then_some(value),
            &mut change.credentials,
        );
    }
}

fn listener_in(thing: usize, form: usize) -> Option<Listener> {
    let hosts = [None, Some("a.com"), Some("*.com"), Some("b.a.com")];
    let address: IpAddr = [127, 0, 0, 1].into();
    let mut value = listener(NAMES[thing], (address, 80).into(), hosts[thing]);
    if form == 0 {
        return None;
    }
    if form.is_multiple_of(2) {
        value.addresses.clear();
    }
    if form.is_multiple_of(3) {
        value.port = 81;
    }
    if form > 3 {
        value.protocol = Protocol::Https;
        value.tls = Some(ListenerTls {
            certificates: vec![credential_key(NAMES[form % 4], CredentialKind::KeyPair)],
            client: None,
        });
    }
    if form > 6 {
        let authorities = [form % 4, (form + 1) % 4];
        value.tls.as_mut().unwrap().client = Some(ClientValidation {
            authorities: authorities
                .map(|one| credential_key(NAMES[one], CredentialKind::Authorities))
                .into(),
            insecure_fallback: form > 8,
        });
    }
    if form.is_multiple_of(5) {
        let key = credential_key(NAMES[form / 5], CredentialKind::KeyPair);
        value.backend_certificate = Some(key);
    }
    Some(value)
}

fn rule_in(thing: usize, form: usize) -> Option<Rule> {
    if form == 0 {
        return None;
    }
    let mut value = rule(NAMES[thing], "a", ["/", "/x"][form % 2], NAMES[form % 4]);
    if form > 5 {
        value.kind = RouteKind::Grpc;
    }
    let hosts = ["a.com", "*.a.com", "*.com"];
    value.attachments = [form % 4, (form + 1) % 4]
        .map(|one| Attachment {
            listener: listener_key(NAMES[one]),
            hostnames: vec![match form % 3 {
                0 => HostPattern::Any,
                _ => HostPattern::parse(Some(hosts[form % 3])).unwrap(),
            }],
        })
        .into();
    Some(value)
}

fn backend_in(thing: usize, form: usize) -> Option<Backend> {
    let mut value = backend(NAMES[thing]);
    let host = |host: &str, port| StaticHost {
        host: host.into(),
        port,
    };
    let verify = |trust, names| {
        BackendTls::Verify(TlsOrigination {
            origin: Origin::of(value.origin.object.clone(), 1),
            hostname: "inner.example".into(),
            names,
            trust,
        })
    };
    let authorities = |one: usize| {
        Trust::Authorities(vec![credential_key(
            NAMES[one],
            CredentialKind::Authorities,
        )])
    };
    match form {
        0 => return None,
        1 => {}
        2 => value.protocol = BackendProtocol::Http1,
        3 => value.protocol = BackendProtocol::Http2,
        4 => value.tls = verify(Trust::System, Vec::new()),
        5 => value.tls = verify(authorities(0), Vec::new()),
        6 => value.tls = verify(authorities(1), vec![SubjectAltName::Dns("*.x".into())]),
        7 => {
            value.tls = BackendTls::Broken(Refusal {
                kind: RefusalKind::InvalidBackend,
                finding: None,
                text: "broken".into(),
            });
        }
        8 => value.kind = BackendKind::Static(vec![host("10.0.0.9", 80)]),
        9 => value.kind = BackendKind::Static(vec![host("a.example", 80), host("::1", 80)]),
        10 => value.kind = BackendKind::Static(vec![host("127.0.0.1", 19000)]),
        _ => {
            value.tls = verify(Trust::System, Vec::new());
            value.kind = BackendKind::Static(vec![host("a.example", 443)]);
        }
    }
    Some(value)
}

type Resources = BTreeMap<(Kind, Arc<str>), Resource>;

fn by_name(resources: Vec<Resource>) -> Resources {
    let resources = resources.into_iter();
    resources
        .map(|one| ((one.kind, one.name.clone()), one))
        .collect()
}

fn bodies(resources: &Resources) -> BTreeMap<(Kind, &str), (&str, &[u8])> {
    let bodies = resources.iter();
    bodies
        .map(|((kind, name), one)| ((*kind, &**name), (&*one.version, &one.body[..])))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn history_leaves_no_trace(
        changes in prop::collection::vec(prop::collection::vec(step(), 1..6), 1..12),
        whole in any::<bool>(),
    ) {
        let settings = Settings {
            routes: if whole { RouteShape::Whole } else { RouteShape::PerHost },
            ..Settings::default()
        };
        let mut ir = Ir::default();
        let mut compiler = Compiler::new(settings.clone());
        let mut seen = Resources::new();
        for steps in &changes {
            let mut change = Change::default();
            for step in steps {
                add(step, &ir, &mut change);
            }
            ir.apply(&change);
            let update = compiler.update(&ir, &change);
            for (kind, name) in update.removed {
                prop_assert!(seen.remove(&(kind, name.clone())).is_some(), "{kind:?} {name}");
            }
            for resource in update.upserts {
                let key = (resource.kind, resource.name.clone());
                let version = resource.version.clone();
                let before = seen.insert(key, resource);
                prop_assert_ne!(before.map(|before| before.version), Some(version));
            }
        }
        let all = by_name(compiler.all().upserts);
        prop_assert_eq!(bodies(&seen), bodies(&all));
        let mut fresh = Compiler::new(settings);
        let _ = fresh.update(&ir, &Change::from(&ir));
        let expected = by_name(fresh.all().upserts);
        prop_assert_eq!(all, expected);
    }
}
