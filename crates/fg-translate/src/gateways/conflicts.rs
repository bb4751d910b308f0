//! Conflicts among the listeners of one Gateway, or of one `ListenerSet`: nobody wins. Between
//! them the Gateway's own win, then those of the older set.
//!
//! HTTP, HTTPS and TLS are told apart by port and hostname, TCP and UDP by port alone. TCP shares
//! no port with any of the first three, and HTTP none with HTTPS and TLS: what begins in clear
//! text and what begins with a handshake cannot be told apart before the first byte.
//! Source: Gateway API `Gateway.spec.listeners`.

use fg_model::{FindingKind, Scope};

use super::ListenerDraft;
use crate::notes::Notes;

/// How a protocol begins on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Http,
    Tls,
    Tcp,
    Udp,
}

impl Family {
    /// That of a protocol that is known, supported or not.
    pub(super) fn of(protocol: &str) -> Option<Self> {
        match protocol {
            "HTTP" => Some(Self::Http),
            "HTTPS" | "TLS" => Some(Self::Tls),
            "TCP" => Some(Self::Tcp),
            "UDP" => Some(Self::Udp),
            _ => None,
        }
    }
}

/// Marks and reports all listeners of one object that cannot be told apart from another one, but
/// for those that are out already.
pub(super) fn within(drafts: &mut [ListenerDraft], notes: &mut Notes) {
    let all: Vec<&ListenerDraft> = drafts.iter().filter(|draft| !draft.conflicted).collect();
    let conflicts: Vec<Option<Conflict>> = drafts
        .iter()
        .map(|draft| {
            if draft.conflicted {
                return None;
            }
            let others = all.iter().filter(|other| other.name != draft.name);
            Conflict::find(draft, others.copied())
        })
        .collect();
    for (draft, conflict) in drafts.iter_mut().zip(conflicts) {
        if let Some(conflict) = conflict {
            conflict.report(draft, notes);
        }
    }
}

/// Marks and reports the listeners of a set that others, which go before it, have already.
pub(super) fn against(taken: &[&ListenerDraft], drafts: &mut [ListenerDraft], notes: &mut Notes) {
    for draft in drafts.iter_mut().filter(|draft| !draft.conflicted) {
        if let Some(conflict) = Conflict::find(draft, taken.iter().copied()) {
            conflict.report(draft, notes);
        }
    }
}

/// That a listener cannot be told apart from others.
struct Conflict {
    kind: FindingKind,
    others: Vec<String>,
}

impl Conflict {
    fn find<'a>(
        draft: &ListenerDraft,
        others: impl Iterator<Item = &'a ListenerDraft> + Clone,
    ) -> Option<Self> {
        [FindingKind::ProtocolConflict, FindingKind::HostnameConflict]
            .into_iter()
            .find_map(|kind| {
                let others: Vec<String> = others
                    .clone()
                    .filter(|other| conflict(draft, other) == Some(kind))
                    .map(|other| format!("`{}`", other.key.section))
                    .collect();
                (!others.is_empty()).then_some(Self { kind, others })
            })
    }

    fn report(self, draft: &mut ListenerDraft, notes: &mut Notes) {
        draft.usable = false;
        draft.conflicted = true;
        notes.scope = Scope::Listener(draft.name.clone());
        let others = self.others.join(", ");
        let (text, hint) = match (self.kind, &draft.hostname) {
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
            .error(&draft.origin.path.clone(), self.kind, text)
            .hint(hint);
    }
}

fn conflict(a: &ListenerDraft, b: &ListenerDraft) -> Option<FindingKind> {
    use Family::{Tcp, Udp};
    let (a_family, b_family) = (a.family?, b.family?);
    if a.port != b.port || (a_family == Udp) != (b_family == Udp) {
        return None;
    }
    if a_family != b_family || matches!(a_family, Tcp | Udp) {
        return Some(FindingKind::ProtocolConflict);
    }
    (a.hostname.is_some() && a.hostname == b.hostname).then_some(FindingKind::HostnameConflict)
}
