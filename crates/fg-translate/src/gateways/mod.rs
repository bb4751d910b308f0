//! `Gateway`: which of its listeners serve, on what addresses, and which routes they let attach.
//!
//! In two steps: a [`Draft`] says what can be said from the Gateway alone; [`finish`] adds what
//! other Gateways on the same addresses and ports take away.

mod addresses;
mod allowed;
mod conflicts;
mod deployment;
mod listeners;
mod overlaps;
mod ports;
mod sets;
#[cfg(test)]
mod tests;
mod tls;

pub use allowed::Allowed;
pub(crate) use conflicts::Family;
pub(crate) use ports::{Claim, Loss, across};
pub(crate) use sets::{SetDraft, parent};

use std::net::IpAddr;
use std::sync::Arc;

use fg_api::Object;
use fg_api::deployment::Wish;
use fg_api::gateway::{GatewaySpec, RouteGroupKind};
use fg_api::report::Overlap;
use fg_base::Text;
use fg_ir::{CredentialKey, ListenerKey, ListenerTls, Protocol, RouteKind};
use fg_model::{Age, Finding, FindingKind, HostPattern, Origin, Plane};

use self::listeners::Owner;
use crate::absent::listed;
use crate::classes::{Class, Served};
use crate::lookup::Lookup;
use crate::notes::Notes;
use crate::options::{Ground, Options};
use fg_api::schema::nearest;

/// A Gateway as routes see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayView {
    /// Who serves its class; `None` when that is not us.
    pub controller: Option<Text>,
    /// Who serves its traffic.
    pub plane: Plane,
    /// Its listeners, in the order of the spec; none when it is not ours.
    pub listeners: Vec<ListenerView>,
}

/// A listener as routes see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerView {
    /// Its name in the IR.
    pub key: ListenerKey,
    /// Its name, as routes refer to it.
    pub name: Text,
    /// Its port.
    pub port: u16,
    /// The hosts that it owns; `None` when its hostname is none.
    pub hostname: Option<HostPattern>,
    /// The namespaces whose routes may attach.
    pub allowed: Allowed,
    /// The kinds of routes that may attach.
    pub kinds: Vec<RouteKind>,
    /// Whether it is handed to the data plane.
    pub served: bool,
}

impl ListenerView {
    /// Whether routes of a kind may attach.
    pub(crate) fn takes(&self, kind: RouteKind) -> bool {
        self.kinds.contains(&kind)
    }
}

/// What can be said about a Gateway without looking at the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Draft {
    /// For precedence among Gateways.
    pub(crate) age: Age,
    /// Who serves its class; `None` when that is not us.
    pub(crate) controller: Option<Text>,
    /// Who serves its traffic.
    pub(crate) plane: Plane,
    /// Addresses to bind; empty means all.
    pub(crate) addresses: Vec<IpAddr>,
    /// Addresses that it asks for and can perhaps have; empty means any.
    pub(crate) requested: Vec<IpAddr>,
    /// What it wants to be deployed, in a cluster.
    pub(crate) wish: Option<Wish>,
    /// Whether it is accepted, listeners aside.
    pub(crate) accepted: bool,
    /// Whether it lets any sets in.
    pub(crate) takes_sets: bool,
    /// Whether clients that fail the check of their certificate are let in anywhere.
    pub(crate) insecure_fallback: bool,
    /// What backends are shown that ask for a certificate.
    pub(crate) backend_certificate: Option<CredentialKey>,
    /// Its listeners, in the order of the spec; none when it is not ours.
    pub(crate) listeners: Vec<ListenerDraft>,
    /// The sets that name it, oldest first, let in or not; none when it is not ours.
    pub(crate) sets: Vec<SetDraft>,
    /// What was found.
    pub(crate) findings: Vec<Finding>,
}

/// What can be said about a listener without looking at other Gateways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListenerDraft {
    /// Its name in the IR.
    pub(crate) key: ListenerKey,
    /// Its name, as written.
    pub(crate) name: Text,
    /// Its place in the Gateway.
    pub(crate) origin: Origin,
    /// Its port.
    pub(crate) port: u16,
    /// The hosts that it owns; `None` when its hostname is none.
    pub(crate) hostname: Option<HostPattern>,
    /// What it speaks; `None` when that is not supported.
    pub(crate) protocol: Option<Protocol>,
    /// How its protocol begins on the wire, if it is known.
    pub(crate) family: Option<Family>,
    /// Whether others have its port and hostname.
    pub(crate) conflicted: bool,
    /// The namespaces whose routes may attach.
    pub(crate) allowed: Allowed,
    /// The kinds of routes that may attach.
    pub(crate) kinds: Vec<RouteGroupKind>,
    /// How TLS ends there, with [`Protocol::Https`].
    pub(crate) tls: Option<ListenerTls>,
    /// The names of its certificates.
    pub(crate) certificate_names: Vec<Text>,
    /// The listeners whose TLS may be taken for its own.
    pub(crate) overlap: Option<Overlap>,
    /// Whether nothing found so far keeps it from serving.
    pub(crate) usable: bool,
}

