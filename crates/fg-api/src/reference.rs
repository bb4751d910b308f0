//! References from one object to another, shared by all kinds.

use fg_base::Text;
use serde::{Deserialize, Serialize};

/// A reference to a parent, normally a Gateway.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ParentReference {
    /// API group; default that of the Gateway API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Text>,
    /// Kind; default `Gateway`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Text>,
    /// Namespace; default that of the route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Text>,
    /// Name.
    pub name: Text,
    /// One listener, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub section_name: Option<Text>,
    /// All listeners of one port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

/// A reference to an object of the implementation: parameters, or a filter's `extensionRef`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObjectReference {
    /// API group; empty for the core group.
    pub group: Text,
    /// Kind.
    pub kind: Text,
    /// Name.
    pub name: Text,
    /// Namespace, where the referrer has none of its own or may name another: classes only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Text>,
}

/// A reference to a Secret (or another kind that holds one).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretReference {
    /// API group; default core.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Text>,
    /// Kind; default `Secret`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Text>,
    /// Name.
    pub name: Text,
    /// Namespace; default that of the referrer. Another one needs a `ReferenceGrant`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Text>,
}

/// A reference to a backend, by filters such as `requestMirror` and `externalAuth`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackendObjectReference {
    /// API group; default core.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Text>,
    /// Kind; default `Service`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Text>,
    /// Name.
    pub name: Text,
    /// Namespace; default that of the route. Another one needs a `ReferenceGrant`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Text>,
    /// Port; required for Services.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}
