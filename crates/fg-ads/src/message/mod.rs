//! The messages of discovery, compatible on the wire with `envoy.service.discovery.v3`.
//!
//! Written by hand, with the fields that are used; what a peer sends besides is skipped. Values are
//! [`Bytes`], so that a resource is held once however many clients it is sent to.
//!
//! Source: Envoy's `service/discovery/v3/discovery.proto` and `service/discovery/v3/ads.proto`.

mod node;

use std::collections::BTreeMap;

use bytes::Bytes;

pub use self::node::{
    BuildVersion, ListValue, Locality, Node, SemanticVersion, Struct, Value, value,
};

/// The gRPC service of aggregated discovery.
pub const SERVICE: &str = "envoy.service.discovery.v3.AggregatedDiscoveryService";
/// The path of its delta method.
pub const DELTA: &str =
    "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";
/// The path of its state-of-the-world method.
pub const STATE_OF_THE_WORLD: &str =
    "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources";
/// The name that subscribes to everything of a type.
pub const WILDCARD: &str = "*";

/// A message with its type's URL. Source: `google.protobuf.Any`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Any {
    /// What `value` is.
    #[prost(string, tag = "1")]
    pub type_url: String,
    /// The message, encoded.
    #[prost(bytes = "bytes", tag = "2")]
    pub value: Bytes,
}

/// An error. Source: `google.rpc.Status`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Status {
    /// A gRPC code.
    #[prost(int32, tag = "1")]
    pub code: i32,
    /// In words, for developers.
    #[prost(string, tag = "2")]
    pub message: String,
    /// For programs.
    #[prost(message, repeated, tag = "3")]
    pub details: Vec<Any>,
}

/// What a client of the delta protocol says: a subscription, an acknowledgement, or both.
#[derive(Clone, PartialEq, prost::Message)]
pub struct DeltaDiscoveryRequest {
    /// Who asks. Only the first message of a stream needs it.
    #[prost(message, optional, tag = "1")]
    pub node: Option<Node>,
    /// What it asks for.
    #[prost(string, tag = "2")]
    pub type_url: String,
    /// Names to subscribe to.
    #[prost(string, repeated, tag = "3")]
    pub resource_names_subscribe: Vec<String>,
    /// Names to subscribe to no longer.
    #[prost(string, repeated, tag = "4")]
    pub resource_names_unsubscribe: Vec<String>,
    /// What the client has from an earlier stream: versions by name. In a type's first message.
    #[prost(btree_map = "string, string", tag = "5")]
    pub initial_resource_versions: BTreeMap<String, String>,
    /// The response that this one answers; empty if none.
    #[prost(string, tag = "6")]
    pub response_nonce: String,
    /// Why that response was refused; absent if it was not.
    #[prost(message, optional, tag = "7")]
    pub error_detail: Option<Status>,
}

/// What differs from what the client has.
#[derive(Clone, PartialEq, prost::Message)]
pub struct DeltaDiscoveryResponse {
    /// For people; ours is the serial of the scope, with `+` behind if more of it follows.
    #[prost(string, tag = "1")]
    pub system_version_info: String,
    /// New and changed resources.
    #[prost(message, repeated, tag = "2")]
    pub resources: Vec<Resource>,
    /// What they are subscribed by.
    #[prost(string, tag = "4")]
    pub type_url: String,
    /// To be named in the acknowledgement.
    #[prost(string, tag = "5")]
    pub nonce: String,
    /// Resources that are no more.
    #[prost(string, repeated, tag = "6")]
    pub removed_resources: Vec<String>,
    /// Who answers.
    #[prost(message, optional, tag = "7")]
    pub control_plane: Option<ControlPlane>,
}

/// One resource of a [`DeltaDiscoveryResponse`].
#[derive(Clone, PartialEq, prost::Message)]
pub struct Resource {
    /// Differs when the content does.
    #[prost(string, tag = "1")]
    pub version: String,
    /// The content.
    #[prost(message, optional, tag = "2")]
    pub resource: Option<Any>,
    /// Unique within its type.
    #[prost(string, tag = "3")]
    pub name: String,
}

/// What a client of the state-of-the-world protocol says.
#[derive(Clone, PartialEq, prost::Message)]
pub struct DiscoveryRequest {
    /// The version of the last response that was accepted; empty if none.
    #[prost(string, tag = "1")]
    pub version_info: String,
    /// Who asks. Only the first message of a stream needs it.
    #[prost(message, optional, tag = "2")]
    pub node: Option<Node>,
    /// All names wanted; everything if there never was one.
    #[prost(string, repeated, tag = "3")]
    pub resource_names: Vec<String>,
    /// What it asks for.
    #[prost(string, tag = "4")]
    pub type_url: String,
    /// The response that this one answers; empty if none.
    #[prost(string, tag = "5")]
    pub response_nonce: String,
    /// Why that response was refused; absent if it was not.
    #[prost(message, optional, tag = "6")]
    pub error_detail: Option<Status>,
}

/// Everything of a type.
#[derive(Clone, PartialEq, prost::Message)]
pub struct DiscoveryResponse {
    /// To be named in the acknowledgement.
    #[prost(string, tag = "1")]
    pub version_info: String,
    /// All resources.
    #[prost(message, repeated, tag = "2")]
    pub resources: Vec<Any>,
    /// What they are subscribed by.
    #[prost(string, tag = "4")]
    pub type_url: String,
    /// To be named in the acknowledgement.
    #[prost(string, tag = "5")]
    pub nonce: String,
    /// Who answers.
    #[prost(message, optional, tag = "6")]
    pub control_plane: Option<ControlPlane>,
}

/// Who answers. Source: `envoy.config.core.v3.ControlPlane`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ControlPlane {
    /// For people.
    #[prost(string, tag = "1")]
    pub identifier: String,
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;

    /// The bytes that Envoy's own descriptors give these values.
    #[test]
    fn fields_have_the_numbers_of_envoy() {
        let request = DeltaDiscoveryRequest {
            node: Some(Node {
                id: "n".into(),
                ..Node::default()
            }),
            type_url: "t".into(),
            resource_names_subscribe: vec!["a".into()],
            resource_names_unsubscribe: vec!["b".into()],
            initial_resource_versions: [("k".into(), "v".into())].into(),
            response_nonce: "x".into(),
            error_detail: Some(Status {
                code: 3,
                message: "m".into(),
                details: Vec::new(),
            }),
        };
        assert_eq!(
            request.encode_to_vec(),
            b"\x0a\x03\x0a\x01n\x12\x01t\x1a\x01a\x22\x01b\x2a\x06\x0a\x01k\x12\x01v\x32\x01x\x3a\x05\x08\x03\x12\x01m"
        );
        let response = DeltaDiscoveryResponse {
            system_version_info: "1".into(),
            resources: vec![Resource {
                version: "v".into(),
                resource: Some(Any {
                    type_url: "t".into(),
                    value: Bytes::from_static(b"z"),
                }),
                name: "n".into(),
            }],
            type_url: "t".into(),
            nonce: "x".into(),
            removed_resources: vec!["r".into()],
            control_plane: None,
        };
        assert_eq!(
            response.encode_to_vec(),
            b"\x0a\x011\x12\x0e\x0a\x01v\x12\x06\x0a\x01t\x12\x01z\x1a\x01n\x22\x01t\x2a\x01x\x32\x01r"
        );
    }
}
