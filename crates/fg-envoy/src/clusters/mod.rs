//! Backends to clusters, and their endpoints.
//!
//! A cluster asks for its endpoints by a name that holds a hash of everything else in it. A cluster
//! that changes thus asks anew and is answered at once; Envoy would not ask again for a name that it
//! has already, and wait for an answer until it gives up.

mod cluster;
mod endpoints;
mod protocol;
mod tls;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fg_ir::{Backend, BackendKey, BackendKind, BackendTls, Change, CredentialKey, Ir, ListenerKey};
use fg_model::ObjectRef;

use crate::compiler::Output;
use crate::resource::Kind;
use crate::routes::{Routed, Routes, Speech, cluster_name};
use crate::secrets::Secrets;
use crate::settings::Settings;

/// The clusters that are used.
#[derive(Debug, Default)]
pub(crate) struct Clusters {
    /// What was made for each backend.
    made: BTreeMap<BackendKey, BTreeMap<Speech, Made>>,
    /// Backends that are called over TLS.
    secure: BTreeSet<BackendKey>,
    /// What Gateways show to backends.
    shown: BTreeMap<ListenerKey, Option<CredentialKey>>,
    certificate: Option<CredentialKey>,
}

/// One cluster.
#[derive(Debug)]
struct Made {
    name: Arc<str>,
    /// The name by which it asks for endpoints; `None` when they are part of it.
    service: Option<Arc<str>>,
}

impl Clusters {
    /// Follows a change.
    pub(crate) fn update(
        &mut self,
        settings: &Settings,
        ir: &Ir,
        change: &Change,
        routes: (&Routes, &Routed),
        secrets: &mut Secrets,
        output: &mut Output,
    ) {
        let (routes, routed) = routes;
        let mut touched: BTreeSet<BackendKey> = change.backends.keys().cloned().collect();
        touched.extend(routed.touched.iter().map(|(backend, _)| backend.clone()));
        if self.follow_certificate(change) {
            touched.extend(self.secure.iter().cloned());
        }
        for key in &touched {
            self.make(settings, ir, key, routes, secrets, output);
        }
        for key in change.endpoints.keys() {
            // Those above have them already.
            if !touched.contains(key) {
                self.give_endpoints(settings, ir, key, output);
            }
        }
    }

    /// Whether another certificate is shown to backends since the change.
    fn follow_certificate(&mut self, change: &Change) -> bool {
        for (key, listener) in &change.listeners {
            match listener {
                Some(listener) => {
                    let shown = listener.backend_certificate.clone();
                    self.shown.insert(key.clone(), shown);
                }
                None => drop(self.shown.remove(key)),
            }
        }
        if change.listeners.is_empty() {
            return false;
        }
        // A cluster is one for all listeners. Where one Envoy serves Gateways that show different
        // certificates, none may go out in the name of another Gateway, so none does.
        let mut all = self.shown.values();
        let first = all.next().cloned().flatten();
        let agreed = first.filter(|first| all.all(|other| other.as_ref() == Some(first)));
        std::mem::replace(&mut self.certificate, agreed) != self.certificate
    }

    /// Makes the clusters of a backend, or removes them.
    fn make(
        &mut self,
        settings: &Settings,
        ir: &Ir,
        key: &BackendKey,
        routes: &Routes,
        secrets: &mut Secrets,
        output: &mut Output,
    ) {
        let backend = ir.backends.get(key);
        let usable = backend.filter(|backend| !matches!(backend.tls, BackendTls::Broken(_)));
        let mut before = self.made.remove(key).unwrap_or_default();
        self.secure.remove(key);
        for speech in [Speech::Http1, Speech::Http2] {
            let before = before.remove(&speech);
            let used = usable.filter(|_| routes.uses(key, speech));
            let after =
                used.map(|backend| self.put(settings, ir, backend, speech, secrets, output));
            remove(before, after.as_ref(), secrets, output);
            if let Some(after) = after {
                self.made
                    .entry(key.clone())
                    .or_default()
                    .insert(speech, after);
            }
        }
        let is_secure = usable.is_some_and(|backend| backend.tls != BackendTls::Off);
        if is_secure && self.made.contains_key(key) {
            self.secure.insert(key.clone());
        }
    }

    /// Makes a cluster and its endpoints.
    fn put(
        &self,
        settings: &Settings,
        ir: &Ir,
        backend: &Arc<Backend>,
        speech: Speech,
        secrets: &mut Secrets,
        output: &mut Output,
    ) -> Made {
        let name: Arc<str> = cluster_name(&backend.key, speech).into();
        let about = about(backend);
        let origination = match &backend.tls {
            BackendTls::Verify(origination) => Some(tls::Origination::new(
                origination,
                self.certificate.as_ref(),
            )),
            BackendTls::Off | BackendTls::Broken(_) => None,
        };
        let mut cluster = cluster::cluster(settings, &name, backend, speech, origination.as_ref());
        let referred = origination.map_or_else(Vec::new, |tls| tls.secrets());
        secrets.refer((Kind::Cluster, name.clone()), referred, &about);
        let service: Option<Arc<str>> = match &backend.kind {
            BackendKind::Endpoints => Some(cluster::ask_for_endpoints(&mut cluster).into()),
            BackendKind::Static(hosts) => {
                cluster.load_assignment = Some(endpoints::hosts(settings, &name, hosts));
                None
            }
        };
        output.put(Kind::Cluster, &name, &cluster, about);
        let made = Made { name, service };
        put_endpoints(settings, ir, backend, &made, output);
        made
    }

    /// Says the endpoints of a backend, and nothing else of it.
    fn give_endpoints(&self, settings: &Settings, ir: &Ir, key: &BackendKey, output: &mut Output) {
        let (Some(made), Some(backend)) = (self.made.get(key), ir.backends.get(key)) else {
            return;
        };
        for made in made.values() {
            put_endpoints(settings, ir, backend, made, output);
        }
    }
}

fn put_endpoints(
    settings: &Settings,
    ir: &Ir,
    backend: &Backend,
    made: &Made,
    output: &mut Output,
) {
    let Some(service) = &made.service else {
        return;
    };
    let addresses = ir.endpoints.get(&backend.key);
    let addresses = addresses.map_or(&[][..], |endpoints| &endpoints.addresses);
    let message = endpoints::addresses(settings, service, addresses);
    output.put(Kind::Endpoints, service, &message, about(backend));
}

/// Removes what is there no more.
fn remove(before: Option<Made>, after: Option<&Made>, secrets: &mut Secrets, output: &mut Output) {
    let Some(before) = before else {
        return;
    };
    if after.is_none() {
        output.remove(Kind::Cluster, &before.name);
        secrets.refer((Kind::Cluster, before.name), Vec::new(), &[]);
    }
    if let Some(service) = before.service
        && after.is_none_or(|after| after.service.as_ref() != Some(&service))
    {
        output.remove(Kind::Endpoints, &service);
    }
}

/// Whose status says so when Envoy refuses a cluster.
fn about(backend: &Backend) -> Vec<Arc<ObjectRef>> {
    let mut about = vec![backend.origin.object.clone()];
    if let BackendTls::Verify(origination) = &backend.tls {
        about.push(origination.origin.object.clone());
    }
    about
}

#[cfg(test)]
mod tests;
