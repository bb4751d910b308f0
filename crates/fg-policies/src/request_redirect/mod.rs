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

use crate::{Extent, Meta, Reads, Stage, Support};

/// Name, place and support.
pub const META: Meta = Meta {
    name: "request_redirect",
    stage: Stage::Answer,
    reads: Reads::Filters(&["RequestRedirect"]),
    repeats: false,
    per_backend: false,
    protective: true,
    support: Support {
        native: Extent::Full,
        envoy: Extent::Partly(&[
            "Where our own proxy leaves the port out, the client's request has one, and the route's \
             hostname is a wildcard, the scheme's own port is written (`https://a.com:443/`): the \
             same address.",
        ]),
        module: None,
    },
};
