//! All findings, by the unit of work that made them.

use std::collections::BTreeMap;
use std::sync::Arc;

use fg_ir::BackendKey;
use fg_model::{Finding, ObjectRef};

/// Something whose findings are made together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unit {
    /// A class, Gateway, route, `Backend` or policy.
    Object(Arc<ObjectRef>),
    /// The endpoints of a backend.
    Endpoints(BackendKey),
}

/// Findings of all units. Two units may find the same (two ports of one Service, say): it counts
/// once.
#[derive(Default)]
pub(super) struct Findings {
    by_unit: BTreeMap<Unit, Vec<Arc<Finding>>>,
    all: BTreeMap<Arc<Finding>, u32>,
}

/// What came and what went.
#[derive(Default)]
pub(super) struct Changed {
    /// Findings that are there now, with those that were there before.
    touched: BTreeMap<Arc<Finding>, bool>,
}

impl Findings {
    /// Replaces the findings of a unit.
    pub(super) fn set(
        &mut self,
        unit: Unit,
        findings: Vec<Finding>,
        changed: &mut Changed,
    ) -> Vec<Arc<Finding>> {
        let before = self.by_unit.remove(&unit).unwrap_or_default();
        if before.len() == findings.len() && before.iter().zip(&findings).all(|(a, b)| **a == *b) {
            if !before.is_empty() {
                self.by_unit.insert(unit, before.clone());
            }
            return before;
        }
        let findings: Vec<Arc<Finding>> = findings.into_iter().map(Arc::new).collect();
        for finding in &findings {
            let count = self.all.entry(finding.clone()).or_default();
            *count += 1;
            changed.touched.entry(finding.clone()).or_insert(*count > 1);
        }
        for finding in before {
            changed.touched.entry(finding.clone()).or_insert(true);
            if let Some(count) = self.all.get_mut(&finding) {
                *count -= 1;
                if *count == 0 {
                    self.all.remove(&finding);
                }
            }
        }
        if !findings.is_empty() {
            self.by_unit.insert(unit, findings.clone());
        }
        findings
    }

    /// The findings of a unit.
    pub(super) fn of(&self, unit: &Unit) -> Vec<Arc<Finding>> {
        self.by_unit.get(unit).cloned().unwrap_or_default()
    }

    /// All findings, sorted, each once.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Finding>> {
        self.all.keys()
    }

    /// What appeared and what is resolved since `changed` was begun. A finding that differs only
    /// in the generation of its object is neither.
    pub(super) fn news(&self, changed: Changed) -> (Vec<Arc<Finding>>, Vec<Arc<Finding>>) {
        let mut appeared = Vec::new();
        let mut resolved = Vec::new();
        for (finding, before) in changed.touched {
            match (before, self.all.contains_key(&finding)) {
                (false, true) => appeared.push(finding),
                (true, false) => resolved.push(finding),
                _ => {}
            }
        }
        let mut old: BTreeMap<Finding, usize> = BTreeMap::new();
        for finding in &resolved {
            *old.entry(ageless(finding)).or_default() += 1;
        }
        let mut same: BTreeMap<Finding, usize> = BTreeMap::new();
        appeared.retain(|finding| {
            let ageless = ageless(finding);
            match old.get_mut(&ageless).filter(|count| **count > 0) {
                Some(count) => {
                    *count -= 1;
                    *same.entry(ageless).or_default() += 1;
                    false
                }
                None => true,
            }
        });
        resolved.retain(|finding| {
            match same.get_mut(&ageless(finding)).filter(|count| **count > 0) {
                Some(count) => {
                    *count -= 1;
                    false
                }
                None => true,
            }
        });
        (appeared, resolved)
    }
}

/// The finding without the generation of its object.
fn ageless(finding: &Finding) -> Finding {
    let mut finding = finding.clone();
    finding.about.generation = 0;
    finding
}
