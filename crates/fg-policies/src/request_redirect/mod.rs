//! Answers with a redirect: `RequestRedirect`.
//!
//! Source: Gateway API `HTTPRequestRedirectFilter`.

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
    name: "request_redirect",
    stage: Stage::Answer,
    reads: Reads::Filters(&["RequestRedirect"]),
    repeats: false,
    per_backend: false,
    protective: true,
    support: Support {
        native: true,
        envoy: false,
    },
};
