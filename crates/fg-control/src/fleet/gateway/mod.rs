//! The proxies of one Gateway, and what waits for them.

mod needs;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use fg_base::Text;
use fg_ir::ListenerKey;
use fg_model::{ObjectRef, kinds};
use fg_status::GatewayKey;

use super::verdict::refused;
use super::{ClientId, Connected, Moment, PATIENCE, ReadyPod, Rejection, Verdict};
use needs::Needs;

/// A pod that is connected, or that was and is still ready.
#[derive(Debug)]
struct Proxy {
    client: Option<ClientId>,
    /// When its connection ended, if it did.
    left: Option<Moment>,
    address: IpAddr,
    acknowledged: Option<u64>,
    connected_since: Moment,
    rejections: BTreeMap<Text, Rejection>,
}

/// What all ready pods have confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    /// No pod is ready.
    Nobody,
    /// Some ready pod has confirmed nothing.
    Nothing,
    /// Everything up to this serial.
    UpTo(u64),
}

impl Level {
    fn has(self, serial: u64) -> bool {
        self >= Self::UpTo(serial)
    }
}

/// One Gateway's proxies and needs.
#[derive(Debug)]
pub(super) struct Gateway {
    object: Arc<ObjectRef>,
    proxies: BTreeMap<Text, Proxy>,
    /// What the Service's endpoints said last.
    endpoints: Vec<ReadyPod>,
    /// Whether those are ready that are connected, or were within [`PATIENCE`], whatever endpoints
    /// there are.
    counts_connected: bool,
    /// Ready pods by name, or by address where no name is known; and since when they are ready.
    ready: BTreeMap<Text, Moment>,
    needs: Needs,
    /// Pod and resource of the rejections of each object; those of no object under the Gateway.
    refusals: BTreeMap<Arc<ObjectRef>, BTreeSet<(Text, Text)>>,
    /// The highest level that was told to confirmed objects and not taken back.
    told: Option<u64>,
    /// Whether those that wait were told that no pod is ready.
    told_nobody: bool,
    /// Objects about which there is news apart from levels.
    news: BTreeSet<Arc<ObjectRef>>,
}

impl Gateway {
    pub(super) fn new(key: &GatewayKey) -> Self {
        let (group, kind) = kinds::GATEWAY;
        Self {
            object: Arc::new(ObjectRef::new(group, kind, &key.namespace, &key.name)),
            proxies: BTreeMap::new(),
            endpoints: Vec::new(),
            counts_connected: false,
            ready: BTreeMap::new(),
            needs: Needs::default(),
            refusals: BTreeMap::new(),
            told: None,
            told_nobody: false,
            news: BTreeSet::new(),
        }
    }

    pub(super) fn connect(&mut self, proxy: Connected, now: Moment) {
        self.drop_proxy(&proxy.pod);
        let known = Proxy {
            client: Some(proxy.client),
            left: None,
            address: proxy.address,
            acknowledged: None,
            connected_since: now,
            rejections: BTreeMap::new(),
        };
        self.proxies.insert(proxy.pod, known);
        self.name_ready(now);
    }

    pub(super) fn disconnect(&mut self, client: ClientId, now: Moment) {
        if let Some(proxy) = self.of(client) {
            proxy.client = None;
            proxy.left = Some(now);
        }
        self.drop_gone();
    }

    pub(super) fn acknowledge(&mut self, client: ClientId, serial: u64) {
        if let Some(proxy) = self.of(client) {
            proxy.acknowledged = proxy.acknowledged.max(Some(serial));
        }
    }

    pub(super) fn reject(&mut self, client: ClientId, rejections: Vec<Rejection>) {
        let Some(pod) = self.pod_of(client) else {
            return;
        };
        for rejection in rejections {
            self.retract(&pod, &rejection.resource);
            let about = self.about(&rejection);
            let resource = rejection.resource.clone();
            let refused = self.refusals.entry(about.clone()).or_default();
            refused.insert((pod.clone(), resource.clone()));
            self.news.extend([about, self.object.clone()]);
            if let Some(proxy) = self.proxies.get_mut(&pod) {
                proxy.rejections.insert(resource, rejection);
            }
        }
    }

