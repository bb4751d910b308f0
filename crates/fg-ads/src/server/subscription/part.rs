//! Responses: what they are made of, how they are cut, and the one in flight.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::time::Instant;

use crate::Serial;
use crate::store::Entry;

/// A response, or a part of one.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Part {
    pub(in super::super) serial: Serial,
    pub(in super::super) upserts: Vec<Arc<Entry>>,
    pub(in super::super) removed: Vec<Arc<str>>,
    /// Whether nothing more of this response follows.
    pub(in super::super) is_last: bool,
}

/// A part that was not answered yet.
#[derive(Debug)]
pub(in super::super) struct Flight {
    pub(in super::super) nonce: String,
    pub(in super::super) part: Part,
    /// When it was sent.
    pub(in super::super) sent: Instant,
}

/// Cuts a response into parts that are within the bound, or have one resource.
pub(super) fn cut(
    serial: Serial,
    upserts: Vec<Arc<Entry>>,
    removed: Vec<Arc<str>>,
    bound: usize,
) -> VecDeque<Part> {
    let mut parts = VecDeque::new();
    let mut part = Part::default();
    let mut size = 0;
    let mut begin = |part: &mut Part, more: usize| {
        if size > 0 && size + more > bound {
            parts.push_back(std::mem::take(part));
            size = 0;
        }
        size += more;
    };
    for entry in upserts {
        begin(&mut part, entry.size());
        part.upserts.push(entry);
    }
    for name in removed {
        /// Tag and length.
        const FRAMING: usize = 4;
        begin(&mut part, name.len() + FRAMING);
        part.removed.push(name);
    }
    part.is_last = true;
    parts.push_back(part);
    for part in &mut parts {
        part.serial = serial;
    }
    parts
}
