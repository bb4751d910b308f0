//! What each Gateway's data plane is sent: the IR itself for our own proxies, Envoy's resources for
//! Envoys.

use std::collections::BTreeMap;
use std::sync::Arc;

use fg_ads::message::Any;
use fg_ads::{ClientId, Rejection, Serial, Store};
use fg_control::cluster::authority::WHOLE;
use fg_control::fleet;
use fg_envoy::{Concerned, Fence, RouteShape, Settings};
use fg_ir::{Change, Ir, ListenerKey};
use fg_model::{ObjectRef, Plane};
use fg_status::GatewayKey;
use fg_wire::{CONFIGURATION_TYPE, Transaction, Views};

use super::steering::{gateway_object, scope_of};
use crate::envoy::Served;

/// All Gateways' data planes.
pub(crate) struct Planes {
    views: Views,
    store: Store,
    /// How resources for Envoys are made, but for the shape of routes.
    settings: Settings,
    envoys: BTreeMap<GatewayKey, Envoys>,
}

/// A connected Envoy.
#[derive(Clone, Copy)]
pub(crate) struct Client<'a> {
    pub(crate) gateway: &'a GatewayKey,
    /// What it is served.
    pub(crate) scope: &'a str,
    pub(crate) id: ClientId,
}

/// The Envoys of one Gateway.
struct Envoys {
    /// What those are sent that speak the delta protocol.
    delta: Served,
    /// What the others are sent; made when the first of them comes.
    whole: Option<Served>,
}

impl Planes {
    /// Of an empty configuration.
    pub(crate) fn new(store: Store, settings: Settings) -> Self {
        Self {
            views: Views::new(),
            store,
            settings,
            envoys: BTreeMap::new(),
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
        for (gateway, change) in self.views.update(ir, change) {
            // One that is gone keeps what it was until its last resource is.
            let is_envoy = plane(&gateway).map_or(self.envoys.contains_key(&gateway), |plane| {
                plane == Plane::Envoy
            });
            if self.turn(&gateway, is_envoy) {
                continue;
            }
            let view = self.views.of(&gateway);
            match self.envoys.get_mut(&gateway) {
                Some(envoys) => {
                    let nothing = Ir::default();
                    let view = view.unwrap_or(&nothing);
                    envoys.delta.update(view, &change);
                    if let Some(whole) = &mut envoys.whole {
                        whole.update(view, &change);
                    }
                }
                None => {
                    let sent = Transaction::new(&change);
                    self.store.apply(&scope_of(&gateway), transaction(sent));
                }
            }
        }
    }

    /// A Gateway is there, with this plane; its proxies may have nothing else to serve.
    pub(crate) fn exists(&mut self, gateway: &GatewayKey, plane: Plane) {
        if self.turn(gateway, plane == Plane::Envoy) {
            return;
        }
        let scope = scope_of(gateway);
        if self.store.serial(&scope) == 0 {
            self.store.apply(&scope, fg_ads::Transaction::new());
        }
    }

    /// A Gateway is gone: its proxies let go of everything and end by themselves.
    pub(crate) fn gone(&mut self, gateway: &GatewayKey) {
        let scope = scope_of(gateway);
        let whole = self.envoys.remove(gateway).and_then(|envoys| envoys.whole);
        self.store.replace(&scope, Vec::new());
        if whole.is_some() {
            self.store.replace(&format!("{scope}{WHOLE}"), Vec::new());
        }
    }

    /// Sees to it that a Gateway is served by that plane, and says whether it was not: then its scope
    /// has everything anew.
    fn turn(&mut self, gateway: &GatewayKey, is_envoy: bool) -> bool {
        if self.envoys.contains_key(gateway) == is_envoy {
            return false;
        }
        self.gone(gateway);
        let scope = scope_of(gateway);
        let nothing = Ir::default();
        let view = self.views.of(gateway).unwrap_or(&nothing);
        if is_envoy {
            let settings = self.settings.of(RouteShape::PerHost);
            let delta = Served::new(settings, self.store.clone(), &scope, view);
            let envoys = Envoys { delta, whole: None };
            self.envoys.insert(gateway.clone(), envoys);
        } else {
            let all = transaction(Transaction::snapshot(view));
            self.store.replace(&scope, all.upserts);
        }
        true
    }

    /// A client has connected to a scope: what it needs is made if nobody needed it before.
    pub(crate) fn connected(&mut self, gateway: &GatewayKey, scope: &str) {
        let Some(envoys) = self.envoys.get_mut(gateway) else {
            return;
        };
        if scope.ends_with(WHOLE) && envoys.whole.is_none() {
            let nothing = Ir::default();
            let view = self.views.of(gateway).unwrap_or(&nothing);
            let settings = self.settings.of(RouteShape::Whole);
            let whole = Served::new(settings, self.store.clone(), scope, view);
            envoys.whole = Some(whole);
        }
    }

    /// Whether Envoys serve a Gateway.
    pub(crate) fn is_envoy(&self, gateway: &GatewayKey) -> bool {
        self.envoys.contains_key(gateway)
    }

    /// An Envoy uses everything of its scope up to a serial, but for what it refused.
    pub(crate) fn confirmed(&mut self, client: Client<'_>, serial: Serial) {
        if let Some(served) = self.served(client.gateway, client.scope) {
            served.confirmed(client.id, serial);
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

    /// An Envoy is gone.
    pub(crate) fn disconnected(&mut self, client: Client<'_>) {
        if let Some(served) = self.served(client.gateway, client.scope) {
            served.gone(client.id);
        }
    }

    /// What an Envoy does not use, and the objects whose status says so.
    pub(crate) fn rejections(&self, client: Client<'_>) -> Vec<fleet::Rejection> {
        let Client { gateway, scope, id } = client;
        let Some(envoys) = self.envoys.get(gateway) else {
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
        let envoys = self.envoys.get_mut(gateway)?;
        if scope.ends_with(WHOLE) {
            envoys.whole.as_mut()
        } else {
            Some(&mut envoys.delta)
        }
    }
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
