//! The translator: all objects in, the IR, findings and reports out, step by step.
//!
//! Pure functions do the work (`gateways`, `routes`, `backends`); this module remembers what each
//! of them has read, and calls again only those whose reads have changed. The law, held by a
//! property test: whatever the history, the result equals that of a new translator which is given
//! the same objects at once.

mod backends;
mod credentials;
mod findings;
mod gateways;
mod memo;
mod policies;
mod routes;
mod sets;
mod sharing;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fg_api::Resource;
use fg_api::deployment::Wish;
use fg_api::report::Report;
use fg_base::{Text, Uses};
use fg_ir::{Attachment, BackendKey, Change, CredentialKey, Ir, ListenerKey};
use fg_model::{Finding, ObjectRef};

use crate::gateways::{Draft, Finished, Loss};
use crate::options::Options;
use crate::world::{Dirty, Read, World};
use findings::{Changed, Findings};
use memo::Memo;
use policies::Reach;
use sharing::Claimants;

/// What one step changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The change of the IR.
    pub change: Change,
    /// Reports that are new or changed; `None` for those that are gone.
    pub reports: BTreeMap<Arc<ObjectRef>, Option<Arc<Report>>>,
    /// What Gateways want to be deployed, where that is new or changed; `None` for those that want
    /// nothing any more. Never anything on a machine.
    pub deployments: BTreeMap<Arc<ObjectRef>, Option<Wish>>,
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
    /// What has changed since the last step beside objects.
    changed: BTreeSet<Read>,
    gateways: BTreeMap<Arc<ObjectRef>, Gateway>,
    losses: BTreeMap<ListenerKey, Loss>,
    routes: BTreeMap<Arc<ObjectRef>, Route>,
    claimants: Claimants,
    gateway_reads: Memo,
    route_reads: Memo,
    policy_reads: Memo,
    /// Routes that are accepted on a listener.
    attached: Uses<ListenerKey>,
    /// Routes that refer to a backend.
    referred: Uses<BackendKey>,
    /// Pairs of a Service's port and a Gateway from which routes lead there.
    reach: Uses<Reach>,
    /// Uses of a certificate by listeners and backends of the IR.
    used: Uses<CredentialKey>,
    findings: Findings,
    reports: BTreeMap<Arc<ObjectRef>, Arc<Report>>,
    deployments: BTreeMap<Arc<ObjectRef>, Wish>,
    ir: Ir,
}

/// A Gateway as it was last translated.
struct Gateway {
    draft: Draft,
    finished: Option<Finished>,
    findings: Vec<Arc<Finding>>,
    /// The sets that named it then.
    sets: Vec<Arc<ObjectRef>>,
}

/// What a route counts for elsewhere.
#[derive(Default)]
struct Route {
    attached: Vec<ListenerKey>,
    backends: Vec<BackendKey>,
    /// What it wants, see [`crate::routes::Route::claims`].
    claims: Arc<[Attachment]>,
    /// Its time of creation, see [`fg_model::Age`].
    created: i64,
}

/// One step under way.
#[derive(Default)]
struct Step {
    dirty: Dirty,
    outcome: Outcome,
    findings: Changed,
    /// Listeners on which routes want something else than before.
    contested: BTreeSet<ListenerKey>,
    /// Gateways whose report may have changed.
    gateways: BTreeSet<Arc<ObjectRef>>,
    /// `ListenerSet`s whose view, findings or report may have changed.
    sets: BTreeSet<Arc<ObjectRef>>,
    /// Policies whose report may have changed.
    policies: BTreeSet<Arc<ObjectRef>>,
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

    /// Tells which objects were refused before they could come here, all of them, each with why: whoever
    /// refers to one is told so, from the next [`Translator::apply`] on.
    pub fn set_refused(&mut self, refused: BTreeMap<ObjectRef, Text>) {
        let before = std::mem::replace(&mut self.world.refused, refused);
        let now = &self.world.refused;
        let both = before.keys().chain(now.keys());
        let changed = both.filter(|object| before.get(object) != now.get(object));
        self.changed
            .extend(changed.map(|object| Read::Refused(object.clone())));
    }

    /// Takes changed objects: first those that are gone, then those that are new or changed.
    ///
    /// Cost: in proportion to what changed and what reads it, not to the number of objects.
    pub fn apply(&mut self, upserts: &[Resource], removed: &[ObjectRef]) -> Outcome {
        let mut step = Step::default();
        step.dirty.reads.append(&mut self.changed);
        for id in removed {
            self.world.remove(id, &mut step.dirty);
        }
        for resource in upserts {
            self.world.upsert(resource, &mut step.dirty);
        }
        self.finish(step)
    }

    /// Tells what time it is; certificates expire by it. Until then, it is not known. Units:
    /// seconds since the epoch.
    ///
    /// Cost: in proportion to the certificates in use; no more unless one expires.
    pub fn set_time(&mut self, now: i64) -> Outcome {
        let mut step = Step::default();
        let before = self.world.now.replace(now);
        let back = before.is_some_and(|before| now < before);
        let after = before.filter(|_| !back);
        let until = if back { i64::MAX } else { now };
        for memo in [&self.gateway_reads, &self.policy_reads] {
            step.dirty.reads.extend(memo.instants(after, until));
        }
        self.finish(step)
    }

    /// Translates again what reads what has changed.
    fn finish(&mut self, mut step: Step) -> Outcome {
        self.translate_parameters(&mut step);
        self.translate_classes(&mut step);
        self.translate_gateways(&mut step);
        self.translate_routes(&mut step);
        self.translate_policies(&mut step);
        self.translate_backends(&mut step);
        self.translate_endpoints(&mut step);
        self.translate_credentials(&mut step);
        for id in std::mem::take(&mut step.gateways) {
            self.report_gateway(&id, &mut step);
        }
        self.report_sets(&mut step);
        self.report_policies(&mut step);
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

    /// What each Gateway wants to be deployed, as it is now.
    #[cfg(test)]
    pub(crate) fn deployments(&self) -> &BTreeMap<Arc<ObjectRef>, Wish> {
        &self.deployments
    }

    /// How many routes there are, served or not.
    pub fn routes(&self) -> usize {
        self.routes.len()
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
