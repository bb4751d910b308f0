//! Time limits of a rule: `timeouts.request` and `timeouts.backendRequest`.
//!
//! Source: Gateway API `HTTPRouteTimeouts`, durations by GEP-2257.

mod duration;
#[cfg(feature = "envoy")]
pub mod envoy;
mod ir;
#[cfg(feature = "native")]
pub mod native;
#[cfg(test)]
mod tests;
mod translate;

pub use duration::parse_duration;
pub use ir::Ir;
pub use translate::{read, translate};

use crate::{Meta, Reads, Stage, Support};

/// Name, place and support.
pub const META: Meta = Meta {
    name: "timeouts",
    stage: Stage::Setting,
    reads: Reads::Field("timeouts"),
    repeats: false,
    per_backend: false,
    protective: false,
    support: Support {
        native: true,
        envoy: false,
    },
};
