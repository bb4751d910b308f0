//! `spec.parentRefs` and `spec.hostnames`: where a route is served.
//!
//! Source: Gateway API `ParentReference`, `AllowedRoutes`, hostname intersection.

use std::sync::Arc;

use fg_api::reference::ParentReference;
use fg_api::report::ParentReport;
use fg_base::Text;
use fg_ir::{Attachment, ListenerKey};
use fg_model::{FindingKind, HostPattern, ObjectRef, Plane, Scope, kinds};

use super::{InTheWay, Written};
use crate::absent::{absent, listed};
use crate::gateways::{GatewayView, ListenerView};
use crate::lookup::Lookup;
use crate::notes::Notes;
use fg_api::schema::nearest;

/// Where a route belongs.
#[derive(Default)]
pub(super) struct Parents {
    /// The parents that are ours.
    pub(super) reports: Vec<ParentReport>,
    /// The indexes of those that Envoy serves.
    pub(super) of_envoy: Vec<usize>,
    /// The serving listeners that it is attached to, sorted by listener, each once.
    pub(super) attachments: Vec<Attachment>,
    /// The listeners that count it, sorted, each once, serving or not.
    pub(super) attached: Vec<ListenerKey>,
    /// What it wants, sorted by listener, each once: also of listeners that do not serve, and what
    /// another route has.
    pub(super) claims: Vec<Attachment>,
}

/// Finds the listeners of a route.
pub(super) fn parents(
    route: &Written,
    lookup: &dyn Lookup,
    in_the_way: &InTheWay<'_>,
    notes: &mut Notes,
) -> Parents {
    let mut found = Parents::default();
    if route.parent_refs().is_empty() {
        notes
            .warning(
                "spec.parentRefs",
                FindingKind::NoMatchingParent,
                "the route names no parent and is not served",
            )
            .hint("name a Gateway in `parentRefs`");
        return found;
    }
    let hostnames = hostnames(route.hostnames(), notes);
    for (index, parent) in route.parent_refs().iter().enumerate() {
        let path = format!("spec.parentRefs[{index}]");
        notes.scope = Scope::Parent(index);
        let Some(gateway) = gateway(route, parent, &path, lookup, notes) else {
            continue;
        };
        let Some(controller) = gateway.controller.clone() else {
            continue;
        };
        if gateway.plane == Plane::Envoy {
            found.of_envoy.push(index);
        }
        found.reports.push(ParentReport {
            index,
            parent: ParentReference {
                group: Some(kinds::GATEWAY_API.into()),
                kind: Some(
                    parent
                        .kind
                        .clone()
                        .unwrap_or_else(|| kinds::GATEWAY.1.into()),
                ),
                ..parent.clone()
            },
            controller,
        });
        let listeners = listeners(route, parent, &gateway, &path, lookup, notes);
        if !listeners.is_empty() {
            attach(&listeners, &hostnames, in_the_way, &path, &mut found, notes);
        }
    }
    notes.scope = Scope::Object;
    found.attachments.sort();
    found.attachments.dedup_by(|a, b| a.listener == b.listener);
    found.attached.sort();
    found.attached.dedup();
    found.claims.sort();
    found.claims.dedup_by(|a, b| a.listener == b.listener);
    found
}

/// The hostnames that can be used; `[Any]` when none is written.
fn hostnames(written: &[Text], notes: &mut Notes) -> Vec<HostPattern> {
    if written.is_empty() {
        return vec![HostPattern::Any];
    }
    let mut found = Vec::with_capacity(written.len());
    for (at, hostname) in written.iter().enumerate() {
        match HostPattern::parse(Some(hostname)) {
            // An empty name is no name: it must not widen the route to every host.
            Ok(HostPattern::Any) => {}
            Ok(hostname) if found.contains(&hostname) => {}
            Ok(hostname) => found.push(hostname),
            Err(error) => {
                notes.warning(
                    &format!("spec.hostnames[{at}]"),
                    FindingKind::UnsupportedValue,
                    format!("{error}; it is left out"),
                );
            }
        }
    }
    found
}

