//! Changes host and path on the way to a backend: `URLRewrite`.
//!
//! Source: Gateway API `HTTPURLRewriteFilter`.

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
    name: "url_rewrite",
    stage: Stage::Rewrite,
    reads: Reads::Filters(&["URLRewrite"]),
    repeats: false,
    per_backend: true,
    protective: true,
    support: Support {
        native: Extent::Full,
        envoy: Extent::Full,
        module: None,
    },
};
