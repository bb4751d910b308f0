//! The facet for Envoy: what a policy's `envoy.rs` may write, and where.
//!
//! A policy's `envoy.rs` has the function `map(&Ir, &mut Sink)`. It writes through the [`Sink`] alone,
//! so that all it can do stands here; what it cannot express it closes by [`Sink::refuse`]. The
//! function `standing()` gives the filters that are the same for all who use them.

mod sink;
#[cfg(test)]
pub(crate) mod testing;
mod words;

use envoy_types::pb::envoy::config::route::v3::RouteAction;
use envoy_types::pb::google::protobuf::Any;
use prost::Name;

use crate::{Meta, Stage};
pub use sink::{Call, HttpFilter, Outcome, Sink, Site, Surroundings, Target};
pub use words::of_path;
pub(crate) use words::{
    Append, clear, duration, expression, header, literal, matches_fully, mutation, of_names,
    percent_escaped, rewrite,
};

/// How a rule forwards that has no policies; [`Sink`]s begin with it. Its clusters are missing. With `calls`,
/// one of its backends speaks HTTP/2, so that requests may be gRPC calls.
///
/// Envoy's own defaults are others: a time limit of 15 s, no second try after a failed connection.
pub fn plain(calls: bool) -> RouteAction {
    let mut action = RouteAction::default();
    crate::timeouts::envoy::without(calls, &mut action);
    crate::retry::envoy::without(&mut action);
    action
}

/// When a policy writes among those of a place. For [`crate::catalogue`].
#[doc(hidden)]
pub fn turn_of(meta: &Meta) -> (bool, std::cmp::Reverse<Stage>, &'static str) {
    let is_setting = meta.stage == Stage::Setting;
    (!is_setting, std::cmp::Reverse(meta.stage), meta.name)
}

/// A filter that is the same for all who use it, by its name: it stands in every chain, used or not,
/// so that its first use changes none and drains no connection.
pub type Standing = (&'static str, Any);

/// Begins the names of what a virtual host demands of a protective policy's filter before anything of it
/// passes. In place of a refused host none serves that demands less: so a host is known to protect less
/// than another one.
pub const GUARD: &str = "external_auth/asked/";

/// A message with its type.
pub fn pack<M: Name>(message: &M) -> Any {
    Any {
        type_url: M::type_url(),
        value: message.encode_to_vec(),
    }
}
