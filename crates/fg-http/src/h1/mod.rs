//! HTTP/1.1, RFC 9112: heads, framing, chunks. Ambiguity is refused, never repaired.

pub mod chunk;
mod encode;
mod framing;
mod hop;
mod reply;
mod request;
mod scan;
mod target;

pub use encode::{
    ReplyConnection, write_chunk_size, write_decimal, write_reply_head, write_request_head,
};
pub use framing::Framing;
pub use hop::{Hop, reply_hop_by_hop, request_hop_by_hop};
pub use reply::{ParsedReply, parse_reply};
pub use request::{Expectation, ParsedRequest, parse_request};
pub use scan::HeadScan;
pub use target::is_valid_authority;

/// The most header fields that any setting of [`crate::Limits::fields`] allows.
pub const MAX_FIELDS: usize = 256;