/// The parent, when it is a Gateway or a `ListenerSet` that exists.
fn gateway(
    route: &Written,
    parent: &ParentReference,
    path: &str,
    lookup: &dyn Lookup,
    notes: &mut Notes,
) -> Option<Arc<GatewayView>> {
    let group = parent.group.as_deref().unwrap_or(kinds::GATEWAY_API);
    let kind = parent.kind.as_deref().unwrap_or(kinds::GATEWAY.1);
    match (group, kind) {
        kinds::GATEWAY | kinds::LISTENER_SET => {}
        ("", "Service") => {
            notes.warning(
                path,
                FindingKind::UnsupportedValue,
                format!("parents of kind {kind} are not supported yet"),
            );
            return None;
        }
        _ => {
            let (text, hint) = strange(group, kind);
            match hint {
                // Hardly somebody else's.
                Some(hint) => notes
                    .warning(path, FindingKind::UnsupportedValue, text)
                    .hint(hint),
                None => notes
                    .info(path, FindingKind::UnsupportedValue, text)
                    .hint("a Gateway is `{name: …}`; other parents are somebody else's to serve"),
            }
            return None;
        }
    }
    let namespace = parent.namespace.as_ref().unwrap_or(&route.id().namespace);
    let set = kind == kinds::LISTENER_SET.1;
    let found = if set {
        lookup.listener_set(namespace, &parent.name)
    } else {
        lookup.gateway(namespace, &parent.name)
    };
    if found.is_none() {
        let names = if set {
            lookup.listener_set_names(namespace)
        } else {
            lookup.gateway_names(namespace)
        };
        let (text, hint) = absent((group, kind), namespace, &parent.name, &names, lookup);
        let elsewhere = || {
            let namespace = parent.namespace.is_none();
            namespace
                .then(|| format!("write its `namespace` here if the {kind} stands in another one"))
        };
        let hint = hint.or_else(|| listed(&names)).or_else(elsewhere);
        notes
            .error(path, FindingKind::NoMatchingParent, text)
            .hint_if(hint);
    }
    found
}

/// A parent of a kind that is not ours, and what was meant if it is nearly one.
fn strange(group: &str, kind: &str) -> (String, Option<String>) {
    let known = [kinds::GATEWAY.1, kinds::LISTENER_SET.1];
    // Others have kinds of these names, too.
    let is_slip = ["", "core", "networking.k8s.io"].contains(&group)
        || nearest(group, [kinds::GATEWAY_API]).is_some();
    let meant = known.into_iter().find(|known| *known == kind);
    if let Some(meant) = meant.filter(|_| is_slip) {
        let text = format!("there is no kind {meant} in group `{group}`");
        let hint = format!("leave `group` out, or write `{}`", kinds::GATEWAY_API);
        return (text, Some(hint));
    }
    let meant = nearest(kind, known).filter(|_| group == kinds::GATEWAY_API);
    (
        format!("parents of kind {kind} of group `{group}` are not served here"),
        meant.map(|meant| format!("did you mean `{meant}`?")),
    )
}

/// The listeners that the reference names and that allow the route; none with a finding.
fn listeners<'a>(
    route: &Written,
    parent: &ParentReference,
    gateway: &'a GatewayView,
    path: &str,
    lookup: &dyn Lookup,
    notes: &mut Notes,
) -> Vec<&'a ListenerView> {
    let named: Vec<&ListenerView> = gateway
        .listeners
        .iter()
        .filter(|listener| {
            parent
                .section_name
                .as_ref()
                .is_none_or(|name| *name == listener.name)
        })
        .filter(|listener| parent.port.is_none_or(|port| port == listener.port))
        .collect();
    if named.is_empty() {
        no_listener(parent, gateway, path, notes);
        return named;
    }
    let kind = route.kind();
    let own = parent.namespace.as_ref().unwrap_or(&route.id().namespace);
    let allowed: Vec<&ListenerView> = named
        .iter()
        .copied()
        .filter(|listener| {
            listener.takes(kind) && listener.allowed.allows(own, &route.id().namespace, lookup)
        })
        .collect();
    if allowed.is_empty() {
        let (text, hint) = if named.iter().any(|listener| listener.takes(kind)) {
            (
                format!(
                    "no listener of the Gateway lets routes of namespace `{}` attach",
                    route.id().namespace
                ),
                "set `allowedRoutes.namespaces.from` of the listener to `All` or to a `Selector` that fits",
            )
        } else {
            (
                format!(
                    "no listener of the Gateway takes routes of kind {}",
                    route.group_kind().1
                ),
                "attach to a listener of protocol HTTP or HTTPS whose `allowedRoutes.kinds` has that kind; if this should be one, see what is said of the listener itself",
            )
        };
        notes
            .error(path, FindingKind::NotAllowedByListeners, text)
            .hint(hint);
    }
    allowed
}

