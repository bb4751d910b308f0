//! What each Gateway's data plane is sent: the IR itself for our own proxies, Envoy's resources for
//! Envoys.
//!
//! A Gateway whose class changes has proxies of both kinds for a while, since the old ones serve until
//! the new ones are ready. Both are served then, each kind in a scope of its own, which is made when the
//! class says so or when such a proxy connects, and forgotten when the class says otherwise and the last
//! is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use fg_ads::message::Any;
use fg_ads::{ClientId, Store};
use fg_control::Control;
use fg_control::cluster::authority::{HOSTS, WHOLE};
use fg_control::fleet::Moment;
use fg_envoy::{RouteShape, Settings};
use fg_ir::{Change, Ir};
use fg_model::{Finding, Plane};
use fg_status::GatewayKey;
use fg_wire::{CONFIGURATION_TYPE, Transaction, Views};

mod clients;
mod words;

pub(crate) use clients::Client;
use clients::Known;

use crate::envoy::{Served, unwritten};

/// How long proxies of a Gateway's former class may be away before nothing is kept for them. Longer
/// than a proxy needs to come back when its stream broke.
const AWAY: Duration = Duration::from_secs(60);

/// All Gateways' data planes.
pub(crate) struct Planes {
    views: Views,
    store: Store,
    /// How resources for Envoys are made, but for the shape of routes.
    settings: Settings,
    gateways: BTreeMap<GatewayKey, Gateway>,
    clients: BTreeMap<ClientId, Known>,
    /// Those of them that are counted by another scope than their own.
    guests: BTreeSet<ClientId>,
    /// Those that have said something since they were counted.
    heard: BTreeSet<ClientId>,
    /// Those that may have proxies of a former class, and since when none is connected.
    leaving: BTreeMap<GatewayKey, Option<Moment>>,
    /// Those whose rules some policy could not be written for.
    unwritten: BTreeSet<GatewayKey>,
    /// Whether what is said of that may be another since it was asked for.
    is_unsaid: bool,
    /// Whether all is known that was there before us.
    knows_all: bool,
}

/// What the proxies of one Gateway are served.
struct Gateway {
    /// Of its class.
    plane: Plane,
    /// Whether another control plane may have served its Envoys.
    is_old: bool,
    /// Whether its scope has the IR.
    native: bool,
    envoys: Option<Envoys>,
}

/// The Envoys of one Gateway.
struct Envoys {
    /// What those are sent that speak the delta protocol.
    delta: Served,
    /// What the others are sent; made when the first of them comes.
    whole: Option<Served>,
}

impl Gateway {
    fn serves(&self, plane: Plane) -> bool {
        match plane {
            Plane::Native => self.native,
            Plane::Envoy => self.envoys.is_some(),
        }
    }
}

impl Planes {
    /// Of an empty configuration.
    pub(crate) fn new(store: Store, settings: Settings) -> Self {
        Self {
            views: Views::new(),
            store,
            settings,
            gateways: BTreeMap::new(),
            clients: BTreeMap::new(),
            guests: BTreeSet::new(),
            heard: BTreeSet::new(),
            leaving: BTreeMap::new(),
            unwritten: BTreeSet::new(),
            is_unsaid: false,
            knows_all: false,
        }
    }

    /// Sends each Gateway's proxies its part of a change. `ir` is the whole configuration after it,
    /// `plane` says who serves a Gateway.
    pub(crate) fn send(
        &mut self,
        ir: &Ir,
        change: &Change,
        plane: impl Fn(&GatewayKey) -> Option<Plane>,
    ) {
        for (key, change) in self.views.update(ir, change) {
            // One that is gone keeps what it was until its last resource is.
            let known = self.gateways.get(&key).map(|gateway| gateway.plane);
            let Some(plane) = plane(&key).or(known) else {
                continue;
            };
            let made = self.turn(&key, plane);
            let Some(gateway) = self.gateways.get_mut(&key) else {
                continue;
            };
            let nothing = Ir::default();
            let view = self.views.of(&key).unwrap_or(&nothing);
            if let Some(envoys) = gateway
                .envoys
                .as_mut()
                .filter(|_| made != Some(Plane::Envoy))
            {
                envoys.delta.update(view, &change);
                if let Some(whole) = &mut envoys.whole {
                    whole.update(view, &change);
                }
            }
            if gateway.native && made != Some(Plane::Native) {
                let sent = Transaction::new(&change);
                self.store.apply(&native_scope(&key), transaction(sent));
            }
            let has_rules = !change.rules.is_empty() || !change.backends.is_empty();
            if has_rules || made.is_some() {
                self.note_unwritten(&key);
            }
        }
    }

