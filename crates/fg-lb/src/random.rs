//! Fast randomness for choices; not for secrets.

use std::cell::Cell;

/// A generator for one thread (xorshift64*).
#[derive(Debug)]
pub struct Random(Cell<u64>);

impl Random {
    /// A generator that starts from a seed; 0 counts as another number.
    pub const fn new(seed: u64) -> Self {
        Self(Cell::new(if seed == 0 {
            0x9e37_79b9_7f4a_7c15
        } else {
            seed
        }))
    }

    /// The next 64 bits.
    #[inline]
    pub fn next(&self) -> u64 {
        let mut x = self.0.get();
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.0.set(x);
        x.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number from 0 to below `bound`; 0 when `bound` is 0.
    #[inline]
    pub fn below(&self, bound: u32) -> u32 {
        (((self.next() >> 32) * u64::from(bound)) >> 32) as u32
    }
}
