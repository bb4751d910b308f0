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

use crate::{Extent, Meta, Reads, Stage, Support};

/// Name, place and support.
pub const META: Meta = Meta {
    name: "retry",
    stage: Stage::Setting,
    reads: Reads::Field("retry"),
    repeats: false,
    per_backend: false,
    protective: false,
    support: Support {
        native: Extent::Full,
        envoy: Extent::Partly(&[
            "The time before a try is drawn between nothing and the time that our own proxy waits at \
             least: it may be shorter than `backoff`.",
            "A try that took longer than `timeouts.backendRequest` is tried again only when `codes` \
             name 504, and then connections that broke are tried again as well.",
            "`backoff: 0s` is 1 ms.",
        ]),
        module: None,
    },
};
