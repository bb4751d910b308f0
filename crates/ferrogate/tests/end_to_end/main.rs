//! The real binary on real folders that change while it serves.
//!
//! Every test has its own address of 127.0.0.0/8 for all of its sockets, so that they run side by
//! side with the ports that a user would have.

#![expect(clippy::panic, reason = "a test that cannot go on says so")]

mod admin;
mod backends;
mod check;
mod explain;
mod features;
mod grpc;
#[cfg(target_os = "linux")]
mod hostile;
mod lifecycle;
mod logs;
mod mistakes;
mod refused;
mod reload;
mod rotation;
#[cfg(target_os = "linux")]
mod scarcity;
mod support;
