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

use crate::{Extent, Meta, Reads, Stage, Support};

/// Name, place and support.
pub const META: Meta = Meta {
    name: "header_modifier",
    stage: Stage::Headers,
    reads: Reads::Filters(&["RequestHeaderModifier", "ResponseHeaderModifier"]),
    repeats: false,
    per_backend: true,
    protective: false,
    support: Support {
        native: Extent::Full,
        envoy: Extent::Partly(&[
            "A field that is added to one that is there is put together with it by a comma where \
             Envoy keeps one field of that name.",
            "Changes to replies are also made to what an authorization service answers the client.",
        ]),
        module: None,
    },
};
