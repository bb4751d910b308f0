//! The checked form.

use fg_model::BackendKey;
use serde::Serialize;

/// The mirrors of one place, in the order of their filters.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Ir {
    /// Each decides by itself which requests it copies.
    pub mirrors: Vec<Mirror>,
}

/// Who gets a copy of which part of the requests.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Mirror {
    /// Who gets the copies.
    pub backend: BackendKey,
    /// So many requests of [`Mirror::denominator`]; not more than that.
    pub numerator: u32,
    /// Never 0.
    pub denominator: u32,
}
