//! A reply: its head and status.

use crate::head::Head;
use crate::request::Version;

/// A reply's head as filters see it.
#[derive(Debug, Default)]
pub struct Reply {
    /// Header fields.
    pub head: Head,
    /// Status code, 100 to 999.
    pub status: u16,
    /// The version it came with.
    pub version: Version,
}

impl Reply {
    /// An empty reply that owns no memory yet.
    pub const fn new() -> Self {
        Self {
            head: Head::new(),
            status: 0,
            version: Version::Http11,
        }
    }

    /// Forgets everything but the capacity of the buffers.
    pub fn clear(&mut self) {
        self.head.clear();
        self.status = 0;
        self.version = Version::Http11;
    }
}
