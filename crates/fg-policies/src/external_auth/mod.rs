//! Asks another service for permission: `ExternalAuth`.
//!
//! Source: Gateway API `HTTPExternalAuthFilter`, GEP-1494 (experimental); for `GRPC`
//! `envoy.service.auth.v3.Authorization/Check`.

#[cfg(feature = "envoy")]
pub mod envoy;
#[cfg(feature = "native")]
mod grpc;
#[cfg(feature = "native")]
mod http;
mod ir;
#[cfg(feature = "native")]
mod messages;
#[cfg(feature = "native")]
pub mod native;
#[cfg(test)]
mod tests;
mod translate;

pub use ir::{Ir, Protocol};
pub use translate::{read, translate};

use crate::{Meta, Reads, Stage, Support};

/// Name, place and support.
pub const META: Meta = Meta {
    name: "external_auth",
    stage: Stage::Auth,
    reads: Reads::Filters(&["ExternalAuth"]),
    repeats: false,
    per_backend: false,
    protective: true,
    support: Support {
        native: true,
        envoy: false,
    },
};
