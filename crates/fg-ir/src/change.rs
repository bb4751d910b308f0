//! The whole of a configuration, and one change of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::{
    Backend, BackendKey, Credential, CredentialKey, Endpoints, Listener, ListenerKey, Rule, RuleKey,
};

/// A complete configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ir {
    /// Listeners that work.
    pub listeners: BTreeMap<ListenerKey, Arc<Listener>>,
    /// Rules that are attached to at least one listener.
    pub rules: BTreeMap<RuleKey, Arc<Rule>>,
    /// Backends that a rule refers to.
    pub backends: BTreeMap<BackendKey, Arc<Backend>>,
    /// Endpoints of those backends whose kind is [`crate::BackendKind::Endpoints`].
    pub endpoints: BTreeMap<BackendKey, Arc<Endpoints>>,
    /// Certificates and keys that listeners or backends refer to.
    pub credentials: BTreeMap<CredentialKey, Arc<Credential>>,
}

/// What is new or gone, by key. `None` removes. Never lists what is equal to before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Listeners.
    pub listeners: BTreeMap<ListenerKey, Option<Arc<Listener>>>,
    /// Rules.
    pub rules: BTreeMap<RuleKey, Option<Arc<Rule>>>,
    /// Backends.
    pub backends: BTreeMap<BackendKey, Option<Arc<Backend>>>,
    /// Endpoints.
    pub endpoints: BTreeMap<BackendKey, Option<Arc<Endpoints>>>,
    /// Certificates and keys.
    pub credentials: BTreeMap<CredentialKey, Option<Arc<Credential>>>,
}

impl Change {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.listeners.is_empty()
            && self.rules.is_empty()
            && self.backends.is_empty()
            && self.endpoints.is_empty()
            && self.credentials.is_empty()
    }
}

/// All of a configuration, as the change that makes it of an empty one.
impl From<&Ir> for Change {
    fn from(ir: &Ir) -> Self {
        Self {
            listeners: all(&ir.listeners),
            rules: all(&ir.rules),
            backends: all(&ir.backends),
            endpoints: all(&ir.endpoints),
            credentials: all(&ir.credentials),
        }
    }
}

fn all<K: Ord + Clone, V>(values: &BTreeMap<K, Arc<V>>) -> BTreeMap<K, Option<Arc<V>>> {
    let values = values.iter();
    values
        .map(|(key, value)| (key.clone(), Some(value.clone())))
        .collect()
}

impl Ir {
    /// Applies a change.
    pub fn apply(&mut self, change: &Change) {
        merge(&mut self.listeners, &change.listeners);
        merge(&mut self.rules, &change.rules);
        merge(&mut self.backends, &change.backends);
        merge(&mut self.endpoints, &change.endpoints);
        merge(&mut self.credentials, &change.credentials);
    }
}

fn merge<K: Ord + Clone, V>(into: &mut BTreeMap<K, Arc<V>>, change: &BTreeMap<K, Option<Arc<V>>>) {
    for (key, value) in change {
        match value {
            Some(value) => {
                into.insert(key.clone(), value.clone());
            }
            None => {
                into.remove(key);
            }
        }
    }
}
