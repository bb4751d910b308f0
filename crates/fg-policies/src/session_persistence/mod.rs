//! Keeps the requests of one client at one endpoint: `sessionPersistence` of a rule.
//!
//! Source: Gateway API `SessionPersistence`, GEP-1619 (experimental).

#[cfg(feature = "envoy")]
pub mod envoy;
mod ir;
#[cfg(feature = "native")]
pub mod native;
#[cfg(test)]
mod tests;
mod translate;

pub use ir::{Carrier, Ir};
pub use translate::{read, translate};

use crate::{Extent, Meta, Reads, Stage, Support};

/// Name, place and support.
pub const META: Meta = Meta {
    name: "session_persistence",
    stage: Stage::Setting,
    reads: Reads::Field("sessionPersistence"),
    repeats: false,
    per_backend: false,
    protective: false,
    support: Support {
        native: Extent::Full,
        envoy: Extent::Partly(&[
            "A rule with several backends of a weight above 0 is refused: Envoy draws the backend \
             before it looks at the session.",
            "A session by header with `absoluteTimeout` is refused: Envoy does not know when it \
             began.",
            "The token is the endpoint's address, neither sealed nor hidden: a client can choose \
             among the endpoints of the backend.",
            "A cookie with `absoluteTimeout` has `Max-Age` also with `lifetimeType: Session`.",
            "On Envoy 1.36 and other versions that count the time of a process, sessions with \
             `absoluteTimeout` hold at the Envoy that began them only.",
            "A cookie without a name has another name than in our own proxy.",
        ]),
        module: Some("sealed tokens, several backends, sessions by header that end"),
    },
};
