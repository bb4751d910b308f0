//! The status of a policy on each Gateway that it matters to.

use fg_api::http_route::ParentReference;
use fg_api::report::PolicyReport;
use fg_base::Text;
use fg_model::{Finding, Scope, kinds};
use serde::Serialize;

use crate::condition::Condition;
use crate::table::{Judge, Subject};

/// The most ancestors that the API takes. Source: Gateway API `PolicyStatus`.
const MOST: usize = 16;

/// `status` of a policy: our own entries only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyStatus {
    /// One entry for each Gateway of ours from which routes lead to a target, sorted, at most 16.
    pub ancestors: Vec<PolicyAncestorStatus>,
}

/// `status.ancestors[]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyAncestorStatus {
    /// The Gateway.
    pub ancestor_ref: ParentReference,
    /// Who wrote the entry.
    pub controller_name: Text,
    /// `Accepted`, `ResolvedRefs`.
    pub conditions: Vec<Condition>,
}

pub(crate) fn status(
    generation: i64,
    policy: &PolicyReport,
    findings: &[&Finding],
) -> PolicyStatus {
    let judge = Judge::new(
        Subject::Policy,
        generation,
        findings.iter().copied(),
        &[Scope::Object],
    );
    let conditions = vec![
        judge.or_true("Accepted", "Accepted", "the policy holds"),
        judge.or_true(
            "ResolvedRefs",
            "ResolvedRefs",
            "all references are resolved",
        ),
    ];
    let ancestors = policy.ancestors.iter().take(MOST).map(|ancestor| {
        let ancestor_ref = ParentReference {
            group: Some(kinds::GATEWAY.0.into()),
            kind: Some(kinds::GATEWAY.1.into()),
            namespace: Some(ancestor.namespace.clone()),
            name: ancestor.name.clone(),
            section_name: None,
            port: None,
        };
        PolicyAncestorStatus {
            ancestor_ref,
            controller_name: ancestor.controller.clone(),
            conditions: conditions.clone(),
        }
    });
    PolicyStatus {
        ancestors: ancestors.collect(),
    }
}
