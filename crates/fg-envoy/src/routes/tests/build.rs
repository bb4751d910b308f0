//! Listeners, rules and backends with as few words as possible.

use std::collections::BTreeMap;
use std::sync::Arc;

use envoy_types::pb::envoy::config::route::v3::{RouteConfiguration, VirtualHost};
use fg_ir::{
    Action, Attachment, Backend, BackendKey, BackendKind, BackendProtocol, BackendTls, Change,
    CredentialKey, CredentialKind, Ir, Listener, ListenerKey, ListenerTls, Protocol, Refusal,
    RefusalKind, RouteKind, Rule, RuleBackend, RuleKey, Target,
};
use fg_model::{
    Age, GrpcMatch, HeaderMatch, HostPattern, Match, ObjectRef, Origin, PathMatch, Pattern,
    QueryMatch, ValueMatch, kinds,
};
use fg_policies::traffic;
use prost::Message as _;

use crate::{Compiler, Kind, RouteShape, Settings, Update};

/// A configuration and its compiler.
pub(super) struct World {
    pub(super) ir: Ir,
    pub(super) compiler: Compiler,
}

impl World {
    pub(super) fn new(routes: RouteShape) -> Self {
        let settings = Settings {
            routes,
            ..Settings::default()
        };
        Self {
            ir: Ir::default(),
            compiler: Compiler::new(settings),
        }
    }

    /// With virtual hosts of their own.
    pub(super) fn of(listeners: Vec<Listener>, rules: Vec<Rule>) -> Self {
        let mut world = Self::new(RouteShape::PerHost);
        world.apply(&change(listeners, rules));
        world
    }

    pub(super) fn apply(&mut self, change: &Change) -> Update {
        self.ir.apply(change);
        self.compiler.update(&self.ir, change)
    }

    /// Every virtual host by its name.
    pub(super) fn hosts(&self) -> BTreeMap<String, VirtualHost> {
        let mut hosts = BTreeMap::new();
        for resource in self.compiler.all().upserts {
            let body = resource.body.clone();
            let all = match resource.kind {
                Kind::VirtualHost => vec![VirtualHost::decode(body).expect("a virtual host")],
                Kind::RouteConfiguration => {
                    let whole = RouteConfiguration::decode(body).expect("a route configuration");
                    whole.virtual_hosts
                }
                _ => continue,
            };
            for host in all {
                assert!(hosts.insert(host.name.clone(), host).is_none(), "once");
            }
        }
        hosts
    }

    /// The names of the routes of a virtual host.
    pub(super) fn routes(&self, host: &str) -> Vec<String> {
        let hosts = self.hosts();
        let names: Vec<_> = hosts.keys().collect();
        let Some(host) = hosts.get(host) else {
            panic!("no {host} among {names:?}");
        };
        host.routes.iter().map(|route| route.name.clone()).collect()
    }
}

/// A change that sets these.
pub(super) fn change(listeners: Vec<Listener>, rules: Vec<Rule>) -> Change {
    Change {
        listeners: listeners
            .into_iter()
            .map(|one| (one.key.clone(), Some(Arc::new(one))))
            .collect(),
        rules: rules
            .into_iter()
            .map(|one| (one.key.clone(), Some(Arc::new(one))))
            .collect(),
        ..Change::default()
    }
}

/// A listener in clear text of the Gateway `infra/edge` on port 80 of all addresses.
pub(super) fn listener(section: &str, hostname: &str) -> Listener {
    let (group, kind) = kinds::GATEWAY;
    Listener {
        key: listener_key(section),
        origin: Origin::of(Arc::new(ObjectRef::new(group, kind, "infra", "edge")), 1),
        addresses: Vec::new(),
        port: 80,
        protocol: Protocol::Http,
        hostname: host(hostname),
        tls: None,
        backend_certificate: None,
    }
}

/// The same with TLS on port 443.
pub(super) fn secure(section: &str, hostname: &str) -> Listener {
    let object = ObjectRef::new("", "Secret", "infra", section);
    Listener {
        port: 443,
        protocol: Protocol::Https,
        tls: Some(ListenerTls {
            certificates: vec![CredentialKey {
                object: Arc::new(object),
                kind: CredentialKind::KeyPair,
            }],
            client: None,
        }),
        ..listener(section, hostname)
    }
}

pub(super) fn listener_key(section: &str) -> ListenerKey {
    ListenerKey {
        namespace: "infra".into(),
        gateway: "edge".into(),
        section: section.into(),
    }
}

/// A hostname; empty is any.
pub(super) fn host(text: &str) -> HostPattern {
    HostPattern::parse(Some(text)).expect("a good hostname")
}

/// Names a rule of a route in the namespace `shop`.
pub(super) fn rule_key(route: &str, rule: u32) -> RuleKey {
    let (group, kind) = kinds::HTTP_ROUTE;
    RuleKey {
        route: Arc::new(ObjectRef::new(group, kind, "shop", route)),
        rule,
    }
}

/// A rule of the route `shop/<route>`, which forwards to the backend of that name.
pub(super) fn rule(route: &str, index: u32, on: &[(&str, &[&str])], matches: Vec<Match>) -> Rule {
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
pub(super) fn to(backend: &str, weight: u32) -> RuleBackend {
    RuleBackend {
        origin: Origin::of(rule_key("any", 0).route, 1),
        weight,
        target: Target::Backend(backend_key(backend)),
        policies: traffic::Set::default(),
    }
}

/// A share that goes nowhere.
pub(super) fn broken(weight: u32) -> RuleBackend {
    RuleBackend {
        target: Target::Broken(refusal(RefusalKind::InvalidBackend)),
        ..to("any", weight)
    }
}

pub(super) fn refusal(kind: RefusalKind) -> Refusal {
    Refusal {
        kind,
        finding: None,
        text: "".into(),
    }
}

pub(super) fn backend_key(name: &str) -> BackendKey {
    let (group, kind) = kinds::SERVICE;
    BackendKey {
        object: Arc::new(ObjectRef::new(group, kind, "shop", name)),
        port: 8080,
    }
}

pub(super) fn backend(name: &str, protocol: BackendProtocol, tls: BackendTls) -> Backend {
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
pub(super) fn path(text: &str) -> Match {
    Match {
        path: match text.split_at_checked(1) {
            Some(("=", exact)) => PathMatch::Exact(exact.into()),
            Some(("~", regex)) => PathMatch::Regex(pattern(regex)),
            _ => PathMatch::Prefix(text.strip_suffix('/').unwrap_or(text).into()),
        },
        method: None,
        headers: Vec::new(),
        query: Vec::new(),
    }
}

/// A match of a gRPC call by service and method, either of them empty for any; `~` in front of one
/// makes it a regular expression.
pub(super) fn call(service: &str, method: &str) -> Match {
    let part = |text: &str| (!text.is_empty()).then(|| value(text));
    Match {
        path: PathMatch::Grpc(GrpcMatch {
            service: part(service),
            method: part(method),
        }),
        ..path("/")
    }
}

/// More conditions for a match.
pub(super) trait And {
    /// And this method.
    fn method(self, method: &str) -> Self;
    /// And this header; a value with `~` in front is a regular expression.
    fn header(self, name: &str, value: &str) -> Self;
    /// And this query parameter; a value with `~` in front is a regular expression.
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
