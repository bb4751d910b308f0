//! The two protocols as one: what a client says and what it is sent, whichever it speaks.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::message::{
    ControlPlane, DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest,
    DiscoveryResponse, Node, Resource, Status,
};
use crate::store::Entry;

/// How a client is told what there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// What differs from what it has.
    Delta,
    /// Everything of a type that it did not name, at each change; of what it named, what changed.
    StateOfTheWorld,
}

/// What a client says: a subscription, an answer, or both.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) node: Option<Node>,
    pub(super) type_url: String,
    pub(super) names: Names,
    /// Of the response that this answers; empty if it answers none.
    pub(super) nonce: String,
    pub(super) error: Option<Status>,
}

/// Which names a client asks for.
#[derive(Debug)]
pub(super) enum Names {
    /// What changes, and what the client has from an earlier stream: versions by name.
    Difference {
        subscribe: Vec<String>,
        unsubscribe: Vec<String>,
        has: BTreeMap<String, String>,
    },
    /// All of them.
    All(Vec<String>),
}

impl Default for Names {
    fn default() -> Self {
        Self::All(Vec::new())
    }
}

/// What a client is sent.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) version: String,
    pub(super) nonce: String,
    pub(super) type_url: String,
    pub(super) upserts: Vec<Arc<Entry>>,
    pub(super) removed: Vec<Arc<str>>,
    pub(super) identifier: String,
}

/// The messages of a protocol.
pub(super) trait Wire: Send + Sync + 'static {
    const PROTOCOL: Protocol;
    type Request: prost::Message + Default + Into<Said> + 'static;
    type Response: prost::Message + Default + From<Outgoing> + 'static;
}

/// See [`Protocol::Delta`].
pub(super) struct Delta;

impl Wire for Delta {
    const PROTOCOL: Protocol = Protocol::Delta;
    type Request = DeltaDiscoveryRequest;
    type Response = DeltaDiscoveryResponse;
}

/// See [`Protocol::StateOfTheWorld`].
pub(super) struct World;

impl Wire for World {
    const PROTOCOL: Protocol = Protocol::StateOfTheWorld;
    type Request = DiscoveryRequest;
    type Response = DiscoveryResponse;
}

impl From<DeltaDiscoveryRequest> for Said {
    fn from(request: DeltaDiscoveryRequest) -> Self {
        Self {
            node: request.node,
            type_url: request.type_url,
            names: Names::Difference {
                subscribe: request.resource_names_subscribe,
                unsubscribe: request.resource_names_unsubscribe,
                has: request.initial_resource_versions,
            },
            nonce: request.response_nonce,
            error: request.error_detail,
        }
    }
}

impl From<DiscoveryRequest> for Said {
    fn from(request: DiscoveryRequest) -> Self {
        Self {
            node: request.node,
            type_url: request.type_url,
            names: Names::All(request.resource_names),
            nonce: request.response_nonce,
            error: request.error_detail,
        }
    }
}

impl From<Outgoing> for DeltaDiscoveryResponse {
    fn from(outgoing: Outgoing) -> Self {
        let resources = outgoing.upserts.iter().map(|entry| Resource {
            version: entry.version.to_string(),
            resource: Some(entry.body.clone()),
            name: entry.name.to_string(),
        });
        Self {
            system_version_info: outgoing.version,
            resources: resources.collect(),
            type_url: outgoing.type_url,
            nonce: outgoing.nonce,
            removed_resources: outgoing.removed.iter().map(ToString::to_string).collect(),
            control_plane: Some(ControlPlane {
                identifier: outgoing.identifier,
            }),
        }
    }
}

impl From<Outgoing> for DiscoveryResponse {
    fn from(outgoing: Outgoing) -> Self {
        let resources = outgoing.upserts.iter().map(|entry| entry.body.clone());
        Self {
            version_info: outgoing.version,
            resources: resources.collect(),
            type_url: outgoing.type_url,
            nonce: outgoing.nonce,
            control_plane: Some(ControlPlane {
                identifier: outgoing.identifier,
            }),
        }
    }
}
