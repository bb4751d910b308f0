//! What a Gateway needs in a cluster: Deployment, Service and what goes with them, as plain values;
//! and the manifests that install Ferrogate itself.
//!
//! Nothing is applied here. [`objects`] says what is to be there for one Gateway, [`authority`]
//! what its namespace needs, [`bootstrap`] what an Envoy is started with, and [`install`] what a cluster needs before there is any.

pub mod bootstrap;
pub mod install;
mod name;
mod objects;
#[cfg(test)]
mod tests;

pub use name::{label_value, name};
pub use objects::{
    AUTHORITY, AUTHORITY_KEY, ENVOY_IMAGE, Fleet, GATEWAY_LABEL, MANAGED_BY, MANAGER, Owner,
    authority, objects,
};
