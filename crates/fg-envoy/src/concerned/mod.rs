//! Who is concerned by a resource that Envoy refuses.

use std::collections::BTreeSet;
use std::sync::Arc;

use fg_ir::{Backend, BackendKey, BackendTls, Ir, Listener, ListenerKey, Trust};
use fg_model::{ObjectRef, kinds};

use crate::listeners;
use crate::resource::{Kind, Resource};
use crate::routes::{Routes, Speech, cluster_name};
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
    /// By a resource that was made of this configuration. `routes` is what was made of its rules.
    ///
    /// Cost: in proportion to the listeners, and to the rules that send something to the backends that the
    /// resource is about.
    pub(crate) fn by(resource: &Resource, ir: &Ir, routes: &Routes) -> Self {
        let listeners = ir.listeners.values();
        let listeners = listeners.filter(|listener| shows(listener, resource));
        let mut all = Self {
            listeners: listeners.map(|listener| listener.key.clone()).collect(),
            ..Self::default()
        };
        match resource.kind {
            Kind::Listener => {}
            Kind::RouteConfiguration | Kind::VirtualHost => {
                let about = resource.about.iter().cloned();
                (all.gateways, all.routes) = about.partition(|object| object.is(kinds::GATEWAY));
            }
            Kind::Secret => {
                let shown = ir.listeners.values();
                let shown = shown.filter(|listener| shows_backends(listener, resource));
                all.gateways.extend(shown.map(|one| gateway(&one.key)));
                let is_shown = !all.gateways.is_empty();
                all.send_to(resource, routes, |key| {
                    let backend = ir.backends.get(key);
                    backend.is_some_and(|backend| trusts(backend, resource, is_shown))
                });
            }
            Kind::Cluster => all.send_to(resource, routes, |key| is_of(key, &resource.name)),
            Kind::Endpoints => {
                // They are named after their cluster.
                let cluster = resource.name.rsplit_once('/');
                let cluster = cluster.map_or(&*resource.name, |(cluster, _)| cluster);
                all.send_to(resource, routes, |key| is_of(key, cluster));
            }
        }
        all
    }

    /// By what is sent to those of the backends that it is about for which `concerns` says so.
    fn send_to(
        &mut self,
        resource: &Resource,
        routes: &Routes,
        concerns: impl Fn(&BackendKey) -> bool,
    ) {
        for object in &resource.about {
            let users = routes.users_of(object);
            let users = users.filter(|(key, _)| concerns(key));
            let rules = users.flat_map(|(_, rules)| rules);
            self.routes.extend(rules.map(|rule| rule.route.clone()));
        }
    }
}

fn gateway(key: &ListenerKey) -> Arc<ObjectRef> {
    let (group, kind) = kinds::GATEWAY;
    Arc::new(ObjectRef::new(group, kind, &key.namespace, &key.gateway))
}

/// Whether a cluster of this name is the backend's.
fn is_of(backend: &BackendKey, cluster: &str) -> bool {
    let mut speeches = [Speech::Http1, Speech::Http2].iter();
    speeches.any(|speech| cluster_name(backend, *speech) == cluster)
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

/// Whether a secret is what a listener's Gateway shows to backends.
fn shows_backends(listener: &Listener, secret: &Resource) -> bool {
    let mut shown = listener.backend_certificate.iter();
    shown.any(|key| SecretKey::KeyPair(key.clone()).name() == *secret.name)
}

/// Whether a secret is what a backend is judged by, or what it is shown; `is_shown`: some backends are.
fn trusts(backend: &Backend, secret: &Resource, is_shown: bool) -> bool {
    let BackendTls::Verify(origination) = &backend.tls else {
        return false;
    };
    let is_authorities = match &origination.trust {
        Trust::System => false,
        Trust::Authorities(keys) => SecretKey::Authorities(keys.clone()).name() == *secret.name,
    };
    is_authorities || is_shown
}

#[cfg(test)]
mod tests;
