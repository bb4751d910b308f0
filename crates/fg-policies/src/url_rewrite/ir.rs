//! The checked form.

use fg_base::Text;
use fg_model::BackendKey;
use serde::{Deserialize, Serialize};

use crate::Around;
use crate::path_modifier::PathChange;

/// A rewrite; what is absent is kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ir {
    /// Lower-case host for the backend.
    pub hostname: Option<Text>,
    /// Path change.
    pub path: Option<PathChange>,
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
