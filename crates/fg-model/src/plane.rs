//! The two data planes.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Who serves a Gateway's traffic.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum Plane {
    /// Our own proxy.
    #[default]
    Native,
    /// Envoy.
    Envoy,
}

impl fmt::Display for Plane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Native => "Ferrogate's own proxy",
            Self::Envoy => "Envoy",
        })
    }
}
