//! The kinds whose status is ours to write, and how.

use fg_model::{ObjectRef, kinds};

/// How a status is shaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Lists that the API declares maps (by type, by name): each field has an owner, and
    /// server-side apply leaves those of others alone.
    Owned,
    /// A list of entries of controllers, declared atomic: written whole, with what others wrote.
    Entries {
        /// The list's field.
        list: &'static str,
        /// The field of an entry that says about whom it is.
        about: &'static str,
        /// The most entries that the API takes.
        most: usize,
    },
    /// Conditions only, without a word of the API on who owns what.
    Plain,
}

/// A kind.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) name: (&'static str, &'static str),
    pub(super) version: &'static str,
    pub(super) plural: &'static str,
    pub(super) shape: Shape,
    /// Whether its statuses go first.
    pub(super) urgent: bool,
}

const PARENTS: Shape = Shape::Entries {
    list: "parents",
    about: "parentRef",
    most: 32,
};
const ANCESTORS: Shape = Shape::Entries {
    list: "ancestors",
    about: "ancestorRef",
    most: 16,
};

/// All of them, in the order in which they are compared at the beginning.
///
/// Source: Gateway API v1.7.0, `x-kubernetes-list-type` and `maxItems` of its definitions.
#[rustfmt::skip] // one row a line
pub(super) const KINDS: &[Kind] = &[
    Kind { name: kinds::GATEWAY_CLASS, version: "v1", plural: "gatewayclasses", shape: Shape::Owned, urgent: true },
    Kind { name: kinds::GATEWAY, version: "v1", plural: "gateways", shape: Shape::Owned, urgent: true },
    Kind { name: kinds::LISTENER_SET, version: "v1", plural: "listenersets", shape: Shape::Owned, urgent: true },
    Kind { name: kinds::HTTP_ROUTE, version: "v1", plural: "httproutes", shape: PARENTS, urgent: false },
    Kind { name: kinds::GRPC_ROUTE, version: "v1", plural: "grpcroutes", shape: PARENTS, urgent: false },
    Kind { name: kinds::BACKEND_TLS_POLICY, version: "v1", plural: "backendtlspolicies", shape: ANCESTORS, urgent: false },
    Kind { name: kinds::BACKEND, version: "v1alpha1", plural: "backends", shape: Shape::Plain, urgent: false },
];

impl Kind {
    /// The kind of an object, if its status is ours to write.
    pub(super) fn of(object: &ObjectRef) -> Option<&'static Self> {
        KINDS.iter().find(|kind| object.is(kind.name))
    }

    /// Path of all objects of the kind.
    pub(super) fn path(&self) -> String {
        format!("/apis/{}/{}/{}", self.name.0, self.version, self.plural)
    }

    /// Path of one object.
    pub(super) fn path_of(&self, object: &ObjectRef) -> String {
        let (group, version, plural) = (self.name.0, self.version, self.plural);
        let (namespace, name) = (&object.namespace, &object.name);
        if namespace.is_empty() {
            format!("/apis/{group}/{version}/{plural}/{name}")
        } else {
            format!("/apis/{group}/{version}/namespaces/{namespace}/{plural}/{name}")
        }
    }

    /// `apiVersion`.
    pub(super) fn api_version(&self) -> String {
        format!("{}/{}", self.name.0, self.version)
    }
}
