//! The proxies of every Gateway, and what they have confirmed.
//!
//! Pure: time is handed in, as a [`Moment`]. Who runs it tells it of connections, acknowledgements,
//! rejections and ready pods, and which serial of the configuration an object's generation needs;
//! it says what may be said in the object's status.
//!
//! A serial counts the configurations sent to the proxies. An object is confirmed on a Gateway when
//! every ready pod behind it has acknowledged the object's serial or a later one. A pod stays
//! confirmed while its connection is broken: it still serves what it acknowledged.
//!
//! Cost: an acknowledgement touches only the objects that wait for it; those that are confirmed are
//! counted by their Gateway's lowest serial and touched by nothing.

mod gateway;
#[cfg(test)]
mod tests;
mod verdict;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use fg_base::Text;
use fg_ir::ListenerKey;
use fg_model::ObjectRef;
use fg_status::{Confirmation, GatewayKey};

use gateway::Gateway;

/// Time since the control plane started.
pub type Moment = Duration;

/// How long a status keeps its old condition while proxies have not confirmed.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Names one connection of a proxy; never used again.
pub type ClientId = u64;

/// A proxy that connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connected {
    /// Its connection.
    pub client: ClientId,
    /// The Gateway that it proved to serve.
    pub gateway: GatewayKey,
    /// Name of its pod.
    pub pod: Text,
    /// Address of its pod.
    pub address: IpAddr,
}

/// A pod that is a ready endpoint of a Gateway's Service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReadyPod {
    /// Its address. Its name is that of the proxy that connected with this address; until one has,
    /// messages name the address.
    pub address: IpAddr,
}

/// A resource that a proxy refused; it goes on with the last good version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The resource's name, such as `listener/shop/web/http`.
    pub resource: Text,
    /// Why, in the proxy's words.
    pub reason: String,
    /// The object that the resource came from; the rejection shows in its status. With `None`, or
    /// one of which nothing is needed, it shows on the Gateway, see [`Fleet::remark`].
    pub object: Option<Arc<ObjectRef>>,
    /// The listener, when the resource is one.
    pub listener: Option<ListenerKey>,
}

/// What can be said about an object on one Gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every ready proxy serves it.
    Confirmed {
        /// How many those are; never 0.
        proxies: u32,
    },
    /// Not every ready proxy has confirmed yet.
    Waiting {
        /// Since when.
        since: Moment,
        /// How many have.
        confirmed: u32,
        /// The pods that have not; never empty.
        missing: Vec<Text>,
    },
    /// No pod is ready.
    NoReadyProxy,
    /// A proxy refused a resource of it.
    Rejected {
        /// The proxy's pod.
        proxy: Text,
        /// The resource.
        resource: Text,
        /// Why.
        reason: String,
        /// How many more rejections of the object there are.
        more: usize,
    },
}

/// All proxies, and what is asked of them.
#[derive(Debug)]
pub struct Fleet {
    started: Moment,
    gateways: BTreeMap<GatewayKey, Gateway>,
    clients: BTreeMap<ClientId, GatewayKey>,
    /// On which Gateways an object has a need.
    objects: BTreeMap<Arc<ObjectRef>, BTreeSet<GatewayKey>>,
    changed: BTreeSet<Arc<ObjectRef>>,
}

impl Fleet {
    /// A fleet that knows no proxy, at the time of the control plane's start: until [`PATIENCE`]
    /// has passed nothing bad is said.
    pub fn new(started: Moment) -> Self {
        Self {
            started,
            gateways: BTreeMap::new(),
            clients: BTreeMap::new(),
            objects: BTreeMap::new(),
            changed: BTreeSet::new(),
        }
    }

    /// Proxies are expected from now on, as when this control plane takes the lead from another:
    /// they have [`PATIENCE`] to come.
    pub fn expect(&mut self, now: Moment) {
        self.started = now;
    }

    /// A proxy connected. What its pod had confirmed over an earlier connection counts no more: it
    /// may be another process.
    pub fn connected(&mut self, proxy: Connected, now: Moment) {
        self.clients.insert(proxy.client, proxy.gateway.clone());
        self.with(&proxy.gateway.clone(), now, |gateway| {
            gateway.connect(proxy, now);
        });
    }

    /// A connection ended.
    pub fn disconnected(&mut self, client: ClientId, now: Moment) {
        if let Some(key) = self.clients.remove(&client) {
            self.with(&key, now, |gateway| gateway.disconnect(client, now));
            self.drop_idle(&key);
        }
    }

    /// A proxy serves everything up to this serial, but for what it refused. An older serial than
    /// its last one is ignored.
    pub fn acknowledged(&mut self, client: ClientId, serial: u64, now: Moment) {
        let Some(key) = self.clients.get(&client).cloned() else {
            return;
        };
        self.with(&key, now, |gateway| gateway.acknowledge(client, serial));
    }

    /// A proxy refused resources, now or after it had taken them. To be told before the
    /// acknowledgement of the same response.
    pub fn rejected(&mut self, client: ClientId, rejections: Vec<Rejection>, now: Moment) {
        let Some(key) = self.clients.get(&client).cloned() else {
            return;
        };
        self.with(&key, now, |gateway| gateway.reject(client, rejections));
    }

