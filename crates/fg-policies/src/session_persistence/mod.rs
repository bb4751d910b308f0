//! Keeps the requests of one client at one endpoint: `sessionPersistence` of a rule.
//!
//! Source: Gateway API `SessionPersistence`, GEP-1619 (experimental).

#[cfg(feature = "envoy")]
pub mod envoy;
mod ir;
#[cfg(feature = "native")]
pub mod native;
#[cfg(test)]
mod tests;
mod translate;

pub use ir::{Carrier, Ir};
pub use translate::{read, translate};

use crate::{Meta, Reads, Stage, Support};

/// Name, place and support.
pub const META: Meta = Meta {
    name: "session_persistence",
    stage: Stage::Setting,
    reads: Reads::Field("sessionPersistence"),
    repeats: false,
    per_backend: false,
    protective: false,
    support: Support {
        native: true,
        envoy: false,
    },
};
