//! From the objects of the Kubernetes API to the IR, findings and reports.
//!
//! [`Translator`] is the way in. Everything below it is pure functions, one for each section of
//! the specification, which read other objects through [`lookup::Lookup`] only:
//!
//! | folder | section |
//! |---|---|
//! | `classes` | `GatewayClass` |
//! | `gateways` | `Gateway` and `ListenerSet`: listeners, their TLS, addresses, conflicts, `allowedRoutes` |
//! | `parameters` | kgateway's `GatewayParameters` |
//! | `routes` | `HTTPRoute`: parents, hostnames, matches, filters, backend references |
//! | `backends` | `Service` with its `EndpointSlice`s, kgateway's `Backend` |
//! | `backend_tls` | `BackendTLSPolicy` |
//! | `credentials` | certificates and keys in `Secret`s and `ConfigMap`s |
//! | `grants` | `ReferenceGrant` |
//! | `absent` | what is said of what is referred to and not there |
//! | `translator` | what was read by whom, and steps from one state to the next |

mod absent;
mod backend_tls;
mod backends;
mod classes;
mod credentials;
mod gateways;
mod grants;
pub mod lookup;
mod notes;
mod options;
mod parameters;
mod routes;
#[cfg(test)]
mod testing;
mod translator;
mod world;

pub use backends::BackendView;
pub use classes::{Class, Served};
pub use credentials::{Holder, Judged};
pub use gateways::{Allowed, GatewayView, ListenerView};
pub use options::{Ground, Options};
pub use translator::{Outcome, Translator};