    /// A proxy took these resources, or no longer has them: what it refused of them is past.
    ///
    /// Cost: nothing when it refuses nothing, see [`Self::refuses`].
    pub fn accepted<'a>(
        &mut self,
        client: ClientId,
        resources: impl IntoIterator<Item = &'a str>,
        now: Moment,
    ) {
        let Some(key) = self.clients.get(&client).cloned() else {
            return;
        };
        if self.refuses(client) {
            self.with(&key, now, |gateway| gateway.accept(client, resources));
        }
    }

    /// Whether a proxy refuses anything.
    pub fn refuses(&self, client: ClientId) -> bool {
        let gateway = self.clients.get(&client);
        gateway
            .and_then(|key| self.gateways.get(key))
            .is_some_and(|gateway| gateway.refuses(client))
    }

    /// The ready endpoints of a Gateway's Service, all of them.
    pub fn set_ready(
        &mut self,
        gateway: &GatewayKey,
        pods: impl IntoIterator<Item = ReadyPod>,
        now: Moment,
    ) {
        let pods: Vec<ReadyPod> = pods.into_iter().collect();
        self.with(gateway, now, |gateway| gateway.set_ready(pods, now));
        self.drop_idle(gateway);
    }

    /// Whether the proxies of a Gateway are somebody else's: no Service says which of them are ready,
    /// so that those count that are connected, or were within [`PATIENCE`].
    pub fn count_connected(&mut self, gateway: &GatewayKey, on: bool, now: Moment) {
        self.with(gateway, now, |gateway| gateway.count_connected(on, now));
        self.drop_idle(gateway);
    }

    /// An object, as it is now, is in the configuration of this Gateway as of this serial. If it
    /// changed nothing there, that is the serial of now.
    pub fn need(
        &mut self,
        object: &Arc<ObjectRef>,
        gateway: &GatewayKey,
        serial: u64,
        now: Moment,
    ) {
        let on = self.objects.entry(object.clone()).or_default();
        on.insert(gateway.clone());
        self.changed.insert(object.clone());
        self.gateways
            .entry(gateway.clone())
            .or_insert_with(|| Gateway::new(gateway))
            .need(object, serial, now);
    }

    /// An object is no longer served by these Gateways: it only has a need on the others of
    /// `keep`. With none, it is forgotten.
    pub fn keep(&mut self, object: &Arc<ObjectRef>, keep: &BTreeSet<GatewayKey>) {
        let Some(on) = self.objects.get_mut(object) else {
            return;
        };
        let gone: Vec<GatewayKey> = on.difference(keep).cloned().collect();
        for key in gone {
            on.remove(&key);
            if let Some(gateway) = self.gateways.get_mut(&key) {
                gateway.forget(object);
            }
        }
        if on.is_empty() {
            self.objects.remove(object);
        }
    }

    /// A Gateway is gone, with all that was asked of it and refused. Its proxies stay while they are
    /// connected or ready: one of the same name may come, and they serve that.
    pub fn remove_gateway(&mut self, key: &GatewayKey) {
        let Some(gateway) = self.gateways.get_mut(key) else {
            return;
        };
        for object in gateway.clear() {
            if let Some(on) = self.objects.get_mut(&object) {
                on.remove(key);
                if on.is_empty() {
                    self.objects.remove(&object);
                }
            }
            self.changed.insert(object);
        }
        self.drop_idle(key);
    }

    /// The objects whose confirmation may have changed since this was last asked, sorted; call it
    /// after every step and at every deadline.
    pub fn changed(&mut self, now: Moment) -> BTreeSet<Arc<ObjectRef>> {
        let in_grace = now < self.grace();
        for gateway in self.gateways.values_mut() {
            gateway.settle(now, in_grace, &mut self.changed);
        }
        std::mem::take(&mut self.changed)
    }

    /// When [`Self::changed`] should be called although nothing else happens.
    pub fn next_deadline(&self) -> Option<Moment> {
        let grace = self.grace();
        let deadlines = self.gateways.values().filter_map(Gateway::deadline);
        deadlines.min().map(|deadline| deadline.max(grace))
    }

    /// What can be said about an object on a Gateway; `None` when nothing was asked of it there.
    pub fn verdict(&self, object: &ObjectRef, gateway: &GatewayKey) -> Option<Verdict> {
        self.gateways.get(gateway)?.verdict(object)
    }

    /// What the status of an object may say about a Gateway now, by the rules of [`PATIENCE`].
    pub fn confirmation(
        &self,
        object: &ObjectRef,
        gateway: &GatewayKey,
        now: Moment,
    ) -> Confirmation {
        let verdict = self.verdict(object, gateway);
        verdict::confirmation(verdict, now, now < self.grace())
    }

    /// The listeners of a Gateway that proxies refuse, in words that name proxy and reason.
    pub fn refused_listeners(&self, gateway: &GatewayKey) -> BTreeMap<ListenerKey, String> {
        let gateway = self.gateways.get(gateway);
        gateway.map(Gateway::refused_listeners).unwrap_or_default()
    }

    /// What proxies of a Gateway refuse and what shows on no object, in words.
    pub fn remark(&self, gateway: &GatewayKey) -> Option<String> {
        self.gateways.get(gateway)?.remark()
    }

    fn grace(&self) -> Moment {
        self.started + PATIENCE
    }

    /// Forgets a Gateway of which nothing is asked and that has no proxies.
    fn drop_idle(&mut self, key: &GatewayKey) {
        if self.gateways.get(key).is_some_and(Gateway::is_idle) {
            self.gateways.remove(key);
        }
    }

    fn with(&mut self, key: &GatewayKey, now: Moment, step: impl FnOnce(&mut Gateway)) {
        let in_grace = now < self.grace();
        let gateway = self.gateways.entry(key.clone());
        let gateway = gateway.or_insert_with(|| Gateway::new(key));
        step(gateway);
        gateway.settle(now, in_grace, &mut self.changed);
    }
}
