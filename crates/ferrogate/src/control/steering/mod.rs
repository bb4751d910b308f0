//! The control plane's one thread of decisions: objects in; configuration, status and deployments
//! out; and what proxies say about it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fg_ads::{ClientId, Store};
use fg_api::Resource;
use fg_api::deployment::Wish;
use fg_api::report::{Report, Subject};
use fg_base::Text;
use fg_control::fleet::{Fleet, Moment};
use fg_control::{Control, Objects, Remarks, Step};
use fg_model::{Finding, FindingKind, ObjectRef, Severity, kinds};
use fg_sources::kube::Batch;
use fg_status::{Addresses, Document, GatewayKey, Verdicts, cluster_document};

mod heard;
#[cfg(test)]
mod tests;

use super::metrics::Timings;
use super::planes::Planes;
use super::pods::Pods;
use crate::folder::now;
use crate::parents::gateway_of_parent;
use crate::run::pages::Shared;

/// Where decisions go.
pub(crate) trait Outlet {
    /// The object with its status, `None` when it has none of ours any more.
    fn status(&mut self, object: &Arc<ObjectRef>, document: Option<&Document>);

    /// From now on, what was told is written, and proxies are served; or neither.
    fn act(&mut self, acts: bool);

    /// What is to be deployed for a Gateway, `None` when it is gone.
    fn deploy(&mut self, gateway: &Arc<ObjectRef>, wish: Option<Wish>);
}

/// The state of the thread.
pub(crate) struct Steering<O> {
    started: Instant,
    state: Shared,
    planes: Planes,
    store: Store,
    fleet: Fleet,
    pods: Pods,
    /// Resources that each proxy does not use.
    refusals: BTreeMap<ClientId, BTreeSet<Text>>,
    /// Words on Gateways whose objects could not be applied.
    failures: BTreeMap<GatewayKey, String>,
    /// Gateways whose proxies are somebody else's.
    elsewhere: BTreeSet<GatewayKey>,
    /// What is wrong with the version of the Gateway API's definitions.
    version: Option<Arc<Finding>>,
    /// What no policy could write for Envoy.
    unwritten: Vec<Arc<Finding>>,
    timings: Arc<Timings>,
    /// Whether the GatewayClasses could be read: else nobody can tell that a Gateway is not ours.
    knows_classes: bool,
    /// Whether this replica leads, whether it knows everything, and, with both, whether it acts.
    leads: bool,
    synced: bool,
    acts: bool,
    outlet: O,
}

impl<O: Outlet> Steering<O> {
    /// Knows nothing yet.
    pub(crate) fn new(
        state: Shared,
        store: Store,
        planes: Planes,
        timings: Arc<Timings>,
        outlet: O,
    ) -> Self {
        // Nothing is known yet that could have expired.
        state.lock().control.set_time(now());
        Self {
            started: Instant::now(),
            state,
            planes,
            store,
            fleet: Fleet::new(Duration::ZERO),
            pods: Pods::default(),
            refusals: BTreeMap::new(),
            failures: BTreeMap::new(),
            elsewhere: BTreeSet::new(),
            version: None,
            unwritten: Vec::new(),
            timings,
            knows_classes: false,
            leads: false,
            synced: false,
            acts: false,
            outlet,
        }
    }

