//! Core kinds: `Service`, `EndpointSlice`, `Secret`, `ConfigMap`.

use std::collections::BTreeMap;

use fg_base::Text;
use serde::{Deserialize, Serialize};

/// `Service`, `v1`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceSpec {
    /// `ClusterIP` (default), `NodePort`, `LoadBalancer`, or `ExternalName`.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Text>,
    /// Ports.
    #[serde(default)]
    pub ports: Vec<ServicePort>,
    /// The name behind an `ExternalName` Service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_name: Option<Text>,
    /// Addresses inside the cluster, as the API server assigned them; `None` (the word) for a
    /// headless Service, empty in a folder.
    #[serde(rename = "clusterIPs", default, skip_serializing_if = "Vec::is_empty")]
    pub cluster_ips: Vec<Text>,
    /// Addresses and hostnames of `status.loadBalancer.ingress`, the only part of a status that is
    /// read; empty in a folder.
    #[serde(skip)]
    pub ingress: Vec<Text>,
}

/// One port of a Service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServicePort {
    /// Name; the EndpointSlice's port of that name is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Text>,
    /// The Service's port.
    pub port: u16,
    /// The pods' port, by number or name; default `port`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_port: Option<IntOrString>,
    /// `TCP` (default), `UDP`, or `SCTP`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Text>,
    /// Application protocol, such as `kubernetes.io/h2c`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_protocol: Option<Text>,
}

/// A number or a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum IntOrString {
    /// A number.
    Int(i64),
    /// A name.
    String(Text),
}

/// `EndpointSlice`, `discovery.k8s.io/v1`. It has no spec; the body is here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointSlice {
    /// `IPv4`, `IPv6`, or `FQDN` (not supported).
    #[serde(default)]
    pub address_type: Text,
    /// Endpoints.
    #[serde(default)]
    pub endpoints: Vec<SliceEndpoint>,
    /// Ports that all endpoints of the slice have.
    #[serde(default)]
    pub ports: Vec<SlicePort>,
}

/// One endpoint of a slice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SliceEndpoint {
    /// Addresses; the first is used.
    #[serde(default)]
    pub addresses: Vec<Text>,
    /// State.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conditions: Option<EndpointConditions>,
}

/// State of an endpoint; absent values have the defaults of the API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointConditions {
    /// Ready for new connections; absent means ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<bool>,
    /// Serving, also while terminating; absent means as `ready`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serving: Option<bool>,
    /// Terminating; absent means no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminating: Option<bool>,
}

/// One port of a slice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SlicePort {
    /// Name, as in the Service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Text>,
    /// Number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// `TCP` (default), `UDP`, or `SCTP`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Text>,
    /// Application protocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_protocol: Option<Text>,
}

/// `Secret`, `v1`: decoded `data` with `stringData` over it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Secret {
    /// Such as `kubernetes.io/tls`.
    pub kind: Text,
    /// Values by key.
    pub data: BTreeMap<Text, fg_base::Secret<Vec<u8>>>,
    /// Values of earlier versions that serve while those of `data` cannot be used. Nobody writes
    /// them: the control plane adds them. Default: none.
    pub last_good: BTreeMap<Text, fg_base::Secret<Vec<u8>>>,
}

/// `ConfigMap`, `v1`: `data`, and decoded `binaryData`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigMap {
    /// Values by key.
    pub data: BTreeMap<Text, Vec<u8>>,
    /// See [`Secret::last_good`].
    pub last_good: BTreeMap<Text, Vec<u8>>,
}
