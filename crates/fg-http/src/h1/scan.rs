//! Finds out cheaply when a head that came in pieces is worth parsing.

use memchr::{memchr, memchr_iter};

/// A head that is this much longer is looked at again. Units: bytes.
const BLOCK: usize = 4096;

/// Remembers how far a growing buffer was searched, so that a head that arrives byte by byte is not
/// parsed again for each byte.
#[derive(Clone, Copy, Debug, Default)]
pub struct HeadScan {
    /// Bytes that were searched before.
    searched: usize,
    /// Bytes there were when parsing was advised last.
    parsed: usize,
    /// The first line had its end then.
    has_line: bool,
}

impl HeadScan {
    /// A scan of an empty buffer.
    pub const fn new() -> Self {
        Self {
            searched: 0,
            parsed: 0,
            has_line: false,
        }
    }

    /// Whether `bytes` are worth parsing: when they are new (most heads come whole, so nothing is
    /// searched then); when there is an empty line, with or without CR, that was not there before;
    /// when the first line ended, so that a wrong one is refused at once; and when they doubled or
    /// came to the next `BLOCK`, so that limits are felt without a look at each byte. The buffer
    /// may only have grown since the last call.
    ///
    /// Cost: however the bytes come, a head is parsed once for each 4 KiB and a few times more.
    pub fn may_be_complete(&mut self, bytes: &[u8]) -> bool {
        let from = self.searched.saturating_sub(3);
        let is_new = self.searched == 0;
        let grown = bytes.len() >= self.parsed.saturating_mul(2)
            || bytes.len() / BLOCK != self.parsed / BLOCK;
        self.searched = bytes.len();
        let worth = if is_new {
            !bytes.is_empty()
        } else {
            let new = bytes.get(from..).unwrap_or_default();
            let line_ended = !self.has_line && memchr(b'\n', new).is_some();
            line_ended || grown || ends_head(new)
        };
        if worth {
            self.parsed = bytes.len();
            self.has_line = self.has_line || memchr(b'\n', bytes).is_some();
        }
        worth
    }
}

fn ends_head(new: &[u8]) -> bool {
    memchr_iter(b'\n', new).any(|at| match new.get(at + 1) {
        Some(b'\n') => true,
        Some(b'\r') => new.get(at + 2) == Some(&b'\n'),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::HeadScan;

    #[test]
    fn the_end_is_found_however_the_bytes_come() {
        for head in [
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\n\n",
            "a\n\r\n",
        ] {
            for step in 1..=head.len() {
                let mut scan = HeadScan::new();
                let ends = (step..head.len()).step_by(step).chain([head.len()]);
                let last = ends.map(|end| scan.may_be_complete(&head.as_bytes()[..end]));
                assert_eq!(last.last(), Some(true), "{head:?} by {step}");
            }
        }
    }

    #[test]
    fn few_of_many_pieces_are_worth_parsing() {
        let head = format!(
            "GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n",
            "y".repeat(4000)
        );
        let mut scan = HeadScan::new();
        let worth = (1..=head.len())
            .filter(|&end| scan.may_be_complete(&head.as_bytes()[..end]))
            .count();
        assert!(worth < 20, "{worth}");
        assert!(!HeadScan::new().may_be_complete(b""));
    }

    #[test]
    fn the_end_of_the_first_line_is_worth_parsing() {
        let mut scan = HeadScan::new();
        assert!(scan.may_be_complete(b"GET /a"));
        assert!(!scan.may_be_complete(b"GET /abc"));
        assert!(scan.may_be_complete(b"GET /ab\r\n"));
        assert!(!scan.may_be_complete(b"GET /ab\r\na"));
    }
}
