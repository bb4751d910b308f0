//! The checked form.

use fg_base::Text;
use serde::Serialize;

use crate::path_modifier::PathChange;

/// A rewrite; what is absent is kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Ir {
    /// Lower-case host for the backend.
    pub hostname: Option<Text>,
    /// Path change.
    pub path: Option<PathChange>,
}
