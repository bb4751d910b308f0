//! `spec.listeners`: each one alone, then those of one Gateway together.

use fg_api::Object;
use fg_api::gateway::{GatewaySpec, Listener};
use fg_ir::{ListenerKey, Protocol};
use fg_model::{FindingKind, HostPattern, Scope, kinds};

use super::{Allowed, ListenerDraft, allowed, conflicts};
use crate::grants::Reference;
use crate::lookup::Lookup;
use crate::notes::Notes;

/// Ports that every proxy keeps for itself, and what for.
///
/// Source: architecture decision 13.
pub(crate) const RESERVED: [(u16, &str); 3] = [
    (19000, "the admin pages"),
    (8082, "readiness"),
    (9091, "metrics"),
];

/// Judges the listeners of a Gateway.
pub(super) fn listeners(
    gateway: &Object<GatewaySpec>,
    lookup: &dyn Lookup,
    notes: &mut Notes,
) -> Vec<ListenerDraft> {
    let mut drafts: Vec<ListenerDraft> = Vec::new();
    for (at, listener) in gateway.spec.listeners.iter().enumerate() {
        notes.scope = Scope::Listener(listener.name.clone());
        let path = format!("spec.listeners[{at}]");
        if drafts
            .iter()
            .any(|draft| draft.key.section == listener.name)
        {
            notes.error(
                &format!("{path}.name"),
                FindingKind::SchemaViolation,
                format!(
                    "there is another listener `{}`; this one is left out",
                    listener.name
                ),
            );
            continue;
        }
        drafts.push(one(gateway, listener, &path, lookup, notes));
    }
    conflicts::within(&gateway.spec.listeners, &mut drafts, notes);
    notes.scope = Scope::Object;
    drafts
}

fn one(
    gateway: &Object<GatewaySpec>,
    listener: &Listener,
    path: &str,
    lookup: &dyn Lookup,
    notes: &mut Notes,
) -> ListenerDraft {
    let mut usable = true;
    let protocol = protocol(listener, path, notes);
    let hostname = HostPattern::parse(listener.hostname.as_deref())
        .map_err(|error| {
            notes.error(
                &format!("{path}.hostname"),
                FindingKind::UnsupportedValue,
                error.to_string(),
            );
        })
        .ok();
    if let Some((port, what)) = RESERVED.iter().find(|(port, _)| *port == listener.port) {
        notes
            .error(
                &format!("{path}.port"),
                FindingKind::PortUnavailable,
                format!("port {port} is reserved for {what} of every proxy"),
            )
            .hint("choose another port");
        usable = false;
    }
    if listener.filters.is_some() {
        // They may protect what is behind them, so that serving without them would open it.
        notes
            .error(
                &format!("{path}.filters"),
                FindingKind::UnsupportedValue,
                "filters of a listener are not supported yet, so that it does not serve",
            )
            .hint("put the filters into the rules of routes");
        usable = false;
    }
    certificates(gateway, listener, path, lookup, notes);
    let routes = listener.allowed_routes.as_ref();
    let allowed = allowed::namespaces(routes, path, notes);
    usable &= allowed != Allowed::Nobody;
    ListenerDraft {
        key: ListenerKey {
            namespace: gateway.id.namespace.clone(),
            gateway: gateway.id.name.clone(),
            section: listener.name.clone(),
        },
        origin: gateway.origin().at(path),
        port: listener.port,
        hostname,
        protocol,
        allowed,
        kinds: allowed::route_kinds(&listener.protocol, routes, path, notes),
        usable,
    }
}

fn protocol(listener: &Listener, path: &str, notes: &mut Notes) -> Option<Protocol> {
    let protocol = &*listener.protocol;
    let (text, hint) = match protocol {
        "HTTP" => return Some(Protocol::Http),
        "HTTPS" | "TLS" | "TCP" | "UDP" => (
            format!("listeners of protocol {protocol} are not supported yet"),
            None,
        ),
        _ => (
            format!("there is no protocol `{protocol}`"),
            protocol
                .eq_ignore_ascii_case("http")
                .then(|| "did you mean `HTTP`?".to_owned()),
        ),
    };
    notes
        .error(
            &format!("{path}.protocol"),
            FindingKind::UnsupportedProtocol,
            text,
        )
        .hint_if(hint);
    None
}

/// The listener's certificates: granted, of a kind that can be used, and there.
fn certificates(
    gateway: &Object<GatewaySpec>,
    listener: &Listener,
    path: &str,
    lookup: &dyn Lookup,
    notes: &mut Notes,
) {
    for (at, reference) in listener
        .tls
        .iter()
        .flat_map(|tls| &tls.certificate_refs)
        .enumerate()
    {
        let path = format!("{path}.tls.certificateRefs[{at}]");
        let group = reference.group.as_deref().unwrap_or("");
        let kind = reference.kind.as_deref().unwrap_or("Secret");
        if (group, kind) != kinds::SECRET {
            notes.error(
                &path,
                FindingKind::InvalidCertificateRef,
                format!("certificates are Secrets, not objects of kind {kind}"),
            );
            continue;
        }
        let namespace = reference
            .namespace
            .as_ref()
            .unwrap_or(&gateway.id.namespace);
        let crossing = Reference {
            from: kinds::GATEWAY,
            namespace: &gateway.id.namespace,
            to: kinds::SECRET,
            target: namespace,
            name: &reference.name,
        };
        if !crossing.permitted(lookup) {
            let (text, hint) = crossing.words();
            notes
                .error(&path, FindingKind::RefNotPermitted, text)
                .hint(hint);
            continue;
        }
        let name = &reference.name;
        match lookup.secret(namespace, name) {
            None => {
                notes.error(
                    &path,
                    FindingKind::InvalidCertificateRef,
                    format!("there is no Secret `{name}` in namespace `{namespace}`"),
                );
            }
            Some(secret) => {
                for key in ["tls.crt", "tls.key"] {
                    if secret
                        .spec
                        .data
                        .get(key)
                        .is_none_or(|value| value.expose().is_empty())
                    {
                        notes.error(
                            &path,
                            FindingKind::InvalidCertificateRef,
                            format!("the Secret `{name}` has no `{key}`"),
                        );
                    }
                }
            }
        }
    }
}
