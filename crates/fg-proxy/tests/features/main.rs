//! What routes can be told to do, each on real sockets.

mod body_limit;
mod cors;
#[expect(dead_code, reason = "the other stack tests use the rest of it")]
#[path = "../stack/gateway.rs"]
mod gateway;
mod mirror;
mod retry;
mod session;