    /// Takes changed objects: proxies are sent what follows from them before anything else is done.
    pub(crate) fn take(&mut self, batch: Batch) {
        let ready = self.pods.take(&batch.upserts, &batch.removed);
        let gateways = gateways_in(&batch.upserts);
        let version = self.version.clone();
        if let Some(findings) = &batch.findings {
            let mut all = findings.iter();
            self.knows_classes = !all.any(|finding| is_about_classes(finding));
            let mut all = findings.iter();
            let is_version =
                |finding: &&Arc<Finding>| finding.kind == FindingKind::UnsupportedVersion;
            self.version = all.find(is_version).cloned();
        }
        let state = self.state.clone();
        let mut state = state.lock();
        let begun = Instant::now();
        let step = state.control.step(Objects {
            upserts: batch.upserts,
            removed: batch.removed,
            findings: batch.findings,
        });
        self.timings.translated(batch.since, begun);
        self.send(&state.control, &step);
        self.timings.sent(batch.since);
        let reports = state.control.reports();
        let mut changed: BTreeSet<Arc<ObjectRef>> = BTreeSet::new();
        if self.version != version {
            let all = reports.keys();
            changed.extend(all.filter(|id| id.is(kinds::GATEWAY_CLASS)).cloned());
        }
        for id in gateways {
            // What was made for it while it was ours, perhaps before the start, goes.
            let is_foreign = !reports.contains_key(&id) && !step.deployments.contains_key(&id);
            if is_foreign && self.knows_classes {
                self.outlet.deploy(&id, None);
            }
        }
        for (gateway, wish) in step.deployments {
            if self.note_elsewhere(&gateway, wish.as_ref()) {
                changed.insert(gateway.clone());
            }
            self.outlet.deploy(&gateway, wish);
        }
        for (id, report) in &step.reports {
            self.follow(id, report.as_deref(), reports);
            changed.insert(id.clone());
        }
        for (namespace, name) in ready {
            for key in self.gateways_of_service(&namespace, &name, reports) {
                let moment = self.moment();
                self.fleet.set_ready(&key, self.pods.ready(&key), moment);
                changed.insert(gateway_object(&key));
            }
        }
        // A Gateway whose Service was there before it.
        for id in step.reports.keys() {
            if id.is(kinds::GATEWAY) {
                let key = GatewayKey::new(&id.namespace, &id.name);
                let moment = self.moment();
                self.fleet.set_ready(&key, self.pods.ready(&key), moment);
            }
        }
        self.count();
        changed.extend(self.fleet.changed(self.moment()));
        changed.extend(self.remark(&mut state.control, !step.reports.is_empty()));
        self.tell(&changed, state.control.reports());
        tracing::debug!(took = ?batch.since.elapsed(), "objects taken");
        state.generation += 1;
        drop(state);
        if batch.first {
            self.planes.knows_all();
            self.synced = true;
            self.begin();
        }
    }

    /// Notes whose proxies a Gateway has; says whether that is new.
    fn note_elsewhere(&mut self, gateway: &ObjectRef, wish: Option<&Wish>) -> bool {
        let key = GatewayKey::new(&gateway.namespace, &gateway.name);
        let is_elsewhere = match wish {
            Some(Wish::Elsewhere(_)) => true,
            // As it was: it says something that cannot be used.
            Some(Wish::Keep) => return false,
            Some(Wish::Deploy(_)) | None => false,
        };
        let is_new = if is_elsewhere {
            self.elsewhere.insert(key.clone())
        } else {
            self.elsewhere.remove(&key)
        };
        if is_new {
            let moment = self.moment();
            self.fleet.count_connected(&key, is_elsewhere, moment);
        }
        is_new
    }

    /// Takes the deployer's word: what cannot be applied for a Gateway, or that all is well.
    pub(crate) fn deployed(&mut self, gateway: GatewayKey, failure: Option<String>) {
        let before = match &failure {
            Some(words) => self.failures.insert(gateway.clone(), words.clone()),
            None => self.failures.remove(&gateway),
        };
        if before != failure {
            let state = self.state.clone();
            let state = state.lock();
            self.tell(&[gateway_object(&gateway)].into(), state.control.reports());
        }
    }

    /// Whether this replica leads has changed.
    pub(crate) fn lead(&mut self, leads: bool) {
        self.leads = leads;
        if leads {
            self.begin();
        } else {
            self.acts = false;
            self.outlet.act(false);
        }
    }

    /// Begins to act when it leads and knows everything: proxies come from now on, so that none is
    /// missed before it had time to, and everything is told before anything is written.
    fn begin(&mut self) {
        if !(self.leads && self.synced) || self.acts {
            return;
        }
        self.acts = true;
        self.fleet.expect(self.moment());
        let state = self.state.clone();
        let state = state.lock();
        let reports = state.control.reports();
        let all: BTreeSet<Arc<ObjectRef>> = reports.keys().cloned().collect();
        self.tell(&all, reports);
        drop(state);
        self.outlet.act(true);
    }

    /// Does what time alone asks for.
    pub(crate) fn settle(&mut self) {
        self.settle_at(self.moment());
    }

    /// As [`Self::settle`], at this moment.
    pub(super) fn settle_at(&mut self, now: Moment) {
        self.planes.settle(now);
        let changed = self.fleet.changed(now);
        if !changed.is_empty() {
            let state = self.state.clone();
            let state = state.lock();
            self.tell(&changed, state.control.reports());
        }
    }

