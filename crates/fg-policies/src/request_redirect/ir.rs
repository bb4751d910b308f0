//! The checked form.

use fg_base::Text;
use fg_model::BackendKey;
use serde::{Deserialize, Serialize};

use crate::Around;
use crate::path_modifier::PathChange;

/// A redirect; what is absent is kept from the request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ir {
    /// `http` or `https`.
    pub scheme: Option<Text>,
    /// Lower-case host.
    pub hostname: Option<Text>,
    /// Path change.
    pub path: Option<PathChange>,
    /// Port as written.
    pub port: Option<u16>,
    /// Status: 301, 302, 303, 307 or 308.
    pub status: u16,
}

impl Ir {
    /// The backends that it sends something to: none.
    pub fn backends(&self) -> impl Iterator<Item = &BackendKey> {
        std::iter::empty()
    }

    /// What of it Envoy cannot do, in words for the user; nothing.
    pub fn lacks_on_envoy(&self, _: Around) -> Option<&'static str> {
        None
    }
}
