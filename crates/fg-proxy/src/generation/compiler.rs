//! Makes generations from changes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use fg_base::{Secret, Text};
use fg_exchange::Part;
use fg_ir::{Backend, BackendKey, BackendKind, BackendTls, Change, Endpoints};
use fg_router::Builder;

use super::rule::{CompiledRule, Maker};
use super::{Cluster, Generation};
use crate::tls::{Clients, Keys, Listeners, Servers};

/// Makes generations from changes; keeps what that takes.
pub(crate) struct Compiler {
    number: u64,
    workers: usize,
    session_secret: Secret<Vec<u8>>,
    builder: Builder<CompiledRule>,
    indexes: BTreeMap<BackendKey, usize>,
    clusters: Vec<Option<Arc<Cluster>>>,
    backends: BTreeMap<BackendKey, Arc<Backend>>,
    endpoints: BTreeMap<BackendKey, Arc<Endpoints>>,
    resolved: BTreeMap<Text, Vec<IpAddr>>,
    keys: Keys,
    listeners: Listeners,
    servers: Arc<Servers>,
    clients: Clients,
    extra: Vec<fn() -> Part>,
}

impl Compiler {
    pub(crate) fn new(workers: usize, session_secret: Secret<Vec<u8>>, serve_h2: bool) -> Self {
        Self {
            number: 0,
            workers,
            session_secret,
            builder: Builder::new(),
            indexes: BTreeMap::new(),
            clusters: Vec::new(),
            backends: BTreeMap::new(),
            endpoints: BTreeMap::new(),
            resolved: BTreeMap::new(),
            keys: Keys::new(),
            listeners: Listeners::new(serve_h2),
            servers: Arc::default(),
            clients: Clients::default(),
            extra: Vec::new(),
        }
    }

    /// Adds a part to every rule compiled from now on; for tests of the seams.
    pub(crate) fn add_part(&mut self, part: fn() -> Part) {
        self.extra.push(part);
    }

    /// Applies a change and gives the next generation.
    pub(crate) fn apply(&mut self, change: &Change) -> Arc<Generation> {
        for (key, backend) in &change.backends {
            put(&mut self.backends, key, backend.as_ref());
        }
        self.keys.apply(change);
        self.servers = self.listeners.apply(change, &self.keys);
        let secure_changed = self.clients.apply(change);
        for (key, endpoints) in &change.endpoints {
            put(&mut self.endpoints, key, endpoints.as_ref());
        }
        let mut touched: BTreeSet<BackendKey> = change
            .backends
            .keys()
            .chain(change.endpoints.keys())
            .cloned()
            .collect();
        if secure_changed {
            let secure = self
                .backends
                .values()
                .filter(|backend| backend.tls != BackendTls::Off);
            touched.extend(secure.map(|backend| backend.key.clone()));
        }
        for key in &touched {
            self.update_cluster(key);
        }
        let mut make = Maker {
            workers: self.workers,
            session_secret: &self.session_secret,
            indexes: &mut self.indexes,
            clusters: &mut self.clusters,
            extra: &self.extra,
        };
        self.builder.apply(change, &mut |rule| make.rule(rule));
        self.publish()
    }

    /// The names that have to be resolved.
    pub(crate) fn names(&mut self) -> Vec<Text> {
        let mut names: Vec<Text> = self
            .backends
            .values()
            .flat_map(|backend| static_names(backend))
            .collect();
        names.sort();
        names.dedup();
        self.resolved
            .retain(|name, _| names.binary_search(name).is_ok());
        names
    }

    /// Takes a new answer for a name; gives the next generation if something changed.
    pub(crate) fn resolve(
        &mut self,
        name: &Text,
        addresses: Vec<IpAddr>,
    ) -> Option<Arc<Generation>> {
        if self.resolved.get(name) == Some(&addresses) {
            return None;
        }
        self.resolved.insert(name.clone(), addresses);
        let users: Vec<BackendKey> = self
            .backends
            .values()
            .filter(|backend| static_names(backend).any(|used| used == *name))
            .map(|backend| backend.key.clone())
            .collect();
        for key in &users {
            self.update_cluster(key);
        }
        Some(self.publish())
    }

    fn publish(&mut self) -> Arc<Generation> {
        self.number += 1;
        Arc::new(Generation {
            number: self.number,
            router: self.builder.router().clone(),
            clusters: self.clusters.clone(),
            servers: self.servers.clone(),
        })
    }

    fn update_cluster(&mut self, key: &BackendKey) {
        let index = index_of(&mut self.indexes, &mut self.clusters, key);
        let cluster = self.backends.get(key).map(|backend| {
            let mut endpoints = match &backend.kind {
                BackendKind::Endpoints => self
                    .endpoints
                    .get(key)
                    .map(|endpoints| endpoints.addresses.clone())
                    .unwrap_or_default(),
                BackendKind::Static(hosts) => hosts
                    .iter()
                    .flat_map(|host| {
                        let addresses = match host.host.parse::<IpAddr>() {
                            Ok(address) => vec![address],
                            Err(_) => self.resolved.get(&host.host).cloned().unwrap_or_default(),
                        };
                        addresses
                            .into_iter()
                            .map(|address| SocketAddr::new(address, host.port))
                    })
                    .collect(),
            };
            // An IPv4 address in the clothes of IPv6 is the IPv4 address: for pools, and for what
            // may be connected to.
            for endpoint in &mut endpoints {
                endpoint.set_ip(endpoint.ip().to_canonical());
            }
            endpoints.sort_unstable();
            endpoints.dedup();
            let reason = |refusal: &fg_ir::Refusal| fg_router::reason(refusal.kind);
            let tls = self.clients.cluster(backend, &mut self.keys, reason);
            Arc::new(Cluster {
                endpoints,
                protocol: backend.protocol,
                tls,
            })
        });
        if cluster.is_none() {
            self.clients.forget(key);
        }
        if let Some(slot) = self.clusters.get_mut(index) {
            *slot = cluster;
        }
    }
}

/// The DNS names among the hosts of a static backend.
fn static_names(backend: &Backend) -> impl Iterator<Item = Text> {
    let hosts = match &backend.kind {
        BackendKind::Static(hosts) => hosts.as_slice(),
        BackendKind::Endpoints => &[],
    };
    hosts
        .iter()
        .filter(|host| host.host.parse::<IpAddr>().is_err())
        .map(|host| host.host.clone())
}

fn put<V>(map: &mut BTreeMap<BackendKey, Arc<V>>, key: &BackendKey, value: Option<&Arc<V>>) {
    match value {
        Some(value) => map.insert(key.clone(), value.clone()),
        None => map.remove(key),
    };
}

/// The index of a backend; a new one gets the next, for good.
pub(super) fn index_of(
    indexes: &mut BTreeMap<BackendKey, usize>,
    clusters: &mut Vec<Option<Arc<Cluster>>>,
    key: &BackendKey,
) -> usize {
    *indexes.entry(key.clone()).or_insert_with(|| {
        clusters.push(None);
        clusters.len() - 1
    })
}
