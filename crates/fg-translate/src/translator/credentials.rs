//! The step of certificates and keys: those that listeners and backends of the IR use, no others.

use std::collections::BTreeSet;
use std::sync::Arc;

use fg_ir::{Backend, BackendTls, CredentialKey, CredentialKind, Listener, Trust};

use super::{Step, Translator, count};
use crate::credentials;

impl Translator {
    /// Must come after the steps that change listeners and backends.
    pub(super) fn translate_credentials(&mut self, step: &mut Step) {
        let mut touched: BTreeSet<CredentialKey> = BTreeSet::new();
        let change = &step.outcome.change;
        for (key, new) in &change.listeners {
            let before = self.ir.listeners.get(key).map(|before| of_listener(before));
            let after = new.as_ref().map(|after| of_listener(after));
            recount(&mut self.used, before, after, &mut touched);
        }
        for (key, new) in &change.backends {
            let before = self.ir.backends.get(key).map(|before| of_backend(before));
            let after = new.as_ref().map(|after| of_backend(after));
            recount(&mut self.used, before, after, &mut touched);
        }
        for object in std::mem::take(&mut step.dirty.holders) {
            for kind in [CredentialKind::KeyPair, CredentialKind::Authorities] {
                touched.insert(CredentialKey {
                    object: object.clone(),
                    kind,
                });
            }
        }
        for key in touched {
            let new = self
                .used
                .contains_key(&key)
                .then(|| credentials::credential(&key, &self.world))
                .flatten()
                .map(Arc::new);
            if self.ir.credentials.get(&key) != new.as_ref() {
                step.outcome.change.credentials.insert(key, new);
            }
        }
    }
}

fn recount(
    used: &mut std::collections::BTreeMap<CredentialKey, u32>,
    before: Option<Vec<CredentialKey>>,
    after: Option<Vec<CredentialKey>>,
    touched: &mut BTreeSet<CredentialKey>,
) {
    let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
    if before != after {
        count(used, &before, &after);
        touched.extend(before);
        touched.extend(after);
    }
}

fn of_listener(listener: &Listener) -> Vec<CredentialKey> {
    let mut keys: Vec<CredentialKey> = listener.backend_certificate.iter().cloned().collect();
    if let Some(tls) = &listener.tls {
        keys.extend(tls.certificates.iter().cloned());
        let client = tls.client.iter();
        keys.extend(client.flat_map(|client| client.authorities.iter().cloned()));
    }
    keys
}

fn of_backend(backend: &Backend) -> Vec<CredentialKey> {
    match &backend.tls {
        BackendTls::Verify(origination) => match &origination.trust {
            Trust::Authorities(keys) => keys.clone(),
            Trust::System => Vec::new(),
        },
        BackendTls::Off | BackendTls::Broken(_) => Vec::new(),
    }
}
