//! The status of a Gateway and its listeners.

use std::net::IpAddr;

use fg_api::gateway::RouteGroupKind;
use fg_api::report::{GatewayReport, ListenerReport, ListenerSetReport, Report};
use fg_base::Text;
use fg_ir::ListenerKey;
use fg_model::{Finding, Scope};
use serde::Serialize;

use crate::cluster::{Address, Lack};
use crate::condition::{Condition, ConditionStatus};
use crate::table::{Judge, Subject};
use crate::word::{Word, Words};

/// `status` of a Gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GatewayStatus {
    /// What is bound, while something is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<StatusAddress>,
    /// `Accepted`, `Programmed`, `ResolvedRefs`, and `InsecureFrontendValidationMode` while it is
    /// true.
    pub conditions: Vec<Condition>,
    /// How many `ListenerSet`s are accepted; absent when it lets none in.
    #[serde(
        rename = "attachedListenerSets",
        skip_serializing_if = "Option::is_none"
    )]
    pub attached_listener_sets: Option<u32>,
    /// One entry for each listener, in the order of the spec.
    pub listeners: Vec<ListenerStatus>,
}

/// `status` of a `ListenerSet`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListenerSetStatus {
    /// `Accepted`, `Programmed`.
    pub conditions: Vec<Condition>,
    /// One entry for each listener, in the order of the spec; none while it is not let in.
    pub listeners: Vec<ListenerStatus>,
}

/// `status.addresses[]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StatusAddress {
    /// `IPAddress` or `Hostname`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The address.
    pub value: String,
}

/// `status.listeners[]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListenerStatus {
    /// The listener's name.
    pub name: Text,
    /// The kinds of routes that can attach.
    pub supported_kinds: Vec<RouteGroupKind>,
    /// Routes that are accepted, whether the listener serves or not.
    pub attached_routes: u32,
    /// `Accepted`, `Conflicted`, `ResolvedRefs`, `Programmed`, and `OverlappingTLSConfig` while it
    /// is true.
    pub conditions: Vec<Condition>,
}

/// What matters of a listener's conditions to its Gateway.
struct Listener {
    status: ListenerStatus,
    accepted: bool,
    resolved: bool,
    /// Whether it serves, or will.
    can_serve: bool,
    programmed: Condition,
}

/// What the listeners of one object say together about `Programmed`.
///
/// One that serves is enough; else the one that may yet serve is waited for.
fn programmed_of(judge: &Judge<'_>, listeners: &[Listener], what: &str) -> Condition {
    use ConditionStatus::{False, True, Undecided, Unknown};
    const PROGRAMMED: &str = "Programmed";
    let first = |status, reason: Option<&str>| {
        listeners
            .iter()
            .map(|listener| &listener.programmed)
            .find(|found| found.status == status && reason.is_none_or(|is| found.reason == is))
    };
    if let Some(found) = first(True, None) {
        let count = found.message.split_once(": ").map(|(_, count)| count);
        let message = match count {
            Some(count) => format!("the {what} serves: {count}"),
            None => format!("the {what} serves"),
        };
        judge.condition(PROGRAMMED, True, PROGRAMMED, message)
    } else if first(Undecided, None).is_some() {
        judge.condition(PROGRAMMED, Undecided, "Pending", "")
    } else if first(Unknown, None).is_some() {
        judge.condition(PROGRAMMED, Unknown, "Pending", "waiting for the data plane")
    } else if let Some(found) = first(False, Some("Pending")) {
        judge.condition(PROGRAMMED, False, "Pending", found.message.clone())
    } else {
        let message = match listeners {
            [one] => format!("its listener does not serve: {}", one.programmed.message),
            _ => "none of its listeners serves".to_owned(),
        };
        judge.condition(PROGRAMMED, False, "Invalid", message)
    }
}