/// A Gateway, finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finished {
    /// What routes see.
    pub(crate) view: Arc<GatewayView>,
    /// What routes see of its sets, in the order of [`Draft::sets`], with what was found about
    /// them, sorted.
    pub(crate) sets: Vec<(Arc<GatewayView>, Vec<Finding>)>,
    /// The listeners for the data plane, those of sets too.
    pub(crate) listeners: Vec<fg_ir::Listener>,
    /// What was found, sorted.
    pub(crate) findings: Vec<Finding>,
}

/// Judges a Gateway alone.
pub(crate) fn draft(
    gateway: &Object<GatewaySpec>,
    options: &Options,
    lookup: &dyn Lookup,
) -> Draft {
    let ground = options.ground;
    let mut notes = Notes::new(gateway.origin());
    let mut draft = Draft {
        age: gateway.age(),
        controller: None,
        plane: Plane::default(),
        addresses: Vec::new(),
        requested: Vec::new(),
        wish: None,
        accepted: false,
        takes_sets: false,
        insecure_fallback: false,
        backend_certificate: None,
        listeners: Vec::new(),
        sets: Vec::new(),
        findings: Vec::new(),
    };
    if let Some(class) = class(gateway, lookup, &mut notes) {
        let parameters = deployment::parameters(gateway, ground, lookup, &mut notes);
        let asked = &gateway.spec.addresses;
        let addresses = match ground {
            Ground::Machine => addresses::addresses(asked, &mut notes),
            Ground::Cluster => addresses::requested(asked, &mut notes),
        };
        // Settings of what is deployed change nothing about what serves already.
        let serves = class.accepted
            && addresses.is_some()
            && (parameters.is_ok() || ground == Ground::Cluster);
        draft.accepted = serves && parameters.is_ok();
        draft.controller = Some(class.controller.clone());
        draft.plane = options.plane.unwrap_or(match class.served {
            Served::Envoy => Plane::Envoy,
            Served::Native | Served::Unsupported | Served::Foreign => Plane::Native,
        });
        draft.requested = addresses.unwrap_or_default();
        if ground == Ground::Machine {
            draft.addresses.clone_from(&draft.requested);
        } else if let Ok(found) = &parameters {
            deployment::of_another_plane(found.as_ref(), draft.plane, &mut notes);
        }
        unsupported(&gateway.spec, ground, &mut notes);
        draft.insecure_fallback = tls::frontend(&gateway.spec, &mut notes);
        draft.backend_certificate = tls::backend_certificate(gateway, lookup, &mut notes);
        let origin = gateway.origin();
        let owner = Owner {
            gateway,
            origin: &origin,
            listeners: &gateway.spec.listeners,
        };
        draft.listeners = listeners::listeners(owner, lookup, &mut notes);
        conflicts::within(&mut draft.listeners, &mut notes);
        let allowed = allowed::listeners(gateway.spec.allowed_listeners.as_ref(), &mut notes);
        draft.takes_sets = allowed != Allowed::Nobody;
        draft.sets = sets::sets(gateway, &allowed, &draft.listeners, lookup);
        let sets = draft.sets.iter_mut().flat_map(|set| &mut set.listeners);
        let mut all: Vec<&mut ListenerDraft> = draft.listeners.iter_mut().chain(sets).collect();
        overlaps::mark(&mut all);
        for listener in all {
            listener.usable &= serves;
        }
        if ground == Ground::Cluster {
            let usable = parameters.ok().filter(|_| draft.accepted);
            draft.wish = deployment::wish(gateway, &class, usable, &draft);
        }
    }
    draft.findings = notes.findings;
    draft
}

