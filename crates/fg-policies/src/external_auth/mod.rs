//! Asks another service for permission: `ExternalAuth`.
//!
//! Source: Gateway API `HTTPExternalAuthFilter`, GEP-1494 (experimental); for `GRPC`
//! `envoy.service.auth.v3.Authorization/Check`.

#[cfg(feature = "envoy")]
pub mod envoy;
#[cfg(feature = "native")]
mod grpc;
#[cfg(feature = "envoy")]
mod guard;
#[cfg(feature = "native")]
mod http;
mod ir;
#[cfg(feature = "native")]
mod messages;
#[cfg(feature = "native")]
pub mod native;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_envoy;
mod translate;

pub use ir::{Ir, Protocol};
pub use translate::{read, translate};

use crate::{Extent, Meta, Reads, Stage, Support};

/// Name, place and support.
pub const META: Meta = Meta {
    name: "external_auth",
    stage: Stage::Auth,
    reads: Reads::Filters(&["ExternalAuth"]),
    repeats: false,
    per_backend: false,
    protective: true,
    support: Support {
        native: Extent::Full,
        envoy: Extent::Partly(&[
            "HTTP: an answer of another status below 300 than 200 is a no with that status, where \
             our own proxy makes it 403.",
            "HTTP: the client's no also has `X-Envoy-Upstream-Service-Time`, and `Server` and `Date` \
             of the service.",
            "HTTP: a header of `allowedResponseHeaders` is taken from the request before the service \
             is asked, so that the service never sees the client's.",
            "The service's word on a header that Envoy routes by (`Host`, `:path`, `X-Envoy-…`) has \
             no effect; an invalid header answers 500.",
            "gRPC: a body that is no UTF-8 is in `body` too, not in `raw_body`; the service sees \
             `X-Forwarded-…` and `X-Request-Id` as well.",
            "When `timeouts.request` is over before the service answers, the client gets 504, not \
             403.",
            "A `ResponseHeaderModifier` of the rule also changes the service's no.",
            "gRPC: what the service says of `X-Ferrogate-Reason` for the client of a request that it \
             allowed stands when the gateway then answers by itself. Of such rules what a \
             `ResponseHeaderModifier` says of that header is dropped.",
        ]),
        module: None,
    },
};
