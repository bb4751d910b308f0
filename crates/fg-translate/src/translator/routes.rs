//! The step of routes.

use std::sync::Arc;

use fg_api::report::{Report, RouteReport, Subject};
use fg_ir::{ListenerKey, RuleKey};
use fg_model::{ObjectRef, kinds};

use super::findings::Unit;
use super::memo::Recorder;
use super::{Route, Step, Translator, policies, set_report};
use crate::routes;

impl Translator {
    pub(super) fn translate_routes(&mut self, step: &mut Step) {
        let mut dirty = std::mem::take(&mut step.dirty.routes);
        dirty.extend(self.route_reads.readers(&step.dirty.reads).cloned());
        for id in dirty {
            self.translate_route(&id, step);
        }
        // What a route wants does not depend on what it gets, so that a second time is enough.
        for id in self.settle(std::mem::take(&mut step.contested)) {
            self.translate_route(&id, step);
        }
    }

    fn translate_route(&mut self, id: &Arc<ObjectRef>, step: &mut Step) {
        let (route, meta) = match self.world.routes.get(id) {
            Some(object) => {
                let recorder = Recorder::new(&self.world);
                let in_the_way = |listener: &ListenerKey| self.claimants.in_the_way(listener, id);
                let route = routes::translate(object, &self.options, &recorder, &in_the_way);
                self.route_reads.set(id, recorder.into_reads());
                step.outcome.translated_routes += 1;
                (route, Some((object.generation(), object.age().created)))
            }
            None => {
                self.route_reads.set(id, Vec::new());
                (routes::Route::default(), None)
            }
        };
        self.take_route(id, route, meta, step);
    }

    /// Takes a translated route with its generation and time of creation, or the emptiness after one
    /// that is gone.
    fn take_route(
        &mut self,
        id: &Arc<ObjectRef>,
        route: routes::Route,
        meta: Option<(i64, i64)>,
        step: &mut Step,
    ) {
        self.change_rules(id, route.rules, step);
        let before = match meta {
            Some((_, created)) => self.routes.insert(
                id.clone(),
                Route {
                    attached: route.attached.clone(),
                    backends: route.backends.clone(),
                    claims: route.claims.clone(),
                    created,
                },
            ),
            None => self.routes.remove(id),
        }
        .unwrap_or_default();
        let created = meta.map_or(before.created, |(_, created)| created);
        if before.claims != route.claims || before.created != created {
            let touched = self.claimants.replace(id, &before.claims, &route.claims);
            step.contested.extend(touched);
        }
        if before.attached != route.attached {
            self.attached.replace(&before.attached, &route.attached);
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
            let reaches = policies::reach(&route.attached, &route.backends);
            self.reach.replace(&reached, &reaches);
            let backends = before.backends.iter().chain(&route.backends).cloned();
            self.reached(backends, step);
        }
        if before.backends != route.backends {
            self.referred.replace(&before.backends, &route.backends);
            for key in before.backends.into_iter().chain(route.backends) {
                step.endpoints.insert(key.clone());
                step.backends.insert(key);
            }
        }
        let findings =
            self.findings
                .set(Unit::Object(id.clone()), route.findings, &mut step.findings);
        let report = meta
            .filter(|_| !route.parents.is_empty())
            .map(|(generation, _)| Report {
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
        // What an earlier translation in this step said.
        let said: Vec<RuleKey> = change
            .range(key(0)..=key(u32::MAX))
            .map(|(key, _)| key.clone())
            .collect();
        for key in said {
            change.remove(&key);
        }
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
