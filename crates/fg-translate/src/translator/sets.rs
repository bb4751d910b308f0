//! The steps of `ListenerSet`s: judged with the Gateway that they name, shown to routes and reported
//! by themselves.

use std::sync::Arc;

use fg_api::report::{ListenerSetReport, Report, Subject};
use fg_model::{FindingKind, ObjectRef, Plane};

use super::findings::Unit;
use super::{Gateway, Step, Translator, set_report};
use crate::gateways::{self, GatewayView, SetDraft};
use crate::notes::Notes;
use crate::world::Read;

impl Translator {
    /// Shows sets to routes, and tells what was found about them. Must come after the Gateways and
    /// before the routes.
    pub(super) fn settle_sets(&mut self, step: &mut Step) {
        for id in step.sets.clone() {
            let mut view = None;
            let mut found = Vec::new();
            if let Some(set) = self.world.sets.get(&id) {
                let parent = gateways::parent(set);
                match self.of_set(&id) {
                    Some((_, at, gateway)) => {
                        let finished = gateway.finished.as_ref();
                        if let Some((seen, findings)) =
                            finished.and_then(|finished| finished.sets.get(at))
                        {
                            view = Some(seen.clone());
                            found.clone_from(findings);
                        }
                    }
                    None if parent.is_none_or(|parent| !self.gateways.contains_key(&parent)) => {
                        let mut notes = Notes::new(set.origin());
                        notes.error(
                            "spec.parentRef",
                            FindingKind::NoMatchingParent,
                            format!("there is no Gateway `{}`", set.spec.parent_ref.name),
                        );
                        found = notes.findings;
                    }
                    None => {}
                }
                // Routes may refer to it all the same; it is nobody's of ours.
                view.get_or_insert_with(|| {
                    Arc::new(GatewayView {
                        controller: None,
                        plane: Plane::default(),
                        listeners: Vec::new(),
                    })
                });
            }
            self.findings
                .set(Unit::Object(id.clone()), found, &mut step.findings);
            if self.world.set_set_view(&id, view) {
                step.dirty
                    .reads
                    .insert(Read::ListenerSet(id.namespace.clone(), id.name.clone()));
            }
        }
    }

    /// Must come after the routes: it tells how many are attached.
    pub(super) fn report_sets(&mut self, step: &mut Step) {
        for id in std::mem::take(&mut step.sets) {
            let report = self.world.sets.get(&id).zip(self.of_set(&id)).and_then(
                |(set, (draft, at, gateway))| {
                    gateway.draft.controller.as_ref()?;
                    let (view, _) = gateway.finished.as_ref()?.sets.get(at)?;
                    let parent = gateways::parent(set)?;
                    Some(Report {
                        object: id.clone(),
                        generation: set.meta.generation,
                        subject: Subject::ListenerSet(ListenerSetReport {
                            gateway: (parent.namespace, parent.name),
                            parent_accepted: gateway.draft.accepted,
                            listeners: self.listener_reports(&draft.listeners, view),
                        }),
                        findings: self.findings.of(&Unit::Object(id.clone())),
                    })
                },
            );
            set_report(&mut self.reports, &id, report, step);
        }
    }

    /// A set in the Gateway that it names, if that is ours: its draft, and its place there.
    fn of_set(&self, id: &ObjectRef) -> Option<(&SetDraft, usize, &Gateway)> {
        let parent = gateways::parent(self.world.sets.get(id)?)?;
        let gateway = self.gateways.get(&parent)?;
        let mut sets = gateway.draft.sets.iter().enumerate();
        let (at, draft) = sets.find(|(_, set)| *set.origin.object == *id)?;
        Some((draft, at, gateway))
    }
}
