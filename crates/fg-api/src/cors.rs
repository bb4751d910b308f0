//! The `cors` filter of an `HTTPRoute`.

use fg_base::Text;
use serde::{Deserialize, Serialize};

/// Cross-origin resource sharing. Source: Gateway API `HTTPCORSFilter`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpCorsFilter {
    /// Origins that may: `https://example.com`, `https://*.example.com`, or `*` alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow_origins: Vec<Text>,
    /// Whether with credentials; default `false`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_credentials: Option<bool>,
    /// Methods, or `*` alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow_methods: Vec<Text>,
    /// Request headers, or `*` alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow_headers: Vec<Text>,
    /// Reply headers that scripts may read, or `*`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expose_headers: Vec<Text>,
    /// How long the answer to a preflight may be remembered. Units: seconds, from 1; default 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<i32>,
}
