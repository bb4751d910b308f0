//! Bytes that are the same for the same message, whatever the order of a hash map, and messages that
//! are put together from parts which are encoded already.
//!
//! Only the maps of per-filter configurations can have several entries here: they are written by
//! hand, sorted.

use std::collections::HashMap;

use bytes::Bytes;
use envoy_types::pb::envoy::config::route::v3::{
    Route, RouteAction, route::Action, route_action::ClusterSpecifier,
    weighted_cluster::ClusterWeight,
};
use envoy_types::pb::google::protobuf::Any;
use prost::Message as _;

/// `RouteConfiguration.virtual_hosts`.
pub(super) const VIRTUAL_HOSTS: u8 = 2;

/// Appends a field that is a message or text. Its number is below 16.
pub(super) fn field(number: u8, body: &[u8], out: &mut Vec<u8>) {
    const LENGTH_DELIMITED: u8 = 2;
    out.push(number << 3 | LENGTH_DELIMITED);
    // The key was one byte; the length is a varint of at most ten.
    let mut length = body.len();
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(body);
}

/// Encodes a route.
pub(super) fn route(mut route: Route) -> Bytes {
    let filters = std::mem::take(&mut route.typed_per_filter_config);
    let forward = match route.action.take() {
        Some(Action::Route(forward)) => Some(forward),
        other => {
            route.action = other;
            None
        }
    };
    let mut out = route.encode_to_vec();
    if let Some(forward) = forward {
        field(2, &action(forward), &mut out);
    }
    per_filter(13, filters, &mut out);
    out.into()
}

fn action(mut action: RouteAction) -> Vec<u8> {
    let weighted = match action.cluster_specifier.take() {
        Some(ClusterSpecifier::WeightedClusters(weighted)) => Some(weighted),
        other => {
            action.cluster_specifier = other;
            None
        }
    };
    let mut out = action.encode_to_vec();
    if let Some(mut weighted) = weighted {
        let clusters = std::mem::take(&mut weighted.clusters);
        let mut shares = weighted.encode_to_vec();
        for cluster in clusters {
            field(1, &share(cluster), &mut shares);
        }
        field(3, &shares, &mut out);
    }
    out
}

fn share(mut share: ClusterWeight) -> Vec<u8> {
    let filters = std::mem::take(&mut share.typed_per_filter_config);
    let mut out = share.encode_to_vec();
    per_filter(10, filters, &mut out);
    out
}

fn per_filter(number: u8, filters: HashMap<String, Any>, out: &mut Vec<u8>) {
    let mut filters: Vec<(String, Any)> = filters.into_iter().collect();
    filters.sort_by(|(a, _), (b, _)| a.cmp(b));
    for (name, config) in filters {
        let mut entry = Vec::new();
        field(1, name.as_bytes(), &mut entry);
        field(2, &config.encode_to_vec(), &mut entry);
        field(number, &entry, out);
    }
}
