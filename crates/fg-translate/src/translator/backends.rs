//! The steps of backends and their endpoints.

use std::sync::Arc;

use fg_api::report::{Report, Subject};
use fg_ir::BackendKey;
use fg_model::{ObjectRef, kinds};

use super::findings::Unit;
use super::{Step, Translator, set_report};
use crate::backends;
use crate::notes::Notes;

impl Translator {
    pub(super) fn translate_backends(&mut self, step: &mut Step) {
        for id in std::mem::take(&mut step.dirty.backends) {
            let mut found = Vec::new();
            let mut generation = None;
            if let Some(object) = self.world.backends.get(&id) {
                let mut notes = Notes::new(object.origin());
                backends::judge(object, &mut notes);
                found = notes.findings;
                generation = Some(object.meta.generation);
            }
            let findings = self
                .findings
                .set(Unit::Object(id.clone()), found, &mut step.findings);
            let report = generation.map(|generation| Report {
                object: id.clone(),
                generation,
                subject: Subject::Backend,
                findings,
            });
            set_report(&mut self.reports, &id, report, step);
        }
        let mut keys = std::mem::take(&mut step.backends);
        for object in std::mem::take(&mut step.dirty.targets) {
            keys.extend(self.keys_of(&object));
        }
        for key in keys {
            let new = self
                .referred
                .contains(&key)
                .then(|| {
                    let tls = |port: Option<&str>| self.world.tls_of(&key.object, port);
                    backends::backend(&key, &self.world, tls)
                })
                .flatten()
                .map(Arc::new);
            if self.ir.backends.get(&key) != new.as_ref() {
                step.outcome.change.backends.insert(key, new);
            }
        }
    }

    pub(super) fn translate_endpoints(&mut self, step: &mut Step) {
        let mut keys = std::mem::take(&mut step.endpoints);
        for object in std::mem::take(&mut step.dirty.endpoints) {
            keys.extend(self.keys_of(&object));
        }
        for key in keys {
            let found = (key.object.is(kinds::SERVICE) && self.referred.contains(&key))
                .then(|| backends::endpoints(&key, &self.world))
                .flatten();
            let (new, findings) = match found {
                Some((endpoints, findings)) => (Some(Arc::new(endpoints)), findings),
                None => (None, Vec::new()),
            };
            self.findings
                .set(Unit::Endpoints(key.clone()), findings, &mut step.findings);
            if self.ir.endpoints.get(&key) != new.as_ref() {
                step.outcome.change.endpoints.insert(key, new);
            }
        }
    }

    /// The backends of an object that some route refers to.
    fn keys_of(&self, object: &Arc<ObjectRef>) -> impl Iterator<Item = BackendKey> {
        let key = |port| BackendKey {
            object: object.clone(),
            port,
        };
        self.referred.among(key(0)..=key(u16::MAX)).cloned()
    }
}
