//! Compiled rules, and how they are made.

use std::collections::BTreeMap;
use std::sync::Arc;

use fg_base::{Secret, Text};
use fg_exchange::{Part, Reason};
use fg_ir::{Action, BackendKey, Rule, Target};
use fg_telemetry::{Series, SeriesSlots};
use smallvec::SmallVec;

use super::Cluster;
use super::chain::{Chain, Policies};
use super::compiler::index_of;
use crate::serve::Sessions;

/// A rule with everything that does not depend on the request. What every request needs stands
/// first and together: requests that go to many different rules touch less memory.
#[repr(C)]
pub(crate) struct CompiledRule {
    pub(crate) chain: Policies,
    /// What keeps its clients at an endpoint.
    pub(crate) sessions: Option<Box<Sessions>>,
    /// How many listeners serve it.
    pub(crate) attachments: usize,
    pub(crate) action: CompiledAction,
    pub(crate) rule: Arc<Rule>,
    pub(crate) names: Box<Names>,
    /// Answers of the rule's own filters.
    pub(crate) series: SeriesBlock,
}

/// Names of a rule for metrics and logs.
pub(crate) struct Names {
    pub(crate) route: Text,
    pub(crate) rule: Text,
    /// By attachment.
    pub(crate) listeners: Vec<(Text, Text)>,
}

/// What happens in the end.
pub(crate) enum CompiledAction {
    Refuse(Reason, SeriesBlock),
    Forward {
        total: u32,
        /// In place for the usual rule with one backend, so that a request touches less memory.
        backends: SmallVec<[CompiledBackend; 1]>,
    },
}

/// One backend of a rule. What every request needs stands first.
#[repr(C)]
pub(crate) struct CompiledBackend {
    /// Weights up to and with this one.
    pub(crate) cumulative: u32,
    pub(crate) target: Result<usize, Reason>,
    pub(crate) chain: Policies,
    pub(crate) series: SeriesBlock,
    pub(crate) name: Text,
}

/// Series of one backend, by attachment and worker.
pub(crate) struct SeriesBlock {
    slots: SeriesSlots,
    workers: usize,
}

impl SeriesBlock {
    fn new(attachments: usize, workers: usize) -> Self {
        Self {
            slots: SeriesSlots::new(attachments * workers),
            workers,
        }
    }

    /// The series of a worker and attachment; `make` is called the first time.
    #[inline]
    pub(crate) fn get(
        &self,
        attachment: usize,
        worker: usize,
        make: impl FnOnce() -> Arc<Series>,
    ) -> Option<&Series> {
        self.slots.get(attachment * self.workers + worker, make)
    }
}

/// Compiles rules.
pub(super) struct Maker<'a> {
    pub(super) workers: usize,
    pub(super) session_secret: &'a Secret<Vec<u8>>,
    pub(super) indexes: &'a mut BTreeMap<BackendKey, usize>,
    pub(super) clusters: &'a mut Vec<Option<Arc<Cluster>>>,
    pub(super) extra: &'a [fn() -> Part],
}

impl Maker<'_> {
    pub(super) fn rule(&mut self, rule: &Arc<Rule>) -> CompiledRule {
        let attachments = rule.attachments.len();
        let action = match &rule.action {
            Action::Refuse(refusal) => CompiledAction::Refuse(
                fg_router::reason(refusal.kind),
                SeriesBlock::new(attachments, self.workers),
            ),
            Action::Forward(backends) => {
                let mut total = 0u32;
                let backends = backends
                    .iter()
                    .map(|backend| {
                        total = total.saturating_add(backend.weight);
                        self.backend(backend, total, attachments)
                    })
                    .collect();
                CompiledAction::Forward { total, backends }
            }
        };
        let mut index = |key: &BackendKey| index_of(self.indexes, self.clusters, key);
        let mut chain = Chain::build(&rule.policies, &mut index);
        for part in self.extra {
            chain.add(part(), &mut index);
        }
        let names = Box::new(Names {
            route: format!("{}/{}", rule.key.route.namespace, rule.key.route.name).into(),
            rule: rule
                .name
                .clone()
                .unwrap_or_else(|| rule.key.rule.to_string().into()),
            listeners: rule
                .attachments
                .iter()
                .map(|at| {
                    let gateway = format!("{}/{}", at.listener.namespace, at.listener.gateway);
                    (gateway.into(), at.listener.section.clone())
                })
                .collect(),
        });
        let series = SeriesBlock::new(attachments, self.workers);
        let sessions = match (chain.session.take(), &action) {
            (Some(session), CompiledAction::Forward { backends, .. }) => {
                let secret = self.session_secret.expose();
                Some(Box::new(Sessions::new(*session, rule, backends, secret)))
            }
            _ => None,
        };
        CompiledRule {
            rule: rule.clone(),
            chain: chain.into(),
            sessions,
            action,
            attachments,
            names,
            series,
        }
    }

    fn backend(
        &mut self,
        backend: &fg_ir::RuleBackend,
        cumulative: u32,
        attachments: usize,
    ) -> CompiledBackend {
        let (target, name) = match &backend.target {
            Target::Backend(key) => (
                Ok(index_of(self.indexes, self.clusters, key)),
                key.to_string().into(),
            ),
            Target::Broken(refusal) => (Err(fg_router::reason(refusal.kind)), "".into()),
        };
        CompiledBackend {
            cumulative,
            target,
            name,
            chain: Chain::build(&backend.policies, |key| {
                index_of(self.indexes, self.clusters, key)
            })
            .into(),
            series: SeriesBlock::new(attachments, self.workers),
        }
    }
}
