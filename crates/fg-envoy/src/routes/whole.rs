//! A route configuration that holds its virtual hosts, in parts: an answer that refuses it is about all
//! of them, so that the host at fault has to be found.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use envoy_types::pb::envoy::config::route::v3::VirtualHost;
use fg_base::Text;
use fg_model::ObjectRef;
use prost::Message as _;

use super::{closed, encode, names};
use crate::settings::Settings;

/// A virtual host, encoded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Host {
    pub(crate) body: Bytes,
    pub(crate) about: Vec<Arc<ObjectRef>>,
}

impl Host {
    /// What it answers for.
    pub(crate) fn domains(&self) -> BTreeSet<String> {
        let host = VirtualHost::decode(self.body.clone()).unwrap_or_default();
        host.domains.into_iter().collect()
    }

    /// A virtual host for the same requests that answers everything as an invalid rule.
    pub(crate) fn closed(&self, settings: &Settings) -> Self {
        // What we encoded ourselves can be decoded; its domains are not always those of its name.
        let refused = VirtualHost::decode(self.body.clone()).unwrap_or_default();
        let host = VirtualHost {
            name: refused.name,
            domains: refused.domains,
            routes: vec![closed(settings)],
            ..VirtualHost::default()
        };
        Self {
            body: host.encode_to_vec().into(),
            about: self.about.clone(),
        }
    }
}

/// Virtual hosts by their domains, and what is said beside them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Whole {
    head: Bytes,
    pub(crate) hosts: BTreeMap<Text, Arc<Host>>,
}

impl Whole {
    /// Of a route configuration, encoded without its hosts.
    pub(crate) fn new(head: Bytes, hosts: BTreeMap<Text, Arc<Host>>) -> Self {
        Self { head, hosts }
    }

    /// These hosts beside the same words.
    pub(crate) fn with(&self, hosts: BTreeMap<Text, Arc<Host>>) -> Self {
        Self::new(self.head.clone(), hosts)
    }

    /// The message.
    pub(crate) fn encode(&self) -> Bytes {
        let mut body = self.head.to_vec();
        for host in self.hosts.values() {
            encode::field(encode::VIRTUAL_HOSTS, &host.body, &mut body);
        }
        body.into()
    }

    /// Whether a host is of routes: what else there is answers by itself, with what follows from the
    /// names of the others.
    pub(crate) fn has_routes(domain: &str) -> bool {
        domain != names::ELSEWHERE
    }

    /// What a host is called.
    pub(crate) fn name(configuration: &str, domain: &str) -> String {
        names::virtual_host(configuration, domain)
    }
}
