//! Cross-origin resource sharing: `CORS`.
//!
//! Source: Gateway API `HTTPCORSFilter`, the Fetch standard §3.2 (CORS protocol).

#[cfg(feature = "envoy")]
pub mod envoy;
mod ir;
#[cfg(feature = "native")]
pub mod native;
mod origin;
#[cfg(test)]
mod tests;
mod translate;

pub use ir::{Ir, Names, Origins};
pub use origin::{Hosts, OriginPattern};
pub use translate::{read, translate};

use crate::{Meta, Reads, Stage, Support};

/// Name, place and support.
pub const META: Meta = Meta {
    name: "cors",
    stage: Stage::Cors,
    reads: Reads::Filters(&["CORS"]),
    repeats: false,
    per_backend: true,
    protective: false,
    support: Support {
        native: true,
        envoy: false,
    },
};
