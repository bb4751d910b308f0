//! Keeping what a last good version needs: the control plane removes what its newer version does not
//! use, and that one is not in use here.

use std::collections::BTreeSet;

use fg_ir::{BackendKey, Ir};

use crate::Name;

/// What stays, and for whom.
#[derive(Debug, Default)]
pub(super) struct Keep {
    /// Resources whose last good version is in use instead of a newer one.
    stale: BTreeSet<Name>,
    /// Backends, endpoints and credentials that should be gone.
    gone: BTreeSet<Name>,
}

impl Keep {
    /// A newer version cannot be used.
    pub(super) fn stale(&mut self, name: Name) {
        self.stale.insert(name);
    }

    /// It is as the control plane wants it.
    pub(super) fn fresh(&mut self, name: &Name) {
        self.stale.remove(name);
        self.gone.remove(name);
    }

    /// It should be gone; perhaps others need it.
    pub(super) fn gone(&mut self, name: Name) {
        self.stale.remove(&name);
        self.gone.insert(name);
    }

    /// What should be gone and nobody needs, to be removed now.
    pub(super) fn release(&mut self, ir: &Ir) -> Vec<Name> {
        let needed = self.needed(ir);
        let (kept, released) = std::mem::take(&mut self.gone)
            .into_iter()
            .partition(|name| needed.contains(name));
        self.gone = kept;
        released.into_iter().collect()
    }

    fn needed(&self, ir: &Ir) -> BTreeSet<Name> {
        let mut needed = BTreeSet::new();
        for name in &self.stale {
            match name {
                Name::Listener(key) => {
                    let credentials = ir.listeners.get(key);
                    let credentials = credentials.map(|listener| listener.credentials());
                    let credentials = credentials.into_iter().flatten();
                    needed.extend(credentials.map(|key| Name::Credential(key.clone())));
                }
                Name::Rule(key) => {
                    let backends = ir.rules.get(key).map(|rule| rule.backends());
                    for key in backends.into_iter().flatten() {
                        need_backend(key, ir, &mut needed);
                    }
                }
                Name::Backend(key) => need_backend(key, ir, &mut needed),
                Name::Endpoints(_) | Name::Credential(_) => {}
            }
        }
        needed
    }
}

fn need_backend(key: &BackendKey, ir: &Ir, needed: &mut BTreeSet<Name>) {
    needed.insert(Name::Backend(key.clone()));
    needed.insert(Name::Endpoints(key.clone()));
    let credentials = ir.backends.get(key).map(|one| one.credentials());
    let credentials = credentials.into_iter().flatten();
    needed.extend(credentials.map(|key| Name::Credential(key.clone())));
}
