//! Listeners, rules and requests with as few words as possible.

use std::net::IpAddr;
use std::sync::Arc;

use fg_exchange::{Method, Request};
use fg_ir::{
    Action, Attachment, Listener, ListenerKey, Protocol, Refusal, RefusalKind, Rule, RuleKey,
};
use fg_model::{
    Age, HeaderMatch, HostPattern, Match, ObjectRef, Origin, PathMatch, Pattern, QueryMatch,
    ValueMatch, kinds,
};
use fg_policies::traffic;

/// A listener of the Gateway `infra/edge` on port 80 of all addresses.
pub(crate) fn listener(section: &str, hostname: &str) -> Listener {
    listener_at(section, hostname, &[], 80)
}

/// A listener of the Gateway `infra/edge`.
pub(crate) fn listener_at(
    section: &str,
    hostname: &str,
    addresses: &[IpAddr],
    port: u16,
) -> Listener {
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

/// Names a listener of `infra/edge`.
pub(crate) fn listener_key(section: &str) -> ListenerKey {
    ListenerKey {
        namespace: "infra".into(),
        gateway: "edge".into(),
        section: section.into(),
    }
}

/// A hostname; empty is any.
pub(crate) fn host(text: &str) -> HostPattern {
    HostPattern::parse(Some(text)).expect("a good hostname")
}

/// Names a rule of a route in the namespace `shop`.
pub(crate) fn rule_key(route: &str, rule: u32) -> RuleKey {
    let (group, kind) = kinds::HTTP_ROUTE;
    RuleKey {
        route: Arc::new(ObjectRef::new(group, kind, "shop", route)),
        rule,
    }
}

/// A rule of the route `shop/<route>`, served under the hostnames on the listeners.
pub(crate) fn rule(route: &str, index: u32, on: &[(&str, &[&str])], matches: Vec<Match>) -> Rule {
    let key = rule_key(route, index);
    Rule {
        origin: Origin::of(key.route.clone(), 1),
        kind: fg_ir::RouteKind::Http,
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
        action: Action::Refuse(Refusal {
            kind: RefusalKind::NoBackends,
            finding: None,
            text: "".into(),
        }),
        key,
    }
}

/// A match of the path alone: `=/exact`, `~regex`, or a prefix.
pub(crate) fn path(text: &str) -> Match {
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

/// More conditions for a match.
pub(crate) trait And {
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

    fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push(HeaderMatch {
            name: name.into(),
            value: value_match(value),
        });
        self.headers.sort();
        self
    }

    fn query(mut self, name: &str, value: &str) -> Self {
        self.query.push(QueryMatch {
            name: name.into(),
            value: value_match(value),
        });
        self.query.sort();
        self
    }
}

pub(crate) fn value_match(text: &str) -> ValueMatch {
    match text.strip_prefix('~') {
        Some(regex) => ValueMatch::Regex(pattern(regex)),
        None => ValueMatch::Exact(text.into()),
    }
}

fn pattern(source: &str) -> Pattern {
    Pattern::new(source).expect("a good pattern")
}

/// A request from text: method, authority, path with query; then headers.
pub(crate) fn request(line: &str, headers: &[(&str, &str)]) -> Request {
    let mut words = line.split(' ');
    let mut word = || {
        words
            .next()
            .expect("method, authority and target")
            .as_bytes()
    };
    let (method, authority, target) = (word(), word(), word());
    let mut request = Request::new();
    for (name, value) in headers {
        request.head.append(name, value.as_bytes());
    }
    let text = request.head.keep(method);
    request.set_method(Method::resolve(method), text);
    request.set_authority(authority);
    let (path, query) = match target.iter().position(|&b| b == b'?') {
        Some(at) => (&target[..at], Some(&target[at + 1..])),
        None => (target, None),
    };
    let query = query.map(|query| request.head.keep(query));
    let path = request.head.keep(path);
    request.set_target(path, query);
    request
}
