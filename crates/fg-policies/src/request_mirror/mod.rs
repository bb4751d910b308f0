//! Sends copies of requests to other backends: the filter `RequestMirror`.
//!
//! Source: Gateway API `HTTPRequestMirrorFilter`, GEP-3171.

#[cfg(feature = "envoy")]
pub mod envoy;
mod ir;
#[cfg(feature = "native")]
pub mod native;
#[cfg(test)]
mod tests;
mod translate;

pub use ir::{Ir, Mirror};
pub use translate::{read, translate};

use crate::{Meta, Reads, Stage, Support};

/// Name, place and support.
pub const META: Meta = Meta {
    name: "request_mirror",
    stage: Stage::Setting,
    reads: Reads::Filters(&["RequestMirror"]),
    repeats: true,
    per_backend: true,
    protective: false,
    support: Support {
        native: true,
        envoy: false,
    },
};
