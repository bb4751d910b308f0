//! Which findings came and which went, as people want to hear it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fg_base::Text;
use fg_model::{Finding, FindingKind, ObjectRef, Severity};

/// Findings that were told now for the first time, and those that are no more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// New ones, sorted by place.
    pub appeared: Vec<Arc<Finding>>,
    /// Gone ones, sorted by place.
    pub resolved: Vec<Arc<Finding>>,
}

impl News {
    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.appeared.is_empty() && self.resolved.is_empty()
    }
}

/// What makes a finding the same one for people: all but generation and line, which change with
/// every edit of the object although nothing was done about the finding.
type Key = (Severity, Arc<ObjectRef>, Text, FindingKind, String);

/// The findings that were told.
#[derive(Debug, Default)]
pub(crate) struct Told(BTreeMap<Key, Arc<Finding>>);

impl Told {
    /// Compares with what stands now, and remembers that. `place` gives a new finding its place,
    /// which may mean reading a file again.
    ///
    /// Cost: in proportion to the number of findings.
    pub(crate) fn update(
        &mut self,
        now: impl IntoIterator<Item = Arc<Finding>>,
        place: &dyn Fn(&Arc<Finding>) -> Arc<Finding>,
    ) -> News {
        let mut before = std::mem::take(&mut self.0);
        let mut news = News::default();
        for finding in now {
            let key = key(&finding);
            if self.0.contains_key(&key) {
                continue;
            }
            let known = before.remove(&key).unwrap_or_else(|| {
                let placed = place(&finding);
                news.appeared.push(placed.clone());
                placed
            });
            self.0.insert(key, known);
        }
        news.resolved = before.into_values().collect();
        let by_place = |a: &Arc<Finding>, b: &Arc<Finding>| (&a.place, a).cmp(&(&b.place, b));
        news.appeared.sort_by(by_place);
        news.resolved.sort_by(by_place);
        news
    }
}

/// Of findings that people would take for the same one, the first.
pub(crate) fn each_once(findings: &mut Vec<Arc<Finding>>) {
    let mut told = BTreeSet::new();
    findings.retain(|finding| told.insert(key(finding)));
}

fn key(finding: &Finding) -> Key {
    (
        finding.severity,
        finding.about.object.clone(),
        finding.about.path.clone(),
        finding.kind,
        finding.text.clone(),
    )
}

#[cfg(test)]
mod tests {
    use fg_model::Origin;

    use super::*;

    fn finding(generation: i64, text: &str) -> Arc<Finding> {
        let object = Arc::new(ObjectRef::new("g", "K", "default", "a"));
        let about = Origin::of(object, generation);
        Arc::new(Finding::error(about, FindingKind::SchemaViolation, text))
    }

    #[test]
    fn each_finding_is_told_once_and_once_when_it_goes() {
        let mut told = Told::default();
        let mut update = |findings: &[Arc<Finding>]| told.update(findings.to_vec(), &Arc::clone);
        let news = update(&[
            finding(1, "worse"),
            finding(1, "wrong"),
            finding(1, "wrong"),
        ]);
        assert_eq!(news.appeared.len(), 2);
        assert!(update(&[finding(2, "wrong"), finding(2, "worse")]).is_empty());
        let news = update(&[finding(3, "wrong")]);
        assert_eq!(news.appeared, []);
        assert_eq!(news.resolved[0].text, "worse");
    }
}
