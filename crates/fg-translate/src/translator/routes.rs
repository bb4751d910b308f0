//! The step of routes.

use std::sync::Arc;

use fg_api::report::{Report, RouteReport, Subject};
use fg_ir::RuleKey;
use fg_model::{ObjectRef, kinds};

use super::findings::Unit;
use super::memo::Recorder;
use super::{Route, Step, Translator, count, policies, set_report};
use crate::routes;

impl Translator {
    pub(super) fn translate_routes(&mut self, step: &mut Step) {
        let mut dirty = std::mem::take(&mut step.dirty.routes);
        dirty.extend(self.route_reads.readers(&step.dirty.reads).cloned());
        for id in dirty {
            let (route, generation) = match self.world.routes.get(&id) {
                Some(object) => {
                    let recorder = Recorder::new(&self.world);
                    let route = routes::translate(object, &self.options, &recorder);
                    self.route_reads.set(&id, recorder.into_reads());
                    step.outcome.translated_routes += 1;
                    (route, Some(object.generation()))
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
        if before.attached != route.attached || before.backends != route.backends {
            let reached = policies::reach(&before.attached, &before.backends);
            count(
                &mut self.reach,
                &reached,
                &policies::reach(&route.attached, &route.backends),
            );
            let backends = before.backends.iter().chain(&route.backends).cloned();
            self.reached(backends, step);
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
                subject: Subject::Route(RouteReport {
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
}
