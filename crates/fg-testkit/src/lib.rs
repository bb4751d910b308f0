//! For tests: a client and upstreams that do with bytes what a test says, builders of the IR and of
//! statuses, random configurations, and objects written as YAML.
//!
//! Everything is blocking, on threads and `std::net`, so that nothing of the engine under test is
//! used to test it. Nothing sleeps: whoever waits, waits for an event, at most [`PATIENCE`]. Only what
//! programs a real Envoy is our own server of discovery (`programmed`, feature `discovery`).

pub mod address;
pub mod canonical;
pub mod certificates;
mod client;
pub mod envoy;
pub mod frames;
pub mod ir;
mod message;
pub mod objects;
#[cfg(feature = "discovery")]
pub mod programmed;
pub mod programs;
mod queue;
pub mod routing;
pub mod status;
pub mod tls;
pub mod upstream;

use std::time::Duration;

pub use client::{Client, ask, get, try_get};
pub use message::Message;
pub use upstream::{Connection, Upstream};

/// How long anything may take before a test fails: far longer than anything does.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// A socket that takes nothing for so long is stuck. A shorter time on a slow machine only means
/// that less is sent before.
const STUCK: Duration = Duration::from_millis(300);
