//! The objects of the Kubernetes API that Ferrogate reads, as plain data, and the schema they are
//! judged by.
//!
//! Field names and shapes are those of the API, so that any manifest that applies to a cluster
//! reads the same here. Defaults are filled in by [`schema`] before these types are read.

pub mod backend;
pub mod backend_tls_policy;
pub mod classes;
pub mod core;
pub mod cors;
pub mod deployment;
pub mod external_auth;
pub mod gateway;
pub mod gateway_parameters;
pub mod grpc_route;
pub mod http_route;
pub mod listener_set;
mod object;
pub mod reference;
pub mod reference_grant;
pub mod report;
pub mod request_mirror;
pub mod retry;
pub mod schema;
pub mod session_persistence;

pub use object::{Meta, Object, Resource};
