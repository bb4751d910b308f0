//! Conflicts among the listeners of one Gateway: nobody wins.
//!
//! HTTP, HTTPS and TLS are told apart by port and hostname, TCP and UDP by port alone. TCP shares
//! no port with any of the first three, and HTTP none with HTTPS and TLS: what begins in clear
//! text and what begins with a handshake cannot be told apart before the first byte.
//! Source: Gateway API `Gateway.spec.listeners`.

use fg_api::gateway::Listener;
use fg_model::{FindingKind, Scope};

use super::ListenerDraft;
use crate::notes::Notes;

/// How a protocol begins on the wire.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Http,
    Tls,
    Tcp,
    Udp,
}

fn family(protocol: &str) -> Option<Family> {
    match protocol {
        "HTTP" => Some(Family::Http),
        "HTTPS" | "TLS" => Some(Family::Tls),
        "TCP" => Some(Family::Tcp),
        "UDP" => Some(Family::Udp),
        _ => None,
    }
}

/// Marks and reports all listeners that cannot be told apart from another one.
pub(super) fn within(listeners: &[Listener], drafts: &mut [ListenerDraft], notes: &mut Notes) {
    let families: Vec<Option<Family>> = drafts
        .iter()
        .map(|draft| {
            let listener = listeners
                .iter()
                .find(|listener| listener.name == draft.key.section);
            listener.and_then(|listener| family(&listener.protocol))
        })
        .collect();
    let mut conflicts: Vec<(usize, FindingKind, Vec<String>)> = Vec::new();
    for (at, draft) in drafts.iter().enumerate() {
        for kind in [FindingKind::ProtocolConflict, FindingKind::HostnameConflict] {
            let others: Vec<String> = drafts
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != at)
                .filter(|(other, o)| {
                    conflict(draft, families[at], o, families[*other]) == Some(kind)
                })
                .map(|(_, other)| format!("`{}`", other.key.section))
                .collect();
            if !others.is_empty() {
                conflicts.push((at, kind, others));
                break;
            }
        }
    }
    for (at, kind, others) in conflicts {
        let draft = &mut drafts[at];
        draft.usable = false;
        notes.scope = Scope::Listener(draft.key.section.clone());
        let others = others.join(", ");
        let (text, hint) = match (kind, &draft.hostname) {
            (FindingKind::HostnameConflict, Some(hostname)) => (
                format!(
                    "shares port {} and hostname `{hostname}` with listener {others}",
                    draft.port
                ),
                "give each listener its own hostname or port",
            ),
            _ => (
                format!(
                    "shares port {} with listener {others} of another protocol",
                    draft.port
                ),
                "give each protocol its own port",
            ),
        };
        notes
            .error(&draft.origin.path.clone(), kind, text)
            .hint(hint);
    }
}

fn conflict(
    a: &ListenerDraft,
    a_family: Option<Family>,
    b: &ListenerDraft,
    b_family: Option<Family>,
) -> Option<FindingKind> {
    use Family::{Tcp, Udp};
    let (a_family, b_family) = (a_family?, b_family?);
    if a.port != b.port || (a_family == Udp) != (b_family == Udp) {
        return None;
    }
    if a_family != b_family || matches!(a_family, Tcp | Udp) {
        return Some(FindingKind::ProtocolConflict);
    }
    (a.hostname.is_some() && a.hostname == b.hostname).then_some(FindingKind::HostnameConflict)
}
