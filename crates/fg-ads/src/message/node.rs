//! Who a client says it is.
//!
//! Source: Envoy's `config/core/v3/base.proto`, `google/protobuf/struct.proto`.

use std::collections::BTreeMap;

/// A client, in its own words: nothing here is to be trusted before the token was checked.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Node {
    /// Which client; of ours, the name of its pod.
    #[prost(string, tag = "1")]
    pub id: String,
    /// Which group of clients.
    #[prost(string, tag = "2")]
    pub cluster: String,
    /// Anything.
    #[prost(message, optional, tag = "3")]
    pub metadata: Option<Struct>,
    /// Where it runs.
    #[prost(message, optional, tag = "4")]
    pub locality: Option<Locality>,
    /// Which program.
    #[prost(string, tag = "6")]
    pub user_agent_name: String,
    /// Its version, in words.
    #[prost(string, tag = "7")]
    pub user_agent_version: String,
    /// Its version, in numbers; Envoy says it so.
    #[prost(message, optional, tag = "8")]
    pub user_agent_build_version: Option<BuildVersion>,
}

impl Node {
    /// The text under a key of the metadata.
    pub fn text(&self, key: &str) -> Option<&str> {
        match &self.metadata.as_ref()?.fields.get(key)?.kind {
            Some(value::Kind::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Puts a text under a key of the metadata.
    #[must_use]
    pub fn with_text(mut self, key: &str, text: &str) -> Self {
        let metadata = self.metadata.get_or_insert_default();
        let kind = Some(value::Kind::Text(text.to_owned()));
        metadata.fields.insert(key.to_owned(), Value { kind });
        self
    }
}

/// Where a client runs.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Locality {
    /// As in the label `topology.kubernetes.io/region`.
    #[prost(string, tag = "1")]
    pub region: String,
    /// As in the label `topology.kubernetes.io/zone`.
    #[prost(string, tag = "2")]
    pub zone: String,
    /// A part of a zone.
    #[prost(string, tag = "3")]
    pub sub_zone: String,
}

/// A program's version in numbers.
#[derive(Clone, PartialEq, prost::Message)]
pub struct BuildVersion {
    /// The numbers.
    #[prost(message, optional, tag = "1")]
    pub version: Option<SemanticVersion>,
    /// Anything.
    #[prost(message, optional, tag = "2")]
    pub metadata: Option<Struct>,
}

/// Three numbers.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct SemanticVersion {
    /// The first.
    #[prost(uint32, tag = "1")]
    pub major_number: u32,
    /// The second.
    #[prost(uint32, tag = "2")]
    pub minor_number: u32,
    /// The third.
    #[prost(uint32, tag = "3")]
    pub patch: u32,
}

/// An object of JSON. Source: `google.protobuf.Struct`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Struct {
    /// By key.
    #[prost(btree_map = "string, message", tag = "1")]
    pub fields: BTreeMap<String, Value>,
}

/// A value of JSON. Source: `google.protobuf.Value`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Value {
    /// Absent is as good as null.
    #[prost(oneof = "value::Kind", tags = "1, 2, 3, 4, 5, 6")]
    pub kind: Option<value::Kind>,
}

/// What a [`Value`] can be.
pub mod value {
    /// One of the kinds of JSON.
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum Kind {
        /// Null.
        #[prost(int32, tag = "1")]
        Null(i32),
        /// A number.
        #[prost(double, tag = "2")]
        Number(f64),
        /// A text.
        #[prost(string, tag = "3")]
        Text(String),
        /// True or false.
        #[prost(bool, tag = "4")]
        Bool(bool),
        /// An object.
        #[prost(message, tag = "5")]
        Object(super::Struct),
        /// A list.
        #[prost(message, tag = "6")]
        List(super::ListValue),
    }
}

/// A list of JSON. Source: `google.protobuf.ListValue`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ListValue {
    /// In order.
    #[prost(message, repeated, tag = "1")]
    pub values: Vec<Value>,
}
