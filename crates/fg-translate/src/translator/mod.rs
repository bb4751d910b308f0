//! The translator: all objects in, the IR, findings and reports out, step by step.
//!
//! Pure functions do the work (`gateways`, `routes`, `backends`); this module remembers what each
//! of them has read, and calls again only those whose reads have changed. The law, held by a
//! property test: whatever the history, the result equals that of a new translator which is given
//! the same objects at once.

mod findings;
mod memo;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fg_api::Resource;
use fg_api::report::{GatewayReport, ListenerReport, Report, RouteReport, Subject};
use fg_ir::{BackendKey, Change, Ir, ListenerKey, RuleKey};
use fg_model::{Finding, ObjectRef, kinds};

use crate::backends;
use crate::classes::{self, Served};
use crate::gateways::{self, Draft, Finished, Loss};
use crate::notes::Notes;
use crate::options::Options;
use crate::routes;
use crate::world::{Dirty, Read, World};
use findings::{Changed, Findings, Unit};
use memo::{Memo, Recorder};

/// What one step changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The change of the IR.
    pub change: Change,
    /// Reports that are new or changed; `None` for those that are gone.
    pub reports: BTreeMap<Arc<ObjectRef>, Option<Arc<Report>>>,
    /// Findings that were not there before, sorted.
    pub appeared: Vec<Arc<Finding>>,
    /// Findings that are no more, sorted.
    pub resolved: Vec<Arc<Finding>>,
    /// How many routes were translated in this step, changed or not.
    pub translated_routes: usize,
}

/// Translates objects into the IR, with work in proportion to what changes.
#[derive(Default)]
pub struct Translator {
    options: Options,
    world: World,
    gateways: BTreeMap<Arc<ObjectRef>, Gateway>,
    losses: BTreeMap<ListenerKey, Loss>,
    routes: BTreeMap<Arc<ObjectRef>, Route>,
    gateway_reads: Memo,
    route_reads: Memo,
    /// Routes that are accepted on a listener.
    attached: BTreeMap<ListenerKey, u32>,
    /// Routes that refer to a backend.
    referred: BTreeMap<BackendKey, u32>,
    findings: Findings,
    reports: BTreeMap<Arc<ObjectRef>, Arc<Report>>,
    ir: Ir,
}

/// A Gateway as it was last translated.
struct Gateway {
    draft: Draft,
    finished: Option<Finished>,
    findings: Vec<Arc<Finding>>,
}

/// What a route counts for elsewhere.
#[derive(Default)]
struct Route {
    attached: Vec<ListenerKey>,
    backends: Vec<BackendKey>,
}

/// One step under way.
#[derive(Default)]
struct Step {
    dirty: Dirty,
    outcome: Outcome,
    findings: Changed,
    /// Gateways whose report may have changed.
    gateways: BTreeSet<Arc<ObjectRef>>,
    /// Backends that are new or no more referred to, or whose object changed.
    backends: BTreeSet<BackendKey>,
    /// Backends whose endpoints may have changed.
    endpoints: BTreeSet<BackendKey>,
}

