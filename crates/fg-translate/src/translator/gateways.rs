//! The steps of classes and Gateways.

use std::collections::BTreeSet;
use std::sync::Arc;

use fg_api::deployment::Wish;
use fg_api::report::{GatewayReport, ListenerReport, Report, Subject};
use fg_ir::ListenerKey;
use fg_model::{ObjectRef, Plane, kinds};

use super::findings::Unit;
use super::memo::Recorder;
use super::{Gateway, Step, Translator, set_report};
use crate::classes::{self, Served};
use crate::gateways;
use crate::lookup::Lookup;
use crate::notes::Notes;
use crate::options::Ground;
use crate::parameters;
use crate::world::Read;

impl Translator {
    pub(super) fn translate_classes(&mut self, step: &mut Step) {
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
            let (mut generation, mut plane) = (None, Plane::Native);
            if let Some(class) = object {
                let mut notes = Notes::new(class.origin());
                classes::findings(class, self.options.ground, &self.world, &mut notes);
                notes.findings.sort();
                found = notes.findings;
                let served = classes::judge(class, &self.world).served;
                generation = (served != Served::Foreign).then_some(class.meta.generation);
                if served == Served::Envoy {
                    plane = Plane::Envoy;
                }
            }
            let findings = self
                .findings
                .set(Unit::Object(id.clone()), found, &mut step.findings);
            let report = generation.map(|generation| Report {
                object: id.clone(),
                generation,
                subject: Subject::GatewayClass(plane),
                findings,
            });
            set_report(&mut self.reports, &id, report, step);
        }
    }

    /// What is wrong with settings wherever they are referred to; where nothing is deployed, that
    /// does not matter.
    pub(super) fn translate_parameters(&mut self, step: &mut Step) {
        for id in std::mem::take(&mut step.dirty.parameters) {
            let mut found = Vec::new();
            if self.options.ground == Ground::Cluster
                && let Some(object) = self.world.parameters(&id.namespace, &id.name)
            {
                let mut notes = Notes::new(object.origin());
                parameters::findings(&object.spec, &mut notes);
                notes.findings.sort();
                found = notes.findings;
            }
            self.findings
                .set(Unit::Object(id.clone()), found, &mut step.findings);
        }
    }

    pub(super) fn translate_gateways(&mut self, step: &mut Step) {
        let mut dirty = std::mem::take(&mut step.dirty.gateways);
        dirty.extend(self.gateway_reads.readers(&step.dirty.reads).cloned());
        step.sets.append(&mut step.dirty.sets);
        if dirty.is_empty() {
            self.settle_sets(step);
            return;
        }
        let mut finish = BTreeSet::new();
        for id in dirty {
            let sets = self.world.listener_sets(&id.namespace, &id.name);
            step.sets.extend(sets.iter().map(|set| set.id.clone()));
            let Some(gateway) = self.world.gateways.get(&id) else {
                self.gateway_reads.set(&id, Vec::new());
                self.forget_gateway(&id, step);
                continue;
            };
            let recorder = Recorder::new(&self.world);
            let draft = gateways::draft(gateway, &self.options, &recorder);
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
                        sets: Vec::new(),
                    };
                    self.gateways.insert(id.clone(), gateway);
                }
            }
            finish.insert(id);
        }
        let ground = self.options.ground;
        let sharing = self.gateways.values().filter(|_| ground == Ground::Machine);
        let losses = gateways::across(sharing.flat_map(|gateway| gateways::claims(&gateway.draft)));
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
        self.settle_sets(step);
    }

    fn forget_gateway(&mut self, id: &Arc<ObjectRef>, step: &mut Step) {
        let before = self.gateways.remove(id).and_then(|gateway| {
            let sets = gateway.sets.into_iter();
            step.sets.extend(sets);
            gateway.finished
        });
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
        self.wish(id, None, step);
    }

    /// Replaces what a Gateway wants to be deployed, and says so when it differs.
    fn wish(&mut self, id: &Arc<ObjectRef>, wish: Option<Wish>, step: &mut Step) {
        if self.deployments.get(id) == wish.as_ref() {
            return;
        }
        match &wish {
            Some(wish) => self.deployments.insert(id.clone(), wish.clone()),
            None => self.deployments.remove(id),
        };
        step.outcome.deployments.insert(id.clone(), wish);
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
        let sets = gateway.draft.sets.iter();
        let sets: Vec<_> = sets.map(|set| set.origin.object.clone()).collect();
        step.sets.extend(sets.iter().cloned());
        step.sets.extend(std::mem::replace(&mut gateway.sets, sets));
        let before = gateway.finished.take();
        let controller = before.as_ref().map(|before| &before.view.controller);
        let other_controller = controller != Some(&finished.view.controller);
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
        let wish = gateway.draft.wish.clone();
        self.wish(id, wish, step);
        step.gateways.insert(id.clone());
        if other_controller {
            self.reached_by(id, step);
        }
    }

    /// What the status of listeners needs.
    pub(super) fn listener_reports(
        &self,
        drafts: &[gateways::ListenerDraft],
        view: &gateways::GatewayView,
    ) -> Vec<ListenerReport> {
        let report =
            |(draft, view): (&gateways::ListenerDraft, &gateways::ListenerView)| ListenerReport {
                name: draft.name.clone(),
                section: draft.key.section.clone(),
                supported_kinds: draft.kinds.clone(),
                attached_routes: self.attached.count(&draft.key),
                served: view.served,
                overlap: draft.overlap.clone(),
            };
        drafts.iter().zip(&view.listeners).map(report).collect()
    }

    pub(super) fn report_gateway(&mut self, id: &Arc<ObjectRef>, step: &mut Step) {
        if let Some(gateway) = self.gateways.get(id) {
            step.sets.extend(gateway.sets.iter().cloned());
        }
        let report = self
            .gateways
            .get(id)
            .zip(self.world.gateways.get(id))
            .and_then(|(gateway, object)| {
                gateway.draft.controller.as_ref()?;
                let finished = gateway.finished.as_ref()?;
                let view = &finished.view;
                let sets = finished.sets.iter().filter(|(view, _)| {
                    let mut listeners = view.listeners.iter();
                    listeners.any(|listener| listener.served)
                });
                let sets = u32::try_from(sets.count()).unwrap_or(u32::MAX);
                Some(Report {
                    object: id.clone(),
                    generation: object.meta.generation,
                    subject: Subject::Gateway(GatewayReport {
                        plane: gateway.draft.plane,
                        addresses: gateway.draft.requested.clone(),
                        insecure_fallback: gateway.draft.insecure_fallback,
                        attached_sets: gateway.draft.takes_sets.then_some(sets),
                        listeners: self.listener_reports(&gateway.draft.listeners, view),
                    }),
                    findings: gateway.findings.clone(),
                })
            });
        set_report(&mut self.reports, id, report, step);
    }
}