pub(crate) fn status(
    report: &Report,
    gateway: &GatewayReport,
    findings: &[&Finding],
    words: Words<'_>,
) -> GatewayStatus {
    let judge = Judge::new(
        Subject::Gateway,
        report.generation,
        findings.iter().copied(),
        &[Scope::Object],
    );
    let listeners: Vec<Listener> = gateway
        .listeners
        .iter()
        .map(|listener| {
            let object = &report.object;
            let gateway = (&object.namespace, &object.name);
            self::listener(report.generation, gateway, listener, findings, words)
        })
        .collect();
    let accepted = accepted(&judge, &listeners);
    let lack = match words {
        Words::Process(_) => None,
        Words::Cluster(verdicts) => verdicts.addresses.lack.as_ref(),
    };
    let mut programmed = programmed(&judge, &accepted, &listeners, lack);
    if let Words::Cluster(verdicts) = words
        && let Some(remark) = verdicts.remark.as_ref()
        && programmed.status == ConditionStatus::True
    {
        programmed.message = format!("{}; {remark}", programmed.message);
    }
    let bound = listeners
        .iter()
        .any(|listener| listener.programmed.status == ConditionStatus::True);
    let addresses = match words {
        Words::Process(_) if !bound => Vec::new(),
        Words::Process(acks) if gateway.addresses.is_empty() => ips(&acks.addresses),
        Words::Process(_) => ips(&gateway.addresses),
        Words::Cluster(verdicts) => verdicts.addresses.have.iter().map(shown).collect(),
    };
    let mut conditions = vec![accepted, programmed, resolved(&judge, &listeners)];
    if gateway.insecure_fallback {
        conditions.push(judge.condition(
            "InsecureFrontendValidationMode",
            ConditionStatus::True,
            "ConfigurationChanged",
            "clients without a valid certificate are let in (AllowInsecureFallback)",
        ));
    }
    GatewayStatus {
        addresses,
        conditions,
        attached_listener_sets: gateway.attached_sets,
        listeners: listeners
            .into_iter()
            .map(|listener| listener.status)
            .collect(),
    }
}

fn ips(addresses: &[IpAddr]) -> Vec<StatusAddress> {
    let addresses = addresses.iter().map(|ip| shown(&Address::Ip(*ip)));
    addresses.collect()
}

fn shown(address: &Address) -> StatusAddress {
    match address {
        Address::Ip(ip) => StatusAddress {
            kind: "IPAddress",
            value: ip.to_string(),
        },
        Address::Hostname(name) => StatusAddress {
            kind: "Hostname",
            value: name.to_string(),
        },
    }
}

/// One good listener is enough; a bad one beside it shows in the reason.
fn accepted(judge: &Judge<'_>, listeners: &[Listener]) -> Condition {
    use ConditionStatus::{False, True};
    if let Some(found) = judge.found("Accepted") {
        return found;
    }
    let bad: Vec<&str> = listeners
        .iter()
        .filter(|listener| !listener.accepted)
        .map(|listener| &*listener.status.name)
        .collect();
    if bad.is_empty() {
        return judge.condition("Accepted", True, "Accepted", "the Gateway is accepted");
    }
    let status = if bad.len() == listeners.len() {
        False
    } else {
        True
    };
    let message = format!("not accepted: listener {}", bad.join(", "));
    judge.condition("Accepted", status, "ListenersNotValid", message)
}

fn programmed(
    judge: &Judge<'_>,
    accepted: &Condition,
    listeners: &[Listener],
    lack: Option<&Lack>,
) -> Condition {
    use ConditionStatus::False;
    const PROGRAMMED: &str = "Programmed";
    if let Some(found) = judge.found(PROGRAMMED) {
        return found;
    }
    if accepted.status == False {
        let reason = if accepted.reason == "Pending" {
            "Pending"
        } else {
            "Invalid"
        };
        return judge.condition(PROGRAMMED, False, reason, accepted.message.clone());
    }
    match lack {
        Some(Lack::NotAssigned(words)) => {
            judge.condition(PROGRAMMED, False, "AddressNotAssigned", words.clone())
        }
        Some(Lack::NotUsable(words)) => {
            judge.condition(PROGRAMMED, False, "AddressNotUsable", words.clone())
        }
        None => programmed_of(judge, listeners, "Gateway"),
    }
}

fn resolved(judge: &Judge<'_>, listeners: &[Listener]) -> Condition {
    const RESOLVED: &str = "ResolvedRefs";
    let bad: Vec<&str> = listeners
        .iter()
        .filter(|listener| !listener.resolved)
        .map(|listener| &*listener.status.name)
        .collect();
    if bad.is_empty() {
        return judge.or_true(RESOLVED, RESOLVED, "all references are resolved");
    }
    let message = format!("not resolved: references of listener {}", bad.join(", "));
    judge.found(RESOLVED).unwrap_or_else(|| {
        judge.condition(
            RESOLVED,
            ConditionStatus::False,
            "ListenersNotResolved",
            message,
        )
    })
}

