//! Histories of versions, confirmations and refusals.

mod hosts;
mod leavings;
mod mending;
mod versions;

use std::collections::BTreeSet;

use envoy_types::pb::envoy::config::route::v3::VirtualHost;
use prost::Message as _;

use super::{Answer, Fences, Key, Settings};
use crate::resource::{Kind, Resource, Update};

/// Two Envoys.
const ONE: u64 = 1;
const OTHER: u64 = 2;

/// What was not asked for.
const NOTHING: BTreeSet<Key> = BTreeSet::new();
const SECRET: (Kind, &str) = (Kind::Secret, "a");
const HOST: (Kind, &str) = (Kind::VirtualHost, "http/80/~misdirected");
const CLUSTER: (Kind, &str) = (Kind::Cluster, "backend/one");

fn resource((kind, name): (Kind, &str), version: &str) -> Resource {
    let host = VirtualHost {
        name: name.to_owned(),
        domains: vec!["a.com".to_owned(), "b.com".to_owned()],
        ..VirtualHost::default()
    };
    Resource {
        kind,
        name: name.into(),
        version: version.into(),
        body: host.encode_to_vec().into(),
        about: Vec::new(),
        whole: None,
    }
}

/// A resource whose message names something.
fn naming(key: (Kind, &str), version: &str, name: &str) -> Resource {
    let host = VirtualHost {
        name: name.to_owned(),
        ..VirtualHost::default()
    };
    Resource {
        body: host.encode_to_vec().into(),
        ..resource(key, version)
    }
}

/// What is put in place of something.
fn known(answer: Option<Answer>) -> Option<Update> {
    match answer? {
        Answer::Known(update) => Some(update),
        Answer::Tried(tried) => panic!("it is tried: {tried:?}"),
    }
}

fn update(resource: Resource) -> Update {
    Update {
        upserts: vec![resource],
        ..Update::default()
    }
}

/// After another control plane may have served the same Envoys.
fn fences() -> Fences {
    Fences::new(Settings::default(), false)
}
