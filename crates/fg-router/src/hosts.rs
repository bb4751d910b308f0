//! From a request's host to what is configured for it, most specific first.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};
use std::ops::ControlFlow;

use fg_base::Text;
use fg_model::HostPattern;

use crate::hash::FastMap;

/// Values by hostname: exact, wildcard, any.
///
/// Shape: `entries` is ordered from the most specific name to none; `names` holds exact names and
/// wildcards as [`HostPattern`] keeps them, the latter with their leading dot.
pub(crate) struct Hosts<V> {
    entries: Box<[(HostPattern, V)]>,
    names: FastMap<Key, u32>,
    any: Option<u32>,
    longest_wildcard: usize,
}

/// A name that is found by its bytes.
#[derive(PartialEq, Eq)]
struct Key(Text);

impl Borrow<[u8]> for Key {
    fn borrow(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.as_bytes().hash(state);
    }
}

impl<V> Hosts<V> {
    /// A table of these; of two with one name the first stays.
    pub(crate) fn new(entries: impl IntoIterator<Item = (HostPattern, V)>) -> Self {
        let mut entries: Vec<(HostPattern, V)> = entries.into_iter().collect();
        entries.sort_by(|(a, _), (b, _)| a.cmp_specificity(b).then_with(|| a.cmp(b)));
        entries.dedup_by(|(later, _), (earlier, _)| later == earlier);
        let mut names = FastMap::default();
        let mut any = None;
        let mut longest_wildcard = 0;
        for (at, (pattern, _)) in (0_u32..).zip(&entries) {
            match pattern {
                HostPattern::Any => any = Some(at),
                HostPattern::Exact(name) => {
                    names.insert(Key(name.clone()), at);
                }
                HostPattern::Wildcard(suffix) => {
                    longest_wildcard = longest_wildcard.max(suffix.len());
                    names.insert(Key(suffix.clone()), at);
                }
            }
        }
        names.shrink_to_fit();
        Self {
            entries: entries.into_boxed_slice(),
            names,
            any,
            longest_wildcard,
        }
    }

    /// Everything, from the most specific name to none.
    pub(crate) fn entries(&self) -> &[(HostPattern, V)] {
        &self.entries
    }

    /// The most specific entry that covers the host.
    #[inline]
    pub(crate) fn best(&self, host: &[u8]) -> Option<&V> {
        match self.visit(host, |_, value| ControlFlow::Break(value)) {
            ControlFlow::Break(value) => Some(value),
            ControlFlow::Continue(()) => None,
        }
    }

    /// Visits the entries that cover the host, most specific first, until `visit` breaks.
    ///
    /// Cost: one look-up, and one for each label while the rest is no longer than the longest
    /// wildcard; so a host that is all dots costs no more than that.
    #[inline]
    pub(crate) fn visit<'a, B>(
        &'a self,
        host: &[u8],
        mut visit: impl FnMut(&'a HostPattern, &'a V) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let mut entry = |at: u32| match self.entries.get(at as usize) {
            Some((pattern, value)) => visit(pattern, value),
            None => ControlFlow::Continue(()),
        };
        // A host with a leading dot is nobody's exact name, and must not be taken for a wildcard's.
        if host.first() != Some(&b'.')
            && let Some(&at) = self.names.get(host)
        {
            entry(at)?;
        }
        if self.longest_wildcard > 0 {
            let from = host.len().saturating_sub(self.longest_wildcard).max(1);
            for start in from..host.len() {
                if let Some(suffix) = host.get(start..)
                    && suffix.first() == Some(&b'.')
                    && let Some(&at) = self.names.get(suffix)
                {
                    entry(at)?;
                }
            }
        }
        match self.any {
            Some(at) => entry(at),
            None => ControlFlow::Continue(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visited(names: &[&str], host: &str) -> Vec<String> {
        let entries = names
            .iter()
            .map(|name| (HostPattern::parse(Some(name)).expect("a hostname"), ()));
        let mut seen = Vec::new();
        let _: ControlFlow<()> = Hosts::new(entries).visit(host.as_bytes(), |pattern, ()| {
            seen.push(pattern.to_string());
            ControlFlow::Continue(())
        });
        seen
    }

    #[test]
    fn the_most_specific_name_comes_first() {
        let names = ["", "*.com", "*.b.com", "a.b.com", "*.a.b.com", "b.com"];
        assert_eq!(
            visited(&names, "a.b.com"),
            ["a.b.com", "*.b.com", "*.com", "*"]
        );
        assert_eq!(
            visited(&names, "x.a.b.com"),
            ["*.a.b.com", "*.b.com", "*.com", "*"]
        );
        assert_eq!(visited(&names, "b.com"), ["b.com", "*.com", "*"]);
        assert_eq!(visited(&names, "com"), ["*"]);
        assert_eq!(visited(&names, ""), ["*"]);
    }

    #[test]
    fn a_leading_dot_is_no_label() {
        assert_eq!(visited(&["*.b.com"], ".b.com"), [""; 0]);
        assert_eq!(visited(&["*.b.com"], "..b.com"), ["*.b.com"]);
    }

    #[test]
    fn of_two_equal_names_the_first_stays() {
        let hosts = Hosts::new([(HostPattern::Any, 1), (HostPattern::Any, 2)]);
        assert_eq!(hosts.best(b"a"), Some(&1));
    }
}
