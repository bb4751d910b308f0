//! One entry of a head's index: where name and value stand, and what became of them.

use crate::Name;

/// A range of bytes of a head: in the bytes received, or in those that were added since.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// First byte. The highest bit is set for added bytes.
    pub(crate) start: u32,
    /// Length.
    pub(crate) len: u32,
}

impl Span {
    /// Marks a span of the added bytes.
    pub(crate) const ADDED: u32 = 1 << 31;

    /// A range of the received bytes.
    ///
    /// Shape: both below 2 GiB; the limits on heads are far below.
    pub fn received(start: usize, len: usize) -> Self {
        debug_assert!(
            start < Self::ADDED as usize && len < Self::ADDED as usize,
            "heads are bounded"
        );
        Self {
            start: start as u32,
            len: len as u32,
        }
    }

    pub(crate) fn added(start: usize, len: usize) -> Self {
        Self {
            start: start as u32 | Self::ADDED,
            len: len as u32,
        }
    }

    pub(crate) const fn is_added(self) -> bool {
        self.start & Self::ADDED != 0
    }

    /// Where it starts.
    pub const fn start(self) -> usize {
        (self.start & !Self::ADDED) as usize
    }

    /// Its length.
    pub const fn len(self) -> usize {
        self.len as usize
    }

    /// Whether it is empty.
    pub const fn is_empty(self) -> bool {
        self.len == 0
    }
}

/// One header field.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    pub(crate) name: Span,
    pub(crate) value: Span,
    pub(crate) id: Name,
    /// No longer part of the head.
    pub(crate) dropped: bool,
    /// Stands in the bytes exactly as `name: value\r\n`, so it can be copied as it is.
    pub(crate) verbatim: bool,
}

impl Field {
    /// A field of the received bytes. `verbatim` says that it stands there as `name: value\r\n`
    /// with nothing else, so that a run of such fields can be copied at once.
    pub fn received(name: Span, value: Span, id: Name, verbatim: bool) -> Self {
        Self {
            name,
            value,
            id,
            dropped: false,
            verbatim,
        }
    }
}
