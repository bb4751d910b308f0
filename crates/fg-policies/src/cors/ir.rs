//! The checked form.

use fg_base::Text;
use fg_model::BackendKey;
use serde::{Deserialize, Serialize};

use super::OriginPattern;
use crate::Around;

/// Which pages of other origins may read the replies, and send what.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ir {
    /// Origins that may.
    pub origins: Origins,
    /// Whether they may with cookies and other credentials.
    pub credentials: bool,
    /// Methods, in the order written. `GET`, `HEAD` and `POST` are always allowed by browsers.
    pub methods: Names,
    /// Request headers, in the order written.
    pub headers: Names,
    /// Reply headers that scripts may read, in the order written.
    pub expose: Names,
    /// How long a browser may remember the answer to a preflight. Units: seconds, above 0.
    pub max_age: u32,
}

impl Ir {
    /// The backends that it sends something to: none.
    pub fn backends(&self) -> impl Iterator<Item = &BackendKey> {
        std::iter::empty()
    }

    /// What of it Envoy cannot do, in words for the user.
    pub fn lacks_on_envoy(&self, _: Around) -> Option<&'static str> {
        // Browsers take no `*` with credentials, and Envoy cannot list a reply's fields.
        (self.credentials && self.expose == Names::Any).then_some(
            "`exposeHeaders: [\"*\"]` together with `allowCredentials: true`; name the headers",
        )
    }
}

/// Origins.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Origins {
    /// `*`.
    Any,
    /// Those of any of these; may be empty: none.
    Some(Vec<OriginPattern>),
}

/// Methods or header names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Names {
    /// `*`.
    Any,
    /// These; may be empty.
    Some(Vec<Text>),
}