/// The class; `None` when it is not ours.
fn class(gateway: &Object<GatewaySpec>, lookup: &dyn Lookup, notes: &mut Notes) -> Option<Class> {
    let name = &gateway.spec.gateway_class_name;
    let path = "spec.gatewayClassName";
    let Some(class) = lookup.class(name) else {
        let names = lookup.class_names();
        let hint = match nearest(name, names.iter().map(|name| &**name)) {
            Some(meant) => Some(format!("did you mean `{meant}`?")),
            None => listed(&names),
        };
        notes
            .error(
                path,
                FindingKind::ClassNotFound,
                format!("there is no GatewayClass `{name}`"),
            )
            .hint_if(hint);
        return None;
    };
    if class.served == Served::Foreign {
        return None;
    }
    if !class.accepted {
        notes
            .error(
                path,
                FindingKind::ClassNotAccepted,
                format!(
                    "the GatewayClass `{name}` is not accepted, so that this Gateway is not served"
                ),
            )
            .hint("use the class `ferrogate`");
    }
    Some(class)
}

/// Fields that are valid but not supported are said to be so.
fn unsupported(spec: &GatewaySpec, ground: Ground, notes: &mut Notes) {
    let present = [("defaultScope", spec.default_scope.is_some())];
    for (field, _) in present.iter().filter(|(_, present)| *present) {
        notes.warning(
            &format!("spec.{field}"),
            FindingKind::UnsupportedValue,
            format!("`{field}` is not supported yet and has no effect"),
        );
    }
    if ground == Ground::Machine
        && let Some(infrastructure) = &spec.infrastructure
        && !(infrastructure.labels.is_empty() && infrastructure.annotations.is_empty())
    {
        notes.info(
            "spec.infrastructure",
            FindingKind::UnsupportedValue,
            "labels and annotations are for generated objects; none are generated here",
        );
    }
}

/// Finishes a Gateway: `loss` says which of its listeners lose to other Gateways.
pub(crate) fn finish(
    draft: &Draft,
    origin: &Origin,
    loss: impl Fn(&ListenerKey) -> Option<Loss>,
) -> Finished {
    let mut served = Vec::new();
    let own = (&draft.listeners[..], origin, &draft.findings[..]);
    let (view, findings) = views(draft, own, &loss, &mut served);
    let sets = draft.sets.iter().map(|set| {
        let set = (&set.listeners[..], &set.origin, &set.findings[..]);
        views(draft, set, &loss, &mut served)
    });
    Finished {
        view,
        sets: sets.collect(),
        findings,
        listeners: served,
    }
}

/// What routes see of the listeners of one object, and all that was found about it, sorted. Those
/// that can serve go to `served`.
fn views(
    draft: &Draft,
    (listeners, origin, found): (&[ListenerDraft], &Origin, &[Finding]),
    loss: &impl Fn(&ListenerKey) -> Option<Loss>,
    served: &mut Vec<fg_ir::Listener>,
) -> (Arc<GatewayView>, Vec<Finding>) {
    let mut notes = Notes::new(origin.clone());
    notes.findings.extend_from_slice(found);
    let mut views = Vec::new();
    for listener in listeners {
        let lost = loss(&listener.key);
        if let Some(lost) = &lost {
            lost.report(listener, &mut notes);
        }
        let ir = ir(draft, listener).filter(|_| lost.is_none());
        views.push(ListenerView {
            key: listener.key.clone(),
            name: listener.name.clone(),
            port: listener.port,
            hostname: listener.hostname.clone(),
            allowed: listener.allowed.clone(),
            kinds: allowed::served(&listener.kinds),
            served: ir.is_some(),
        });
        served.extend(ir);
    }
    notes.findings.sort();
    let view = GatewayView {
        controller: draft.controller.clone(),
        plane: draft.plane,
        listeners: views,
    };
    (Arc::new(view), notes.findings)
}

/// A listener for the data plane, when it can serve.
fn ir(draft: &Draft, listener: &ListenerDraft) -> Option<fg_ir::Listener> {
    listener.usable.then_some(())?;
    Some(fg_ir::Listener {
        key: listener.key.clone(),
        origin: listener.origin.clone(),
        addresses: draft.addresses.clone(),
        port: listener.port,
        protocol: listener.protocol?,
        hostname: listener.hostname.clone()?,
        tls: listener.tls.clone(),
        backend_certificate: draft.backend_certificate.clone(),
    })
}

/// What a Gateway wants for itself alone.
pub(crate) fn claims(draft: &Draft) -> impl Iterator<Item = Claim<'_>> {
    let sets = draft.sets.iter().flat_map(|set| &set.listeners);
    draft.listeners.iter().chain(sets).filter_map(|listener| {
        Some(Claim {
            age: &draft.age,
            key: &listener.key,
            port: listener.port,
            addresses: &draft.addresses,
            hostname: listener.hostname.as_ref().filter(|_| listener.usable)?,
            protocol: listener.protocol?,
            plane: draft.plane,
        })
    })
}
