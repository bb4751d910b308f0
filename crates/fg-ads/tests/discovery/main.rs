//! Server and client over sockets of the loopback interface.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]

mod client;
mod envoy;
mod ground;
mod limits;
mod protocol;
mod raw;
mod trust;
