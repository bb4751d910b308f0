//! The IR as versioned resources of the discovery protocol: encoding, decoding, and which Gateway gets
//! which.
//!
//! On the side of the control plane, [`Views`] splits a change by Gateway and [`Transaction`] encodes
//! the part of one; on the side of a proxy, [`Receiver`] makes a change of what arrives.
//!
//! # What goes over the wire
//!
//! A resource is CBOR with field names: an envelope `{ must, value }`, in it the value as CBOR again, so
//! that the envelope can be read when the value cannot. The value has the fields of the type in `fg-ir`,
//! spelled as there. Equal values give equal bytes, so the version ([`version`]), a hash of them, is the
//! same on every replica.
//!
//! # When the two ends are not of one version
//!
//! - A field that the reader does not know is ignored. A new field has `#[serde(default)]`, and its
//!   default means what its absence meant before.
//! - A field that protects (who may pass, what is verified) or narrows (what a rule matches) must not be
//!   ignored, nor left out. It is a *feature*: its name stands in `must` where it is used, from its
//!   first day on. A policy is one if its `META` says that it is protective; the others are in
//!   [`features`]. A reader that does not know a name closes the resource: a rule answers 500 and says
//!   why, a backend gets no requests, a listener is not served.
//! - A variant of an enum that the reader does not know cannot be read. A rule is closed if what it
//!   matches and where it is attached can be read, a backend if its name can. Everything else is
//!   rejected: what was there before stays, and the control plane is told.
//! - A kind of resource that the reader does not know is ignored: what depends on it has a feature.
//! - A field or variant is never renamed, and its meaning never changes.

mod cbor;
mod close;
mod credential;
pub mod features;
mod kind;
mod name;
mod part;
mod receiver;
mod rejection;
mod resource;
#[cfg(test)]
mod samples;
mod transaction;
mod views;

#[cfg(test)]
mod tests;

pub use cbor::DecodeError;
pub use kind::{CONFIGURATION_TYPE, Kind};
pub use name::{Name, NameError};
pub use receiver::{Incoming, Received, Receiver};
pub use rejection::Rejection;
pub use resource::{Decoded, Resource, decode, encode};
pub use transaction::{Encoded, Transaction, version};
pub use views::{Views, share};
