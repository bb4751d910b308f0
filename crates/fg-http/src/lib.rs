//! HTTP on the wire: reads and writes messages, strictly. No sockets: bytes in, bytes out.

// What is read here comes from strangers: an index or a cast that does not fit ends a worker.
#![warn(clippy::as_conversions, clippy::indexing_slicing, clippy::string_slice)]

pub mod h1;
pub mod h2;
mod limits;

pub use limits::Limits;
