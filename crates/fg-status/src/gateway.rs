//! The status of a Gateway and its listeners.

use fg_api::gateway::RouteGroupKind;
use fg_api::report::{GatewayReport, ListenerReport, ListenerSetReport, Report};
use fg_base::Text;
use fg_ir::ListenerKey;
use fg_model::{Finding, Scope};
use serde::Serialize;

use crate::acks::Acknowledgements;
use crate::condition::{Condition, ConditionStatus};
use crate::table::{Judge, Subject};

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
    /// `IPAddress`.
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
    programmed: ConditionStatus,
}

pub(crate) fn status(
    report: &Report,
    gateway: &GatewayReport,
    findings: &[&Finding],
    acks: &Acknowledgements,
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
            self::listener(report.generation, gateway, listener, findings, acks)
        })
        .collect();
    let accepted = accepted(&judge, &listeners);
    let programmed = programmed(&judge, &accepted, &listeners);
    let bound = listeners
        .iter()
        .any(|listener| listener.programmed == ConditionStatus::True);
    let addresses = if gateway.addresses.is_empty() {
        &acks.addresses
    } else {
        &gateway.addresses
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
        addresses: addresses
            .iter()
            .filter(|_| bound)
            .map(|address| StatusAddress {
                kind: "IPAddress",
                value: address.to_string(),
            })
            .collect(),
        conditions,
        attached_listener_sets: gateway.attached_sets,
        listeners: listeners
            .into_iter()
            .map(|listener| listener.status)
            .collect(),
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

fn programmed(judge: &Judge<'_>, accepted: &Condition, listeners: &[Listener]) -> Condition {
    use ConditionStatus::{False, True, Unknown};
    const PROGRAMMED: &str = "Programmed";
    if let Some(found) = judge.found(PROGRAMMED) {
        return found;
    }
    let any = |status| {
        listeners
            .iter()
            .any(|listener| listener.programmed == status)
    };
    if accepted.status == False {
        let reason = if accepted.reason == "Pending" {
            "Pending"
        } else {
            "Invalid"
        };
        judge.condition(PROGRAMMED, False, reason, accepted.message.clone())
    } else if any(True) {
        judge.condition(PROGRAMMED, True, PROGRAMMED, "the Gateway serves")
    } else if any(Unknown) {
        judge.condition(PROGRAMMED, Unknown, "Pending", "waiting for the data plane")
    } else {
        judge.condition(PROGRAMMED, False, "Invalid", "none of its listeners serves")
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
    acks: &Acknowledgements,
) -> ListenerSetStatus {
    use ConditionStatus::{False, True, Unknown};
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
        .map(|listener| self::listener(report.generation, gateway, listener, findings, acks))
        .collect();
    let any = |status| {
        listeners
            .iter()
            .any(|listener| listener.programmed == status)
    };
    let accepted = judge.found("Accepted").unwrap_or_else(|| {
        let (status, reason, message) = if !set.parent_accepted {
            (False, "ParentNotAccepted", "its Gateway is not accepted")
        } else if any(True) || any(Unknown) {
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
    } else if any(True) {
        judge.condition("Programmed", True, "Programmed", "the ListenerSet serves")
    } else {
        judge.condition(
            "Programmed",
            Unknown,
            "Pending",
            "waiting for the data plane",
        )
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
    acks: &Acknowledgements,
) -> Listener {
    use ConditionStatus::{False, True, Unknown};
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
    let ack = acks.listeners.get(&key).filter(|_| listener.served);
    let accepted = judge.found("Accepted").unwrap_or_else(|| match ack {
        Some(Err(words)) => judge.condition("Accepted", False, "PortUnavailable", words.clone()),
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
    let (status, reason, message) = match (listener.served, ack) {
        (false, _) if conflicted.status == True => {
            (False, conflicted.reason, conflicted.message.clone())
        }
        (false, _) if accepted.status == False => (False, "Invalid", accepted.message.clone()),
        (false, _) => (False, "Invalid", "the listener is not served".to_owned()),
        (true, Some(Ok(()))) => (True, "Programmed", "the listener serves".to_owned()),
        (true, Some(Err(words))) => (False, "Invalid", words.clone()),
        (true, None) => (Unknown, "Pending", "waiting for the data plane".to_owned()),
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
    let mut conditions = vec![accepted, conflicted, resolved, programmed];
    conditions.extend(overlapping);
    Listener {
        accepted: is_accepted,
        resolved: is_resolved,
        programmed: status,
        status: ListenerStatus {
            name: listener.name.clone(),
            supported_kinds: listener.supported_kinds.clone(),
            attached_routes: listener.attached_routes,
            conditions,
        },
    }
}