    /// A Gateway is there, with this plane; its proxies may have nothing else to serve.
    pub(crate) fn exists(&mut self, gateway: &GatewayKey, plane: Plane) {
        if self.turn(gateway, plane).is_some() {
            self.note_unwritten(gateway);
        }
    }

    /// All is known that was there before: Gateways that come from now on are new.
    pub(crate) fn knows_all(&mut self) {
        self.knows_all = true;
    }

    /// A Gateway is gone: its proxies let go of everything and end by themselves.
    pub(crate) fn gone(&mut self, key: &GatewayKey) {
        self.gateways.remove(key);
        self.leaving.remove(key);
        self.is_unsaid |= self.unwritten.remove(key);
        for scope in [native_scope(key), hosts_scope(key), whole_scope(key)] {
            self.store.end(&scope);
        }
    }

    /// By the serials of which scope the objects of a Gateway are counted: that of its class.
    pub(crate) fn scope(&self, key: &GatewayKey) -> String {
        match self.gateways.get(key).map(|gateway| gateway.plane) {
            Some(Plane::Envoy) => hosts_scope(key),
            Some(Plane::Native) | None => native_scope(key),
        }
    }

    /// Sees to it that a Gateway is served by that plane, and gives it if it was not: then that plane's
    /// scope has everything. What is there for another plane stays: see [`Self::settle`].
    fn turn(&mut self, key: &GatewayKey, plane: Plane) -> Option<Plane> {
        let is_old = !self.knows_all;
        let gateway = self.gateways.entry(key.clone()).or_insert_with(|| Gateway {
            plane,
            is_old,
            native: false,
            envoys: None,
        });
        if gateway.plane != plane {
            gateway.plane = plane;
            // Its Envoys, if there are any, are those that we serve.
            gateway.is_old &= gateway.envoys.is_some();
            self.leaving.insert(key.clone(), None);
            self.is_unsaid |= self.unwritten.contains(key);
            self.welcome(key);
        }
        self.make(key, plane)
    }

    /// Makes what proxies of that plane need, and gives the plane if it was not there.
    fn make(&mut self, key: &GatewayKey, plane: Plane) -> Option<Plane> {
        let gateway = self.gateways.get_mut(key)?;
        if gateway.serves(plane) {
            return None;
        }
        let nothing = Ir::default();
        let view = self.views.of(key).unwrap_or(&nothing);
        match plane {
            Plane::Envoy => {
                let settings = self.settings.of(RouteShape::PerHost);
                let store = self.store.clone();
                let delta =
                    Served::beside(settings, store, &hosts_scope(key), view, gateway.is_old);
                gateway.envoys = Some(Envoys { delta, whole: None });
                let mut clients = self.clients.values();
                if clients.any(|client| client.is_whole && client.gateway == *key) {
                    self.make_whole(key);
                }
            }
            Plane::Native => {
                let all = transaction(Transaction::snapshot(view));
                self.store.apply(&native_scope(key), all);
                gateway.native = true;
            }
        }
        Some(plane)
    }

    /// Makes what those Envoys of a Gateway need that take whole route configurations.
    fn make_whole(&mut self, key: &GatewayKey) {
        let Some(gateway) = self.gateways.get_mut(key) else {
            return;
        };
        let is_old = gateway.is_old;
        if let Some(envoys) = gateway
            .envoys
            .as_mut()
            .filter(|envoys| envoys.whole.is_none())
        {
            let nothing = Ir::default();
            let view = self.views.of(key).unwrap_or(&nothing);
            let settings = self.settings.of(RouteShape::Whole);
            let (store, scope) = (self.store.clone(), whole_scope(key));
            envoys.whole = Some(Served::beside(settings, store, &scope, view, is_old));
        }
    }

