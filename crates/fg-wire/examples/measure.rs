//! Prints how large resources are and how long a large configuration takes from end to end.
//!
//! `cargo run --release -p fg-wire --example measure [RULES]`

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use fg_ir::{
    Action, Attachment, Backend, BackendKey, BackendKind, BackendProtocol, BackendTls, Endpoints,
    GatewayKey, Ir, Listener, ListenerKey, Protocol, RouteKind, Rule, RuleBackend, RuleKey, Target,
};
use fg_model::{Age, HostPattern, Match, ObjectRef, Origin, PathMatch, kinds};
use fg_policies::traffic;
use fg_wire::{Incoming, Receiver, Transaction, Views};

fn main() {
    let rules = std::env::args().nth(1).and_then(|count| count.parse().ok());
    let ir = configuration(rules.unwrap_or(5_000));
    let mut whole = fg_ir::Change::default();
    whole.listeners.extend(some(&ir.listeners));
    whole.rules.extend(some(&ir.rules));
    whole.backends.extend(some(&ir.backends));
    whole.endpoints.extend(some(&ir.endpoints));

    let mut views = Views::new();
    let changes = timed("split by Gateway", || views.update(&ir, &whole));
    let gateway = GatewayKey::new("web", "edge");
    let change = changes.get(&gateway).expect("there is this Gateway");
    let sent = timed("encode and hash", || Transaction::new(change));
    report(&sent);
    let mut receiver = Receiver::new();
    let received = timed("decode", || {
        receiver.receive(sent.upserts.iter().map(incoming), [])
    });
    assert!(received.change == *change && received.reportable().count() == 0);

    let (key, rule) = ir.rules.iter().next().expect("there are rules");
    let mut edited = Rule::clone(rule);
    edited.origin.generation += 1;
    let mut edit = fg_ir::Change::default();
    edit.rules.insert(key.clone(), Some(Arc::new(edited)));
    let mut after = ir.clone();
    after.apply(&edit);
    let changes = timed("one edit: split", || views.update(&after, &edit));
    let change = changes.get(&gateway).expect("it concerns this Gateway");
    let sent = timed("one edit: encode", || Transaction::new(change));
    println!("one edit: {} bytes", sent.size());
    timed("one edit: decode", || {
        receiver.receive(sent.upserts.iter().map(incoming), [])
    });
}

/// Routes of one rule and two backends, and Services with five endpoints each, two for five routes.
fn configuration(rules: usize) -> Ir {
    let mut ir = Ir::default();
    let key = ListenerKey {
        namespace: "web".into(),
        gateway: "edge".into(),
        section: "http".into(),
    };
    let gateway = Arc::new(ObjectRef::new(
        kinds::GATEWAY.0,
        kinds::GATEWAY.1,
        "web",
        "edge",
    ));
    let listener = Listener {
        key: key.clone(),
        origin: Origin::of(gateway, 1).at("spec.listeners[0]"),
        addresses: Vec::new(),
        port: 80,
        protocol: Protocol::Http,
        hostname: HostPattern::Any,
        tls: None,
        backend_certificate: None,
    };
    ir.listeners.insert(key.clone(), Arc::new(listener));
    for index in 0..rules {
        let rule = rule(index, &key);
        ir.rules.insert(rule.key.clone(), Arc::new(rule));
    }
    for index in 0..rules * 2 / 5 {
        let key = service(index);
        let backend = Backend {
            origin: Origin::of(key.object.clone(), 1),
            key: key.clone(),
            protocol: BackendProtocol::Auto,
            tls: BackendTls::Off,
            kind: BackendKind::Endpoints,
        };
        let first = u32::try_from(index * 5).expect("few enough");
        let address = |at| SocketAddr::from((Ipv4Addr::from(0x0a00_0000 + first + at), 8080));
        let endpoints = Endpoints {
            key: key.clone(),
            addresses: (0..5).map(address).collect(),
        };
        ir.backends.insert(key.clone(), Arc::new(backend));
        ir.endpoints.insert(key, Arc::new(endpoints));
    }
    ir
}

fn service(index: usize) -> BackendKey {
    let (namespace, name) = (format!("team-{}", index % 50), format!("service-{index}"));
    let object = ObjectRef::new(kinds::SERVICE.0, kinds::SERVICE.1, &namespace, &name);
    BackendKey {
        object: Arc::new(object),
        port: 8080,
    }
}

fn rule(index: usize, listener: &ListenerKey) -> Rule {
    let (namespace, name) = (format!("team-{}", index % 50), format!("route-{index}"));
    let route = ObjectRef::new(kinds::HTTP_ROUTE.0, kinds::HTTP_ROUTE.1, &namespace, &name);
    let route = Arc::new(route);
    let origin = Origin::of(route.clone(), 1);
    let backends = (0..2).map(|at| RuleBackend {
        origin: origin.at(format!("spec.rules[0].backendRefs[{at}]")),
        weight: 1,
        target: Target::Backend(service((index + at * 50) * 2 / 5)),
        policies: traffic::Set::default(),
    });
    Rule {
        key: RuleKey { route, rule: 0 },
        origin: origin.at("spec.rules[0]"),
        kind: RouteKind::Http,
        name: None,
        attachments: Arc::from([Attachment {
            listener: listener.clone(),
            hostnames: vec![HostPattern::Exact(format!("{name}.example.com").into())],
        }]),
        age: Arc::new(Age {
            created: 1_700_000_000,
            namespace: namespace.into(),
            name: name.into(),
        }),
        matches: vec![(
            0,
            Match {
                path: PathMatch::Prefix("/shop".into()),
                method: None,
                headers: Vec::new(),
                query: Vec::new(),
            },
        )],
        policies: traffic::Set::default(),
        action: Action::Forward(backends.collect()),
    }
}

fn some<K: Clone, V>(
    all: &std::collections::BTreeMap<K, Arc<V>>,
) -> impl Iterator<Item = (K, Option<Arc<V>>)> {
    all.iter()
        .map(|(key, value)| (key.clone(), Some(value.clone())))
}

fn incoming(encoded: &fg_wire::Encoded) -> Incoming<'_> {
    Incoming {
        name: &encoded.name,
        type_url: encoded.type_url,
        value: &encoded.value,
    }
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let done = work();
    println!("{what}: {:?}", start.elapsed());
    done
}

fn report(sent: &Transaction) {
    for kind in fg_wire::Kind::ALL {
        let of_kind = sent
            .upserts
            .iter()
            .filter(|one| one.type_url == kind.type_url());
        let sizes: Vec<usize> = of_kind.map(|one| one.value.len()).collect();
        if !sizes.is_empty() {
            let (count, all) = (sizes.len(), sizes.iter().sum::<usize>());
            println!("{count} × {kind}: {} bytes each", all / count);
        }
    }
    println!("all, with names and versions: {} bytes", sent.size());
}
