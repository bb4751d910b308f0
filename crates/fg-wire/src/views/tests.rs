//! The law of views: whatever the history, each equals what a filter makes of the whole; and nobody
//! gets anything of somebody else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fg_ir::{
    Action, Attachment, Backend, BackendKey, BackendTls, Change, Credential, CredentialKey,
    Endpoints, GatewayKey, Ir, Listener, Material, Rule, RuleBackend, Target, Trust,
};
use fg_model::HostPattern;
use fg_policies::{external_auth, request_mirror, traffic};
use proptest::prelude::*;

use super::{Views, share};
use crate::encode;
use crate::part::Part;
use crate::samples::{
    authorities, backend, credential, endpoints, key_pair, listener, listener_key, plain_backend,
    plain_rule, rule, service,
};

const GATEWAYS: [&str; 3] = ["one", "two", "three"];

/// One edit: what kind of thing, which of them, and how it is from now on, if it is.
type Edit = (u8, u8, Option<u8>);

fn histories() -> impl Strategy<Value = Vec<Vec<Edit>>> {
    let edit = (0..5_u8, 0..6_u8, prop::option::weighted(0.8, any::<u8>()));
    prop::collection::vec(prop::collection::vec(edit, 1..6), 1..30)
}

fn bit(form: u8, bit: u8) -> bool {
    form & (1 << bit) != 0
}

fn gateway_of(which: u8) -> &'static str {
    GATEWAYS[usize::from(which) % GATEWAYS.len()]
}

fn some_listener(which: u8, form: u8) -> Listener {
    let mut made = listener();
    made.key = listener_key(gateway_of(which), &which.to_string());
    if let Some(tls) = &mut made.tls {
        tls.certificates = vec![key_pair(&format!("{}", form % 4))];
        let client = tls.client.take().filter(|_| bit(form, 3));
        tls.client = client.map(|mut client| {
            client.authorities = vec![authorities(&format!("{}", form % 3))];
            client
        });
    }
    made.backend_certificate = bit(form, 2).then(|| key_pair(&format!("{}", form % 5)));
    made
}

fn some_rule(which: u8, form: u8) -> Rule {
    let mut made = plain_rule(&format!("route-{}", which / 2), which.into(), "cart");
    let listeners = (0..6_u8).filter(|listener| bit(form, *listener));
    made.attachments = listeners
        .map(|listener| Attachment {
            listener: listener_key(gateway_of(listener), &listener.to_string()),
            hostnames: vec![HostPattern::Any],
        })
        .collect();
    let backend = |at: u8| service(&format!("{}", at % 6), 80);
    let policies = traffic::Set {
        request_mirror: bit(form, 6).then(|| {
            let mirrors = vec![request_mirror::Mirror {
                backend: backend(form / 4),
                numerator: 1,
                denominator: 1,
            }];
            Arc::new(request_mirror::Ir { mirrors })
        }),
        external_auth: bit(form, 7).then(|| {
            Arc::new(external_auth::Ir {
                backend: backend(form / 8),
                protocol: external_auth::Protocol::Grpc {
                    headers: Vec::new(),
                },
                body: 0,
            })
        }),
        ..traffic::Set::default()
    };
    let targets = [form, form / 3].map(|at| RuleBackend {
        origin: made.origin.clone(),
        weight: 1,
        target: Target::Backend(backend(at)),
        policies: policies.clone(),
    });
    made.action = Action::Forward(targets.to_vec());
    made.policies = policies;
    made
}

fn some_backend(which: u8, form: u8) -> Backend {
    let name = which.to_string();
    let mut made = plain_backend(&name);
    if let (true, BackendTls::Verify(mut tls)) = (bit(form, 0), backend().tls) {
        tls.trust = Trust::Authorities(vec![authorities(&format!("{}", form % 6))]);
        made.tls = BackendTls::Verify(tls);
    }
    made
}

fn some_endpoints(which: u8, form: u8) -> Endpoints {
    let mut made = endpoints();
    made.key = service(&which.to_string(), 80);
    made.addresses.truncate(usize::from(form) % 3);
    made
}

fn some_credential(which: u8, form: u8) -> Credential {
    let name = format!("{}", form % 6);
    let key = if which.is_multiple_of(2) {
        key_pair(&name)
    } else {
        authorities(&name)
    };
    credential(key, form)
}

