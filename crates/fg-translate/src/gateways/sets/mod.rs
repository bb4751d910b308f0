//! `ListenerSet`: more listeners of a Gateway, that others may own.
//!
//! The Gateway opens itself by `allowedListeners`; a grant is not asked for, and grants that the
//! Gateway has are not the set's. Source: GEP-1713.

#[cfg(test)]
mod tests;

use fg_api::Object;
use fg_api::gateway::GatewaySpec;
use fg_api::listener_set::{ListenerSetSpec, ParentGateway};
use fg_model::{Finding, FindingKind, ObjectRef, Origin, kinds};

use super::listeners::{self, Owner};
use super::{Allowed, ListenerDraft, conflicts};
use crate::lookup::Lookup;
use crate::notes::Notes;

/// What can be said about a set without looking at other Gateways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SetDraft {
    /// The set.
    pub(crate) origin: Origin,
    /// Whether the Gateway lets it in.
    pub(crate) allowed: bool,
    /// Its listeners, in the order of its spec; none when it is not let in.
    pub(crate) listeners: Vec<ListenerDraft>,
    /// What was found.
    pub(crate) findings: Vec<Finding>,
}

/// The Gateway that a set names; `None` when it is no Gateway.
pub(crate) fn parent(set: &Object<ListenerSetSpec>) -> Option<ObjectRef> {
    let ParentGateway {
        group,
        kind,
        name,
        namespace,
    } = &set.spec.parent_ref;
    let group = group.as_deref().unwrap_or(kinds::GATEWAY.0);
    let kind = kind.as_deref().unwrap_or(kinds::GATEWAY.1);
    let namespace = namespace.as_ref().unwrap_or(&set.id.namespace);
    ((group, kind) == kinds::GATEWAY).then(|| ObjectRef::new(group, kind, namespace, name))
}

/// Judges the sets of a Gateway, oldest first; `own` are the Gateway's listeners.
pub(super) fn sets(
    gateway: &Object<GatewaySpec>,
    allowed: &Allowed,
    own: &[ListenerDraft],
    lookup: &dyn Lookup,
) -> Vec<SetDraft> {
    let mut found: Vec<SetDraft> = Vec::new();
    let mut sets = lookup.listener_sets(&gateway.id.namespace, &gateway.id.name);
    sets.sort_by_key(|set| set.age());
    for set in sets {
        let origin = set.origin();
        let mut notes = Notes::new(origin.clone());
        let is_allowed = allowed.allows(&gateway.id.namespace, &set.id.namespace, lookup);
        let mut drafts = Vec::new();
        if is_allowed {
            let owner = Owner {
                gateway,
                origin: &origin,
                listeners: &set.spec.listeners,
            };
            drafts = listeners::listeners(owner, lookup, &mut notes);
            let others = found.iter().flat_map(|set| &set.listeners);
            let taken: Vec<&ListenerDraft> = own
                .iter()
                .chain(others.filter(|listener| !listener.conflicted))
                .collect();
            // Whoever loses to those that go before is out, and no danger to the others of its set.
            conflicts::against(&taken, &mut drafts, &mut notes);
            conflicts::within(&mut drafts, &mut notes);
        } else {
            notes
                .error(
                    "spec.parentRef",
                    FindingKind::SetNotAllowed,
                    format!(
                        "the Gateway `{}` lets no ListenerSets of namespace `{}` in",
                        gateway.id.name, set.id.namespace
                    ),
                )
                .hint("set `allowedListeners.namespaces.from` of the Gateway to `Same`, `All` or a `Selector` that fits");
        }
        found.push(SetDraft {
            origin,
            allowed: is_allowed,
            listeners: drafts,
            findings: notes.findings,
        });
    }
    found
}