impl Translator {
    /// A translator without any objects.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            ..Self::default()
        }
    }

    /// Takes changed objects: first those that are gone, then those that are new or changed.
    ///
    /// Cost: in proportion to what changed and what reads it, not to the number of objects.
    pub fn apply(&mut self, upserts: &[Resource], removed: &[ObjectRef]) -> Outcome {
        let mut step = Step::default();
        for id in removed {
            self.world.remove(id, &mut step.dirty);
        }
        for resource in upserts {
            self.world.upsert(resource, &mut step.dirty);
        }
        self.translate_classes(&mut step);
        self.translate_gateways(&mut step);
        self.translate_routes(&mut step);
        self.translate_backends(&mut step);
        self.translate_endpoints(&mut step);
        for id in std::mem::take(&mut step.gateways) {
            self.report_gateway(&id, &mut step);
        }
        self.ir.apply(&step.outcome.change);
        let mut outcome = step.outcome;
        (outcome.appeared, outcome.resolved) = self.findings.news(step.findings);
        outcome
    }

    /// The whole IR as it is now.
    pub fn ir(&self) -> &Ir {
        &self.ir
    }

    /// All findings as they are now, sorted, each once.
    pub fn findings(&self) -> impl Iterator<Item = &Arc<Finding>> {
        self.findings.all()
    }

    /// All reports as they are now.
    pub fn reports(&self) -> &BTreeMap<Arc<ObjectRef>, Arc<Report>> {
        &self.reports
    }

    /// How many routes there are, served or not.
    pub fn routes(&self) -> usize {
        self.routes.len()
    }

    fn translate_classes(&mut self, step: &mut Step) {
        for name in std::mem::take(&mut step.dirty.classes) {
            let object = self.world.classes.get(&name);
            let id = match object {
                Some(class) => class.id.clone(),
                None => Arc::new(ObjectRef::new(
                    kinds::GATEWAY_CLASS.0,
                    kinds::GATEWAY_CLASS.1,
                    "",
                    &name,
                )),
            };
            let mut found = Vec::new();
            let mut generation = None;
            if let Some(class) = object {
                let mut notes = Notes::new(class.origin());
                classes::findings(class, &mut notes);
                notes.findings.sort();
                found = notes.findings;
                generation = (classes::judge(class).served != Served::Foreign)
                    .then_some(class.meta.generation);
            }
            let findings = self
                .findings
                .set(Unit::Object(id.clone()), found, &mut step.findings);
            let report = generation.map(|generation| Report {
                object: id.clone(),
                generation,
                subject: Subject::GatewayClass,
                findings,
            });
            set_report(&mut self.reports, &id, report, step);
        }
    }

    fn translate_gateways(&mut self, step: &mut Step) {
        let mut dirty = std::mem::take(&mut step.dirty.gateways);
        dirty.extend(self.gateway_reads.readers(&step.dirty.reads).cloned());
        if dirty.is_empty() {
            return;
        }
        let mut finish = BTreeSet::new();
        for id in dirty {
            let Some(gateway) = self.world.gateways.get(&id) else {
                self.gateway_reads.set(&id, Vec::new());
                self.forget_gateway(&id, step);
                continue;
            };
            let recorder = Recorder::new(&self.world);
            let draft = gateways::draft(gateway, &recorder);
            self.gateway_reads.set(&id, recorder.into_reads());
            let before = self.gateways.get_mut(&id);
            match before {
                Some(before) if before.draft == draft => {}
                Some(before) => before.draft = draft,
                None => {
                    let gateway = Gateway {
                        draft,
                        finished: None,
                        findings: Vec::new(),
                    };
                    self.gateways.insert(id.clone(), gateway);
                }
            }
            finish.insert(id);
        }
        let losses = gateways::across(
            self.gateways
                .values()
                .flat_map(|gateway| gateways::claims(&gateway.draft)),
        );
        let changed = self
            .losses
            .keys()
            .chain(losses.keys())
            .filter(|key| self.losses.get(key) != losses.get(key));
        finish.extend(changed.map(|key| {
            Arc::new(ObjectRef::new(
                kinds::GATEWAY.0,
                kinds::GATEWAY.1,
                &key.namespace,
                &key.gateway,
            ))
        }));
        self.losses = losses;
        for id in finish {
            self.finish_gateway(&id, step);
        }
    }

    fn forget_gateway(&mut self, id: &Arc<ObjectRef>, step: &mut Step) {
        let before = self
            .gateways
            .remove(id)
            .and_then(|gateway| gateway.finished);
        for listener in before.into_iter().flat_map(|finished| finished.listeners) {
            step.outcome.change.listeners.insert(listener.key, None);
        }
        self.findings
            .set(Unit::Object(id.clone()), Vec::new(), &mut step.findings);
        if self.world.set_view(id, None) {
            step.dirty
                .reads
                .insert(Read::Gateway(id.namespace.clone(), id.name.clone()));
        }
        step.gateways.insert(id.clone());
    }

    fn finish_gateway(&mut self, id: &Arc<ObjectRef>, step: &mut Step) {
        let (Some(gateway), Some(object)) =
            (self.gateways.get_mut(id), self.world.gateways.get(id))
        else {
            return;
        };
        let finished = gateways::finish(&gateway.draft, &object.origin(), |key| {
            self.losses.get(key).cloned()
        });
        gateway.findings = self.findings.set(
            Unit::Object(id.clone()),
            finished.findings.clone(),
            &mut step.findings,
        );
        let before = gateway.finished.take();
        for listener in before.into_iter().flat_map(|before| before.listeners) {
            step.outcome.change.listeners.insert(listener.key, None);
        }
        let changes = &mut step.outcome.change.listeners;
        for listener in &finished.listeners {
            changes.insert(listener.key.clone(), Some(Arc::new(listener.clone())));
        }
        let same: Vec<ListenerKey> = changes
            .iter()
            .filter(|(key, new)| new.as_ref() == self.ir.listeners.get(key))
            .map(|(key, _)| key.clone())
            .collect();
        for key in same {
            changes.remove(&key);
        }
        if self.world.set_view(id, Some(finished.view.clone())) {
            step.dirty
                .reads
                .insert(Read::Gateway(id.namespace.clone(), id.name.clone()));
        }
        gateway.finished = Some(finished);
        step.gateways.insert(id.clone());
    }

    fn report_gateway(&mut self, id: &Arc<ObjectRef>, step: &mut Step) {
        let report = self
            .gateways
            .get(id)
            .zip(self.world.gateways.get(id))
            .and_then(|(gateway, object)| {
                gateway.draft.controller.as_ref()?;
                let view = &gateway.finished.as_ref()?.view;
                let listeners =
                    gateway
                        .draft
                        .listeners
                        .iter()
                        .zip(&view.listeners)
                        .map(|(draft, view)| ListenerReport {
                            name: draft.key.section.clone(),
                            supported_kinds: draft.kinds.clone(),
                            attached_routes: self.attached.get(&draft.key).copied().unwrap_or(0),
                            served: view.served,
                        });
                Some(Report {
                    object: id.clone(),
                    generation: object.meta.generation,
                    subject: Subject::Gateway(GatewayReport {
                        addresses: gateway.draft.addresses.clone(),
                        listeners: listeners.collect(),
                    }),
                    findings: gateway.findings.clone(),
                })
            });
        set_report(&mut self.reports, id, report, step);
    }

    fn translate_routes(&mut self, step: &mut Step) {
        let mut dirty = std::mem::take(&mut step.dirty.routes);
        dirty.extend(self.route_reads.readers(&step.dirty.reads).cloned());
        for id in dirty {
            let (route, generation) = match self.world.routes.get(&id) {
                Some(object) => {
                    let recorder = Recorder::new(&self.world);
                    let route = routes::translate(object, &self.options, &recorder);
                    self.route_reads.set(&id, recorder.into_reads());
                    step.outcome.translated_routes += 1;
                    (route, Some(object.meta.generation))
                }
                None => {
                    self.route_reads.set(&id, Vec::new());
                    (routes::Route::default(), None)
                }
            };
            self.take_route(&id, route, generation, step);
        }
    }

    /// Takes a translated route, or the emptiness after one that is gone.
    fn take_route(
        &mut self,
        id: &Arc<ObjectRef>,
        route: routes::Route,
        generation: Option<i64>,
        step: &mut Step,
    ) {
        self.change_rules(id, route.rules, step);
        let before = match generation {
            Some(_) => self.routes.insert(
                id.clone(),
                Route {
                    attached: route.attached.clone(),
                    backends: route.backends.clone(),
                },
            ),
            None => self.routes.remove(id),
        }
        .unwrap_or_default();
        if before.attached != route.attached {
            count(&mut self.attached, &before.attached, &route.attached);
            for key in before.attached.iter().chain(&route.attached) {
                let gateway = ObjectRef::new(
                    kinds::GATEWAY.0,
                    kinds::GATEWAY.1,
                    &key.namespace,
                    &key.gateway,
                );
                step.gateways.insert(Arc::new(gateway));
            }
        }
        if before.backends != route.backends {
            count(&mut self.referred, &before.backends, &route.backends);
            for key in before.backends.into_iter().chain(route.backends) {
                step.endpoints.insert(key.clone());
                step.backends.insert(key);
            }
        }
        let findings =
            self.findings
                .set(Unit::Object(id.clone()), route.findings, &mut step.findings);
        let report = generation
            .filter(|_| !route.parents.is_empty())
            .map(|generation| Report {
                object: id.clone(),
                generation,
                subject: Subject::HttpRoute(RouteReport {
                    parents: route.parents,
                    broken_rules: route.broken_rules,
                }),
                findings,
            });
        set_report(&mut self.reports, id, report, step);
    }

    fn change_rules(&self, id: &Arc<ObjectRef>, rules: Vec<fg_ir::Rule>, step: &mut Step) {
        let change = &mut step.outcome.change.rules;
        let key = |rule| RuleKey {
            route: id.clone(),
            rule,
        };
        let count = u32::try_from(rules.len()).expect("rules of one object fit 32 bits");
        for rule in rules {
            if self
                .ir
                .rules
                .get(&rule.key)
                .is_none_or(|before| **before != rule)
            {
                change.insert(rule.key.clone(), Some(Arc::new(rule)));
            }
        }
        for (key, _) in self.ir.rules.range(key(count)..=key(u32::MAX)) {
            change.insert(key.clone(), None);
        }
    }

    fn translate_backends(&mut self, step: &mut Step) {
        for id in std::mem::take(&mut step.dirty.backends) {
            let mut found = Vec::new();
            let mut generation = None;
            if let Some(object) = self.world.backends.get(&id) {
                let mut notes = Notes::new(object.origin());
                backends::judge(object, &mut notes);
                found = notes.findings;
                generation = Some(object.meta.generation);
            }
            let findings = self
                .findings
                .set(Unit::Object(id.clone()), found, &mut step.findings);
            let report = generation.map(|generation| Report {
                object: id.clone(),
                generation,
                subject: Subject::Backend,
                findings,
            });
            set_report(&mut self.reports, &id, report, step);
        }
        let mut keys = std::mem::take(&mut step.backends);
        for object in std::mem::take(&mut step.dirty.targets) {
            keys.extend(self.keys_of(&object));
        }
        for key in keys {
            let new = self
                .referred
                .contains_key(&key)
                .then(|| backends::backend(&key, &self.world))
                .flatten()
                .map(Arc::new);
            if self.ir.backends.get(&key) != new.as_ref() {
                step.outcome.change.backends.insert(key, new);
            }
        }
    }

    fn translate_endpoints(&mut self, step: &mut Step) {
        let mut keys = std::mem::take(&mut step.endpoints);
        for object in std::mem::take(&mut step.dirty.endpoints) {
            keys.extend(self.keys_of(&object));
        }
        for key in keys {
            let found = (key.object.is(kinds::SERVICE) && self.referred.contains_key(&key))
                .then(|| backends::endpoints(&key, &self.world))
                .flatten();
            let (new, findings) = match found {
                Some((endpoints, findings)) => (Some(Arc::new(endpoints)), findings),
                None => (None, Vec::new()),
            };
            self.findings
                .set(Unit::Endpoints(key.clone()), findings, &mut step.findings);
            if self.ir.endpoints.get(&key) != new.as_ref() {
                step.outcome.change.endpoints.insert(key, new);
            }
        }
    }

    /// The backends of an object that some route refers to.
    fn keys_of(&self, object: &Arc<ObjectRef>) -> impl Iterator<Item = BackendKey> {
        let key = |port| BackendKey {
            object: object.clone(),
            port,
        };
        self.referred
            .range(key(0)..=key(u16::MAX))
            .map(|(key, _)| key.clone())
    }
}

/// Replaces what one unit counts for.
fn count<K: Ord + Clone>(counts: &mut BTreeMap<K, u32>, before: &[K], after: &[K]) {
    for key in after {
        *counts.entry(key.clone()).or_default() += 1;
    }
    for key in before {
        if let Some(count) = counts.get_mut(key) {
            *count -= 1;
            if *count == 0 {
                counts.remove(key);
            }
        }
    }
}

/// Replaces a report, and says so when it differs.
fn set_report(
    reports: &mut BTreeMap<Arc<ObjectRef>, Arc<Report>>,
    id: &Arc<ObjectRef>,
    report: Option<Report>,
    step: &mut Step,
) {
    let before = reports.get(id);
    if before.map(|before| &**before) == report.as_ref() {
        return;
    }
    let report = report.map(Arc::new);
    match &report {
        Some(report) => reports.insert(id.clone(), report.clone()),
        None => reports.remove(id),
    };
    step.outcome.reports.insert(id.clone(), report);
}
