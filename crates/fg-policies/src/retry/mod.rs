//! Tries again: `retry` of a rule.
//!
//! Source: Gateway API `HTTPRouteRetry`, GEP-1731.

#[cfg(feature = "envoy")]
pub mod envoy;
mod ir;
#[cfg(feature = "native")]
pub mod native;
#[cfg(test)]
mod tests;
mod translate;

pub use ir::Ir;
pub use translate::{read, translate};

use crate::{Meta, Reads, Stage, Support};

/// Name, place and support.
pub const META: Meta = Meta {
    name: "retry",
    stage: Stage::Setting,
    reads: Reads::Field("retry"),
    repeats: false,
    per_backend: false,
    protective: false,
    support: Support {
        native: true,
        envoy: false,
    },
};
