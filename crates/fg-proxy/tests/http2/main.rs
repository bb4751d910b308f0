//! HTTP/2 on real sockets: from clients, to backends, and between the versions.

#[path = "../stack/gateway.rs"]
#[expect(dead_code, reason = "shared with the other tests of the stack")]
mod gateway;

mod backends;
mod bounds;
mod clients;
mod grpc;
mod lives;
mod peer;
mod tunnels;
mod upgrades;