/// Notes an edit in a change.
fn edit<T: Part>(change: &mut Change, value: T, is_there: bool) {
    let key = value.key().clone();
    T::changed(change).insert(key, is_there.then(|| Arc::new(value)));
}

fn change_of(edits: &[Edit]) -> Change {
    let mut change = Change::default();
    for &(kind, which, form) in edits {
        let (there, form) = (form.is_some(), form.unwrap_or(which * 40));
        match kind {
            0 => edit(&mut change, some_listener(which, form), there),
            1 => edit(&mut change, some_rule(which, form), there),
            2 => edit(&mut change, some_backend(which, form), there),
            3 => edit(&mut change, some_endpoints(which, form), there),
            _ => edit(&mut change, some_credential(which, form), there),
        }
    }
    change
}

/// What a Gateway gets, from scratch.
fn filtered(ir: &Ir, gateway: &GatewayKey) -> Ir {
    let mut own = Ir::default();
    let mut backends: BTreeSet<BackendKey> = BTreeSet::new();
    let mut credentials: BTreeSet<CredentialKey> = BTreeSet::new();
    for (key, listener) in &ir.listeners {
        if gateway.has(key) {
            own.listeners.insert(key.clone(), listener.clone());
            credentials.extend(listener.backend_certificate.clone());
            let tls = listener.tls.as_ref().expect("all of these have");
            credentials.extend(tls.certificates.clone());
            credentials.extend(tls.client.iter().flat_map(|one| one.authorities.clone()));
        }
    }
    for (key, rule) in &ir.rules {
        let mut rule = Rule::clone(rule);
        let its_own = rule
            .attachments
            .iter()
            .filter(|one| gateway.has(&one.listener));
        rule.attachments = its_own.cloned().collect();
        if rule.attachments.is_empty() {
            continue;
        }
        let mut sets = vec![rule.policies.clone()];
        if let Action::Forward(targets) = &rule.action {
            for target in targets {
                sets.push(target.policies.clone());
                if let Target::Backend(key) = &target.target {
                    backends.insert(key.clone());
                }
            }
        }
        for set in sets {
            backends.extend(set.external_auth.map(|ir| ir.backend.clone()));
            let mirrors = set.request_mirror.into_iter();
            let mirrors = mirrors.flat_map(|ir| ir.mirrors.clone());
            backends.extend(mirrors.map(|mirror| mirror.backend));
        }
        own.rules.insert(key.clone(), Arc::new(rule));
    }
    for key in &backends {
        if let Some(backend) = ir.backends.get(key) {
            own.backends.insert(key.clone(), backend.clone());
            if let BackendTls::Verify(tls) = &backend.tls
                && let Trust::Authorities(keys) = &tls.trust
            {
                credentials.extend(keys.clone());
            }
        }
        if let Some(endpoints) = ir.endpoints.get(key) {
            own.endpoints.insert(key.clone(), endpoints.clone());
        }
    }
    for key in &credentials {
        if let Some(credential) = ir.credentials.get(key) {
            own.credentials.insert(key.clone(), credential.clone());
        }
    }
    own
}

/// A change lists only what is news.
fn is_news<T: Part>(before: &Ir, change: &mut Change) -> bool {
    let before = T::all(before);
    let mut all = T::changed(change).iter();
    all.all(|(key, new)| before.get(key) != new.as_ref())
}