    /// Looks at the clock: certificates may have expired.
    pub(crate) fn look_at_the_clock(&mut self) {
        let state = self.state.clone();
        let mut state = state.lock();
        let changed = state.control.set_time(now()).into_keys().collect();
        self.tell(&changed, state.control.reports());
    }

    /// How long until [`Self::settle`] has something to do.
    pub(crate) fn patience(&self) -> Duration {
        const MOST: Duration = Duration::from_secs(1);
        let deadline = self.fleet.next_deadline();
        deadline.map_or(MOST, |at| at.saturating_sub(self.moment()).min(MOST))
    }

    /// What decisions went to.
    pub(crate) fn into_outlet(self) -> O {
        self.outlet
    }

    fn moment(&self) -> Moment {
        self.started.elapsed()
    }

    /// Sends each Gateway's proxies its part of a change.
    fn send(&mut self, control: &Control, step: &Step) {
        let plane = |gateway: &GatewayKey| control.plane(gateway);
        self.planes.send(control.ir(), &step.change, plane);
        for (id, report) in &step.reports {
            if !id.is(kinds::GATEWAY) {
                continue;
            }
            let key = GatewayKey::new(&id.namespace, &id.name);
            match report.as_deref().map(|report| &report.subject) {
                Some(Subject::Gateway(report)) => self.planes.exists(&key, report.plane),
                _ => self.planes.gone(&key),
            }
        }
    }

    /// Notes what no policy could write for Envoy. Gives the objects about which that is new. `is_told`:
    /// there are new reports.
    fn remark(&mut self, control: &mut Control, is_told: bool) -> Vec<Arc<ObjectRef>> {
        let Some(now) = self.planes.unwritten(control, is_told) else {
            return Vec::new();
        };
        let before = std::mem::replace(&mut self.unwritten, now.clone());
        if before == now {
            return Vec::new();
        }
        // Both are sorted.
        let is_in = |all: &[Arc<Finding>], one: &Arc<Finding>| all.binary_search(one).is_ok();
        let news = before.iter().filter(|finding| !is_in(&now, finding));
        let news = news.chain(now.iter().filter(|finding| !is_in(&before, finding)));
        let about = news.map(|finding| finding.about.object.clone()).collect();
        control.remark(Remarks {
            findings: now,
            ..Remarks::default()
        });
        about
    }

    /// Notes which serial an object's generation needs on which Gateways.
    fn follow(
        &mut self,
        id: &Arc<ObjectRef>,
        report: Option<&Report>,
        reports: &BTreeMap<Arc<ObjectRef>, Arc<Report>>,
    ) {
        let moment = self.moment();
        let mut on = BTreeSet::new();
        if let Some(report) = report {
            on = gateways_of(report, reports);
            for key in &on {
                let serial = self.store.serial(&self.planes.scope(key));
                self.fleet.need(id, key, serial, moment);
            }
        }
        self.fleet.keep(id, &on);
        if report.is_none() && id.is(kinds::GATEWAY) {
            let key = GatewayKey::new(&id.namespace, &id.name);
            self.fleet.remove_gateway(&key);
            self.failures.remove(&key);
        }
    }

    /// The Gateways whose Service this is: one, as names are made.
    fn gateways_of_service(
        &self,
        namespace: &str,
        service: &str,
        reports: &BTreeMap<Arc<ObjectRef>, Arc<Report>>,
    ) -> Vec<GatewayKey> {
        // A short name is the Gateway's own; only that of a long one has to be searched for.
        let own = GatewayKey::new(namespace, service);
        if reports.contains_key(&*gateway_object(&own)) {
            return vec![own];
        }
        reports
            .keys()
            .filter(|id| id.is(kinds::GATEWAY) && &*id.namespace == namespace)
            .filter(|id| fg_deploy::name(&id.name) == service)
            .map(|id| GatewayKey::new(&id.namespace, &id.name))
            .collect()
    }

