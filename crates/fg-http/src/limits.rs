//! Bounds on messages.

/// Bounds on the heads and bodies of messages, both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A whole head. Units: bytes. Default 64 KiB. More: 431, or 502 for a reply.
    pub head: usize,
    /// The request line. Units: bytes. Default 16 KiB. More: 414.
    pub request_line: usize,
    /// Header fields of a head. Default 100, at most 256. More: 431, or 502 for a reply.
    pub fields: usize,
    /// A line with a chunk's size and its extensions. Units: bytes. Default 256. More: 400 or 502.
    pub chunk_line: usize,
    /// Trailer fields of a body, all together. Units: bytes. Default 8 KiB. More: 400 or 502.
    pub trailers: usize,
    /// Informational replies (1xx) of one exchange. Default 16. More: 502.
    pub informational: usize,
}

impl Limits {
    /// The bound of HTTP/2's header lists, which count 32 bytes more a field. Twice that of a head:
    /// whatever is not far beyond our own bound is answered, and logged, by us. Beyond this one the
    /// stream is refused, and beyond four times as much the connection ends.
    pub(crate) fn head_list(&self) -> u32 {
        u32::try_from(self.head.saturating_mul(2)).unwrap_or(u32::MAX)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: 64 * 1024,
            request_line: 16 * 1024,
            fields: 100,
            chunk_line: 256,
            trailers: 8 * 1024,
            informational: 16,
        }
    }
}
