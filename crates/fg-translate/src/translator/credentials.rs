//! The step of certificates and keys: those that listeners and backends of the IR use, no others.

use std::collections::BTreeSet;
use std::sync::Arc;

use fg_api::Resource;
use fg_ir::{CredentialKey, CredentialKind};

use super::{Step, Translator};
use crate::credentials;
use crate::lookup::Lookup as _;

impl Translator {
    /// The next version of an object, before it is applied. One of a Secret or ConfigMap whose
    /// certificates cannot be used gets those of the version that is there, or of its own last
    /// good one, and they serve on. One that was made anew since (its `uid` is another) gets none:
    /// who deletes a key wants it gone.
    ///
    /// Translation itself remembers nothing: what it gives follows from the objects that it is
    /// given, and this makes them.
    pub fn with_last_good(&self, next: Resource) -> Resource {
        let id = next.id();
        let before = match &next {
            Resource::Secret(_) => self.world.secret(&id.namespace, &id.name),
            Resource::ConfigMap(_) => self.world.config_map(&id.namespace, &id.name),
            _ => None,
        };
        match before {
            Some(before) if before.may_become(next.meta()) => before.next(next),
            _ => next,
        }
    }

    /// Must come after the steps that change listeners and backends.
    pub(super) fn translate_credentials(&mut self, step: &mut Step) {
        let mut touched: BTreeSet<CredentialKey> = BTreeSet::new();
        let change = &step.outcome.change;
        for (key, new) in &change.listeners {
            let before = self.ir.listeners.get(key).into_iter();
            touched.extend(self.used.replace(
                before.flat_map(|before| before.credentials()),
                new.iter().flat_map(|new| new.credentials()),
            ));
        }
        for (key, new) in &change.backends {
            let before = self.ir.backends.get(key).into_iter();
            touched.extend(self.used.replace(
                before.flat_map(|before| before.credentials()),
                new.iter().flat_map(|new| new.credentials()),
            ));
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
                .contains(&key)
                .then(|| credentials::credential(&key, &self.world))
                .flatten()
                .map(Arc::new);
            if self.ir.credentials.get(&key) != new.as_ref() {
                step.outcome.change.credentials.insert(key, new);
            }
        }
    }
}
