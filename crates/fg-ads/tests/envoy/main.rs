//! A real Envoy, of the oldest and the newest version that is served, and its control plane.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on says so"
)]

mod messages;
mod programming;
