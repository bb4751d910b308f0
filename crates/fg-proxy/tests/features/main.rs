//! What routes can be told to do, each on real sockets.

mod body_limit;
mod cors;
mod ext_auth;
#[expect(dead_code, reason = "the other stack tests use the rest of it")]
#[path = "../stack/gateway.rs"]
mod gateway;
mod mirror;
#[path = "../http2/peer.rs"]
#[expect(dead_code, reason = "the tests of HTTP/2 use the rest of it")]
mod peer;
mod retry;
mod session;
mod versions;
