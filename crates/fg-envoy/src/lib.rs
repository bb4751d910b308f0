//! From what gateways should do to what Envoy is told: listeners, routes, clusters, endpoints and
//! secrets in Envoy's own messages.
//!
//! A [`Compiler`] takes each change of the IR and gives the resources that differ. It is pure: the
//! same IR gives the same bytes, whatever the history, so that a version is a hash of content. What
//! Envoy cannot do is closed here and named by the policy that asks for it ([`fg_policies::Meta`]).

mod clusters;
mod compiler;
mod concerned;
mod fences;
mod http;
mod listeners;
mod resource;
mod routes;
mod secrets;
mod settings;
mod values;

pub use compiler::{Compiler, Refusal};
pub use concerned::Concerned;
pub use fences::{Answer, Fence, Fences, Instead};
pub use listeners::name as listener_name;
pub use resource::{Kind, Resource, Update};
pub use settings::{RouteShape, Settings};
