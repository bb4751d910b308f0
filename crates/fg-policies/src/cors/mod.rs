//! Cross-origin resource sharing: `CORS`.
//!
//! Source: Gateway API `HTTPCORSFilter`, the Fetch standard §3.2 (CORS protocol).

#[cfg(feature = "envoy")]
pub mod envoy;
#[cfg(any(feature = "envoy", feature = "native"))]
mod fields;
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

use crate::{Extent, Meta, Reads, Stage, Support};

/// Name, place and support.
pub const META: Meta = Meta {
    name: "cors",
    stage: Stage::Cors,
    reads: Reads::Filters(&["CORS"]),
    repeats: false,
    per_backend: true,
    protective: false,
    support: Support {
        native: Extent::Full,
        envoy: Extent::Partly(&[
            "`exposeHeaders: [\"*\"]` together with `allowCredentials: true` is refused: Envoy cannot \
             list the fields of a reply.",
            "Of several `Origin` fields in one request none is allowed; our own proxy looks at the \
             first one.",
        ]),
        module: Some("`exposeHeaders: [\"*\"]` with credentials"),
    },
};
