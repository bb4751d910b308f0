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
use fg_ads::{ClientId, Rejection, Serial, Store};
use fg_control::Control;
use fg_control::cluster::authority::{HOSTS, WHOLE};
use fg_control::fleet::{self, Moment};
use fg_envoy::{Concerned, Fence, RouteShape, Settings};
use fg_ir::{Change, Ir, ListenerKey};
use fg_model::{Finding, ObjectRef, Plane};
use fg_status::GatewayKey;
use fg_wire::{CONFIGURATION_TYPE, Transaction, Views};

use super::steering::gateway_object;
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
    /// Those that may have proxies of a former class, and since when none is connected.
    leaving: BTreeMap<GatewayKey, Option<Moment>>,
    /// Those whose rules some policy could not be written for.
    unwritten: BTreeSet<GatewayKey>,
    /// Whether all is known that was there before us.
    knows_all: bool,
}

/// A connected proxy.
#[derive(Clone, Copy)]
pub(crate) struct Client<'a> {
    pub(crate) gateway: &'a GatewayKey,
    /// What it is served.
    pub(crate) scope: &'a str,
    pub(crate) id: ClientId,
}

/// What is known of a connected proxy.
struct Known {
    gateway: GatewayKey,
    plane: Plane,
    /// Whether it is an Envoy that takes whole route configurations.
    is_whole: bool,
    /// Up to where it has its own scope; 0 before it has said so.
    serial: Serial,
    /// The serial of the counting scope that it was last counted for.
    counted: Serial,
}

impl Known {
    fn scope(&self) -> String {
        match self.plane {
            Plane::Native => native_scope(&self.gateway),
            Plane::Envoy if self.is_whole => whole_scope(&self.gateway),
            Plane::Envoy => hosts_scope(&self.gateway),
        }
    }
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
            leaving: BTreeMap::new(),
            unwritten: BTreeSet::new(),
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
            self.note_unwritten(&key);
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
        self.unwritten.remove(key);
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

    /// A client has its own scope up to a serial.
    pub(crate) fn has(&mut self, client: ClientId, serial: Serial) {
        if let Some(known) = self.clients.get_mut(&client) {
            known.serial = serial;
        }
    }

