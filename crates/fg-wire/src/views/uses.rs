//! What a listener, a rule or a backend uses.

use std::collections::BTreeMap;

use fg_ir::{
    Action, Backend, BackendKey, BackendTls, CredentialKey, Listener, Rule, Target, Trust,
};

/// How often each of some things is used; those that are not used have no entry.
#[derive(Clone, Debug)]
pub(super) struct Uses<K>(BTreeMap<K, usize>);

impl<K> Default for Uses<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord + Clone> Uses<K> {
    /// Replaces what one user uses, and gives what is used now and was not, or was and is not.
    pub(super) fn replace(&mut self, before: &[&K], after: &[&K]) -> Vec<K> {
        let mut touched = Vec::new();
        for key in after {
            match self.0.get_mut(*key) {
                Some(count) => *count += 1,
                None => {
                    self.0.insert((*key).clone(), 1);
                    touched.push((*key).clone());
                }
            }
        }
        for key in before {
            if let Some(count) = self.0.get_mut(*key) {
                *count -= 1;
                if *count == 0 {
                    self.0.remove(*key);
                    touched.push((*key).clone());
                }
            }
        }
        touched
    }

    pub(super) fn contains(&self, key: &K) -> bool {
        self.0.contains_key(key)
    }
}

/// The backends that a rule sends something to, also those of its policies.
pub(super) fn backends_of_rule(rule: &Rule) -> Vec<&BackendKey> {
    let mut keys = rule.policies.backends();
    if let Action::Forward(backends) = &rule.action {
        for backend in backends {
            if let Target::Backend(key) = &backend.target {
                keys.push(key);
            }
            keys.extend(backend.policies.backends());
        }
    }
    keys
}

/// The credentials of a listener: what it shows to clients and to backends, and by what it judges
/// clients.
pub(super) fn credentials_of_listener(listener: &Listener) -> Vec<&CredentialKey> {
    let mut keys: Vec<&CredentialKey> = listener.backend_certificate.iter().collect();
    if let Some(tls) = &listener.tls {
        keys.extend(&tls.certificates);
        keys.extend(tls.client.iter().flat_map(|client| &client.authorities));
    }
    keys
}

/// The credentials by which a backend is judged.
pub(super) fn credentials_of_backend(backend: &Backend) -> Vec<&CredentialKey> {
    match &backend.tls {
        BackendTls::Verify(origination) => match &origination.trust {
            Trust::Authorities(keys) => keys.iter().collect(),
            Trust::System => Vec::new(),
        },
        BackendTls::Off | BackendTls::Broken(_) => Vec::new(),
    }
}
