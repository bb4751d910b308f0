//! What proxies say: that they come and go, what they use, and what they refuse.

use std::collections::BTreeSet;
use std::sync::Arc;

use fg_ads::{ClientId, Event, Rejection, Serial};
use fg_base::Text;
use fg_control::cluster::authority::{HOSTS, WHOLE};
use fg_control::fleet;
use fg_status::GatewayKey;
use fg_wire::Name;

use super::{Outlet, Steering, gateway_object};
use crate::control::planes::Client;

impl<O: Outlet> Steering<O> {
    /// Takes what a proxy says.
    pub(crate) fn hear(&mut self, event: Event) {
        let moment = self.moment();
        match event {
            Event::Connected {
                client,
                scope,
                node,
                peer,
                ..
            } => {
                let Some(gateway) = key_of(&scope) else {
                    return;
                };
                let of = Client {
                    gateway: &gateway,
                    scope: &scope,
                    id: client,
                };
                self.planes.connected(of);
                let text = |key: &str| node.text(key).unwrap_or_default();
                let claimed = text("address").parse().ok();
                let Some(address) = claimed.or(peer.map(|peer| peer.ip())) else {
                    return;
                };
                tracing::info!(gateway = %scope, pod = text("pod"), "a proxy connected");
                self.fleet.connected(
                    fleet::Connected {
                        client: client.0,
                        gateway,
                        pod: text("pod").into(),
                        address,
                    },
                    moment,
                );
            }
            Event::Acked {
                client,
                scope,
                type_url,
                serial,
                took,
            } => {
                self.timings.confirmed(took);
                // An Envoy's answer is about one type of several: it is asked when it has all.
                if self.planes.is_envoy(client) {
                    self.accepted_by_envoy(client, &scope, &type_url);
                } else {
                    self.refused(client, Vec::new());
                    self.planes.has(client, serial);
                }
            }
            Event::Rejected {
                client,
                scope,
                type_url,
                serial,
                took,
                resources,
                ..
            } => {
                self.timings.confirmed(took);
                if self.planes.is_envoy(client) {
                    self.refused_by_envoy(client, &scope, &type_url, &resources);
                } else {
                    self.refused(client, resources);
                    self.planes.has(client, serial);
                }
            }
            Event::Settled {
                client,
                scope,
                serial,
                unasked,
            } => self.settled(client, &scope, serial, &unasked),
            Event::Report {
                client, resources, ..
            } => self.refused(client, resources),
            Event::Disconnected {
                client,
                scope,
                reason,
            } => {
                tracing::info!(gateway = %scope, %client, reason, "a proxy disconnected");
                self.refusals.remove(&client);
                if let Some(gateway) = key_of(&scope) {
                    self.planes.disconnected(Client {
                        gateway: &gateway,
                        scope: &scope,
                        id: client,
                    });
                }
                self.fleet.disconnected(client.0, moment);
            }
        }
        self.count();
        self.settle();
    }

    /// Takes a proxy's word on all that it cannot use.
    fn refused(&mut self, client: ClientId, resources: Vec<Rejection>) {
        let rejections = resources.into_iter().map(rejection).collect();
        self.stand(client, rejections);
    }

    /// These are all the resources that a proxy does not use.
    fn stand(&mut self, client: ClientId, rejections: Vec<fleet::Rejection>) {
        let moment = self.moment();
        let now: BTreeSet<Text> = rejections.iter().map(|one| one.resource.clone()).collect();
        let before = if now.is_empty() {
            self.refusals.remove(&client)
        } else {
            self.refusals.insert(client, now.clone())
        };
        let before = before.unwrap_or_default();
        for one in rejections
            .iter()
            .filter(|one| !before.contains(&one.resource))
        {
            let (resource, reason) = (&one.resource, &one.reason);
            tracing::error!(%client, %resource, reason, "a proxy cannot use a part of what it was sent");
        }
        let mended = before.difference(&now).map(|name| &**name);
        self.fleet.accepted(client.0, mended, moment);
        if !rejections.is_empty() {
            self.fleet.rejected(client.0, rejections, moment);
        }
    }

    /// An Envoy uses everything of a type.
    fn accepted_by_envoy(&mut self, id: ClientId, scope: &str, type_url: &str) {
        let Some(gateway) = &key_of(scope) else {
            return;
        };
        let client = Client { gateway, scope, id };
        if self.planes.accepted(client, type_url) {
            let rejections = self.planes.rejections(client);
            self.stand(id, rejections);
        }
    }

    /// An Envoy refuses resources of a type: what no other uses is sent to all in its last good version.
    fn refused_by_envoy(
        &mut self,
        id: ClientId,
        scope: &str,
        type_url: &str,
        resources: &[Rejection],
    ) {
        let Some(gateway) = &key_of(scope) else {
            return;
        };
        let client = Client { gateway, scope, id };
        self.planes.refused(client, type_url, resources);
        let rejections = self.planes.rejections(client);
        self.stand(id, rejections);
    }

    /// An Envoy has answered all that there is for it.
    fn settled(
        &mut self,
        id: ClientId,
        scope: &str,
        serial: Serial,
        unasked: &[(Arc<str>, Arc<str>)],
    ) {
        let gateway = key_of(scope).filter(|_| self.planes.is_envoy(id));
        let Some(gateway) = &gateway else {
            return;
        };
        let client = Client { gateway, scope, id };
        self.planes.confirmed(client, serial, unasked);
        let rejections = self.planes.rejections(client);
        self.stand(id, rejections);
        self.planes.has(id, serial);
    }

    /// Counts proxies for what they have.
    pub(super) fn count(&mut self) {
        for (id, serial) in self.planes.recounted() {
            self.fleet.acknowledged(id.0, serial, self.moment());
        }
    }
}

fn key_of(scope: &str) -> Option<GatewayKey> {
    // No name has a plus.
    let gateway = scope.trim_end_matches(WHOLE).trim_end_matches(HOSTS);
    let (namespace, name) = gateway.split_once('/')?;
    Some(GatewayKey::new(namespace, name))
}

/// A refusal, and the object whose status it shows in.
fn rejection(refused: Rejection) -> fleet::Rejection {
    let (object, listener) = match refused.name.parse() {
        Ok(Name::Rule(key)) => (Some(key.route), None),
        Ok(Name::Listener(key)) => {
            let gateway = GatewayKey::new(&key.namespace, &key.gateway);
            (Some(gateway_object(&gateway)), Some(key))
        }
        _ => (None, None),
    };
    fleet::Rejection {
        resource: refused.name.into(),
        reason: refused.reason,
        object,
        listener,
    }
}
