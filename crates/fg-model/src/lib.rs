//! The words every later crate shares: names of objects, where a value came from, what was found
//! wrong, and the matchers of a route. Plain values, no I/O.

mod backend_key;
mod envoy;
mod finding;
mod host;
mod matcher;
mod object;
pub mod path;
mod pattern;
mod plane;
mod punycode;
pub mod secret;

pub use backend_key::BackendKey;
pub use envoy::EnvoyVersion;
pub use finding::{Finding, FindingKind, Place, Scope, Severity};
pub use host::{HostPattern, HostPatternError};
pub use matcher::{GrpcMatch, HeaderMatch, Match, PathMatch, QueryMatch, ValueMatch};
pub use object::{Age, ObjectRef, Origin, kinds};
pub use pattern::{Pattern, PatternError};
pub use plane::Plane;
pub use punycode::ascii_host;
