//! How often things are used.

use std::collections::BTreeMap;
use std::ops::RangeBounds;

/// How often each of some things is used; those that are not used have no entry.
#[derive(Clone, Debug)]
pub struct Uses<K>(BTreeMap<K, u32>);

impl<K> Default for Uses<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord + Clone> Uses<K> {
    /// Replaces what one user uses, each thing as often as it is named, and gives what is used now
    /// and was not, or was and is not.
    pub fn replace<'a>(
        &mut self,
        before: impl IntoIterator<Item = &'a K>,
        after: impl IntoIterator<Item = &'a K>,
    ) -> Vec<K>
    where
        K: 'a,
    {
        let mut touched = Vec::new();
        for key in after {
            match self.0.get_mut(key) {
                Some(count) => *count += 1,
                None => {
                    self.0.insert(key.clone(), 1);
                    touched.push(key.clone());
                }
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

    /// How often it is used.
    pub fn count(&self, key: &K) -> u32 {
        self.0.get(key).copied().unwrap_or_default()
    }

    /// Whether it is used at all.
    pub fn contains(&self, key: &K) -> bool {
        self.0.contains_key(key)
    }

    /// Those of a range that are used, in their order.
    pub fn among(&self, range: impl RangeBounds<K>) -> impl Iterator<Item = &K> {
        self.0.range(range).map(|(key, _)| key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_last_user_leaves_is_used_no_more() {
        let mut uses = Uses::default();
        assert_eq!(uses.replace(&[], &["a", "b", "a"]), ["a", "b"]);
        assert_eq!(uses.replace(&[], &["b", "c"]), ["c"]);
        assert_eq!((uses.count(&"a"), uses.count(&"b")), (2, 2));
        assert_eq!(uses.among("b"..).collect::<Vec<_>>(), [&"b", &"c"]);
        assert_eq!(uses.replace(&["a", "b", "a"], &["d"]), ["d", "a"]);
        assert!(!uses.contains(&"a") && uses.contains(&"b"));
        assert_eq!((uses.count(&"a"), uses.count(&"b")), (0, 1));
    }

    #[test]
    fn what_one_user_keeps_is_not_touched() {
        let mut uses = Uses::default();
        uses.replace(&[], &[1, 2]);
        assert_eq!(uses.replace(&[1, 2], &[2, 3]), [3, 1]);
    }
}