    /// Does what time alone asks for: what was kept for proxies of a former class goes when they do.
    pub(crate) fn settle(&mut self, now: Moment) {
        for (key, since) in std::mem::take(&mut self.leaving) {
            if self.has_others(&key) {
                self.leaving.insert(key, None);
                continue;
            }
            let since = since.unwrap_or(now);
            if since + AWAY > now {
                self.leaving.insert(key, Some(since));
            } else if !self.leave(&key) {
                self.leaving.insert(key, None);
            }
        }
    }

    /// Lets go of what is there for another plane than that of the class. `false` when somebody has come
    /// for it.
    fn leave(&mut self, key: &GatewayKey) -> bool {
        let Some(gateway) = self.gateways.get_mut(key) else {
            return true;
        };
        match gateway.plane {
            Plane::Native => {
                let scopes = [hosts_scope(key), whole_scope(key)];
                if !self.store.forget(&scopes) {
                    return false;
                }
                gateway.envoys = None;
                // Those that come back find what we have served last.
                gateway.is_old = true;
                self.is_unsaid |= self.unwritten.remove(key);
            }
            Plane::Envoy => {
                if !self.store.forget(&[native_scope(key)]) {
                    return false;
                }
                gateway.native = false;
            }
        }
        true
    }

    fn note_unwritten(&mut self, key: &GatewayKey) {
        let gateway = self.gateways.get(key);
        let envoys = gateway.and_then(|gateway| gateway.envoys.as_ref());
        if envoys.is_some_and(|envoys| !envoys.delta.refusals().is_empty()) {
            self.unwritten.insert(key.clone());
            self.is_unsaid = true;
        } else {
            self.is_unsaid |= self.unwritten.remove(key);
        }
    }

    /// What no policy could write for Envoy, as findings of the routes concerned, sorted; `None` when that
    /// is the same as the last time. `is_told`: there are new reports.
    pub(crate) fn unwritten(
        &mut self,
        control: &Control,
        is_told: bool,
    ) -> Option<Vec<Arc<Finding>>> {
        let is_unsaid = std::mem::take(&mut self.is_unsaid);
        if !is_unsaid && (!is_told || self.unwritten.is_empty()) {
            return None;
        }
        let mut findings = Vec::new();
        for key in &self.unwritten {
            let gateway = self.gateways.get(key);
            let envoys = gateway.filter(|gateway| gateway.plane == Plane::Envoy);
            let envoys = envoys.and_then(|gateway| gateway.envoys.as_ref());
            if let Some((envoys, view)) = envoys.zip(self.views.of(key)) {
                let refusals = envoys.delta.refusals();
                findings.extend(unwritten(refusals, control, view, |one| one == key));
            }
        }
        findings.sort_unstable();
        Some(findings)
    }
}

/// What our own proxies of a Gateway are served.
fn native_scope(key: &GatewayKey) -> String {
    format!("{}/{}", key.namespace, key.name)
}

/// What its Envoys are served.
fn hosts_scope(key: &GatewayKey) -> String {
    format!("{}{HOSTS}", native_scope(key))
}

/// What those of them are served that take whole route configurations.
fn whole_scope(key: &GatewayKey) -> String {
    format!("{}{WHOLE}", native_scope(key))
}

fn transaction(sent: Transaction) -> fg_ads::Transaction {
    let mut transaction = fg_ads::Transaction::new();
    let kind: Arc<str> = CONFIGURATION_TYPE.into();
    for one in sent.upserts {
        let body = Any {
            type_url: one.type_url.to_owned(),
            value: one.value,
        };
        transaction.upsert(kind.clone(), one.name, one.version, body);
    }
    for name in sent.removed {
        transaction.remove(kind.clone(), name);
    }
    transaction
}

#[cfg(test)]
mod tests;
