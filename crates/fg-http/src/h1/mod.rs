//! HTTP/1.1, RFC 9112: heads, framing, chunks. Ambiguity is refused, never repaired.

pub mod chunk;
mod encode;
mod fields;
mod framing;
mod hop;
mod reply;
mod request;
mod scan;
mod target;

pub(crate) use chunk::may_be_trailer;
pub use encode::{
    ReplyConnection, write_chunk_size, write_decimal, write_reply_head, write_request_head,
};
pub use framing::Framing;
pub(crate) use framing::read as read_framing;
pub use hop::{Hop, reply_hop_by_hop, request_hop_by_hop};
pub(crate) use hop::{drop_fixed, is_forwardable, wants_trailers};
pub use reply::{ParsedReply, parse_reply};
pub use request::{Expectation, ParsedRequest, parse_request};
pub(crate) use request::{expectation, set_target};
pub use scan::HeadScan;
pub use target::is_valid_authority;

/// The most header fields that any setting of [`crate::Limits::fields`] allows.
pub const MAX_FIELDS: usize = 256;