fn no_listener(parent: &ParentReference, gateway: &GatewayView, path: &str, notes: &mut Notes) {
    let kind = parent.kind.as_deref().unwrap_or(kinds::GATEWAY.1);
    if gateway.listeners.is_empty() {
        let name = &parent.name;
        let text = format!("none of the listeners of the {kind} `{name}` can be used");
        let hint = format!("see what is said of the {kind} itself");
        notes
            .error(path, FindingKind::NoMatchingParent, text)
            .hint(hint);
        return;
    }
    let names: Vec<&str> = gateway
        .listeners
        .iter()
        .map(|listener| &*listener.name)
        .collect();
    let (field, text) = match (&parent.section_name, parent.port) {
        (Some(section), None) => (
            ".sectionName",
            format!("the {kind} has no listener `{section}`"),
        ),
        (None, Some(port)) => (
            ".port",
            format!("the {kind} has no listener on port {port}"),
        ),
        (Some(section), Some(port)) => (
            "",
            format!("the {kind} has no listener `{section}` on port {port}"),
        ),
        (None, None) => ("", format!("the {kind} has no listener")),
    };
    let meant = parent
        .section_name
        .as_ref()
        .and_then(|section| nearest(section, names.iter().copied()));
    let hint = match meant {
        Some(name) if parent.port.is_none() => format!("did you mean `{name}`?"),
        _ => format!(
            "its listeners are {}",
            gateway
                .listeners
                .iter()
                .map(|listener| format!("{} (port {})", listener.name, listener.port))
                .collect::<Vec<_>>()
                .join(", ")
        ),
    };
    notes
        .error(
            &format!("{path}{field}"),
            FindingKind::NoMatchingParent,
            text,
        )
        .hint(hint);
}

/// Attaches to those listeners that share hosts with the route.
fn attach(
    listeners: &[&ListenerView],
    hostnames: &[HostPattern],
    in_the_way: &InTheWay<'_>,
    path: &str,
    found: &mut Parents,
    notes: &mut Notes,
) {
    let mut any = false;
    let mut lost: Vec<(&ListenerView, Arc<ObjectRef>)> = Vec::new();
    for listener in listeners {
        let Some(own) = &listener.hostname else {
            continue;
        };
        let shared: Vec<HostPattern> = hostnames
            .iter()
            .filter(|hostname| own.intersection(hostname).is_some())
            .cloned()
            .collect();
        if shared.is_empty() {
            continue;
        }
        let claim = Attachment {
            listener: listener.key.clone(),
            hostnames: shared,
        };
        found.claims.push(claim.clone());
        if let Some(winner) = in_the_way(&listener.key) {
            lost.push((listener, winner));
            continue;
        }
        any = true;
        found.attached.push(listener.key.clone());
        if listener.served {
            found.attachments.push(claim);
        }
    }
    if !lost.is_empty() {
        taken(&lost, any, path, notes);
    } else if !any {
        let listeners: Vec<String> = listeners
            .iter()
            .filter_map(|listener| {
                listener
                    .hostname
                    .as_ref()
                    .map(|hostname| format!("`{hostname}`"))
            })
            .collect();
        notes
            .error(
                path,
                FindingKind::NoMatchingListenerHostname,
                format!(
                    "none of the route's hostnames lies within {} of the Gateway's listeners",
                    if listeners.is_empty() {
                        "the hostnames".to_owned()
                    } else {
                        listeners.join(", ")
                    }
                ),
            )
            .hint("add a fitting name to the route's `hostnames`, or attach to another listener");
    }
}

/// Its hosts belong to a route of another kind: on some of the listeners, or on all.
fn taken(lost: &[(&ListenerView, Arc<ObjectRef>)], any_left: bool, path: &str, notes: &mut Notes) {
    for (listener, winner) in lost {
        let text = format!(
            "hosts of this route belong to {winner} on listener `{}`: routes of two kinds never share a host, and the older one has it, or of equally old ones the first by name",
            listener.key.section
        );
        let noted = if any_left {
            notes.warning(path, FindingKind::HostnameConflict, text)
        } else {
            notes.error(path, FindingKind::HostnameConflict, text)
        };
        noted.hint("give the two `hostnames` that do not overlap, or a listener each");
    }
}
