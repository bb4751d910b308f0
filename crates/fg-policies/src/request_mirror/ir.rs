//! The checked form.

use fg_model::BackendKey;
use serde::{Deserialize, Serialize};

use crate::Around;

/// The mirrors of one place, in the order of their filters.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ir {
    /// Each decides by itself which requests it copies.
    pub mirrors: Vec<Mirror>,
}

impl Ir {
    /// The backends that it sends something to.
    pub fn backends(&self) -> impl Iterator<Item = &BackendKey> {
        self.mirrors.iter().map(|mirror| &mirror.backend)
    }

    /// What of it Envoy cannot do, in words for the user; nothing.
    pub fn lacks_on_envoy(&self, _: Around) -> Option<&'static str> {
        None
    }
}

/// Who gets a copy of which part of the requests.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Mirror {
    /// Who gets the copies.
    pub backend: BackendKey,
    /// So many requests of [`Mirror::denominator`]; not more than that.
    pub numerator: u32,
    /// Never 0.
    pub denominator: u32,
}
