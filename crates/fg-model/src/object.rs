//! Names of objects, and the origin that every value of the IR carries.

use std::fmt;
use std::sync::Arc;

use fg_base::Text;
use serde::{Deserialize, Serialize};

/// Names one object of the Kubernetes API.
///
/// Shape: ordered by group, kind, namespace, name. `group` is empty for the core group;
/// `namespace` is empty for cluster-scoped kinds. Versions are not part of an identity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectRef {
    /// API group; empty for the core group.
    pub group: Text,
    /// Kind, such as `HTTPRoute`.
    pub kind: Text,
    /// Namespace; empty for cluster-scoped kinds.
    pub namespace: Text,
    /// Name.
    pub name: Text,
}

impl ObjectRef {
    /// Names an object.
    pub fn new(group: &str, kind: &str, namespace: &str, name: &str) -> Self {
        Self {
            group: group.into(),
            kind: kind.into(),
            namespace: namespace.into(),
            name: name.into(),
        }
    }

    /// Whether this names an object of the given `(group, kind)`, see [`kinds`].
    pub fn is(&self, kind: (&str, &str)) -> bool {
        &*self.group == kind.0 && &*self.kind == kind.1
    }
}

impl fmt::Display for ObjectRef {
    /// `HTTPRoute shop/checkout`, or `GatewayClass ferrogate` without a namespace.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            write!(f, "{} {}", self.kind, self.name)
        } else {
            write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
        }
    }
}

/// The `(group, kind)` pairs that Ferrogate knows.
pub mod kinds {
    /// Group of the Gateway API.
    pub const GATEWAY_API: &str = "gateway.networking.k8s.io";
    /// `GatewayClass`, cluster-scoped.
    pub const GATEWAY_CLASS: (&str, &str) = (GATEWAY_API, "GatewayClass");
    /// `Gateway`.
    pub const GATEWAY: (&str, &str) = (GATEWAY_API, "Gateway");
    /// `HTTPRoute`.
    pub const HTTP_ROUTE: (&str, &str) = (GATEWAY_API, "HTTPRoute");
    /// `GRPCRoute`.
    pub const GRPC_ROUTE: (&str, &str) = (GATEWAY_API, "GRPCRoute");
    /// `BackendTLSPolicy`.
    pub const BACKEND_TLS_POLICY: (&str, &str) = (GATEWAY_API, "BackendTLSPolicy");
    /// `ListenerSet`.
    pub const LISTENER_SET: (&str, &str) = (GATEWAY_API, "ListenerSet");
    /// `ReferenceGrant`.
    pub const REFERENCE_GRANT: (&str, &str) = (GATEWAY_API, "ReferenceGrant");
    /// Core `Namespace`, cluster-scoped.
    pub const NAMESPACE: (&str, &str) = ("", "Namespace");
    /// Core `Service`.
    pub const SERVICE: (&str, &str) = ("", "Service");
    /// Core `Secret`.
    pub const SECRET: (&str, &str) = ("", "Secret");
    /// Core `ConfigMap`.
    pub const CONFIG_MAP: (&str, &str) = ("", "ConfigMap");
    /// `EndpointSlice`.
    pub const ENDPOINT_SLICE: (&str, &str) = ("discovery.k8s.io", "EndpointSlice");
    /// kgateway's `Backend`.
    pub const BACKEND: (&str, &str) = ("gateway.kgateway.dev", "Backend");
    /// kgateway's `GatewayParameters`.
    pub const GATEWAY_PARAMETERS: (&str, &str) = ("gateway.kgateway.dev", "GatewayParameters");
    /// A file of the folder, for findings about what is no object yet. Its name is the path.
    pub const FILE: (&str, &str) = ("", "File");
    /// A kind of objects in the API server, for findings about all of them. Its name is such as
    /// `httproutes.gateway.networking.k8s.io`.
    pub const API_RESOURCE: (&str, &str) = ("", "Resource");
    /// The API server, for findings about it as a whole. Its name is `kubernetes`.
    pub const API_SERVER: (&str, &str) = ("", "APIServer");
}

/// Where a value came from: the object, its generation, and the field.
///
/// Every node of the IR carries one, so that a log line, a status and an explanation can name the
/// line to edit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Origin {
    /// The object.
    pub object: Arc<ObjectRef>,
    /// `metadata.generation` that the value was computed from.
    pub generation: i64,
    /// Field path such as `spec.rules[0].matches[1]`; empty for the whole object.
    pub path: Text,
}

impl Origin {
    /// The origin of a whole object.
    pub fn of(object: Arc<ObjectRef>, generation: i64) -> Self {
        Self {
            object,
            generation,
            path: "".into(),
        }
    }

    /// The same object at the given absolute field path.
    pub fn at(&self, path: impl Into<Text>) -> Self {
        Self {
            object: self.object.clone(),
            generation: self.generation,
            path: path.into(),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            write!(f, "{}", self.object)
        } else {
            write!(f, "{} {}", self.object, self.path)
        }
    }
}

/// The age of an object, as precedence needs it: older first, then namespace and name.
///
/// Shape: ordered; the smaller value wins. An object without `creationTimestamp` counts as newer
/// than every dated one and as equally old as every other undated one.
/// Source: Gateway API precedence rules ("oldest, then alphabetical by namespace/name").
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Age {
    /// Seconds since the epoch; `i64::MAX` when unknown.
    pub created: i64,
    /// Namespace.
    pub namespace: Text,
    /// Name.
    pub name: Text,
}
