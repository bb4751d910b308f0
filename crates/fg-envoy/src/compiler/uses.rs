//! How often things are used.

use std::collections::BTreeMap;

/// How often each of some things is used; those that are not used have no entry.
#[derive(Clone, Debug)]
pub(crate) struct Uses<K>(BTreeMap<K, usize>);

impl<K> Default for Uses<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord + Clone> Uses<K> {
    /// Replaces what one user uses, and gives what is used now and was not, or was and is not.
    pub(crate) fn replace(&mut self, before: &[K], after: &[K]) -> Vec<K> {
        let mut touched = Vec::new();
        for key in after {
            let count = self.0.entry(key.clone()).or_default();
            *count += 1;
            if *count == 1 {
                touched.push(key.clone());
            }
        }
        for key in before {
            if let Some(count) = self.0.get_mut(key) {
                *count -= 1;
                if *count == 0 {
                    self.0.remove(key);
                    touched.push(key.clone());
                }
            }
        }
        touched
    }

    /// Whether somebody uses it.
    pub(crate) fn contains(&self, key: &K) -> bool {
        self.0.contains_key(key)
    }
}
