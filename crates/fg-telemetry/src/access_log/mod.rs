//! The access log: one line a request, as text or JSON.
//!
//! A worker formats into its own buffer ([`Sink`]) and hands full buffers to one writer thread over
//! a bounded channel. A worker never waits for a slow disk or terminal: what finds no room is
//! dropped and counted.

mod entry;
mod escape;
mod sink;
mod timestamp;

pub use entry::{Entry, Format, write};
pub use sink::{AccessLog, Destination, Sink};
pub use timestamp::write_timestamp;
