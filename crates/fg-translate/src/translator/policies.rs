//! The steps of `BackendTLSPolicy`s: judged before the backends that they are for, reported when
//! the routes that lead there are known.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fg_api::report::{AncestorReport, PolicyReport, Report, Subject};
use fg_base::Text;
use fg_ir::{BackendKey, ListenerKey};
use fg_model::{ObjectRef, kinds};

use super::findings::Unit;
use super::memo::Recorder;
use super::{Step, Translator, set_report};
use crate::backend_tls::{self, Target};
use crate::backends::tcp_port_named;
use crate::lookup::Lookup;

/// That routes of a Gateway lead to a backend.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Reach {
    backend: BackendKey,
    /// Namespace and name.
    gateway: (Text, Text),
}

/// From the listeners that a route is attached to to the Services that it refers to, each pair
/// once.
pub(super) fn reach(attached: &[ListenerKey], backends: &[BackendKey]) -> Vec<Reach> {
    let gateways: BTreeSet<(Text, Text)> = attached
        .iter()
        .map(|listener| (listener.namespace.clone(), listener.gateway.clone()))
        .collect();
    let services = backends
        .iter()
        .filter(|backend| backend.object.is(kinds::SERVICE));
    services
        .flat_map(|backend| {
            gateways.iter().map(|gateway| Reach {
                backend: backend.clone(),
                gateway: gateway.clone(),
            })
        })
        .collect()
}

impl Translator {
    /// Must come before the step of backends.
    pub(super) fn translate_policies(&mut self, step: &mut Step) {
        let mut dirty = std::mem::take(&mut step.dirty.policies);
        dirty.extend(self.policy_reads.readers(&step.dirty.reads).cloned());
        for id in dirty {
            let policy = self.world.policies.get(&id);
            let (view, found) = match policy {
                Some(policy) => {
                    let recorder = Recorder::new(&self.world);
                    let (view, found) = backend_tls::judge(policy, &recorder);
                    self.policy_reads.set(&id, recorder.into_reads());
                    (Some(Arc::new(view)), found)
                }
                None => {
                    self.policy_reads.set(&id, Vec::new());
                    (None, Vec::new())
                }
            };
            self.findings
                .set(Unit::Object(id.clone()), found, &mut step.findings);
            let before = match &view {
                Some(view) => self.world.policy_views.insert(id.clone(), view.clone()),
                None => self.world.policy_views.remove(&id),
            };
            if before != view {
                let views = before.iter().chain(&view);
                for target in views.flat_map(|view| &view.targets) {
                    step.dirty.targets.insert(Arc::new(service(&id, target)));
                }
            }
            step.policies.insert(id);
        }
    }

    /// Marks the policies of backends to which other Gateways lead than before.
    pub(super) fn reached(&self, backends: impl Iterator<Item = BackendKey>, step: &mut Step) {
        for backend in backends {
            let (namespace, name) = (&backend.object.namespace, &backend.object.name);
            for policy in self.world.policies(namespace, name) {
                step.policies.insert(policy.id.clone());
            }
        }
    }

    /// Marks the policies of all backends to which a Gateway leads.
    pub(super) fn reached_by(&self, gateway: &ObjectRef, step: &mut Step) {
        let gateway = (gateway.namespace.clone(), gateway.name.clone());
        let reached = self
            .reach
            .among(..)
            .filter(|reach| reach.gateway == gateway);
        let backends: Vec<BackendKey> = reached.map(|reach| reach.backend.clone()).collect();
        self.reached(backends.into_iter(), step);
    }

    /// Must come last: it tells to which Gateways routes lead.
    pub(super) fn report_policies(&mut self, step: &mut Step) {
        for id in std::mem::take(&mut step.policies) {
            let report = self.world.policies.get(&id).map(|policy| {
                let targets = backend_tls::targets(policy);
                let mut gateways: BTreeMap<(Text, Text), Text> = BTreeMap::new();
                for target in targets {
                    self.ancestors(&id, &target, &mut gateways);
                }
                let ancestors =
                    gateways
                        .into_iter()
                        .map(|((namespace, name), controller)| AncestorReport {
                            namespace,
                            name,
                            controller,
                        });
                Report {
                    object: id.clone(),
                    generation: policy.meta.generation,
                    subject: Subject::Policy(PolicyReport {
                        ancestors: ancestors.collect(),
                    }),
                    findings: self.findings.of(&Unit::Object(id.clone())),
                }
            });
            set_report(&mut self.reports, &id, report, step);
        }
    }

    /// The Gateways that lead to a target, with their controllers.
    fn ancestors(
        &self,
        policy: &ObjectRef,
        target: &Target,
        into: &mut BTreeMap<(Text, Text), Text>,
    ) {
        let object = Arc::new(service(policy, target));
        let port = match &target.section {
            None => None,
            Some(section) => {
                let service = self.world.service(&object.namespace, &object.name);
                match service.and_then(|service| tcp_port_named(&service.spec, section)) {
                    Some(port) => Some(port),
                    None => return,
                }
            }
        };
        let at = |port: u16, gateway: (Text, Text)| Reach {
            backend: BackendKey {
                object: object.clone(),
                port,
            },
            gateway,
        };
        let first = at(port.unwrap_or(0), ("".into(), "".into()));
        let reached = self.reach.among(first..).take_while(|reach| {
            reach.backend.object == object && port.is_none_or(|port| port == reach.backend.port)
        });
        for reach in reached {
            let (namespace, name) = &reach.gateway;
            let view = self.world.gateway(namespace, name);
            if let Some(controller) = view.and_then(|view| view.controller.clone()) {
                into.insert(reach.gateway.clone(), controller);
            }
        }
    }
}

fn service(policy: &ObjectRef, target: &Target) -> ObjectRef {
    ObjectRef::new(
        kinds::SERVICE.0,
        kinds::SERVICE.1,
        &policy.namespace,
        &target.service,
    )
}