    /// Hands on the status of objects.
    fn tell(
        &mut self,
        objects: &BTreeSet<Arc<ObjectRef>>,
        reports: &BTreeMap<Arc<ObjectRef>, Arc<Report>>,
    ) {
        for id in objects {
            match reports.get(id) {
                // Whoever does not write hears no proxy, and has nothing to say.
                Some(_) if !self.acts => {}
                Some(report) => {
                    let mut told = fg_control::with_remarks(report, &self.unwritten);
                    if let (Subject::GatewayClass(_), Some(version)) =
                        (&report.subject, &self.version)
                    {
                        told.to_mut().findings.push(version.clone());
                    }
                    let document = cluster_document(&told, &self.verdicts(report, reports));
                    self.outlet.status(&report.object, Some(&document));
                }
                None => self.outlet.status(id, None),
            }
        }
    }

    /// What proxies and Services say about an object.
    fn verdicts(
        &self,
        report: &Report,
        reports: &BTreeMap<Arc<ObjectRef>, Arc<Report>>,
    ) -> Verdicts {
        let moment = self.moment();
        let mut verdicts = Verdicts::default();
        for key in gateways_of(report, reports) {
            let word = self.fleet.confirmation(&report.object, &key, moment);
            verdicts.confirmations.insert(key, word);
        }
        match &report.subject {
            Subject::Route(route) => {
                let parents = route.parents.iter();
                verdicts.parents = parents
                    .map(|parent| gateway_of_parent(parent, &report.object, reports))
                    .collect();
            }
            Subject::Gateway(gateway) => {
                let key = GatewayKey::new(&report.object.namespace, &report.object.name);
                verdicts.refused = self.fleet.refused_listeners(&key);
                verdicts.addresses = if self.elsewhere.contains(&key) {
                    Addresses::given(&gateway.addresses)
                } else {
                    Addresses::of(self.pods.addresses(&key), &gateway.addresses)
                };
                verdicts.remark = self.fleet.remark(&key);
                if let Some(words) = self.failures.get(&key) {
                    let pending = fg_status::Confirmation::Pending {
                        words: words.clone(),
                    };
                    verdicts.confirmations.insert(key, pending);
                    // That it has no address yet may follow from it.
                    verdicts.addresses.lack = None;
                }
            }
            Subject::ListenerSet(set) => {
                let key = GatewayKey::new(&set.gateway.0, &set.gateway.1);
                verdicts.refused = self.fleet.refused_listeners(&key);
            }
            Subject::GatewayClass(_) | Subject::Backend | Subject::Policy(_) => {}
        }
        verdicts
    }
}

/// The Gateways that have to serve an object.
fn gateways_of(
    report: &Report,
    reports: &BTreeMap<Arc<ObjectRef>, Arc<Report>>,
) -> BTreeSet<GatewayKey> {
    match &report.subject {
        Subject::Gateway(_) => [GatewayKey::new(
            &report.object.namespace,
            &report.object.name,
        )]
        .into(),
        Subject::ListenerSet(set) => [GatewayKey::new(&set.gateway.0, &set.gateway.1)].into(),
        Subject::Route(route) => {
            let parents = route.parents.iter();
            parents
                .filter_map(|parent| gateway_of_parent(parent, &report.object, reports))
                .collect()
        }
        Subject::GatewayClass(_) | Subject::Backend | Subject::Policy(_) => BTreeSet::new(),
    }
}

/// The Gateways among objects.
fn gateways_in(objects: &[Resource]) -> Vec<Arc<ObjectRef>> {
    let gateways = objects.iter().filter_map(|resource| match resource {
        Resource::Gateway(gateway) => Some(gateway.id.clone()),
        _ => None,
    });
    gateways.collect()
}

/// Whether the source cannot read GatewayClasses, or one of them: nobody knows whose its Gateways are.
fn is_about_classes(finding: &Finding) -> bool {
    let object = &finding.about.object;
    if object.is(kinds::GATEWAY_CLASS) {
        return finding.severity == Severity::Error && finding.kind.is_refusal();
    }
    let plural = object.name.split_once('.').map_or("", |split| split.0);
    finding.kind == FindingKind::SourceUnavailable
        && object.is(kinds::API_RESOURCE)
        && plural == "gatewayclasses"
}

pub(crate) fn gateway_object(key: &GatewayKey) -> Arc<ObjectRef> {
    let (group, kind) = kinds::GATEWAY;
    Arc::new(ObjectRef::new(group, kind, &key.namespace, &key.name))
}
