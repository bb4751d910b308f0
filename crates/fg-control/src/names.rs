//! The names of what serves, as metrics have them in their labels.

use std::collections::{BTreeMap, BTreeSet};

use fg_ir::{Change, Ir, ListenerKey, RuleKey};
use fg_model::ObjectRef;

/// The names of listeners, routes and backends.
///
/// They are taken in before a data plane gets a change and let go after it, so that at any moment
/// everything that serves has its name here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// By Gateway, `namespace/name`.
    listeners: BTreeMap<String, BTreeSet<String>>,
    routes: BTreeSet<String>,
    backends: BTreeSet<String>,
}

impl Names {
    /// Takes in what a change adds.
    pub fn extend(&mut self, change: &Change) {
        for (key, _) in change.listeners.iter().filter(|(_, new)| new.is_some()) {
            let listeners = self.listeners.entry(gateway(key)).or_default();
            listeners.insert(key.section.to_string());
        }
        let rules = change.rules.iter().filter(|(_, new)| new.is_some());
        self.routes.extend(rules.map(|(key, _)| route(&key.route)));
        let backends = change.backends.iter().filter(|(_, new)| new.is_some());
        self.backends
            .extend(backends.map(|(key, _)| key.to_string()));
    }

    /// Lets go what a change removes; `ir` is what remains. Says whether anything is gone.
    pub fn shrink(&mut self, change: &Change, ir: &Ir) -> bool {
        let mut gone = false;
        for (key, _) in change.listeners.iter().filter(|(_, new)| new.is_none()) {
            if let Some(listeners) = self.listeners.get_mut(&gateway(key)) {
                gone |= listeners.remove(&*key.section);
            }
        }
        self.listeners.retain(|_, listeners| !listeners.is_empty());
        for (key, _) in change.rules.iter().filter(|(_, new)| new.is_none()) {
            let rule = |rule| RuleKey {
                route: key.route.clone(),
                rule,
            };
            let mut left = ir.rules.range(rule(0)..=rule(u32::MAX));
            gone |= left.next().is_none() && self.routes.remove(&route(&key.route));
        }
        for (key, _) in change.backends.iter().filter(|(_, new)| new.is_none()) {
            gone |= self.backends.remove(&key.to_string());
        }
        gone
    }

    /// Whether a listener of a Gateway (`namespace/name`) serves.
    pub fn has_listener(&self, gateway: &str, listener: &str) -> bool {
        let listeners = self.listeners.get(gateway);
        listeners.is_some_and(|listeners| listeners.contains(listener))
    }

    /// Whether a route (`namespace/name`) serves.
    pub fn has_route(&self, route: &str) -> bool {
        self.routes.contains(route)
    }

    /// Whether a backend, such as `Service shop/cart:80`, is referred to.
    pub fn has_backend(&self, backend: &str) -> bool {
        self.backends.contains(backend)
    }
}

fn gateway(key: &ListenerKey) -> String {
    format!("{}/{}", key.namespace, key.gateway)
}

fn route(object: &ObjectRef) -> String {
    format!("{}/{}", object.namespace, object.name)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_route_is_gone_with_its_last_rule() {
        let id = Arc::new(ObjectRef::new("g", "HTTPRoute", "default", "shop"));
        let key = |rule| RuleKey {
            route: id.clone(),
            rule,
        };
        let mut names = Names {
            routes: BTreeSet::from(["default/shop".to_owned()]),
            ..Names::default()
        };
        let mut change = Change::default();
        change.rules.insert(key(1), None);
        let mut ir = Ir::default();
        let rule = fg_ir::Rule {
            key: key(0),
            origin: fg_model::Origin::of(id.clone(), 1),
            kind: fg_ir::RouteKind::Http,
            name: None,
            attachments: Arc::from([]),
            age: Arc::new(fg_model::Age {
                created: 0,
                namespace: "default".into(),
                name: "shop".into(),
            }),
            matches: Vec::new(),
            policies: fg_policies::traffic::Set::default(),
            action: fg_ir::Action::Forward(Vec::new()),
        };
        ir.rules.insert(key(0), Arc::new(rule));
        assert!(!names.shrink(&change, &ir));
        assert!(names.has_route("default/shop"));
        ir.rules.clear();
        assert!(names.shrink(&change, &ir));
        assert!(!names.has_route("default/shop"));
    }
}
