//! Listeners, rules and backends with as few words as possible.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use fg_ir::{
    Action, Attachment, Backend, BackendKey, BackendKind, BackendProtocol, BackendTls, Change,
    CredentialKey, CredentialKind, Listener, ListenerKey, ListenerTls, Protocol, Refusal,
    RefusalKind, RouteKind, Rule, RuleBackend, RuleKey, Target,
};
use fg_model::{
    Age, GrpcMatch, HeaderMatch, HostPattern, Match, ObjectRef, Origin, PathMatch, Pattern,
    QueryMatch, ValueMatch, kinds,
};
use fg_policies::traffic;

/// A change that sets these.
pub fn change(listeners: Vec<Listener>, rules: Vec<Rule>) -> Change {
    fn set<K: Ord, V>(all: Vec<V>, key: impl Fn(&V) -> K) -> BTreeMap<K, Option<Arc<V>>> {
        let all = all.into_iter();
        all.map(|one| (key(&one), Some(Arc::new(one)))).collect()
    }
    Change {
        listeners: set(listeners, |one| one.key.clone()),
        rules: set(rules, |one| one.key.clone()),
        ..Change::default()
    }
}

/// A listener in clear text of the Gateway `infra/edge` on port 80 of all addresses.
pub fn listener(section: &str, hostname: &str) -> Listener {
    listener_at(section, hostname, &[], 80)
}

/// The same on other addresses, where none is all, and another port.
pub fn listener_at(section: &str, hostname: &str, addresses: &[IpAddr], port: u16) -> Listener {
    let (group, kind) = kinds::GATEWAY;
    Listener {
        key: listener_key(section),
        origin: Origin::of(Arc::new(ObjectRef::new(group, kind, "infra", "edge")), 1),
        addresses: addresses.to_vec(),
        port,
        protocol: Protocol::Http,
        hostname: host(hostname),
        tls: None,
        backend_certificate: None,
    }
}

/// A listener with TLS of the Gateway `infra/edge` on port 443 of all addresses.
pub fn secure(section: &str, hostname: &str) -> Listener {
    let object = ObjectRef::new("", "Secret", "infra", section);
    Listener {
        protocol: Protocol::Https,
        tls: Some(ListenerTls {
            certificates: vec![CredentialKey {
                object: Arc::new(object),
                kind: CredentialKind::KeyPair,
            }],
            client: None,
        }),
        ..listener_at(section, hostname, &[], 443)
    }
}

/// Names a listener of `infra/edge`.
pub fn listener_key(section: &str) -> ListenerKey {
    ListenerKey {
        namespace: "infra".into(),
        gateway: "edge".into(),
        section: section.into(),
    }
}

/// A hostname; empty is any.
///
/// # Panics
/// When it is none.
pub fn host(text: &str) -> HostPattern {
    HostPattern::parse(Some(text)).expect("a good hostname")
}

/// Names a rule of a route in the namespace `shop`.
pub fn rule_key(route: &str, rule: u32) -> RuleKey {
    let (group, kind) = kinds::HTTP_ROUTE;
    RuleKey {
        route: Arc::new(ObjectRef::new(group, kind, "shop", route)),
        rule,
    }
}

/// A rule of the route `shop/<route>`, served under the hostnames on the listeners, which forwards
/// to the backend of the route's name. It is the youngest there can be.
pub fn rule(route: &str, index: u32, on: &[(&str, &[&str])], matches: Vec<Match>) -> Rule {
    let key = rule_key(route, index);
    Rule {
        origin: Origin::of(key.route.clone(), 1),
        kind: RouteKind::Http,
        name: None,
        attachments: on
            .iter()
            .map(|(section, hostnames)| Attachment {
                listener: listener_key(section),
                hostnames: hostnames.iter().map(|name| host(name)).collect(),
            })
            .collect(),
        age: Arc::new(Age {
            created: i64::MAX,
            namespace: "shop".into(),
            name: route.into(),
        }),
        matches: (0..).zip(matches).collect(),
        policies: traffic::Set::default(),
        action: Action::Forward(vec![to(route, 1)]),
        key,
    }
}

/// A share of a backend.
pub fn to(backend: &str, weight: u32) -> RuleBackend {
    RuleBackend {
        origin: Origin::of(rule_key("any", 0).route, 1),
        weight,
        target: Target::Backend(backend_key(backend)),
        policies: traffic::Set::default(),
    }
}

/// A share that goes nowhere.
pub fn broken(weight: u32) -> RuleBackend {
    RuleBackend {
        target: Target::Broken(refusal(RefusalKind::InvalidBackend)),
        ..to("any", weight)
    }
}

/// A refusal without words.
pub fn refusal(kind: RefusalKind) -> Refusal {
    Refusal {
        kind,
        finding: None,
        text: "".into(),
    }
}

/// Names port 8080 of a Service in the namespace `shop`.
pub fn backend_key(name: &str) -> BackendKey {
    let (group, kind) = kinds::SERVICE;
    BackendKey {
        object: Arc::new(ObjectRef::new(group, kind, "shop", name)),
        port: 8080,
    }
}

/// A backend of that name.
pub fn backend(name: &str, protocol: BackendProtocol, tls: BackendTls) -> Backend {
    let key = backend_key(name);
    Backend {
        origin: Origin::of(key.object.clone(), 1),
        protocol,
        tls,
        kind: BackendKind::Endpoints,
        key,
    }
}

/// A match of the path alone: `=/exact`, `~regex`, or a prefix.
pub fn path(text: &str) -> Match {
    matched(match text.split_at_checked(1) {
        Some(("=", exact)) => PathMatch::Exact(exact.into()),
        Some(("~", regex)) => PathMatch::Regex(pattern(regex)),
        _ => PathMatch::Prefix(text.strip_suffix('/').unwrap_or(text).into()),
    })
}

/// A match of a gRPC call by service and method, either of them empty for any; `~` in front of one
/// makes it a regular expression.
pub fn call(service: &str, method: &str) -> Match {
    let part = |text: &str| (!text.is_empty()).then(|| value(text));
    matched(PathMatch::Grpc(GrpcMatch {
        service: part(service),
        method: part(method),
    }))
}

fn matched(path: PathMatch) -> Match {
    Match {
        path,
        method: None,
        headers: Vec::new(),
        query: Vec::new(),
    }
}

/// More conditions for a match.
pub trait And {
    /// And this method.
    #[must_use]
    fn method(self, method: &str) -> Self;
    /// And this header; a value with `~` in front is a regular expression.
    #[must_use]
    fn header(self, name: &str, value: &str) -> Self;
    /// And this query parameter; a value with `~` in front is a regular expression.
    #[must_use]
    fn query(self, name: &str, value: &str) -> Self;
}

impl And for Match {
    fn method(mut self, method: &str) -> Self {
        self.method = Some(method.into());
        self
    }

    fn header(mut self, name: &str, text: &str) -> Self {
        self.headers.push(HeaderMatch {
            name: name.into(),
            value: value(text),
        });
        self.headers.sort();
        self
    }

    fn query(mut self, name: &str, text: &str) -> Self {
        self.query.push(QueryMatch {
            name: name.into(),
            value: value(text),
        });
        self.query.sort();
        self
    }
}

fn value(text: &str) -> ValueMatch {
    match text.strip_prefix('~') {
        Some(regex) => ValueMatch::Regex(pattern(regex)),
        None => ValueMatch::Exact(text.into()),
    }
}

fn pattern(source: &str) -> Pattern {
    Pattern::new(source).expect("a good pattern")
}
