//! The `externalAuth` filter of an `HTTPRoute` (experimental).

use fg_base::Text;
use serde::{Deserialize, Serialize};

use crate::reference::BackendObjectReference;

/// Asks another service for permission. Source: Gateway API `HTTPExternalAuthFilter`, GEP-1494.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpExternalAuthFilter {
    /// `HTTP` or `GRPC`.
    #[serde(default)]
    pub protocol: Text,
    /// The service.
    #[serde(default)]
    pub backend_ref: BackendObjectReference,
    /// For the protocol `GRPC`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc: Option<GrpcAuthConfig>,
    /// For the protocol `HTTP`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpAuthConfig>,
    /// Whether the service sees bodies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward_body: Option<ForwardBodyConfig>,
}

/// `externalAuth.grpc`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GrpcAuthConfig {
    /// The request headers that the service sees; empty is all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_headers: Vec<Text>,
}

/// `externalAuth.http`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpAuthConfig {
    /// What is put in front of the request's path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<Text>,
    /// Request headers that the service sees beside `Host` and `Authorization`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_headers: Vec<Text>,
    /// Headers of the service's answer that the backend sees; empty is all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_response_headers: Vec<Text>,
}

/// `externalAuth.forwardBody`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ForwardBodyConfig {
    /// The largest body. Units: bytes; 0 forwards none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_size: Option<i32>,
}
