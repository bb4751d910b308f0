//! Statuses of objects, as the control plane has them written.

use fg_api::http_route::ParentReference;
use fg_model::{ObjectRef, kinds};
use fg_status::{
    Condition, ConditionStatus, Document, DocumentMeta, GatewayStatus, ListenerStatus,
    PolicyAncestorStatus, PolicyStatus, RouteParentStatus, RouteStatus, Status, StatusAddress,
};

/// Our controller.
pub const OURS: &str = "ferrogate.dev/gateway";

/// A condition that says of which generation it is.
pub fn condition(kind: &'static str, status: ConditionStatus, generation: i64) -> Condition {
    Condition {
        kind,
        status,
        observed_generation: generation,
        reason: "Because",
        message: format!("as of {generation}"),
    }
}

/// An object's document.
pub fn document(object: &ObjectRef, generation: i64, status: Status) -> Document {
    Document {
        api_version: "gateway.networking.k8s.io/v1",
        kind: object.kind.clone(),
        metadata: DocumentMeta {
            name: object.name.clone(),
            namespace: object.namespace.clone(),
            generation,
        },
        status,
    }
}

/// Names a Gateway as a parent.
fn parent(name: &str) -> ParentReference {
    ParentReference {
        group: Some(kinds::GATEWAY.0.into()),
        kind: Some(kinds::GATEWAY.1.into()),
        namespace: None,
        name: name.into(),
        section_name: None,
        port: None,
    }
}

/// A route's document with these Gateways as parents, each of which accepts it.
pub fn route_document(route: &ObjectRef, generation: i64, parents: &[&str]) -> Document {
    let parents = parents.iter().map(|name| RouteParentStatus {
        parent_ref: parent(name),
        controller_name: OURS.into(),
        conditions: vec![condition("Accepted", ConditionStatus::True, generation)],
    });
    let parents = parents.collect();
    document(route, generation, Status::Route(RouteStatus { parents }))
}

/// A policy's document with these Gateways as ancestors, each of which accepts it.
pub fn policy_document(policy: &ObjectRef, generation: i64, ancestors: &[&str]) -> Document {
    let ancestors = ancestors.iter().map(|name| PolicyAncestorStatus {
        ancestor_ref: parent(name),
        controller_name: OURS.into(),
        conditions: vec![condition("Accepted", ConditionStatus::True, generation)],
    });
    let ancestors = ancestors.collect();
    document(
        policy,
        generation,
        Status::Policy(PolicyStatus { ancestors }),
    )
}

/// A Gateway's document with an address and these listeners, all accepted.
pub fn gateway_document(
    gateway: &ObjectRef,
    generation: i64,
    programmed: ConditionStatus,
    listeners: &[&str],
) -> Document {
    let conditions = vec![
        condition("Accepted", ConditionStatus::True, generation),
        condition("Programmed", programmed, generation),
    ];
    let listeners = listeners.iter().map(|name| ListenerStatus {
        name: (*name).into(),
        supported_kinds: Vec::new(),
        attached_routes: 1,
        conditions: conditions.clone(),
    });
    let status = GatewayStatus {
        addresses: vec![StatusAddress {
            kind: "IPAddress",
            value: "192.0.2.7".to_owned(),
        }],
        attached_listener_sets: Some(2),
        listeners: listeners.collect(),
        conditions: conditions.clone(),
    };
    document(gateway, generation, Status::Gateway(status))
}
