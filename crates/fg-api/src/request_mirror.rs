//! The filter `RequestMirror` of `HTTPRoute` and `GRPCRoute`.

use serde::{Deserialize, Serialize};

use crate::http_route::BackendObjectReference;

/// Sends copies of requests to another backend. Without `percent` and `fraction`, of all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpRequestMirror {
    /// Who gets the copies.
    pub backend_ref: BackendObjectReference,
    /// How many of a hundred requests are copied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u32>,
    /// Which part of the requests is copied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fraction: Option<Fraction>,
}

/// A part of a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fraction {
    /// So many, not more than the denominator.
    pub numerator: u32,
    /// Of so many; default 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub denominator: Option<u32>,
}
