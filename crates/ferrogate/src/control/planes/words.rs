//! What Envoys use of what they are served, and what they refuse of it.

use std::sync::Arc;

use fg_ads::{Rejection, Serial};
use fg_control::cluster::authority::WHOLE;
use fg_control::fleet;
use fg_envoy::{Concerned, Fence};
use fg_ir::{Ir, ListenerKey};
use fg_model::ObjectRef;
use fg_status::GatewayKey;

use super::{Client, Planes};
use crate::control::steering::gateway_object;
use crate::envoy::Served;

impl Planes {
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
            .flat_map(|fence| rejections(gateway, &fence, served.concerned(&fence, view)))
            .collect()
    }

    pub(super) fn served(&mut self, gateway: &GatewayKey, scope: &str) -> Option<&mut Served> {
        let envoys = self.gateways.get_mut(gateway)?.envoys.as_mut()?;
        if scope.ends_with(WHOLE) {
            envoys.whole.as_mut()
        } else {
            Some(&mut envoys.delta)
        }
    }
}

/// A refused resource, once for each object whose status says so.
fn rejections(gateway: &GatewayKey, fence: &Fence, concerned: Concerned) -> Vec<fleet::Rejection> {
    let resource = &fence.resource;
    let name = format!("{:?} {}", resource.kind, resource.name);
    let end = fence.instead.words();
    let about = about(gateway, concerned);
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
fn about(gateway: &GatewayKey, concerned: Concerned) -> Vec<(Arc<ObjectRef>, Option<ListenerKey>)> {
    let own = gateway_object(gateway);
    let listeners = concerned.listeners.into_iter();
    let mut all: Vec<_> = listeners.map(|key| (own.clone(), Some(key))).collect();
    all.extend(concerned.routes.into_iter().map(|route| (route, None)));
    if all.is_empty() || !concerned.gateways.is_empty() {
        all.push((own, None));
    }
    all
}
