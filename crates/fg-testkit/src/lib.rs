//! For tests: a client and upstreams that do with bytes what a test says, builders of the IR,
//! and objects written as YAML.
//!
//! Everything is blocking, on threads and `std::net`, so that nothing of the engine under test is
//! used to test it. Nothing sleeps: whoever waits, waits for an event, at most [`PATIENCE`].

pub mod address;
pub mod canonical;
pub mod certificates;
mod client;
pub mod envoy;
pub mod frames;
pub mod ir;
mod message;
pub mod objects;
mod queue;
pub mod tls;
pub mod upstream;

use std::time::Duration;

pub use client::Client;
pub use message::Message;
pub use upstream::{Connection, Upstream};

/// How long anything may take before a test fails: far longer than anything does.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// A socket that takes nothing for so long is stuck. A shorter time on a slow machine only means
/// that less is sent before.
const STUCK: Duration = Duration::from_millis(300);
