//! Every policy, a folder each, and the two lists that make them a catalogue.
//!
//! A policy is below the IR: it knows nothing of gateways or routes. To add one, add its folder,
//! its module below and its word in the list.

#[macro_use]
mod catalogue;
#[cfg(feature = "envoy")]
pub mod envoy;
mod hostname;
mod meta;
#[cfg(feature = "native")]
pub mod native;
mod read;
pub mod scope;
mod token;

pub mod cors;
pub mod external_auth;
pub mod header_modifier;
pub mod path_modifier;
pub mod request_mirror;
pub mod request_redirect;
pub mod retry;
pub mod session_persistence;
pub mod timeouts;
pub mod url_rewrite;

#[doc(hidden)]
pub use meta::known;
pub use meta::{Around, Extent, Meta, Reads, Stage, Support};
pub use read::{Read, Written};
pub use scope::TranslateScope;

catalogue! {
    /// Policies of a route's rule, or of one backend reference of it.
    traffic: { cors, external_auth, header_modifier, request_mirror, request_redirect, retry, session_persistence, timeouts, url_rewrite },
}
