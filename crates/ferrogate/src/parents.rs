//! Which Gateway stands behind a route's parent.

use std::collections::BTreeMap;
use std::sync::Arc;

use fg_api::report::{ParentReport, Report, Subject};
use fg_model::{ObjectRef, kinds};
use fg_status::GatewayKey;

/// The Gateway behind a route's parent, be it that or a `ListenerSet` of it.
pub(crate) fn gateway_of_parent(
    parent: &ParentReport,
    route: &ObjectRef,
    reports: &BTreeMap<Arc<ObjectRef>, Arc<Report>>,
) -> Option<GatewayKey> {
    let parent = &parent.parent;
    let namespace = parent.namespace.as_ref().unwrap_or(&route.namespace);
    if parent.kind.as_deref() != Some(kinds::LISTENER_SET.1) {
        return Some(GatewayKey::new(namespace, &parent.name));
    }
    let (group, kind) = kinds::LISTENER_SET;
    let set = reports.get(&ObjectRef::new(group, kind, namespace, &parent.name))?;
    match &set.subject {
        Subject::ListenerSet(set) => Some(GatewayKey::new(&set.gateway.0, &set.gateway.1)),
        _ => None,
    }
}
