//! `ReferenceGrant`, `gateway.networking.k8s.io/v1` and `v1beta1`.

use fg_base::Text;
use serde::{Deserialize, Serialize};

/// Allows references from other namespaces to objects of its own namespace.
///
/// Any entry of `from` goes with any entry of `to`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReferenceGrantSpec {
    /// Who may refer.
    #[serde(default)]
    pub from: Vec<GrantFrom>,
    /// To what.
    #[serde(default)]
    pub to: Vec<GrantTo>,
}

/// A kind of referrers in one namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantFrom {
    /// API group.
    pub group: Text,
    /// Kind.
    pub kind: Text,
    /// Namespace.
    pub namespace: Text,
}

/// A kind of targets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantTo {
    /// API group.
    pub group: Text,
    /// Kind.
    pub kind: Text,
    /// One name; absent means all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Text>,
}
