//! `retry` of a rule of an `HTTPRoute`.

use fg_base::Text;
use serde::{Deserialize, Serialize};

/// When a request is sent again. Source: GEP-1731.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpRouteRetry {
    /// Statuses of the backend, 400 to 599, after which it is asked again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub codes: Vec<u16>,
    /// How often it may be sent again; 0 is never. Default 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<i64>,
    /// The least time between two tries, as a GEP-2257 duration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backoff: Option<Text>,
}
