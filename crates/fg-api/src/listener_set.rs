//! `ListenerSet`, `gateway.networking.k8s.io/v1`.

use fg_base::Text;
use serde::{Deserialize, Serialize};

use crate::gateway::Listener;

/// More listeners for a Gateway, perhaps of another namespace and owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListenerSetSpec {
    /// The Gateway.
    pub parent_ref: ParentGateway,
    /// The listeners; names are its own, apart from those of the Gateway.
    #[serde(default)]
    pub listeners: Vec<Listener>,
}

/// A reference to a Gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParentGateway {
    /// API group; default that of the Gateway API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Text>,
    /// Kind; default `Gateway`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Text>,
    /// Name.
    pub name: Text,
    /// Namespace; default that of the set. Another one needs no grant: the Gateway opens itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Text>,
}
