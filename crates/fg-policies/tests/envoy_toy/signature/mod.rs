//! Signs requests with the name of their rule: field `x-rule` for the backend.

pub(crate) mod envoy;
mod ir;
pub(crate) mod native;
mod translate;

pub(crate) use ir::Ir;
pub(crate) use translate::read;

use fg_policies::{Extent, Meta, Reads, Stage, Support};

/// Name, place and support.
pub(crate) const META: Meta = Meta {
    name: "signature",
    stage: Stage::Headers,
    reads: Reads::Field("name"),
    repeats: false,
    per_backend: false,
    protective: false,
    support: Support {
        native: Extent::Full,
        envoy: Extent::Partly(&["A name that holds a `/` is refused."]),
        module: None,
    },
};
