//! `sessionPersistence` of a rule of an `HTTPRoute` or `GRPCRoute` (experimental).

use fg_base::Text;
use serde::{Deserialize, Serialize};

/// Keeps the requests of one client at one endpoint. Source: GEP-1619.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionPersistence {
    /// `Cookie` (default) or `Header`.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Text>,
    /// For the type `Cookie`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie: Option<CookieConfig>,
    /// For the type `Header`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<HeaderConfig>,
    /// When a session ends, as a GEP-2257 duration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absolute_timeout: Option<Text>,
}

/// `sessionPersistence.cookie`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CookieConfig {
    /// Name; one is made when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Text>,
    /// Path; default `/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<Text>,
    /// `Session` (default) or `Permanent`, which needs `absoluteTimeout`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime_type: Option<Text>,
}

/// `sessionPersistence.header`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeaderConfig {
    /// Name.
    pub name: Text,
}
