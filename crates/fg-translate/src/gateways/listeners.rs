//! `spec.listeners`: each one alone, then those of one Gateway together.

use fg_api::Object;
use fg_api::gateway::{GatewaySpec, Listener};
use fg_api::schema::nearest;
use fg_base::Text;
use fg_ir::{ListenerKey, Protocol};
use fg_model::{FindingKind, HostPattern, Origin, Scope, kinds};

use super::conflicts::Family;
use super::tls::{self, Terminated};
use super::{Allowed, ListenerDraft, allowed};
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

/// Whose listeners these are.
#[derive(Clone, Copy)]
pub(super) struct Owner<'a> {
    /// The Gateway that they are for.
    pub(super) gateway: &'a Object<GatewaySpec>,
    /// The object that holds them.
    pub(super) origin: &'a Origin,
    /// They themselves.
    pub(super) listeners: &'a [Listener],
}

impl Owner<'_> {
    /// Whether they are those of a `ListenerSet`.
    pub(super) fn is_set(&self) -> bool {
        self.origin.object.is(kinds::LISTENER_SET)
    }

    /// The name of a listener in the IR: that of a set bears the set's, which no name can be
    /// mistaken for, since names hold no `/`.
    fn section(&self, name: &Text) -> Text {
        let object = &self.origin.object;
        if self.is_set() {
            format!("{}/{}/{name}", object.namespace, object.name).into()
        } else {
            name.clone()
        }
    }
}

/// Judges the listeners of a Gateway or of a set.
pub(super) fn listeners(
    owner: Owner<'_>,
    lookup: &dyn Lookup,
    notes: &mut Notes,
) -> Vec<ListenerDraft> {
    let mut drafts: Vec<ListenerDraft> = Vec::new();
    for (at, listener) in owner.listeners.iter().enumerate() {
        notes.scope = Scope::Listener(listener.name.clone());
        let path = format!("spec.listeners[{at}]");
        if drafts.iter().any(|draft| draft.name == listener.name) {
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
        drafts.push(one(owner, listener, &path, lookup, notes));
    }
    notes.scope = Scope::Object;
    drafts
}

fn one(
    owner: Owner<'_>,
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
    let Terminated {
        tls,
        names: certificate_names,
    } = if &*listener.protocol == "HTTPS" {
        tls::terminate(owner, listener, hostname.as_ref(), path, lookup, notes)
    } else {
        Terminated::default()
    };
    usable &= tls.is_some() || protocol != Some(Protocol::Https);
    let routes = listener.allowed_routes.as_ref();
    let allowed = allowed::namespaces(routes, path, notes);
    usable &= allowed != Allowed::Nobody;
    ListenerDraft {
        key: ListenerKey {
            namespace: owner.gateway.id.namespace.clone(),
            gateway: owner.gateway.id.name.clone(),
            section: owner.section(&listener.name),
        },
        name: listener.name.clone(),
        origin: owner.origin.at(path),
        family: Family::of(&listener.protocol),
        conflicted: false,
        port: listener.port,
        hostname,
        protocol,
        allowed,
        kinds: allowed::route_kinds(&listener.protocol, routes, path, notes),
        tls,
        certificate_names,
        overlap: None,
        usable,
    }
}

fn protocol(listener: &Listener, path: &str, notes: &mut Notes) -> Option<Protocol> {
    let protocol = &*listener.protocol;
    let (text, hint) = match protocol {
        "HTTP" => return Some(Protocol::Http),
        "HTTPS" => return Some(Protocol::Https),
        "TLS" | "TCP" | "UDP" => (
            format!("listeners of protocol {protocol} are not supported yet"),
            Some("use `HTTP` or `HTTPS`".to_owned()),
        ),
        _ => (
            format!("there is no protocol `{protocol}`"),
            Some(match nearest(protocol, ["HTTP", "HTTPS"]) {
                Some(known) => format!("did you mean `{known}`?"),
                None => "use `HTTP` or `HTTPS`".to_owned(),
            }),
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
