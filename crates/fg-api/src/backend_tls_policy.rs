//! `BackendTLSPolicy`, `gateway.networking.k8s.io/v1`.

use std::collections::BTreeMap;

use fg_base::Text;
use serde::{Deserialize, Serialize};

use crate::http_route::LocalObjectReference;

/// How backends are called over TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackendTlsPolicySpec {
    /// The Services, or ports of Services, that it is for; of its own namespace.
    #[serde(default)]
    pub target_refs: Vec<PolicyTarget>,
    /// What is asked of their certificates.
    #[serde(default)]
    pub validation: BackendTlsValidation,
    /// Settings of the implementation; there are none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<Text, Text>,
}

/// What a policy is for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyTarget {
    /// API group; empty for the core group.
    pub group: Text,
    /// Kind.
    pub kind: Text,
    /// Name.
    pub name: Text,
    /// Name of a port of the Service; absent means all of its ports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub section_name: Option<Text>,
}

/// `validation`: exactly one of the two sources of certificate authorities is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackendTlsValidation {
    /// Objects that hold certificate authorities.
    #[serde(
        rename = "caCertificateRefs",
        default,
        skip_serializing_if = "Vec::is_empty"
    )]
    pub ca_certificate_refs: Vec<LocalObjectReference>,
    /// `System`, or an own word.
    #[serde(
        rename = "wellKnownCACertificates",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub well_known: Option<Text>,
    /// Sent as SNI; what the certificate must be for, unless `subjectAltNames` is set.
    #[serde(default)]
    pub hostname: Text,
    /// Any of these must stand in the certificate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subject_alt_names: Vec<PolicySubjectAltName>,
}

/// A name that a certificate may carry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicySubjectAltName {
    /// `Hostname` or `URI`.
    #[serde(rename = "type")]
    pub kind: Text,
    /// Of type `Hostname`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<Text>,
    /// Of type `URI`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<Text>,
}
