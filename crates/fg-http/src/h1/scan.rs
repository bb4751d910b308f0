//! Finds out cheaply whether a head that came in pieces may be complete.

use memchr::memchr_iter;

/// Remembers how far a growing buffer was searched for the end of a head, so that a head that
/// arrives byte by byte is not parsed again for each byte.
#[derive(Clone, Copy, Debug, Default)]
pub struct HeadScan {
    searched: usize,
}

impl HeadScan {
    /// A scan of an empty buffer.
    pub const fn new() -> Self {
        Self { searched: 0 }
    }

    /// Whether `bytes` hold an empty line, with or without CR, that was not there before. A head
    /// without one cannot be complete. The buffer may only have grown since the last call.
    pub fn may_be_complete(&mut self, bytes: &[u8]) -> bool {
        let from = self.searched.saturating_sub(3);
        self.searched = bytes.len();
        let new = bytes.get(from..).unwrap_or_default();
        memchr_iter(b'\n', new).any(|at| match new.get(at + 1) {
            Some(b'\n') => true,
            Some(b'\r') => new.get(at + 2) == Some(&b'\n'),
            _ => false,
        })
    }
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
            let mut scan = HeadScan::new();
            for end in 1..=head.len() {
                assert_eq!(
                    scan.may_be_complete(&head.as_bytes()[..end]),
                    end == head.len(),
                    "{head:?} {end}"
                );
            }
        }
    }
}