    pub(super) fn accept<'a>(
        &mut self,
        client: ClientId,
        resources: impl IntoIterator<Item = &'a str>,
    ) {
        if let Some(pod) = self.pod_of(client) {
            for resource in resources {
                self.retract(&pod, resource);
            }
        }
    }

    pub(super) fn refuses(&self, client: ClientId) -> bool {
        let mut proxies = self.proxies.values();
        proxies.any(|proxy| proxy.client == Some(client) && !proxy.rejections.is_empty())
    }

    pub(super) fn set_ready(&mut self, pods: Vec<ReadyPod>, now: Moment) {
        self.endpoints = pods;
        self.name_ready(now);
        self.drop_gone();
    }

    pub(super) fn count_connected(&mut self, on: bool, now: Moment) {
        self.counts_connected = on;
        self.name_ready(now);
        self.drop_gone();
    }

    pub(super) fn need(&mut self, object: &Arc<ObjectRef>, serial: u64, now: Moment) {
        let level = self.level();
        self.needs.set(object, serial, now);
        if !level.has(serial) {
            self.needs.wait(object, now);
        }
    }

    pub(super) fn forget(&mut self, object: &Arc<ObjectRef>) {
        self.needs.forget(object);
    }

    /// Nothing is asked any more, nor refused; gives the objects of which something was.
    pub(super) fn clear(&mut self) -> Vec<Arc<ObjectRef>> {
        let objects = self.needs.objects().cloned().collect();
        self.needs = Needs::default();
        self.refusals.clear();
        for proxy in self.proxies.values_mut() {
            proxy.rejections.clear();
        }
        self.told = None;
        objects
    }

    /// Whether nothing is asked, and nobody is there to be asked.
    pub(super) fn is_idle(&self) -> bool {
        let is_asked = !self.needs.is_empty() || self.counts_connected;
        !is_asked && self.proxies.is_empty() && self.endpoints.is_empty()
    }

    /// Adds to `changed` the objects about which something else may be said now.
    pub(super) fn settle(
        &mut self,
        now: Moment,
        in_grace: bool,
        changed: &mut BTreeSet<Arc<ObjectRef>>,
    ) {
        if self.departure().is_some_and(|due| due <= now) {
            self.name_ready(now);
            self.drop_gone();
        }
        changed.append(&mut self.news);
        let level = self.level();
        if let Level::UpTo(serial) = level {
            self.needs.confirm(serial, changed);
            self.told = self.told.max(Some(serial));
        }
        if in_grace {
            return;
        }
        if level == Level::Nobody {
            if !self.told_nobody {
                self.needs.take_back(None, now);
                changed.extend(self.needs.objects().cloned());
                self.told = None;
                self.told_nobody = true;
            }
            return;
        }
        if std::mem::take(&mut self.told_nobody) {
            self.needs.wait_again(now);
        }
        if self.fall().is_some_and(|due| due <= now) {
            let serial = match level {
                Level::UpTo(serial) => Some(serial),
                Level::Nobody | Level::Nothing => None,
            };
            self.needs.take_back(serial, now);
            self.told = serial;
        }
        while let Some(object) = self.needs.due(now) {
            let since = self.since(&object);
            self.needs.remind(&object, since, now);
            if since + PATIENCE <= now {
                changed.insert(object);
            }
        }
    }

    /// When [`Self::settle`] has something to say although nothing happens.
    pub(super) fn deadline(&self) -> Option<Moment> {
        if self.level() == Level::Nobody {
            let quiet = self.told_nobody || self.needs.is_empty();
            return (!quiet).then_some(Moment::ZERO);
        }
        let due = self.needs.deadline();
        let others = self.fall().into_iter().chain(self.departure());
        due.into_iter().chain(others).min()
    }

    pub(super) fn verdict(&self, object: &ObjectRef) -> Option<Verdict> {
        let serial = self.needs.serial(object)?;
        if *object != *self.object
            && let Some(rejected) = self.rejected(object)
        {
            return Some(rejected);
        }
        if self.ready.is_empty() {
            return Some(Verdict::NoReadyProxy);
        }
        let (mut confirmed, mut missing) = (0, Vec::new());
        for pod in self.ready.keys() {
            if self.has(pod, serial) {
                confirmed += 1;
            } else {
                missing.push(pod.clone());
            }
        }
        Some(if missing.is_empty() {
            Verdict::Confirmed { proxies: confirmed }
        } else {
            Verdict::Waiting {
                since: self.since(object),
                confirmed,
                missing,
            }
        })
    }

    pub(super) fn refused_listeners(&self) -> BTreeMap<ListenerKey, String> {
        let mut refused_ones = BTreeMap::new();
        for (pod, rejection) in self.rejections() {
            if let Some(listener) = &rejection.listener {
                let words = refused(pod, &rejection.resource, &rejection.reason, 0);
                refused_ones.entry(listener.clone()).or_insert(words);
            }
        }
        refused_ones
    }

    /// Rejections that show nowhere else, in words.
    pub(super) fn remark(&self) -> Option<String> {
        let mut others = self
            .refusals
            .iter()
            .filter(|(object, _)| **object == self.object || self.needs.serial(object).is_none())
            .flat_map(|(_, refused)| refused)
            .filter_map(|(pod, resource)| self.rejection(pod, resource).map(|found| (pod, found)))
            .filter(|(_, rejection)| rejection.listener.is_none());
        let (pod, first) = others.next()?;
        Some(refused(pod, &first.resource, &first.reason, others.count()))
    }

    fn of(&mut self, client: ClientId) -> Option<&mut Proxy> {
        let mut proxies = self.proxies.values_mut();
        proxies.find(|proxy| proxy.client == Some(client))
    }

    fn pod_of(&self, client: ClientId) -> Option<Text> {
        let mut proxies = self.proxies.iter();
        proxies
            .find(|(_, proxy)| proxy.client == Some(client))
            .map(|(pod, _)| pod.clone())
    }

    fn rejections(&self) -> impl Iterator<Item = (&Text, &Rejection)> {
        self.proxies.iter().flat_map(|(pod, proxy)| {
            let rejections = proxy.rejections.values();
            rejections.map(move |rejection| (pod, rejection))
        })
    }

    fn rejection(&self, pod: &Text, resource: &str) -> Option<&Rejection> {
        self.proxies.get(pod)?.rejections.get(resource)
    }

    fn rejected(&self, object: &ObjectRef) -> Option<Verdict> {
        let refused = self.refusals.get(object)?.iter();
        let mut refused = refused
            .filter_map(|(pod, resource)| self.rejection(pod, resource).map(|found| (pod, found)))
            .filter(|(_, rejection)| rejection.listener.is_none());
        let (proxy, first) = refused.next()?;
        Some(Verdict::Rejected {
            proxy: proxy.clone(),
            resource: first.resource.clone(),
            reason: first.reason.clone(),
            more: refused.count(),
        })
    }

    /// The object under which a rejection is kept.
    fn about(&self, rejection: &Rejection) -> Arc<ObjectRef> {
        rejection.object.as_ref().unwrap_or(&self.object).clone()
    }

    /// A rejection is past, if there was one.
    fn retract(&mut self, pod: &Text, resource: &str) {
        let proxy = self.proxies.get_mut(pod);
        let Some(rejection) = proxy.and_then(|proxy| proxy.rejections.remove(resource)) else {
            return;
        };
        let about = self.about(&rejection);
        if let Some(refused) = self.refusals.get_mut(&about) {
            refused.remove(&(pod.clone(), rejection.resource));
            if refused.is_empty() {
                self.refusals.remove(&about);
            }
        }
        self.news.extend([about, self.object.clone()]);
    }

    fn drop_proxy(&mut self, pod: &Text) {
        let Some(proxy) = self.proxies.get(pod) else {
            return;
        };
        let refused: Vec<Text> = proxy.rejections.keys().cloned().collect();
        for resource in refused {
            self.retract(pod, &resource);
        }
        self.proxies.remove(pod);
    }

    /// Forgets pods that are neither connected nor ready.
    fn drop_gone(&mut self) {
        let gone: Vec<Text> = self
            .proxies
            .iter()
            .filter(|(pod, proxy)| proxy.client.is_none() && !self.ready.contains_key(*pod))
            .map(|(pod, _)| pod.clone())
            .collect();
        for pod in gone {
            self.drop_proxy(&pod);
        }
    }

    /// Gives the endpoints' pods their names, and notes since when they are ready.
    fn name_ready(&mut self, now: Moment) {
        let mut before = std::mem::take(&mut self.ready);
        for name in self.ready_names(now) {
            let since = before.remove(&name).unwrap_or(now);
            self.ready.insert(name, since);
        }
        self.news.insert(self.object.clone());
    }

    fn ready_names(&self, now: Moment) -> Vec<Text> {
        if self.counts_connected {
            let here = |proxy: &Proxy| proxy.left.is_none_or(|left| now < left + PATIENCE);
            let proxies = self.proxies.iter().filter(|(_, proxy)| here(proxy));
            return proxies.map(|(pod, _)| pod.clone()).collect();
        }
        let name = |endpoint: &ReadyPod| {
            let mut proxies = self.proxies.iter();
            let known = proxies.find(|(_, proxy)| proxy.address == endpoint.address);
            let known = known.map(|(pod, _)| pod.clone());
            known.unwrap_or_else(|| endpoint.address.to_string().into())
        };
        self.endpoints.iter().map(name).collect()
    }

    /// When the next one stops to be ready because it stays away: each connection ends when its
    /// token expires, and a proxy that comes back at once was not missed.
    fn departure(&self) -> Option<Moment> {
        if !self.counts_connected {
            return None;
        }
        let ready = self.ready.keys().filter_map(|pod| self.proxies.get(pod));
        let left = ready.filter_map(|proxy| proxy.left).min()?;
        Some(left + PATIENCE)
    }

    fn level(&self) -> Level {
        let acknowledged = self.ready.keys().map(|pod| {
            let proxy = self.proxies.get(pod);
            proxy.and_then(|proxy| proxy.acknowledged)
        });
        match acknowledged.min() {
            None => Level::Nobody,
            Some(None) => Level::Nothing,
            Some(Some(serial)) => Level::UpTo(serial),
        }
    }

    fn has(&self, pod: &Text, serial: u64) -> bool {
        let proxy = self.proxies.get(pod);
        proxy.is_some_and(|proxy| proxy.acknowledged >= Some(serial))
    }

    /// Since when a ready pod owes confirmations: it is ready, and another process is not asked
    /// for what an earlier one failed to say.
    fn owes_since(&self, pod: &Text, ready: Moment) -> Moment {
        let proxy = self.proxies.get(pod);
        proxy.map_or(ready, |proxy| ready.max(proxy.connected_since))
    }

    /// Since when pods owe the confirmation of this serial.
    fn owed_since(&self, serial: u64) -> Option<Moment> {
        let pods = self.ready.iter().filter(|(pod, _)| !self.has(pod, serial));
        pods.map(|(pod, ready)| self.owes_since(pod, *ready)).min()
    }

    /// Since when an object waits.
    fn since(&self, object: &ObjectRef) -> Moment {
        let (serial, since) = self.needs.waits(object).unwrap_or_default();
        since.max(self.owed_since(serial).unwrap_or_default())
    }

    /// When the confirmation of what was confirmed has to be taken back.
    fn fall(&self) -> Option<Moment> {
        let told = self.told?;
        let since = self.owed_since(told)?;
        Some(since + PATIENCE)
    }
}
