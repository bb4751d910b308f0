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

use crate::{Extent, Meta, Reads, Stage, Support};

/// Name, place and support.
pub const META: Meta = Meta {
    name: "request_mirror",
    stage: Stage::Setting,
    reads: Reads::Filters(&["RequestMirror"]),
    repeats: true,
    per_backend: true,
    protective: false,
    support: Support {
        native: Extent::Full,
        envoy: Extent::Partly(&[
            "A copy has the changes that filters of the chosen `backendRef` make as well.",
            "A part that is no whole number of 10,000 is rounded to one; below 1 % to one of \
             1,000,000.",
            "One number is drawn for a request, so that equal parts of several mirrors copy the same \
             requests.",
            "Copies wait for the mirror within the limits of its cluster; none is given up because \
             128 KiB of it wait.",
        ]),
        module: None,
    },
};