    /// The serials by which Gateways' objects are counted, of the clients for which they have changed.
    /// One that is served by another scope is counted while it lacks nothing of that: so it is also when
    /// only the counting scope has changed.
    pub(crate) fn recounted(&mut self) -> Vec<(ClientId, Serial)> {
        let mut changed = Vec::new();
        let mut clients = std::mem::take(&mut self.clients);
        for (id, known) in &mut clients {
            let (scope, own) = (self.scope(&known.gateway), known.scope());
            let serial = if scope == own {
                known.serial
            } else if known.serial > 0 && known.serial == self.store.serial(&own) {
                self.store.serial(&scope)
            } else {
                continue;
            };
            if serial > known.counted {
                known.counted = serial;
                changed.push((*id, serial));
            }
        }
        self.clients = clients;
        changed
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

    /// A client has connected to a scope: what it needs is made if nobody needed it before.
    pub(crate) fn connected(&mut self, client: Client<'_>) {
        let is_whole = client.scope.ends_with(WHOLE);
        let plane = if is_whole || client.scope.ends_with(HOSTS) {
            Plane::Envoy
        } else {
            Plane::Native
        };
        let known = Known {
            gateway: client.gateway.clone(),
            plane,
            is_whole,
            serial: 0,
            counted: 0,
        };
        self.clients.insert(client.id, known);
        // One of a former class, which another control plane may have begun to serve.
        if self.make(client.gateway, plane).is_some() {
            self.leaving.insert(client.gateway.clone(), None);
        }
        if is_whole {
            self.make_whole(client.gateway);
        }
        if plane == Plane::Envoy
            && let Some(served) = self.served(client.gateway, client.scope)
        {
            served.connected(client.id);
        }
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

    /// Whether a client is an Envoy.
    pub(crate) fn is_envoy(&self, client: ClientId) -> bool {
        let known = self.clients.get(&client);
        known.is_some_and(|known| known.plane == Plane::Envoy)
    }

    /// Whether a Gateway has proxies of another class than its own.
    fn has_others(&self, key: &GatewayKey) -> bool {
        let own = self.gateways.get(key).map(|gateway| gateway.plane);
        let mut clients = self.clients.values();
        clients.any(|client| client.gateway == *key && Some(client.plane) != own)
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
                self.unwritten.remove(key);
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
        } else {
            self.unwritten.remove(key);
        }
    }

    /// What no policy could write for Envoy, as findings of the routes concerned, sorted.
    pub(crate) fn unwritten(&self, control: &Control) -> Vec<Arc<Finding>> {
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
        findings
    }

    /// An Envoy uses everything of its scope up to a serial, but for what it refused, and what it did not
    /// ask for.
    pub(crate) fn confirmed(
        &mut self,
        client: Client<'_>,
        serial: Serial,
        unasked: &[(Arc<str>, Arc<str>)],
    ) {
        if let Some(served) = self.served(client.gateway, client.scope) {
            served.confirmed(client.id, serial, unasked);
        }
    }

    /// An Envoy uses everything of a type. Says whether it refused something of it before.
    pub(crate) fn accepted(&mut self, client: Client<'_>, type_url: &str) -> bool {
        let served = self.served(client.gateway, client.scope);
        served.is_some_and(|served| served.accepted(client.id, type_url))
    }

    /// An Envoy refuses these resources of a type. What no other uses is sent to all in its last good
    /// version.
    pub(crate) fn refused(&mut self, client: Client<'_>, type_url: &str, refused: &[Rejection]) {
        if let Some(served) = self.served(client.gateway, client.scope) {
            served.refused(client.id, type_url, refused);
        }
    }

    /// A proxy is gone.
    pub(crate) fn disconnected(&mut self, client: Client<'_>) {
        if let Some(served) = self.served(client.gateway, client.scope) {
            served.gone(client.id);
        }
        self.clients.remove(&client.id);
    }

    /// What an Envoy does not use, and the objects whose status says so.
    pub(crate) fn rejections(&self, client: Client<'_>) -> Vec<fleet::Rejection> {
        let Client { gateway, scope, id } = client;
        let envoys = self.gateways.get(gateway);
        let Some(envoys) = envoys.and_then(|gateway| gateway.envoys.as_ref()) else {
            return Vec::new();
        };
        let served = match &envoys.whole {
            Some(whole) if scope.ends_with(WHOLE) => whole,
            _ => &envoys.delta,
        };
        let nothing = Ir::default();
        let view = self.views.of(gateway).unwrap_or(&nothing);
        let fences = served.fences_of(id);
        fences
            .into_iter()
            .flat_map(|fence| rejections(gateway, view, &fence))
            .collect()
    }

    fn served(&mut self, gateway: &GatewayKey, scope: &str) -> Option<&mut Served> {
        let envoys = self.gateways.get_mut(gateway)?.envoys.as_mut()?;
        if scope.ends_with(WHOLE) {
            envoys.whole.as_mut()
        } else {
            Some(&mut envoys.delta)
        }
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

/// A refused resource, once for each object whose status says so.
fn rejections(gateway: &GatewayKey, view: &Ir, fence: &Fence) -> Vec<fleet::Rejection> {
    let resource = &fence.resource;
    let name = format!("{:?} {}", resource.kind, resource.name);
    let end = fence.instead.words();
    let about = about(gateway, view, fence);
    let several = about.len() > 1;
    let rejection = |(object, listener): (Arc<ObjectRef>, Option<ListenerKey>)| {
        let resource = match &listener {
            Some(listener) if several => format!("{name} of {listener}"),
            None if several => format!("{name} of {object}"),
            _ => name.clone(),
        };
        fleet::Rejection {
            resource: resource.into(),
            reason: format!("{} ({end})", fence.reason),
            object: Some(object),
            listener,
        }
    };
    about.into_iter().map(rejection).collect()
}

/// The objects that a refused resource is about: those that have a status, with the listener where
/// it is one.
fn about(
    gateway: &GatewayKey,
    view: &Ir,
    fence: &Fence,
) -> Vec<(Arc<ObjectRef>, Option<ListenerKey>)> {
    let concerned = Concerned::by(&fence.resource, view);
    let own = gateway_object(gateway);
    let listeners = concerned.listeners.into_iter();
    let mut all: Vec<_> = listeners.map(|key| (own.clone(), Some(key))).collect();
    all.extend(concerned.routes.into_iter().map(|route| (route, None)));
    if all.is_empty() || !concerned.gateways.is_empty() {
        all.push((own, None));
    }
    all
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
