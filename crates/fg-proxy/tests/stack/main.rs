//! The engine on real sockets, between clients and upstreams that do with bytes what a test says.

mod bad_bodies;
mod bad_replies;
mod bodies;
mod changes;
mod exchanges;
mod failures;
mod gateway;
mod limits;
mod sequences;
mod strict;
mod trust;
mod tunnels;
mod unreachable;
mod workers;
