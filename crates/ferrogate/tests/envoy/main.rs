//! The real binary with a real Envoy as its child, on real folders.
//!
//! Every test has its own address of 127.34.0.0/16 for all of its sockets.

#![cfg(target_os = "linux")]
#![expect(clippy::panic, reason = "a test that cannot go on says so")]
#![expect(
    dead_code,
    reason = "the end-to-end tests use the rest of what is shared"
)]

mod closings;
mod ground;
mod lacks;
mod large;
mod lifecycle;
mod outage;
mod page;
mod program;
mod reasons;
mod refusals;
mod relay;
mod serving;
#[path = "../end_to_end/support/mod.rs"]
mod support;
mod switch;
