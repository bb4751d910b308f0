//! `GRPCRoute`, `gateway.networking.k8s.io/v1`.
//!
//! What it shares with `HTTPRoute` has one type: filters and backend references are those of
//! [`crate::http_route`], of which the schema of this kind allows fewer fields.

use fg_base::Text;
use serde::{Deserialize, Serialize};

use crate::http_route::{HttpBackendRef, HttpRouteFilter, HttpValueMatch};
use crate::reference::ParentReference;
use crate::session_persistence::SessionPersistence;

/// Rules from gRPC calls to backends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GrpcRouteSpec {
    /// The Gateways (or other parents) to attach to.
    #[serde(default)]
    pub parent_refs: Vec<ParentReference>,
    /// Hosts; empty means those of the listener.
    #[serde(default)]
    pub hostnames: Vec<Text>,
    /// Rules.
    #[serde(default)]
    pub rules: Vec<GrpcRouteRule>,
    /// Whether to attach to default Gateways (experimental).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub use_default_gateways: Option<Text>,
}

/// One rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GrpcRouteRule {
    /// A name, unique in the route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Text>,
    /// Any of these; empty means every call.
    #[serde(default)]
    pub matches: Vec<GrpcRouteMatch>,
    /// What happens to the call on its way: `RequestHeaderModifier`, `ResponseHeaderModifier`,
    /// `RequestMirror`, `ExtensionRef`.
    #[serde(default)]
    pub filters: Vec<HttpRouteFilter>,
    /// Where it goes, by weight.
    #[serde(default)]
    pub backend_refs: Vec<HttpBackendRef>,
    /// Session persistence (experimental).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_persistence: Option<SessionPersistence>,
}

/// One match: all of its parts must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrpcRouteMatch {
    /// Service and method; absent means all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<GrpcMethodMatch>,
    /// Headers (the call's metadata); the first of two equal names counts.
    #[serde(default)]
    pub headers: Vec<HttpValueMatch>,
}

/// `matches[].method`. One of service and method is there and not empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrpcMethodMatch {
    /// `Exact` (default) or `RegularExpression`; for both of the others.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Text>,
    /// Service with its package, such as `shop.v1.Carts`; absent or empty means all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Text>,
    /// Method; absent or empty means all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<Text>,
}
