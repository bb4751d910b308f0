//! Where requests go.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use fg_base::Text;
use fg_model::{ObjectRef, Origin};
use serde::Serialize;

/// Names a backend: the object, and its port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct BackendKey {
    /// A Service or Backend.
    pub object: Arc<ObjectRef>,
    /// Port of a Service; 0 for kinds whose ports are their own.
    pub port: u16,
}

impl fmt::Display for BackendKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.port == 0 {
            write!(f, "{}", self.object)
        } else {
            write!(f, "{}:{}", self.object, self.port)
        }
    }
}

/// A backend that exists.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Backend {
    /// Its name.
    pub key: BackendKey,
    /// Where it was written.
    pub origin: Origin,
    /// What it speaks.
    pub protocol: BackendProtocol,
    /// How its endpoints are known.
    pub kind: BackendKind,
}

/// What a backend speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum BackendProtocol {
    /// HTTP/1.1 in clear text.
    Http1,
}

/// How the endpoints of a backend are known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum BackendKind {
    /// By an [`Endpoints`] resource of the same key.
    Endpoints,
    /// Written down: addresses, and names that the data plane resolves.
    Static(Vec<StaticHost>),
}

/// One host of a static backend.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct StaticHost {
    /// IP address or DNS name.
    pub host: Text,
    /// Port.
    pub port: u16,
}

/// The endpoints of a backend; changes often, alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Endpoints {
    /// The backend.
    pub key: BackendKey,
    /// Addresses that may get requests, sorted, without duplicates. May be empty: 503.
    pub addresses: Vec<SocketAddr>,
}
