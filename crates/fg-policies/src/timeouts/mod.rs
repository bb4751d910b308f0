//! Time limits of a rule: `timeouts.request` and `timeouts.backendRequest`.
//!
//! Source: Gateway API `HTTPRouteTimeouts`, durations by GEP-2257.

mod duration;
#[cfg(feature = "envoy")]
pub mod envoy;
mod ir;
#[cfg(feature = "native")]
pub mod native;
#[cfg(test)]
mod tests;
mod translate;

pub use duration::parse_duration;
pub use ir::Ir;
pub use translate::{read, translate};

use crate::{Extent, Meta, Reads, Stage, Support};

/// Name, place and support.
pub const META: Meta = Meta {
    name: "timeouts",
    stage: Stage::Setting,
    reads: Reads::Field("timeouts"),
    repeats: false,
    per_backend: false,
    protective: false,
    support: Support {
        native: Extent::Full,
        envoy: Extent::Partly(&[
            "`request`: a request whose body is not complete yet is answered when the time is over \
             all the same; what Envoy calls it differs in the access log.",
            "`backendRequest` begins when the request is sent, without the time to connect, and ends \
             with the head of the reply: it does not limit the reply's body.",
        ]),
        module: None,
    },
};
