//! What routes can be told to do, each on real sockets.

mod body_limit;
mod cors;
#[path = "../stack/gateway.rs"]
mod gateway;
mod retry;
mod session;
