//! One resource for Envoy, and what differs after a change.

use std::sync::Arc;

use bytes::Bytes;
use fg_model::ObjectRef;

use crate::routes::Whole;

/// What a resource is. The order is that in which a client must get them: make before break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `envoy.extensions.transport_sockets.tls.v3.Secret`.
    Secret,
    /// `envoy.config.cluster.v3.Cluster`.
    Cluster,
    /// `envoy.config.endpoint.v3.ClusterLoadAssignment`.
    Endpoints,
    /// `envoy.config.listener.v3.Listener`.
    Listener,
    /// `envoy.config.route.v3.RouteConfiguration`.
    RouteConfiguration,
    /// `envoy.config.route.v3.VirtualHost`, named `ROUTE_CONFIGURATION/HOST`.
    VirtualHost,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Secret,
        Self::Cluster,
        Self::Endpoints,
        Self::Listener,
        Self::RouteConfiguration,
        Self::VirtualHost,
    ];

    /// The type URL that it is subscribed by, and that its body has.
    pub const fn type_url(self) -> &'static str {
        match self {
            Self::Secret => "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
            Self::Cluster => "type.googleapis.com/envoy.config.cluster.v3.Cluster",
            Self::Endpoints => "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
            Self::Listener => "type.googleapis.com/envoy.config.listener.v3.Listener",
            Self::RouteConfiguration => {
                "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
            }
            Self::VirtualHost => "type.googleapis.com/envoy.config.route.v3.VirtualHost",
        }
    }
}

/// One resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// What it is.
    pub kind: Kind,
    /// Its name, unique within its kind.
    pub name: Arc<str>,
    /// A hash of `body`.
    pub version: Arc<str>,
    /// The message, encoded.
    pub body: Bytes,
    /// The objects whose status says so when Envoy refuses it: sorted, each once.
    pub about: Vec<Arc<ObjectRef>>,
    /// Of a route configuration with virtual hosts in it: its parts.
    pub(crate) whole: Option<Arc<Whole>>,
}

impl Resource {
    /// A resource of this message, encoded.
    pub(crate) fn new(
        kind: Kind,
        name: Arc<str>,
        body: Bytes,
        mut about: Vec<Arc<ObjectRef>>,
    ) -> Self {
        about.sort_unstable();
        about.dedup();
        let version = format!("{:016x}", twox_hash::XxHash3_64::oneshot(&body)).into();
        Self {
            kind,
            name,
            version,
            body,
            about,
            whole: None,
        }
    }

    /// A route configuration with its virtual hosts.
    pub(crate) fn whole(name: Arc<str>, whole: Arc<Whole>, about: Vec<Arc<ObjectRef>>) -> Self {
        let resource = Self::new(Kind::RouteConfiguration, name, whole.encode(), about);
        Self {
            whole: Some(whole),
            ..resource
        }
    }
}

/// What differs after a change. Nothing in it is equal to before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Update {
    /// New and changed resources, sorted by kind and name.
    pub upserts: Vec<Resource>,
    /// Resources that are no more, sorted.
    pub removed: Vec<(Kind, Arc<str>)>,
    /// Resources that are made no more and stay, since an Envoy may use them, sorted. No Envoy has to
    /// have them.
    pub left: Vec<(Kind, Arc<str>)>,
}

impl Update {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.upserts.is_empty() && self.removed.is_empty() && self.left.is_empty()
    }
}
