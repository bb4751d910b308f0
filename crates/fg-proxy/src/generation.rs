//! One generation of the configuration, compiled: what a request sees from start to end.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use fg_base::{Secret, Text};
use fg_exchange::body::BodyFilter;
use fg_exchange::{Filter, Part, Reason, Retries, Session, Setting, WaitingFilter};
use fg_ir::{
    Action, Backend, BackendKey, BackendKind, BackendProtocol, BackendTls, Change, Endpoints, Rule,
    Target,
};
use fg_policies::traffic;
use fg_router::{Builder, Router, SocketTable};
use fg_telemetry::{Series, SeriesSlots};
use smallvec::SmallVec;

use crate::serve::Sessions;
use crate::shared::SocketKey;
use crate::tls::{Clients, ClusterTls, Keys, Listeners, Servers};

/// A snapshot that workers serve.
pub(crate) struct Generation {
    /// Counts up with each change.
    pub(crate) number: u64,
    /// Sockets, hosts, rules.
    pub(crate) router: Arc<Router<CompiledRule>>,
    /// Backends by the index that compiled rules hold.
    pub(crate) clusters: Vec<Option<Arc<Cluster>>>,
    /// TLS of listeners.
    pub(crate) servers: Arc<Servers>,
}

impl Generation {
    /// The listeners of a socket, or, when that socket is gone, those that serve its address and
    /// port now. `local` gives the address.
    pub(crate) fn table(
        &self,
        (address, port): SocketKey,
        local: impl FnOnce() -> Option<IpAddr>,
    ) -> Option<&Arc<SocketTable<CompiledRule>>> {
        let router = &self.router;
        router.socket(address, port).or_else(|| {
            router
                .socket(Some(local()?), port)
                .or_else(|| router.socket(None, port))
        })
    }
}

/// A backend with its present endpoints.
pub(crate) struct Cluster {
    /// Where requests may go; empty is 503.
    pub(crate) endpoints: Vec<SocketAddr>,
    /// What it speaks.
    pub(crate) protocol: BackendProtocol,
    /// Whether and how it is called over TLS.
    pub(crate) tls: ClusterTls,
}

/// A rule with everything that does not depend on the request. What every request needs stands
/// first and together: requests that go to many different rules touch less memory.
#[repr(C)]
pub(crate) struct CompiledRule {
    pub(crate) chain: Policies,
    /// What keeps its clients at an endpoint.
    pub(crate) sessions: Option<Box<Sessions>>,
    /// How many listeners serve it.
    pub(crate) attachments: usize,
    pub(crate) action: CompiledAction,
    pub(crate) rule: Arc<Rule>,
    pub(crate) names: Box<Names>,
    /// Answers of the rule's own filters.
    pub(crate) series: SeriesBlock,
}

/// Names of a rule for metrics and logs.
pub(crate) struct Names {
    pub(crate) route: Text,
    pub(crate) rule: Text,
    /// By attachment.
    pub(crate) listeners: Vec<(Text, Text)>,
}

/// The chain of one place. Most places have no policy, and then it is one word: requests that go
/// to many different rules touch less memory.
pub(crate) struct Policies(Option<Box<Chain>>);

impl Deref for Policies {
    type Target = Chain;

    #[inline]
    fn deref(&self) -> &Chain {
        static NONE: Chain = Chain {
            filters: Vec::new(),
            waiting: Vec::new(),
            bodies: Vec::new(),
            request_timeout: None,
            backend_timeout: None,
            retries: None,
            mirrors: Vec::new(),
            session: None,
        };
        self.0.as_deref().unwrap_or(&NONE)
    }
}

impl From<Chain> for Policies {
    fn from(chain: Chain) -> Self {
        let is_empty = chain.filters.is_empty()
            && chain.waiting.is_empty()
            && chain.bodies.is_empty()
            && chain.request_timeout.is_none()
            && chain.backend_timeout.is_none()
            && chain.retries.is_none()
            && chain.mirrors.is_empty();
        Self((!is_empty).then(|| Box::new(chain)))
    }
}

/// What the policies of one place become.
#[derive(Default)]
pub(crate) struct Chain {
    pub(crate) filters: Vec<Box<dyn Filter>>,
    /// In the order of their places.
    pub(crate) waiting: Vec<CompiledWaiting>,
    pub(crate) bodies: Vec<Box<dyn BodyFilter>>,
    pub(crate) request_timeout: Option<Duration>,
    pub(crate) backend_timeout: Option<Duration>,
    pub(crate) retries: Option<Retries>,
    pub(crate) mirrors: Vec<CompiledMirror>,
    /// Until the rule has made its sessions of it.
    session: Option<Box<Session>>,
}

/// A filter that asks somebody before it decides.
pub(crate) struct CompiledWaiting {
    /// So many of the other filters come before it.
    pub(crate) at: usize,
    pub(crate) filter: Box<dyn WaitingFilter>,
    /// Index of the cluster that it asks.
    pub(crate) target: usize,
}

/// Who gets a copy of which part of the requests.
pub(crate) struct CompiledMirror {
    /// Index of its cluster.
    pub(crate) target: usize,
    /// So many requests of `denominator`.
    pub(crate) numerator: u32,
    pub(crate) denominator: u32,
}

/// What happens in the end.
pub(crate) enum CompiledAction {
    Refuse(Reason, SeriesBlock),
    Forward {
        total: u32,
        /// In place for the usual rule with one backend, so that a request touches less memory.
        backends: SmallVec<[CompiledBackend; 1]>,
    },
}

