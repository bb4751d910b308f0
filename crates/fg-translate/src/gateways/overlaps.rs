//! HTTPS listeners of one port whose TLS a client may take for each other's.
//!
//! A client may send requests for all names of a certificate over one connection (RFC 9113 §9.1.1).
//! They are answered 421 when another listener owns the name; status says that it may happen.
//! Source: Gateway API `OverlappingTLSConfig`, GEP-3567.

use fg_api::report::Overlap;
use fg_base::Text;
use fg_ir::Protocol;

use super::ListenerDraft;

/// Marks the listeners that overlap with another one.
pub(super) fn mark(drafts: &mut [&mut ListenerDraft]) {
    let marks: Vec<Option<Overlap>> = (0..drafts.len()).map(|at| of(drafts, at)).collect();
    for (draft, overlap) in drafts.iter_mut().zip(marks) {
        draft.overlap = overlap;
    }
}

fn of(drafts: &[&mut ListenerDraft], at: usize) -> Option<Overlap> {
    let own = &drafts[at];
    if own.protocol != Some(Protocol::Https) {
        return None;
    }
    let mut with: Vec<Text> = Vec::new();
    let mut certificates = false;
    for (_, other) in drafts.iter().enumerate().filter(|(other, _)| *other != at) {
        if other.protocol != Some(Protocol::Https) || other.port != own.port {
            continue;
        }
        let hostnames = match (&own.hostname, &other.hostname) {
            (Some(a), Some(b)) => a.intersection(b).is_some(),
            _ => false,
        };
        let names = share(&own.certificate_names, &other.certificate_names);
        if hostnames || names {
            with.push(other.key.section.clone());
            certificates |= names;
        }
    }
    (!with.is_empty()).then_some(Overlap { certificates, with })
}

/// Whether a name of the one covers a name of the other.
fn share(a: &[Text], b: &[Text]) -> bool {
    let covers = |wide: &Text, name: &Text| {
        wide == name
            || wide.strip_prefix('*').is_some_and(|suffix| {
                name.strip_suffix(suffix)
                    .is_some_and(|label| !label.is_empty() && !label.contains('.'))
            })
    };
    a.iter()
        .any(|a| b.iter().any(|b| covers(a, b) || covers(b, a)))
}
