//! The status of each kind of object.

use fg_api::http_route::ParentReference;
use fg_api::report::{Report, RouteReport, Subject as Of};
use fg_base::Text;
use fg_model::{Finding, Scope};
use serde::Serialize;

use crate::acks::Acknowledgements;
use crate::condition::{Condition, ConditionStatus};
use crate::gateway::{self, GatewayStatus, ListenerSetStatus};
use crate::policy::PolicyStatus;
use crate::table::{Judge, Subject};

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
    /// Of a kind that has conditions only: `GatewayClass`, kgateway's `Backend`.
    Conditions(ConditionsStatus),
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
    /// `Accepted`, `ResolvedRefs`, and `PartiallyInvalid` while it is true.
    pub conditions: Vec<Condition>,
}

/// The status of the object that a report is about.
pub fn status(report: &Report, acks: &Acknowledgements) -> Status {
    let findings: Vec<&Finding> = report.findings.iter().map(|finding| &**finding).collect();
    match &report.subject {
        Of::GatewayClass => Status::Conditions(class(report.generation, &findings)),
        Of::Gateway(gateway) => Status::Gateway(gateway::status(report, gateway, &findings, acks)),
        Of::Route(route) => Status::Route(self::route(report.generation, route, &findings)),
        Of::ListenerSet(set) => {
            Status::ListenerSet(gateway::set_status(report, set, &findings, acks))
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

fn class(generation: i64, findings: &[&Finding]) -> ConditionsStatus {
    let judge = Judge::new(
        Subject::Class,
        generation,
        findings.iter().copied(),
        &[Scope::Object],
    );
    ConditionsStatus {
        conditions: vec![
            judge.or_true("Accepted", "Accepted", "Gateways of this class are served"),
            judge.or_true(
                "SupportedVersion",
                "SupportedVersion",
                "the Gateway API's version is supported",
            ),
        ],
    }
}

fn route(generation: i64, route: &RouteReport, findings: &[&Finding]) -> RouteStatus {
    let parents = route.parents.iter().map(|parent| {
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
