//! The checked form.

use fg_base::Text;
use fg_model::BackendKey;
use serde::{Deserialize, Serialize};

use crate::Around;

/// Who decides, and what it is told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ir {
    /// The service.
    pub backend: BackendKey,
    /// How it is asked.
    pub protocol: Protocol,
    /// The largest body that is sent to it; 0 is none. Units: bytes.
    pub body: u32,
}

impl Ir {
    /// The backends that it sends something to.
    pub fn backends(&self) -> impl Iterator<Item = &BackendKey> {
        std::iter::once(&self.backend)
    }

    /// What of it Envoy cannot do, in words for the user; nothing.
    pub fn lacks_on_envoy(&self, _: Around) -> Option<&'static str> {
        None
    }
}

/// How the service is asked. Header names are lower-case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Protocol {
    /// By a request like the client's; 200 is a yes.
    Http {
        /// What is put in front of the path: empty, or with a slash in front and none behind.
        path: Text,
        /// Request headers that it sees beside `Host` and `Authorization`.
        headers: Vec<Text>,
        /// Headers of its answer that the backend sees; empty is all.
        reply_headers: Vec<Text>,
    },
    /// By Envoy's `Check` call.
    Grpc {
        /// Request headers that it sees; empty is all.
        headers: Vec<Text>,
    },
}
