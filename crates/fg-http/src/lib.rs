//! HTTP on the wire: reads and writes messages, strictly. No sockets: bytes in, bytes out.

pub mod h1;
mod limits;

pub use limits::Limits;
