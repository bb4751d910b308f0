//! The status of each kind of object.

use fg_api::http_route::ParentReference;
use fg_api::report::{Report, RouteReport, Subject as Of};
use fg_base::Text;
use fg_model::{Finding, Plane, Scope};
use serde::Serialize;

use crate::acks::Acknowledgements;
use crate::cluster::{Confirmation, ROUTE_PROGRAMMED, Verdicts};
use crate::condition::{Condition, ConditionStatus};
use crate::features::{self, Feature};
use crate::gateway::{self, GatewayStatus, ListenerSetStatus};
use crate::policy::PolicyStatus;
use crate::table::{Judge, Subject};
use crate::word::Words;

/// The `status` of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Status {
    /// Of a Gateway.
    Gateway(GatewayStatus),
    /// Of a route.
    Route(RouteStatus),
    /// Of a `ListenerSet`.
    ListenerSet(ListenerSetStatus),
    /// Of a policy.
    Policy(PolicyStatus),
    /// Of a kind that has conditions only: `GatewayClass` outside clusters, kgateway's `Backend`.
    Conditions(ConditionsStatus),
    /// Of a `GatewayClass` in a cluster.
    Class(ClassStatus),
}

/// `status` of a `GatewayClass`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClassStatus {
    /// `Accepted`, `SupportedVersion`.
    pub conditions: Vec<Condition>,
    /// What Gateways of it can do, sorted; none while it is not accepted.
    pub supported_features: Vec<Feature>,
}

/// A status of conditions only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConditionsStatus {
    /// Conditions.
    pub conditions: Vec<Condition>,
}

/// `status` of a route: our own entries only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RouteStatus {
    /// One entry for each parent that is ours, in the order of the spec.
    pub parents: Vec<RouteParentStatus>,
}

/// `status.parents[]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteParentStatus {
    /// The reference as in the spec, with group and kind.
    pub parent_ref: ParentReference,
    /// Who wrote the entry.
    pub controller_name: Text,
    /// `Accepted`, `ResolvedRefs`, `PartiallyInvalid` while it is true, and in a cluster, or when it
    /// is false, `ferrogate.dev/Programmed`.
    pub conditions: Vec<Condition>,
}

/// The status of the object that a report is about, where one process serves everything.
pub fn status(report: &Report, acks: &Acknowledgements) -> Status {
    any_status(report, Words::Process(acks))
}

/// The status of the object that a report is about, in a cluster. A condition whose status is
/// [`ConditionStatus::Undecided`] is to be left as it stands.
pub fn cluster_status(report: &Report, verdicts: &Verdicts) -> Status {
    any_status(report, Words::Cluster(verdicts))
}

fn any_status(report: &Report, words: Words<'_>) -> Status {
    let findings: Vec<&Finding> = report.findings.iter().map(|finding| &**finding).collect();
    match &report.subject {
        Of::GatewayClass(plane) => class(report.generation, *plane, &findings, words),
        Of::Gateway(gateway) => Status::Gateway(gateway::status(report, gateway, &findings, words)),
        Of::Route(route) => Status::Route(self::route(report.generation, route, &findings, words)),
        Of::ListenerSet(set) => {
            Status::ListenerSet(gateway::set_status(report, set, &findings, words))
        }
        Of::Policy(policy) => {
            Status::Policy(crate::policy::status(report.generation, policy, &findings))
        }
        Of::Backend => {
            let judge = Judge::new(
                Subject::Backend,
                report.generation,
                findings,
                &[Scope::Object],
            );
            let accepted = judge.or_true("Accepted", "Accepted", "the Backend can be used");
            Status::Conditions(ConditionsStatus {
                conditions: vec![accepted],
            })
        }
    }
}

fn class(generation: i64, plane: Plane, findings: &[&Finding], words: Words<'_>) -> Status {
    let judge = Judge::new(
        Subject::Class,
        generation,
        findings.iter().copied(),
        &[Scope::Object],
    );
    let accepted = judge.or_true("Accepted", "Accepted", "Gateways of this class are served");
    let is_accepted = accepted.status == ConditionStatus::True;
    let version = judge.or_true(
        "SupportedVersion",
        "SupportedVersion",
        "the Gateway API's version is supported",
    );
    let conditions = vec![accepted, version];
    match words {
        Words::Process(_) => Status::Conditions(ConditionsStatus { conditions }),
        Words::Cluster(_) => Status::Class(ClassStatus {
            conditions,
            supported_features: if is_accepted {
                features::supported(plane)
            } else {
                Vec::new()
            },
        }),
    }
}

fn route(
    generation: i64,
    route: &RouteReport,
    findings: &[&Finding],
    words: Words<'_>,
) -> RouteStatus {
    let parents = route.parents.iter().enumerate().map(|(at, parent)| {
        let scopes = [Scope::Object, Scope::Parent(parent.index)];
        let judge = Judge::new(
            Subject::Route,
            generation,
            findings.iter().copied(),
            &scopes,
        );
        let accepted = judge.or_true("Accepted", "Accepted", "the route is attached");
        let served = accepted.status == ConditionStatus::True;
        let mut conditions = vec![
            accepted,
            judge.or_true(
                "ResolvedRefs",
                "ResolvedRefs",
                "all references are resolved",
            ),
        ];
        if let Some(mut partly) = judge.found("PartiallyInvalid").filter(|_| served) {
            partly.message = format!("Dropped Rule: {}", partly.message);
            conditions.push(partly);
        }
        match words {
            Words::Cluster(verdicts) => {
                conditions.push(route_programmed(&judge, served, verdicts, at));
            }
            // One process has something to say only when its data plane refused the route.
            Words::Process(_) => conditions.extend(judge.found(ROUTE_PROGRAMMED)),
        }
        RouteParentStatus {
            parent_ref: parent.parent.clone(),
            controller_name: parent.controller.clone(),
            conditions,
        }
    });
    RouteStatus {
        parents: parents.collect(),
    }
}

/// `ferrogate.dev/Programmed` of a route on its parent number `at`.
fn route_programmed(
    judge: &Judge<'_>,
    attached: bool,
    verdicts: &Verdicts,
    at: usize,
) -> Condition {
    use ConditionStatus::{False, True, Undecided};
    let (status, reason, message) = if attached {
        let gateway = verdicts.parents.get(at).and_then(Option::as_ref);
        match gateway.map(|gateway| verdicts.on(gateway)) {
            None | Some(Confirmation::Undecided) => (Undecided, "Pending", String::new()),
            Some(Confirmation::Confirmed { proxies }) => {
                (True, "Programmed", format!("{proxies}/{proxies} proxies"))
            }
            Some(Confirmation::Pending { words }) => (False, "Pending", words),
            Some(Confirmation::Rejected { words }) => (False, "Rejected", words),
        }
    } else {
        let words = "the route is not attached to this parent".to_owned();
        (False, "NotAccepted", words)
    };
    judge.condition(ROUTE_PROGRAMMED, status, reason, message)
}
