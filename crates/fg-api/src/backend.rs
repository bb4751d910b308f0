//! kgateway's `Backend`, `gateway.kgateway.dev/v1alpha1`.

use fg_base::Text;
use serde::{Deserialize, Serialize};

/// A destination outside of Kubernetes Services. Exactly one kind of destination is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackendSpec {
    /// `Static`, `AWS`, `DynamicForwardProxy`, `GCP`, or `PriorityGroups`; optional, must fit.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Text>,
    /// Fixed hosts.
    #[serde(rename = "static", default, skip_serializing_if = "Option::is_none")]
    pub fixed: Option<StaticBackend>,
    /// AWS Lambda or EC2: not supported yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws: Option<serde_json::Value>,
    /// Google Cloud: not supported yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gcp: Option<serde_json::Value>,
    /// The request's own host: not supported yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dynamic_forward_proxy: Option<serde_json::Value>,
    /// Failover among Backends: not supported yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority_groups: Option<serde_json::Value>,
}

/// Fixed hosts, each an address or a DNS name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StaticBackend {
    /// Hosts; never empty, equal shares.
    #[serde(default)]
    pub hosts: Vec<BackendHost>,
    /// Application protocol: `http2`, `grpc`, `grpc-web`, `kubernetes.io/h2c`, `kubernetes.io/ws`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_protocol: Option<Text>,
}

/// One host of a static Backend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackendHost {
    /// IP address or DNS name.
    pub host: Text,
    /// Port.
    pub port: u16,
}