fn play(history: &[Vec<Edit>]) {
    let mut ir = Ir::default();
    let mut views = Views::new();
    let mut copies: BTreeMap<GatewayKey, Ir> = BTreeMap::new();
    for edits in history {
        let change = change_of(edits);
        ir.apply(&change);
        for (gateway, mut change) in views.update(&ir, &change) {
            let copy = copies.entry(gateway).or_default();
            assert!(!change.is_empty());
            assert!(is_news::<Listener>(copy, &mut change) && is_news::<Rule>(copy, &mut change));
            assert!(is_news::<Backend>(copy, &mut change));
            assert!(is_news::<Endpoints>(copy, &mut change));
            assert!(is_news::<Credential>(copy, &mut change));
            copy.apply(&change);
        }
        for gateway in GATEWAYS.map(|name| GatewayKey::new("web", name)) {
            let expected = filtered(&ir, &gateway);
            let copy = copies.get(&gateway).cloned().unwrap_or_default();
            assert_eq!(copy, expected, "{gateway}");
            assert_eq!(share(&ir, |key| gateway.has(key)), expected);
            assert_eq!(views.of(&gateway).cloned().unwrap_or_default(), expected);
            assert_eq!(views.of(&gateway).is_some(), expected != Ir::default());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn views_equal_a_filter(history in histories()) {
        play(&history);
    }
}

/// Two Gateways with a rule in common, each with a certificate of its own.
fn two_gateways() -> Ir {
    let mut ir = Ir::default();
    for (gateway, byte) in [("one", 0xa1), ("two", 0xb2)] {
        let mut listener = listener();
        listener.key = listener_key(gateway, "https");
        listener.backend_certificate = None;
        let tls = listener.tls.as_mut().expect("it has");
        tls.certificates = vec![key_pair(gateway)];
        tls.client = None;
        ir.listeners
            .insert(listener.key.clone(), Arc::new(listener));
        let credential = credential(key_pair(gateway), byte);
        ir.credentials
            .insert(credential.key.clone(), Arc::new(credential));
    }
    let mut shared = rule();
    shared.attachments = ["one", "two"]
        .map(|gateway| Attachment {
            listener: listener_key(gateway, "https"),
            hostnames: vec![HostPattern::Exact(format!("{gateway}.example").into())],
        })
        .into();
    ir.rules.insert(shared.key.clone(), Arc::new(shared));
    ir
}

fn everything(ir: &Ir) -> Change {
    let mut change = Change::default();
    for listener in ir.listeners.values() {
        edit(&mut change, Listener::clone(listener), true);
    }
    for rule in ir.rules.values() {
        edit(&mut change, Rule::clone(rule), true);
    }
    for credential in ir.credentials.values() {
        edit(&mut change, Credential::clone(credential), true);
    }
    change
}

#[test]
fn no_gateway_gets_the_secret_of_another() {
    let ir = two_gateways();
    let changes = Views::new().update(&ir, &everything(&ir));
    assert_eq!(changes.len(), 2);
    for (gateway, change) in &changes {
        let (own, foreign) = if &*gateway.name == "one" {
            (0xa1, 0xb2)
        } else {
            (0xb2, 0xa1)
        };
        let transaction = crate::Transaction::new(change);
        let holds = |key: u8| {
            let mut all = transaction.upserts.iter();
            all.any(|one| one.value.windows(20).any(|bytes| bytes == [key; 20]))
        };
        assert!(holds(own) && !holds(foreign), "{gateway}");
        let credentials: Vec<_> = change.credentials.values().flatten().collect();
        assert_eq!(credentials.len(), 1);
        assert!(matches!(credentials[0].material, Material::KeyPair { .. }));
    }
}

#[test]
fn a_gateway_sees_its_own_attachments_only() {
    let ir = two_gateways();
    let changes = Views::new().update(&ir, &everything(&ir));
    for (gateway, change) in &changes {
        let rule = change.rules.values().flatten().next().expect("a rule");
        assert_eq!(rule.attachments.len(), 1);
        let other = if &*gateway.name == "one" {
            "two.example"
        } else {
            "one.example"
        };
        let bytes = encode(&**rule);
        assert!(!bytes.windows(other.len()).any(|at| at == other.as_bytes()));
    }
}

/// What is attached elsewhere too, and changes there only, is no news here.
#[test]
fn an_attachment_elsewhere_is_no_news() {
    let mut ir = two_gateways();
    let mut views = Views::new();
    views.update(&ir, &everything(&ir));
    let mut edited = Rule::clone(ir.rules.values().next().expect("a rule"));
    edited.attachments = edited.attachments[..1].into();
    let mut change = Change::default();
    edit(&mut change, edited, true);
    ir.apply(&change);
    let changes = views.update(&ir, &change);
    let names: Vec<_> = changes.keys().map(|gateway| gateway.to_string()).collect();
    assert_eq!(names, ["web/two"]);
    let removed = &changes[&GatewayKey::new("web", "two")].rules;
    assert!(removed.values().all(Option::is_none));
}