/// The status of a set: one good listener is enough.
pub(crate) fn set_status(
    report: &Report,
    set: &ListenerSetReport,
    findings: &[&Finding],
    words: Words<'_>,
) -> ListenerSetStatus {
    use ConditionStatus::{False, True};
    let judge = Judge::new(
        Subject::ListenerSet,
        report.generation,
        findings.iter().copied(),
        &[Scope::Object],
    );
    let gateway = (&set.gateway.0, &set.gateway.1);
    let listeners: Vec<Listener> = set
        .listeners
        .iter()
        .map(|listener| self::listener(report.generation, gateway, listener, findings, words))
        .collect();
    let accepted = judge.found("Accepted").unwrap_or_else(|| {
        let (status, reason, message) = if !set.parent_accepted {
            (False, "ParentNotAccepted", "its Gateway is not accepted")
        } else if listeners.iter().any(|listener| listener.can_serve) {
            (True, "Accepted", "the ListenerSet is accepted")
        } else {
            (
                False,
                "ListenersNotValid",
                "none of its listeners can serve",
            )
        };
        judge.condition("Accepted", status, reason, message)
    });
    let programmed = if accepted.status == False {
        judge.condition(
            "Programmed",
            False,
            accepted.reason,
            accepted.message.clone(),
        )
    } else {
        programmed_of(&judge, &listeners, "ListenerSet")
    };
    ListenerSetStatus {
        conditions: vec![accepted, programmed],
        listeners: listeners
            .into_iter()
            .map(|listener| listener.status)
            .collect(),
    }
}

fn listener(
    generation: i64,
    gateway: (&Text, &Text),
    listener: &ListenerReport,
    findings: &[&Finding],
    words: Words<'_>,
) -> Listener {
    use ConditionStatus::{False, True, Undecided, Unknown};
    let judge = Judge::new(
        Subject::Listener,
        generation,
        findings.iter().copied(),
        &[Scope::Listener(listener.name.clone())],
    );
    let key = ListenerKey {
        namespace: gateway.0.clone(),
        gateway: gateway.1.clone(),
        section: listener.section.clone(),
    };
    let word = words.on(&key);
    let accepted = judge.found("Accepted").unwrap_or_else(|| match &word {
        Word::Unbound(words) if listener.served => {
            judge.condition("Accepted", False, "PortUnavailable", words.clone())
        }
        _ => judge.condition("Accepted", True, "Accepted", "the listener is accepted"),
    });
    let conflicted = judge.found("Conflicted").unwrap_or_else(|| {
        judge.condition(
            "Conflicted",
            False,
            "NoConflicts",
            "no other listener is in its way",
        )
    });
    let resolved = judge.or_true(
        "ResolvedRefs",
        "ResolvedRefs",
        "all references are resolved",
    );
    let can_serve = listener.served && !matches!(word, Word::Unbound(_));
    let (status, reason, message) = match (listener.served, word) {
        (false, _) if conflicted.status == True => {
            (False, conflicted.reason, conflicted.message.clone())
        }
        (false, _) if accepted.status == False => (False, "Invalid", accepted.message.clone()),
        (false, _) => (False, "Invalid", "the listener is not served".to_owned()),
        (true, Word::Serves(None)) => (True, "Programmed", "the listener serves".to_owned()),
        (true, Word::Serves(Some(proxies))) => {
            let words = format!("the listener serves: {proxies}/{proxies} proxies");
            (True, "Programmed", words)
        }
        (true, Word::Unbound(words) | Word::Refused(words)) => (False, "Invalid", words),
        (true, Word::Pending(words)) => (False, "Pending", words),
        (true, Word::Nothing) => (Unknown, "Pending", "waiting for the data plane".to_owned()),
        (true, Word::Undecided) => (Undecided, "Pending", String::new()),
    };
    let programmed = judge.condition("Programmed", status, reason, message);
    let overlapping = listener.overlap.as_ref().map(|overlap| {
        let (reason, what) = if overlap.certificates {
            ("OverlappingCertificates", "certificates")
        } else {
            ("OverlappingHostnames", "hostnames")
        };
        let message = format!(
            "its {what} overlap with those of listener {}: requests over a connection made for another listener are answered 421",
            overlap.with.join(", ")
        );
        judge.condition("OverlappingTLSConfig", True, reason, message)
    });
    let (is_accepted, is_resolved) = (accepted.status == True, resolved.status == True);
    let mut conditions = vec![accepted, conflicted, resolved, programmed.clone()];
    conditions.extend(overlapping);
    Listener {
        accepted: is_accepted,
        resolved: is_resolved,
        can_serve,
        programmed,
        status: ListenerStatus {
            name: listener.name.clone(),
            supported_kinds: listener.supported_kinds.clone(),
            attached_routes: listener.attached_routes,
            conditions,
        },
    }
}
