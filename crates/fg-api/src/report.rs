//! What translation has to say about one object: all that its status needs but acknowledgements.
//!
//! `fg-translate` makes reports, `fg-status` turns them into the status that the API describes.

use std::net::IpAddr;
use std::sync::Arc;

use fg_base::Text;
use fg_model::{Finding, ObjectRef, Plane};

use crate::gateway::RouteGroupKind;
use crate::http_route::ParentReference;

/// The report on one object that is ours to give a status to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The object.
    pub object: Arc<ObjectRef>,
    /// `metadata.generation` that the report was made from.
    pub generation: i64,
    /// What the kind of object needs.
    pub subject: Subject,
    /// What was found about this object, sorted. Findings of severity error decide conditions.
    pub findings: Vec<Arc<Finding>>,
}

/// The part of a report that depends on the kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A class of ours, and who serves its Gateways.
    GatewayClass(Plane),
    /// A Gateway of a class of ours.
    Gateway(GatewayReport),
    /// A route with at least one parent of ours.
    Route(RouteReport),
    /// kgateway's `Backend`.
    Backend,
    /// A `ListenerSet` of a Gateway of ours.
    ListenerSet(ListenerSetReport),
    /// A `BackendTLSPolicy`.
    Policy(PolicyReport),
}

/// What a Gateway's status needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayReport {
    /// Who serves its traffic.
    pub plane: Plane,
    /// The addresses it asked for, usable ones only; empty means all.
    pub addresses: Vec<IpAddr>,
    /// Whether clients that fail the check of their certificate are let in anywhere.
    pub insecure_fallback: bool,
    /// How many `ListenerSet`s add listeners; `None` when it lets none in.
    pub attached_sets: Option<u32>,
    /// Its listeners, in the order of the spec.
    pub listeners: Vec<ListenerReport>,
}

/// What a listener's status needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerReport {
    /// Its name.
    pub name: Text,
    /// Its name in the IR, where it differs for listeners of a `ListenerSet`.
    pub section: Text,
    /// The route kinds that can attach, group filled in.
    pub supported_kinds: Vec<RouteGroupKind>,
    /// Routes that are accepted on it, also while it does not serve itself.
    pub attached_routes: u32,
    /// Whether it is handed to the data plane.
    pub served: bool,
    /// The listeners whose TLS a client may take for its own.
    pub overlap: Option<Overlap>,
}

/// Listeners of one port whose TLS a client may take for each other's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlap {
    /// Whether their certificates share names; else only their hostnames overlap.
    pub certificates: bool,
    /// The other listeners, in the order of the spec; never empty.
    pub with: Vec<Text>,
}

/// What a route's status needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteReport {
    /// The parents that are ours, in the order of the spec.
    pub parents: Vec<ParentReport>,
    /// Rules that cannot work. Units: rules of the route.
    pub broken_rules: u32,
}

/// What the status of a `ListenerSet` needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerSetReport {
    /// Namespace and name of its Gateway.
    pub gateway: (Text, Text),
    /// Whether the Gateway is accepted, listeners aside.
    pub parent_accepted: bool,
    /// Its listeners, in the order of the spec; none when it is not let in.
    pub listeners: Vec<ListenerReport>,
}

/// What a policy's status needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyReport {
    /// The Gateways of ours from which routes lead to its targets, sorted.
    pub ancestors: Vec<AncestorReport>,
}

/// A Gateway in a policy's status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AncestorReport {
    /// Its namespace.
    pub namespace: Text,
    /// Its name.
    pub name: Text,
    /// Who serves its class.
    pub controller: Text,
}

/// What the status of a route on one parent needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParentReport {
    /// Index in `spec.parentRefs`; findings with `Scope::Parent` of it concern this parent.
    pub index: usize,
    /// The reference with group, kind filled in.
    pub parent: ParentReference,
    /// Who serves the parent's class.
    pub controller: Text,
}
