//! Sends copies of requests to other backends: the filter `RequestMirror`.
//!
//! Source: Gateway API `HTTPRequestMirrorFilter`, GEP-3171.

mod ir;
#[cfg(feature = "native")]
pub mod native;
#[cfg(test)]
mod tests;
mod translate;

pub use ir::{Ir, Mirror};
pub use translate::translate;

use crate::{Meta, Stage, Support};

/// Name, place and support.
pub const META: Meta = Meta {
    name: "request_mirror",
    stage: Stage::Setting,
    per_backend: true,
    support: Support {
        native: true,
        envoy: false,
    },
};
