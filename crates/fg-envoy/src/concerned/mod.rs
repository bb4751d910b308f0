//! Who is concerned by a resource that Envoy refuses.

use std::collections::BTreeSet;
use std::sync::Arc;

use fg_ir::{Backend, BackendTls, Ir, Listener, ListenerKey, Rule, Trust};
use fg_model::{ObjectRef, kinds};

use crate::listeners;
use crate::resource::{Kind, Resource};
use crate::routes::{Speech, cluster_name};
use crate::secrets::SecretKey;

/// Whose status says that a resource is not in use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Concerned {
    /// Listeners that do not serve as they are written.
    pub listeners: BTreeSet<ListenerKey>,
    /// Routes of which a rule does not do what is written.
    pub routes: BTreeSet<Arc<ObjectRef>>,
    /// Gateways that the resource is about as a whole.
    pub gateways: BTreeSet<Arc<ObjectRef>>,
}

impl Concerned {
    /// By a resource that was made of this configuration.
    ///
    /// Cost: of hosts and their configurations, in proportion to the listeners; of others, to the
    /// configuration.
    pub fn by(resource: &Resource, ir: &Ir) -> Self {
        let is_of_hosts = matches!(resource.kind, Kind::RouteConfiguration | Kind::VirtualHost);
        let listeners = ir.listeners.values();
        let listeners = listeners.filter(|listener| shows(listener, resource));
        let (mut gateways, mut routes) = (BTreeSet::new(), BTreeSet::new());
        if is_of_hosts {
            let about = resource.about.iter().cloned();
            (gateways, routes) = about.partition(|object| object.is(kinds::GATEWAY));
        } else {
            let rules = ir.rules.values();
            let rules = rules.filter(|rule| uses(rule, resource, ir));
            routes.extend(rules.map(|rule| rule.key.route.clone()));
        }
        let of_backends = ir.listeners.values();
        let of_backends = of_backends.filter(|listener| shows_backends(listener, resource));
        gateways.extend(of_backends.map(|listener| {
            let key = &listener.key;
            let (group, kind) = kinds::GATEWAY;
            Arc::new(ObjectRef::new(group, kind, &key.namespace, &key.gateway))
        }));
        Self {
            listeners: listeners.map(|listener| listener.key.clone()).collect(),
            routes,
            gateways,
        }
    }
}

/// Whether a resource is a listener's socket, or something that it shows to clients or judges them
/// by.
fn shows(listener: &Listener, resource: &Resource) -> bool {
    match resource.kind {
        Kind::Listener => listener
            .sockets()
            .any(|socket| listeners::name(socket) == *resource.name),
        Kind::Secret => {
            let mut secrets = listener.tls.iter().flat_map(listeners::secrets);
            secrets.any(|key| key.name() == *resource.name)
        }
        Kind::Cluster | Kind::Endpoints | Kind::RouteConfiguration | Kind::VirtualHost => false,
    }
}

/// Whether a resource is what a listener's Gateway shows to backends.
fn shows_backends(listener: &Listener, resource: &Resource) -> bool {
    resource.kind == Kind::Secret
        && listener
            .backend_certificate
            .iter()
            .any(|key| SecretKey::KeyPair(key.clone()).name() == *resource.name)
}

/// Whether a resource is about a rule, or about a backend that it or a policy of it sends something
/// to.
fn uses(rule: &Rule, resource: &Resource, ir: &Ir) -> bool {
    match resource.kind {
        Kind::Listener | Kind::RouteConfiguration | Kind::VirtualHost => false,
        Kind::Secret => rule.backends().into_iter().any(|key| {
            let backend = ir.backends.get(key);
            backend.is_some_and(|backend| trusts(backend, resource, ir))
        }),
        Kind::Cluster => rule.backends().into_iter().any(|key| {
            [Speech::Http1, Speech::Http2]
                .iter()
                .any(|speech| cluster_name(key, *speech) == *resource.name)
        }),
        Kind::Endpoints => rule
            .backends()
            .into_iter()
            .any(|key| resource.about.contains(&key.object)),
    }
}

/// Whether a secret is what a backend is judged by, or what it is shown.
fn trusts(backend: &Backend, secret: &Resource, ir: &Ir) -> bool {
    let BackendTls::Verify(origination) = &backend.tls else {
        return false;
    };
    let is_authorities = match &origination.trust {
        Trust::System => false,
        Trust::Authorities(keys) => SecretKey::Authorities(keys.clone()).name() == *secret.name,
    };
    let mut listeners = ir.listeners.values();
    is_authorities || listeners.any(|listener| shows_backends(listener, secret))
}

#[cfg(test)]
mod tests;
