//! The checked form.

use fg_base::Text;
use serde::Serialize;

use crate::path_modifier::PathChange;

/// A redirect; what is absent is kept from the request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
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
