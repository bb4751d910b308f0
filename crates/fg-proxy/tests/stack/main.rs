//! The engine on real sockets, between clients and upstreams that do with bytes what a test says.

mod bad_bodies;
mod bad_replies;
mod gateway;
mod strict;