/// One backend of a rule. What every request needs stands first.
#[repr(C)]
pub(crate) struct CompiledBackend {
    /// Weights up to and with this one.
    pub(crate) cumulative: u32,
    pub(crate) target: Result<usize, Reason>,
    pub(crate) chain: Policies,
    pub(crate) series: SeriesBlock,
    pub(crate) name: Text,
}

/// Series of one backend, by attachment and worker.
pub(crate) struct SeriesBlock {
    slots: SeriesSlots,
    workers: usize,
}

impl SeriesBlock {
    fn new(attachments: usize, workers: usize) -> Self {
        Self {
            slots: SeriesSlots::new(attachments * workers),
            workers,
        }
    }

    /// The series of a worker and attachment; `make` is called the first time.
    #[inline]
    pub(crate) fn get(
        &self,
        attachment: usize,
        worker: usize,
        make: impl FnOnce() -> Arc<Series>,
    ) -> Option<&Series> {
        self.slots.get(attachment * self.workers + worker, make)
    }
}

impl Chain {
    /// `index` gives a backend's index.
    fn build(policies: &traffic::Set, mut index: impl FnMut(&BackendKey) -> usize) -> Self {
        let mut chain = Self::default();
        for (_, part) in policies.chain() {
            chain.add(part, &mut index);
        }
        chain
    }

    fn add(&mut self, part: Part, index: &mut impl FnMut(&BackendKey) -> usize) {
        match part {
            Part::Filter(filter) => self.filters.push(filter),
            Part::Waiting(filter) => self.waiting.push(CompiledWaiting {
                at: self.filters.len(),
                target: index(filter.backend()),
                filter,
            }),
            Part::Body(filter) => self.bodies.push(filter),
            Part::Session(session) => self.session = Some(session),
            Part::Settings(settings) => {
                for setting in settings {
                    self.set(setting, index);
                }
            }
        }
    }

    fn set(&mut self, setting: Setting, index: &mut impl FnMut(&BackendKey) -> usize) {
        match setting {
            Setting::Retries(retries) => self.retries = Some(retries),
            Setting::Mirrors(mirrors) => {
                self.mirrors
                    .extend(mirrors.iter().map(|mirror| CompiledMirror {
                        target: index(&mirror.backend),
                        numerator: mirror.numerator,
                        denominator: mirror.denominator,
                    }))
            }
            Setting::RequestTimeout(timeout) => self.request_timeout = timeout,
            Setting::BackendRequestTimeout(timeout) => self.backend_timeout = timeout,
        }
    }
}

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
fn index_of(
    indexes: &mut BTreeMap<BackendKey, usize>,
    clusters: &mut Vec<Option<Arc<Cluster>>>,
    key: &BackendKey,
) -> usize {
    *indexes.entry(key.clone()).or_insert_with(|| {
        clusters.push(None);
        clusters.len() - 1
    })
}

/// Compiles rules.
struct Maker<'a> {
    workers: usize,
    session_secret: &'a Secret<Vec<u8>>,
    indexes: &'a mut BTreeMap<BackendKey, usize>,
    clusters: &'a mut Vec<Option<Arc<Cluster>>>,
    extra: &'a [fn() -> Part],
}

impl Maker<'_> {
    fn rule(&mut self, rule: &Arc<Rule>) -> CompiledRule {
        let attachments = rule.attachments.len();
        let action = match &rule.action {
            Action::Refuse(refusal) => CompiledAction::Refuse(
                fg_router::reason(refusal.kind),
                SeriesBlock::new(attachments, self.workers),
            ),
            Action::Forward(backends) => {
                let mut total = 0u32;
                let backends = backends
                    .iter()
                    .map(|backend| {
                        total = total.saturating_add(backend.weight);
                        self.backend(backend, total, attachments)
                    })
                    .collect();
                CompiledAction::Forward { total, backends }
            }
        };
        let mut index = |key: &BackendKey| index_of(self.indexes, self.clusters, key);
        let mut chain = Chain::build(&rule.policies, &mut index);
        for part in self.extra {
            chain.add(part(), &mut index);
        }
        let names = Box::new(Names {
            route: format!("{}/{}", rule.key.route.namespace, rule.key.route.name).into(),
            rule: rule
                .name
                .clone()
                .unwrap_or_else(|| rule.key.rule.to_string().into()),
            listeners: rule
                .attachments
                .iter()
                .map(|at| {
                    let gateway = format!("{}/{}", at.listener.namespace, at.listener.gateway);
                    (gateway.into(), at.listener.section.clone())
                })
                .collect(),
        });
        let series = SeriesBlock::new(attachments, self.workers);
        let sessions = match (chain.session.take(), &action) {
            (Some(session), CompiledAction::Forward { backends, .. }) => {
                let secret = self.session_secret.expose();
                Some(Box::new(Sessions::new(*session, rule, backends, secret)))
            }
            _ => None,
        };
        CompiledRule {
            rule: rule.clone(),
            chain: chain.into(),
            sessions,
            action,
            attachments,
            names,
            series,
        }
    }

    fn backend(
        &mut self,
        backend: &fg_ir::RuleBackend,
        cumulative: u32,
        attachments: usize,
    ) -> CompiledBackend {
        let (target, name) = match &backend.target {
            Target::Backend(key) => (
                Ok(index_of(self.indexes, self.clusters, key)),
                key.to_string().into(),
            ),
            Target::Broken(refusal) => (Err(fg_router::reason(refusal.kind)), "".into()),
        };
        CompiledBackend {
            cumulative,
            target,
            name,
            chain: Chain::build(&backend.policies, |key| {
                index_of(self.indexes, self.clusters, key)
            })
            .into(),
            series: SeriesBlock::new(attachments, self.workers),
        }
    }
}
