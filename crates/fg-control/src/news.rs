//! Which findings came and which went, as people want to hear it.

use std::collections::BTreeMap;
use std::sync::Arc;

use fg_base::Text;
use fg_model::{Finding, FindingKind, ObjectRef, Severity};

/// Findings that were told now for the first time, and those that are no more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// New ones, sorted.
    pub appeared: Vec<Arc<Finding>>,
    /// Gone ones, sorted.
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
    /// Compares with what stands now, and remembers that.
    ///
    /// Cost: in proportion to the number of findings.
    pub(crate) fn update(&mut self, now: impl IntoIterator<Item = Arc<Finding>>) -> News {
        let now: BTreeMap<Key, Arc<Finding>> = now
            .into_iter()
            .map(|finding| (key(&finding), finding))
            .collect();
        let new = |(key, _): &(&Key, &Arc<Finding>)| !self.0.contains_key(*key);
        let gone = |(key, _): &(&Key, &Arc<Finding>)| !now.contains_key(*key);
        let news = News {
            appeared: now.iter().filter(new).map(|(_, f)| f.clone()).collect(),
            resolved: self.0.iter().filter(gone).map(|(_, f)| f.clone()).collect(),
        };
        self.0 = now;
        news
    }
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
        let news = told.update([finding(1, "wrong"), finding(1, "worse")]);
        assert_eq!(news.appeared.len(), 2);
        assert!(
            told.update([finding(2, "wrong"), finding(2, "worse")])
                .is_empty()
        );
        let news = told.update([finding(3, "wrong")]);
        assert_eq!(news.appeared, []);
        assert_eq!(news.resolved[0].text, "worse");
    }
}
