//! Changes header fields of requests and replies: `RequestHeaderModifier`, `ResponseHeaderModifier`.
//!
//! `remove` deletes, then `set` replaces, then `add` appends; names are case-insensitive.
//! Source: Gateway API `HTTPHeaderFilter`.

#[cfg(feature = "envoy")]
pub mod envoy;
mod ir;
#[cfg(feature = "native")]
pub mod native;
mod secret;
#[cfg(test)]
mod tests;
mod translate;

pub use ir::{Changes, Ir};
pub(crate) use translate::header_name;
pub use translate::{read, translate};

use crate::{Meta, Reads, Stage, Support};

/// Name, place and support.
pub const META: Meta = Meta {
    name: "header_modifier",
    stage: Stage::Headers,
    reads: Reads::Filters(&["RequestHeaderModifier", "ResponseHeaderModifier"]),
    repeats: false,
    per_backend: true,
    protective: false,
    support: Support {
        native: true,
        envoy: false,
    },
};
