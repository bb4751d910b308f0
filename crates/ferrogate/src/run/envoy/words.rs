//! What is said of Gateways, listeners and routes when Envoy does not run, or refuses something.

use std::collections::BTreeSet;
use std::sync::Arc;

use fg_api::report::Subject;
use fg_control::{Control, Remarks};
use fg_envoy::{Concerned, Fence, Kind};
use fg_ir::{Ir, Listener};
use fg_model::{Finding, FindingKind, ObjectRef, Origin, Plane, Scope};
use fg_status::Remark;

/// Nothing that Envoy should serve is served, for a reason and with a word on what to do.
pub(super) fn unavailable(
    (words, hint): (&str, Option<&str>),
    control: &Control,
    ir: &Ir,
    remarks: &mut Remarks,
) {
    for report in control.reports().values() {
        let Subject::Gateway(gateway) = &report.subject else {
            continue;
        };
        if gateway.plane != Plane::Envoy {
            continue;
        }
        let about = Origin::of(report.object.clone(), report.generation);
        let mut finding = Finding::error(
            about,
            FindingKind::PlaneUnavailable,
            format!("Envoy does not serve it: {words}"),
        );
        finding.hint = hint.map(str::to_owned);
        remarks.findings.push(Arc::new(finding));
    }
    let pending = Remark::Pending(words.to_owned());
    let keys = ir.listeners.keys();
    remarks
        .listeners
        .extend(keys.map(|key| (key.clone(), pending.clone())));
}

/// Envoy has refused a resource: every object behind it says so.
pub(super) fn refused(
    fence: &Fence,
    concerned: Concerned,
    (control, ir): (&Control, &Ir),
    remarks: &mut Remarks,
) {
    let resource = &fence.resource;
    let end = fence.instead.words();
    // Envoy's words may have lines of their own.
    let reason: Vec<&str> = fence.reason.split_whitespace().collect();
    let words = format!(
        "Envoy refuses {:?} {}: {} ({end})",
        resource.kind,
        resource.name,
        reason.join(" ")
    );
    let mut objects: BTreeSet<Arc<ObjectRef>> = resource.about.iter().cloned().collect();
    // What serves a Gateway's other sockets serves on, as with our own proxy.
    let first = concerned.listeners.first().map(|key| key.section.clone());
    let scope = match first {
        Some(section) if resource.kind == Kind::Listener => Scope::Listener(section),
        _ => Scope::Object,
    };
    for key in concerned.listeners {
        if let Some(listener) = ir.listeners.get(&key) {
            objects.insert(listener.origin.object.clone());
        }
        let refused = Remark::Refused(words.clone());
        remarks.listeners.insert(key, refused);
    }
    objects.extend(concerned.routes);
    objects.extend(concerned.gateways);
    for object in objects {
        let report = control.reports().get(&object);
        let generation = report.map_or(0, |report| report.generation);
        let about = Origin::of(object, generation);
        let kind = FindingKind::RefusedByPlane;
        let mut finding = Finding::error(about, kind, words.clone());
        finding.hint = hint(fence);
        finding.scope = scope.clone();
        remarks.findings.push(Arc::new(finding));
    }
}

/// Whether a listener of the IR is one of those of Envoy's listener of that name.
pub(super) fn is_of(listener: &Listener, name: &str) -> bool {
    listener
        .sockets()
        .any(|socket| fg_envoy::listener_name(socket) == name)
}

/// Whether a listener was refused since its address cannot be bound.
pub(super) fn is_unbound(fence: &Fence) -> bool {
    fence.resource.kind == Kind::Listener && fence.reason.contains("cannot bind")
}

/// Whether a listener was refused since somebody else has its address: that may end.
pub(super) fn is_taken(fence: &Fence) -> bool {
    is_unbound(fence) && fence.reason.contains("in use")
}

/// What to do about it, if that can be said.
fn hint(fence: &Fence) -> Option<String> {
    if !is_unbound(fence) {
        return None;
    }
    if fence.reason.contains("Permission denied") {
        return Some(
            "ports below 1024 need a privilege: map the port to another one with `--port-map 80=8080`"
                .to_owned(),
        );
    }
    is_taken(fence).then(|| "stop the process that listens there, or use another port".to_owned())
}
