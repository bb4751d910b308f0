//! The proxies that are connected, and by what they are counted.

use fg_ads::{ClientId, Serial};
use fg_control::cluster::authority::{HOSTS, WHOLE};
use fg_model::Plane;
use fg_status::GatewayKey;

use super::{Planes, hosts_scope, native_scope, whole_scope};

/// A connected proxy.
#[derive(Clone, Copy)]
pub(crate) struct Client<'a> {
    pub(crate) gateway: &'a GatewayKey,
    /// What it is served.
    pub(crate) scope: &'a str,
    pub(crate) id: ClientId,
}

/// What is known of a connected proxy.
pub(super) struct Known {
    pub(super) gateway: GatewayKey,
    pub(super) plane: Plane,
    /// Whether it is an Envoy that takes whole route configurations.
    pub(super) is_whole: bool,
    /// Up to where it has its own scope; 0 before it has said so.
    pub(super) serial: Serial,
    /// The serial of the counting scope that it was last counted for.
    pub(super) counted: Serial,
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

impl Planes {
    /// A client has its own scope up to a serial.
    pub(crate) fn has(&mut self, client: ClientId, serial: Serial) {
        if let Some(known) = self.clients.get_mut(&client) {
            known.serial = serial;
            self.heard.insert(client);
        }
    }

    /// The serials by which Gateways' objects are counted, of the clients for which they have changed.
    /// One that is served by another scope is counted while it lacks nothing of that: so it is also when
    /// only the counting scope has changed.
    ///
    /// Cost: in proportion to those that were heard since, and to those of another scope.
    pub(crate) fn recounted(&mut self) -> Vec<(ClientId, Serial)> {
        let heard = std::mem::take(&mut self.heard);
        let mut changed = Vec::new();
        for id in heard.union(&self.guests) {
            let Some(known) = self.clients.get(id) else {
                continue;
            };
            let serial = if !self.guests.contains(id) {
                known.serial
            } else if known.serial > 0 && known.serial == self.store.serial(&known.scope()) {
                self.store.serial(&self.scope(&known.gateway))
            } else {
                continue;
            };
            if serial > known.counted {
                changed.push((*id, serial));
            }
        }
        for (id, serial) in &changed {
            if let Some(known) = self.clients.get_mut(id) {
                known.counted = *serial;
            }
        }
        changed
    }

    /// Finds out anew by which scope the clients of a Gateway are counted.
    pub(super) fn welcome(&mut self, key: &GatewayKey) {
        let own = self.gateways.get(key).map(|gateway| gateway.plane);
        let own = own.unwrap_or(Plane::Native);
        for (id, known) in &self.clients {
            if known.gateway != *key {
                continue;
            }
            self.heard.insert(*id);
            if known.is_whole || known.plane != own {
                self.guests.insert(*id);
            } else {
                self.guests.remove(id);
            }
        }
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
        self.welcome(client.gateway);
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

    /// Whether a client is an Envoy.
    pub(crate) fn is_envoy(&self, client: ClientId) -> bool {
        let known = self.clients.get(&client);
        known.is_some_and(|known| known.plane == Plane::Envoy)
    }

    /// Whether a Gateway has proxies of another class than its own.
    pub(super) fn has_others(&self, key: &GatewayKey) -> bool {
        let own = self.gateways.get(key).map(|gateway| gateway.plane);
        let mut clients = self.clients.values();
        clients.any(|client| client.gateway == *key && Some(client.plane) != own)
    }

    /// A proxy is gone.
    pub(crate) fn disconnected(&mut self, client: Client<'_>) {
        if let Some(served) = self.served(client.gateway, client.scope) {
            served.gone(client.id);
        }
        self.clients.remove(&client.id);
        self.guests.remove(&client.id);
    }
}
