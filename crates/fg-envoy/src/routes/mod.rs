//! Rules to virtual hosts and route configurations.

use std::collections::BTreeMap;

use fg_ir::{BackendKey, Change, Ir};
use fg_policies::envoy::HttpFilter;

use crate::compiler::Output;
use crate::settings::Settings;

/// How a cluster speaks to its endpoints. One backend may need several: what an `HTTPRoute` calls by
/// HTTP/1.1, a `GRPCRoute` calls by HTTP/2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Speech {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
}

/// What the other resources need to know of a step in the routes.
#[derive(Debug, Default)]
pub(crate) struct Routed {
    /// Clusters that are used since this step, or no more.
    pub(crate) touched: Vec<(BackendKey, Speech)>,
    /// The filters that listeners need changed.
    pub(crate) filters_changed: bool,
}

/// The rules by host, and what they use.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    /// Filters that rules need in the chain of their listeners, by name.
    pub(crate) filters: BTreeMap<String, HttpFilter>,
}

impl Routes {
    /// Follows a change.
    pub(crate) fn update(
        &mut self,
        _settings: &Settings,
        _ir: &Ir,
        _change: &Change,
        _output: &mut Output,
    ) -> Routed {
        Routed::default()
    }
}

/// The name of a backend's cluster.
pub(crate) fn cluster_name(backend: &BackendKey, speech: Speech) -> String {
    let word = match speech {
        Speech::Http1 => "http1",
        Speech::Http2 => "http2",
    };
    format!(
        "{}/{}/{}/{}/{word}",
        backend.object.kind, backend.object.namespace, backend.object.name, backend.port
    )
}
