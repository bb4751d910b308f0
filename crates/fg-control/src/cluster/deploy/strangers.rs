//! Gateways that are known not to be ours, as long as the ConfigMap of their namespace names them.

use std::collections::{BTreeMap, BTreeSet};

use fg_base::Text;

use super::state::Seen;

/// Such Gateways. Of others that a ConfigMap names nothing is known, and they may need it.
#[derive(Default)]
pub(super) struct Strangers {
    /// By namespace, by name; no set is empty.
    names: BTreeMap<Text, BTreeSet<Text>>,
}

impl Strangers {
    /// One is not ours, while the ConfigMap of its namespace is as it was seen.
    pub(super) fn note(&mut self, namespace: &Text, name: &Text, seen: Option<&Seen>) {
        if seen.is_some_and(|seen| is_owner(seen, name)) {
            let names = self.names.entry(namespace.clone()).or_default();
            names.insert(name.clone());
        }
    }

    /// Takes what became of the ConfigMap of a namespace: another one is somebody's who wants it.
    pub(super) fn see(&mut self, namespace: &Text, before: Option<&Seen>, seen: Option<&Seen>) {
        let same = seen.filter(|seen| before.is_some_and(|before| before.uid == seen.uid));
        let Some(names) = self.names.get_mut(namespace) else {
            return;
        };
        names.retain(|name| same.is_some_and(|seen| is_owner(seen, name)));
        if names.is_empty() {
            self.names.remove(namespace);
        }
    }

    pub(super) fn contains(&self, namespace: &Text, name: &str) -> bool {
        let names = self.names.get(namespace);
        names.is_some_and(|names| names.iter().any(|known| **known == *name))
    }
}

fn is_owner(seen: &Seen, name: &Text) -> bool {
    seen.owners.iter().any(|owner| *owner.name == **name)
}
