//! The part of a configuration that some of its listeners need, made from the whole.

use std::collections::BTreeSet;
use std::sync::Arc;

use fg_ir::{Attachment, BackendKey, CredentialKey, Ir, ListenerKey, Rule};

/// What the listeners for which `has` holds need: themselves, the rules attached to them, what these
/// send to, and the credentials of both.
///
/// Cost: in proportion to the whole; [`super::Views`] follow changes at their cost.
pub fn share(ir: &Ir, has: impl Fn(&ListenerKey) -> bool) -> Ir {
    let mut own = Ir::default();
    let mut backends: BTreeSet<&BackendKey> = BTreeSet::new();
    let mut credentials: BTreeSet<&CredentialKey> = BTreeSet::new();
    for (key, listener) in ir.listeners.iter().filter(|(key, _)| has(key)) {
        own.listeners.insert(key.clone(), listener.clone());
        credentials.extend(listener.credentials());
    }
    for (key, rule) in &ir.rules {
        if let Some(part) = part_of(rule, |attachment| has(&attachment.listener)) {
            own.rules.insert(key.clone(), part);
            backends.extend(rule.backends());
        }
    }
    for key in backends {
        if let Some(backend) = ir.backends.get(key) {
            own.backends.insert(key.clone(), backend.clone());
            credentials.extend(backend.credentials());
        }
        if let Some(endpoints) = ir.endpoints.get(key) {
            own.endpoints.insert(key.clone(), endpoints.clone());
        }
    }
    for key in credentials {
        if let Some(credential) = ir.credentials.get(key) {
            own.credentials.insert(key.clone(), credential.clone());
        }
    }
    own
}

/// A rule with those of its attachments that are somebody's own; `None` without any.
pub(super) fn part_of(
    rule: &Arc<Rule>,
    is_its_own: impl Fn(&Attachment) -> bool,
) -> Option<Arc<Rule>> {
    let own: Vec<&Attachment> = rule
        .attachments
        .iter()
        .filter(|one| is_its_own(one))
        .collect();
    if own.is_empty() {
        None
    } else if own.len() == rule.attachments.len() {
        Some(rule.clone())
    } else {
        Some(Arc::new(Rule {
            attachments: own.into_iter().cloned().collect(),
            ..Rule::clone(rule)
        }))
    }
}
